"""Generation: the model writes the answer after a few examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from longwave.clients.base import Completion, Request
from longwave.prompting.base import Case, Outcome, Prepared, Reader
from longwave.prompting.formats import build_generation_prompt
from longwave.prompting.window import fit_prompt
from longwave.scenarios.base import Instance, PromptFormat

__all__ = ["Generation", "best_completion", "confidence_of", "likely_first", "prepare_request"]

BuildPrompt = Callable[[PromptFormat, Instance, Sequence[Instance]], str]


class Generation:
    """One request; the prediction is the completion, stripped."""

    def prepare(self, case: Case, reader: Reader) -> Prepared:
        """Write the prompt with as many examples as fit."""
        return prepare_request(case, reader, build_generation_prompt, max_tokens=case.prompt.max_tokens)

    def interpret(self, prepared: Prepared, answers: Sequence[Sequence[Completion]]) -> Outcome:
        """Take the most likely completion; an empty one is no prediction."""
        del prepared  # the text alone decides
        best = best_completion(answers[0])
        return Outcome(
            prediction=best.text.strip() or None, confidence=confidence_of(best), logprob=best.logprob
        )

    def ideal(self, prepared: Prepared) -> list[Completion]:
        """Answer with the first right reference, certain."""
        return [
            Completion(
                text=f" {prepared.case.instance.label or ''}", logprob=0.0, n_tokens=1, finish_reason="stop"
            )
        ]


def prepare_request(case: Case, reader: Reader, build: BuildPrompt, *, max_tokens: int) -> Prepared:
    """Ask once, with the prompt that ``build`` writes and as many examples as fit."""
    prompt = case.prompt
    if reader.max_length is not None:  # a long answer leaves at least half of a small window to the prompt
        max_tokens = min(max_tokens, max(reader.max_length // 2, 1))
    fitted = fit_prompt(
        lambda n, text: build(prompt, replace(case.instance, input=text), case.examples[:n]),
        case.instance.input,
        n_examples=len(case.examples),
        reserve=max_tokens,
        reader=reader,
    )
    request = Request(
        prompt=fitted.prompt,
        max_tokens=max_tokens,
        temperature=prompt.temperature,
        stop=prompt.stop,
        n=prompt.n_outputs,
        seed=case.seed if prompt.temperature > 0 else None,
    )
    return Prepared(
        case=case, requests=(request,), n_examples=fitted.n_examples, is_truncated=fitted.is_truncated
    )


def best_completion(completions: Sequence[Completion]) -> Completion:
    """Return the completion of highest log-probability; the first one where the model tells none."""
    return min(completions, key=likely_first)


def likely_first(completion: Completion) -> float:
    """Return the key that sorts completions from the most to the least likely one."""
    return math.inf if completion.logprob is None else -completion.logprob


def confidence_of(completion: Completion) -> float | None:
    """Return the probability of a completion's text; None when the model does not tell."""
    return None if completion.logprob is None else min(math.exp(completion.logprob), 1.0)
