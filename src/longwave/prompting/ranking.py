"""Ranking: the model is asked of each document whether it answers the query, and the answers order them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from longwave.clients.base import Completion, Request
from longwave.errors import DataError
from longwave.metrics.ranking import document_relevance
from longwave.prompting.base import Case, Outcome, Prepared, Reader
from longwave.prompting.formats import fill_instructions
from longwave.prompting.generation import best_completion
from longwave.prompting.window import Fitted, fit_prompt
from longwave.scenarios.base import Instance, PromptFormat, Reference

__all__ = ["RankingBinary", "rank_documents"]

YES, NO = "Yes", "No"


class RankingBinary:
    """One request a document: "Does the passage answer the query?", answered ``Yes`` or ``No``.

    The references of an instance are the documents, its input is the query. Of the format, the parts for a
    reference stand around a document, those for the input around the query. An example shows one document
    under one query; each train instance gives two of them, its first right document and its first other one,
    in their order. A tokenizer that needs more tokens than the format allows to write ``Yes`` gets them.
    """

    def prepare(self, case: Case, reader: Reader) -> Prepared:
        """Write one request a document, each with as many examples as fit."""
        instance, prompt = case.instance, case.prompt
        if not instance.references:
            raise DataError(
                f'Instance "{instance.id}" has no documents to rank. Give it references, or leave it out.'
            )
        max_tokens = max(prompt.max_tokens, reader.count_tokens(f" {YES}"))
        shown = [text for example in case.examples for text in _examples(prompt, example)]
        shown = shown[: prompt.max_train_instances]
        fitted = [_fit(case, shown, document, max_tokens, reader) for document in instance.references]
        requests = tuple(
            Request(
                prompt=item.prompt,
                max_tokens=max_tokens,
                temperature=prompt.temperature,
                stop=prompt.stop,
                n=prompt.n_outputs,
                seed=case.seed if prompt.temperature > 0 else None,
            )
            for item in fitted
        )
        return Prepared(
            case=case,
            requests=requests,
            n_examples=min(item.n_examples for item in fitted),
            is_truncated=any(item.is_truncated for item in fitted),
        )

    def interpret(self, prepared: Prepared, answers: Sequence[Sequence[Completion]]) -> Outcome:
        """Order the documents; the prediction is the text of the first one."""
        best = [best_completion(completions) for completions in answers]
        ranking = rank_documents(best)
        top = ranking[0]
        return Outcome(
            prediction=prepared.case.instance.references[top].text,
            confidence=_confidence(best[top]),
            logprob=best[top].logprob,
            chosen=top,
            ranking=ranking,
        )

    def ideal(self, prepared: Prepared) -> list[Completion]:
        """Answer ``Yes`` to right documents, surer of more relevant ones, and ``No`` to the others."""
        return [_know(document) for document in prepared.case.instance.references]


def rank_documents(answers: Sequence[Completion]) -> tuple[int, ...]:
    """Order documents by the answers about them.

    Parameters
    ----------
    answers : sequence of Completion
        One a document. Case and white space around the answer do not count; a log-probability that the model
        does not tell counts as 0.

    Returns
    -------
    tuple of int
        Positions of the documents, the most relevant first; documents that tie keep their order.

    Notes
    -----
    The key is ``(2, logprob)`` for ``Yes``, ``(1, -logprob)`` for ``No`` and ``(0, -logprob)`` for any other
    answer, greatest first.

    References
    ----------
    Section J of arXiv 2211.09110; arXiv 2003.06713 for asking of each document.
    """
    keys = []
    for answer in answers:
        said, logprob = _said(answer), answer.logprob or 0.0
        keys.append((2, logprob) if said == YES else (1 if said == NO else 0, -logprob))
    return tuple(sorted(range(len(keys)), key=keys.__getitem__, reverse=True))


def _fit(case: Case, shown: Sequence[str], document: Reference, reserve: int, reader: Reader) -> Fitted:
    """Fit the prompt about one document; what is cut is the document, never the query after it."""
    prompt, instance = case.prompt, case.instance
    instructions = fill_instructions(prompt, instance)
    head = [instructions.removesuffix("\n") + "\n"] if instructions else []
    cue = prompt.output_prefix.rstrip()
    return fit_prompt(
        lambda n, text: prompt.instance_prefix.join(
            [*head, *shown[:n], _question(prompt, instance.input, text) + cue]
        ),
        document.text,
        n_examples=len(shown),
        reserve=reserve,
        reader=reader,
    )


def _examples(prompt: PromptFormat, instance: Instance) -> list[str]:
    """Write the examples that a train instance gives: one of each kind of document it has."""
    kinds: dict[bool, Reference] = {}
    for document in instance.references:
        kinds.setdefault(document.is_correct, document)
    return [
        _question(prompt, instance.input, document.text)
        + prompt.output_prefix
        + (YES if is_right else NO)
        + prompt.output_suffix
        for is_right, document in kinds.items()
    ]


def _question(prompt: PromptFormat, query: str, document: str) -> str:
    shown = prompt.reference_prefix + document + prompt.reference_suffix
    return shown + prompt.input_prefix + query + prompt.input_suffix


def _said(answer: Completion) -> str | None:
    return {YES.lower(): YES, NO.lower(): NO}.get(answer.text.strip().lower())


def _confidence(answer: Completion) -> float | None:
    """Return how sure the model is that a document answers the query."""
    said = _said(answer)
    if answer.logprob is None or said is None:
        return None
    probability = min(math.exp(answer.logprob), 1.0)
    return probability if said == YES else 1.0 - probability


def _know(document: Reference) -> Completion:
    grade = max(document_relevance(document), 0.0)
    text, logprob = (YES, -1 / (1 + grade)) if document.is_correct else (NO, -grade)
    return Completion(text=f" {text}", logprob=logprob, n_tokens=1, finish_reason="stop")
