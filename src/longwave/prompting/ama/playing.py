"""Walk through a chain with the replies so far: what is asked next, or the vote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from longwave.clients.base import Completion
from longwave.prompting.ama.chain import Chain, Step
from longwave.prompting.ama.rows import Row, as_list
from longwave.prompting.ama.rules import RULES, Decision, Heard, Scene, Vote
from longwave.prompting.ama.template import fill_places

__all__ = ["Call", "Play", "ideal_reply", "play", "values_of"]

WRITTEN = "something"  # what an all-knowing model replies to a step that is given nothing


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to be: a step, for the ``index``-th time, with the texts that its formats may use."""

    step: Step
    index: int
    texts: Mapping[str, str]

    @property
    def continuation(self) -> str | None:
        """The text that is scored; None where the model writes."""
        return (
            " " + fill_places(self.step.continuation, self.texts).strip() if self.step.continuation else None
        )


@dataclass(frozen=True, kw_only=True)
class Play:
    """How far a chain is.

    Parameters
    ----------
    vote : int, str or None
    pending : tuple of Call
        What must be asked before the chain can go on; none when it is at its end.
    calls : tuple of Call
        What was asked before, in the order of the replies.
    decision : Decision or None
        The one that gave the vote, else the one that is waited for, else the last one.
    """

    vote: Vote
    pending: tuple[Call, ...]
    calls: tuple[Call, ...]
    heard: Mapping[str, tuple[Heard, ...]]
    decision: Decision


def play(chain: Chain, row: Row, replies: Sequence[Completion]) -> Play:
    """Walk through a chain.

    Parameters
    ----------
    chain : Chain
    row : Row
    replies : sequence of Completion
        Answers to the calls of all rounds before, in order; whole rounds.

    Notes
    -----
    Steps that do not read each other are asked in the same round. The walk is a function of its arguments
    alone, so that a chain needs no memory beside the replies.
    """
    heard: dict[str, tuple[Heard, ...]] = {}
    calls: list[Call] = []
    for decision in chain.decisions:
        wanted = chain.steps_of(decision.of)
        while missing := [step for step in wanted if step.name not in heard]:
            waiting = {step.name for step in missing}
            ready = [step for step in missing if not waiting & set(step.reads)]
            asked = [call for step in ready for call in _calls(step, row, heard)]
            if len(calls) + len(asked) > len(replies):
                return Play(
                    vote=None, pending=tuple(asked), calls=tuple(calls), heard=heard, decision=decision
                )
            for step in ready:
                own = [call for call in asked if call.step is step]
                start = len(calls)
                heard[step.name] = tuple(map(_hear, own, replies[start : start + len(own)]))
                calls += own
        vote = RULES[decision.rule].decide(Scene(row=row, decision=decision, heard=heard))
        if vote is not None:
            break
    return Play(vote=vote, pending=(), calls=tuple(calls), heard=heard, decision=decision)


def ideal_reply(play: Play, call: Call, row: Row, right: Vote) -> str:
    """Write what a model that knows the right vote replies to a pending call."""
    decision = play.decision
    if call.step.name == decision.of[-1]:
        scene = Scene(row=row, decision=decision, heard=play.heard)
        return RULES[decision.rule].ideal(scene, right, call.index)
    template, shown = call.step.template, call.step.demonstrations
    if shown and (len(template.replies) > 1 or call.step.parse == "list"):
        return template.reply(shown[0])
    values = values_of(call)
    given = [values[place] for place in template.places if place in values and place not in template.replies]
    return " ".join(max(given, key=len, default=WRITTEN).split())  # as unlike for unlike rows as they are


def values_of(call: Call) -> dict[str, str]:
    """Fill the places of a call's template, those of its output apart."""
    step = call.step
    return {
        **call.texts,
        **{place: fill_places(text, call.texts) for place, text in step.given.items()},
    }


def _calls(step: Step, row: Row, heard: Mapping[str, tuple[Heard, ...]]) -> list[Call]:
    if step.each == "once":
        return [Call(step=step, index=0, texts=_texts(row, heard, 0))]
    if step.each == "orders":
        backwards = {"options": as_list(row.options[::-1])}
        texts = _texts(row, heard, 0)
        return [Call(step=step, index=i, texts={**texts, **more}) for i, more in enumerate(({}, backwards))]
    return [
        Call(step=step, index=index, texts={**_texts(row, heard, index), "option": option})
        for index, option in enumerate(row.options)
    ]


def _texts(row: Row, heard: Mapping[str, tuple[Heard, ...]], index: int) -> dict[str, str]:
    """Flatten fields and replies to texts: of those that are one an option, the one at a place."""
    found = {name: text if isinstance(text, str) else _at(text, index) for name, text in row.fields.items()}
    for name, replies in heard.items():
        if replies:
            reply = replies[min(index, len(replies) - 1)]
            found[name] = reply.text
            found |= {f"{name}.{part}": text for part, text in reply.parts.items()}
    return found


def _at(texts: Sequence[str], index: int) -> str:
    return texts[index] if index < len(texts) else ""


def _hear(call: Call, reply: Completion) -> Heard:
    if call.step.continuation:
        return Heard(text=reply.text, logprob=reply.logprob, n_tokens=reply.n_tokens)
    parts = call.step.template.read(reply.text, call.step.parse)
    return Heard(text=next(iter(parts.values())), parts=parts, logprob=reply.logprob, n_tokens=reply.n_tokens)
