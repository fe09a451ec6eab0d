"""Ask Me Anything as a prompting method: a chain of requests, round by round, becomes one vote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from longwave.clients.base import Completion, Request
from longwave.prompting.ama.chain import Chain
from longwave.prompting.ama.generic import generic_chains
from longwave.prompting.ama.playing import Call, Play, ideal_reply, play, values_of
from longwave.prompting.ama.rows import Row
from longwave.prompting.ama.rules import Vote
from longwave.prompting.ama.template import fill_places
from longwave.prompting.base import Case, Outcome, Prepared, Reader
from longwave.prompting.generation import best_completion, confidence_of
from longwave.prompting.multiple_choice import RIGHT, WRONG
from longwave.prompting.window import fit_prompt
from longwave.scenarios.base import Instance

__all__ = ["AskMeAnything"]


@dataclass(frozen=True, kw_only=True)
class AskMeAnything:
    """One chain of arXiv 2210.02441; its vote is the prediction.

    Parameters
    ----------
    chain : Chain, optional
        Default: the first general chain for the kind of instance that is asked about.

    Notes
    -----
    ``prepare`` writes the requests of the first round, ``advance`` those of the next one. A reply that cannot
    be mapped to an answer is an abstention: no prediction.
    """

    chain: Chain | None = None

    def prepare(self, case: Case, reader: Reader) -> Prepared:
        """Write the requests of the first round, each with as many demonstrations as fit.

        Raises
        ------
        DataError
            If the instance lacks a field that the chain needs.
        """
        return self.advance(Prepared(case=case, requests=(), n_examples=-1), (), reader)

    def advance(
        self, prepared: Prepared, answers: Sequence[Sequence[Completion]], reader: Reader
    ) -> Prepared:
        """Add the requests that the answers so far lead to; without any the chain is at its end."""
        chain, row = self._open(prepared.case)
        pending = play(chain, row, _best(answers)).pending
        for call in pending:
            prepared = _add(prepared, call, chain, reader)
        return replace(prepared, n_examples=max(prepared.n_examples, 0))

    def interpret(self, prepared: Prepared, answers: Sequence[Sequence[Completion]]) -> Outcome:
        """Return the vote; sure only where a single reply decided and the model tells its probability."""
        chain, row = self._open(prepared.case)
        replies = _best(answers)
        found = play(chain, row, replies)
        last = max(len(found.calls) - 1, 0)
        outcome = Outcome(prediction=_prediction(found.vote, row), chosen=last)
        own = [i for i, call in enumerate(found.calls) if call.step.name == found.decision.of[-1]]
        if len(own) != 1 or found.vote is None or found.calls[own[0]].step.continuation:
            return outcome
        reply = replies[own[0]]
        return replace(outcome, confidence=confidence_of(reply), logprob=reply.logprob)

    def ideal(self, prepared: Prepared) -> list[Completion]:
        """Reply to each request so that the chain ends in the first right reference."""
        chain, row = self._open(prepared.case)
        right = _right(prepared.case.instance, row)
        replies: list[Completion] = []
        while len(replies) < len(prepared.requests):
            found = play(chain, row, replies)
            if not found.pending:
                break
            replies += [_ideal(found, call, row, right) for call in found.pending]
        return replies

    def _open(self, case: Case) -> tuple[Chain, Row]:
        chain = self.chain or generic_chains(case.prompt, [case.instance])[0]
        return chain, chain.format.read(case.instance)


def _best(answers: Sequence[Sequence[Completion]]) -> list[Completion]:
    return [best_completion(completions) for completions in answers]


def _ideal(found: Play, call: Call, row: Row, right: Vote) -> Completion:
    if call.step.continuation:
        logprob = RIGHT if call.index == right else WRONG
        return Completion(text=call.continuation or "", logprob=logprob, n_tokens=1, finish_reason="scored")
    text = ideal_reply(found, call, row, right)
    return Completion(text=text, logprob=0.0, n_tokens=1, finish_reason="stop")


def _right(instance: Instance, row: Row) -> Vote:
    if not row.options:
        return instance.label
    places = (place for place, option in enumerate(instance.references) if option.is_correct)
    return next(places, None)


def _prediction(vote: Vote, row: Row) -> str | None:
    return row.options[vote] if isinstance(vote, int) else vote


def _add(prepared: Prepared, call: Call, chain: Chain, reader: Reader) -> Prepared:
    """Write the request of a call: demonstrations are dropped first, then its longest text is cut."""
    step, case, continuation = call.step, prepared.case, call.continuation
    values = values_of(call)
    own = [name for name in step.template.places if name in values and name not in step.template.replies]
    longest = max(own, key=lambda name: len(values[name]), default="")
    shown = [*step.demonstrations, *(_demonstrate(call, chain, each) for each in _drawn(call, case))]
    max_tokens = step.max_tokens
    if reader.max_length is not None:  # a long answer leaves at least half of a small window to the prompt
        max_tokens = min(max_tokens, max(reader.max_length // 2, 1))
    fitted = fit_prompt(
        lambda n, text: step.template.write({**values, longest: text}, shown[:n]),
        values.get(longest, ""),
        n_examples=len(shown),
        reserve=max_tokens if continuation is None else reader.count_tokens(continuation),
        reader=reader,
    )
    request = Request(
        prompt=fitted.prompt,
        continuation=continuation,
        max_tokens=max_tokens if continuation is None else 0,
        stop=step.stop if continuation is None else (),
    )
    known = prepared.n_examples
    return replace(
        prepared,
        requests=(*prepared.requests, request),
        n_examples=fitted.n_examples if known < 0 else min(known, fitted.n_examples),
        is_truncated=prepared.is_truncated or fitted.is_truncated,
    )


def _drawn(call: Call, case: Case) -> Sequence[Instance]:
    return case.examples[: call.step.examples]


def _demonstrate(call: Call, chain: Chain, example: Instance) -> Mapping[str, str]:
    """Write a train instance as a demonstration of a step that reads no earlier one."""
    step, row = call.step, chain.format.read(example)
    right = _right(example, row)
    place = right if isinstance(right, int) else None
    label = _prediction(right, row) or ""
    texts = {
        name: text if isinstance(text, str) else "\n".join(text) if place is None else text[place]
        for name, text in row.fields.items()
        if isinstance(text, str) or place is None or place < len(text)
    }
    texts |= {"label": label, "option": label, "verdict": (row.said(place) or label).capitalize()}
    values = {**texts, **{name: fill_places(text, texts) for name, text in step.given.items()}}
    shown = fill_places(step.continuation or step.shown, texts)
    return {
        **{place: values[place] for place in step.template.places if place in values},
        step.template.replies[0]: shown,
    }
