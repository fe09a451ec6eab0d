"""Multiple choice: all options shown at once, or every option scored on its own, plain or calibrated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from longwave.clients.base import Completion, Request
from longwave.errors import DataError
from longwave.prompting.base import Case, Outcome, Prepared, Reader
from longwave.prompting.formats import build_joint_prompt, option_letters
from longwave.prompting.generation import best_completion, confidence_of, prepare_request
from longwave.prompting.window import fit_prompt
from longwave.scenarios.base import Instance

__all__ = ["MultipleChoiceCalibrated", "MultipleChoiceJoint", "MultipleChoiceSeparate", "pick_option"]

CALIBRATION_PROMPT = "Answer:"
# what the ideal model gives to right and wrong options: far enough apart for any number of tokens
RIGHT, WRONG = -1e-3, -1e6


class MultipleChoiceJoint:
    """One request that lists the options as letters; a letter outside the list is no prediction.

    The published code asks for one token. A tokenizer that needs more for a blank and a letter, such as one
    of bytes, gets as many as it needs, since it could never answer otherwise.
    """

    def prepare(self, case: Case, reader: Reader) -> Prepared:
        """Write the prompt with as many examples as fit."""
        max_tokens = max(case.prompt.max_tokens, reader.count_tokens(" A"))
        return prepare_request(case, reader, build_joint_prompt, max_tokens=max_tokens)

    def interpret(self, prepared: Prepared, answers: Sequence[Sequence[Completion]]) -> Outcome:
        """Map the letter back to the option's text."""
        instance = prepared.case.instance
        best = best_completion(answers[0])
        letter = best.text.strip()
        index = option_letters(instance).find(letter) if letter else -1
        prediction = instance.references[index].text if index >= 0 and len(letter) == 1 else None
        return Outcome(prediction=prediction, confidence=confidence_of(best), logprob=best.logprob)

    def ideal(self, prepared: Prepared) -> list[Completion]:
        """Answer with the letter of the first right option, certain."""
        instance = prepared.case.instance
        pairs = zip(option_letters(instance), instance.references, strict=True)
        letter = next((letter for letter, option in pairs if option.is_correct), "")
        return [Completion(text=f" {letter}", logprob=0.0, n_tokens=1, finish_reason="stop")]


class MultipleChoiceSeparate:
    """One request an option: ``score = log p(option | input) / tokens of the option``; zero-shot.

    The input stands alone, without instructions or examples; the option follows after ``output_prefix``.
    """

    def prepare(self, case: Case, reader: Reader) -> Prepared:
        """Write one request an option, all after the same prompt."""
        options = _continuations(case)
        fitted = fit_prompt(
            lambda _, text: case.prompt.input_prefix + text + case.prompt.input_suffix,
            case.instance.input,
            n_examples=0,
            reserve=0 if reader.max_length is None else max(reader.count_tokens(text) for text in options),
            reader=reader,
        )
        requests = tuple(score_request(fitted.prompt, option) for option in options)
        return Prepared(case=case, requests=requests, is_truncated=fitted.is_truncated)

    def interpret(self, prepared: Prepared, answers: Sequence[Sequence[Completion]]) -> Outcome:
        """Pick the option of highest score per token."""
        scored = [_scored(completions) for completions in answers]
        scores = [logprob / max(n_tokens, 1) for logprob, n_tokens in scored]
        return pick_option(prepared.case.instance, scores, [logprob for logprob, _ in scored])

    def ideal(self, prepared: Prepared) -> list[Completion]:
        """Give right options nearly all of the probability."""
        return _ideal_scores(prepared)


class MultipleChoiceCalibrated(MultipleChoiceSeparate):
    """Two requests an option: ``score = log p(option | input) - log p(option | "Answer:")``."""

    def prepare(self, case: Case, reader: Reader) -> Prepared:
        """Write the requests after the input, then the same options after the bare cue."""
        plain = super().prepare(case, reader)
        bare = tuple(score_request(CALIBRATION_PROMPT, text) for text in _continuations(case))
        return replace(plain, requests=plain.requests + bare)

    def interpret(self, prepared: Prepared, answers: Sequence[Sequence[Completion]]) -> Outcome:
        """Pick the option whose probability the input raises most."""
        instance = prepared.case.instance
        logprobs = [_scored(completions)[0] for completions in answers]
        count = len(instance.references)
        scores = [
            given - bare if given > -math.inf else given  # two impossible texts have no difference
            for given, bare in zip(logprobs[:count], logprobs[count:], strict=True)
        ]
        return pick_option(instance, scores, logprobs)


def pick_option(instance: Instance, scores: Sequence[float], logprobs: Sequence[float]) -> Outcome:
    """Choose the option of highest score; options that tie share the credit.

    Parameters
    ----------
    instance : Instance
    scores, logprobs : sequences of float
        One an option, in the order of ``instance.references``; more log-probabilities than options are
        ignored.

    Returns
    -------
    Outcome
        The first of the best options; ``confidence`` is the largest softmax of the scores, ``credit`` the
        number of right options among the best over the number of the best.
    """
    top = max(scores)
    best = [index for index, score in enumerate(scores) if score == top]
    right = sum(instance.references[index].is_correct for index in best)
    # an infinite score is shared by those that have it; the softmax of finite ones cannot overflow
    confidence = 1 / (len(best) if math.isinf(top) else sum(math.exp(score - top) for score in scores))
    return Outcome(
        prediction=instance.references[best[0]].text,
        confidence=confidence,
        logprob=logprobs[best[0]],
        chosen=best[0],
        credit=right / len(best),
    )


def score_request(prompt: str, continuation: str) -> Request:
    """Ask for the log-probability of a text after a prompt."""
    return Request(prompt=prompt, continuation=continuation, max_tokens=0)


def _continuations(case: Case) -> list[str]:
    instance = case.instance
    if not instance.references:
        raise DataError(
            f'Instance "{instance.id}" has no options to choose from. Give it references, or prompt its '
            "scenario with the method generation."
        )
    return [case.prompt.output_prefix + option.text for option in instance.references]


def _scored(completions: Sequence[Completion]) -> tuple[float, int]:
    first = completions[0]
    if first.logprob is None:
        raise DataError(
            "The model gave no log-probability for an option; separate multiple choice needs one. Use the "
            "method multiple_choice_joint for models that only generate."
        )
    return first.logprob, first.n_tokens


def _ideal_scores(prepared: Prepared) -> list[Completion]:
    instance = prepared.case.instance
    count = len(instance.references)
    completions = []
    for index, request in enumerate(prepared.requests):
        # after the bare cue all options are as likely as a wrong one: the difference shows the right one
        knows = index < count and instance.references[index].is_correct
        completions.append(
            Completion(
                text=request.continuation or "",
                logprob=RIGHT if knows else WRONG,
                n_tokens=1,
                finish_reason="scored",
            )
        )
    return completions
