"""Rules that map replies to a vote, each with what an all-knowing model would have replied.

============= ==========================================================================================
``said``      yes, no or unknown (or other words), as the option that it stands for
``option``    the one option that the reply is, names or is a part of
``agree``     the option that is named whichever way round the options are shown
``one-yes``   the only option that is affirmed, where each was asked about
``likeliest`` the option whose text has the highest log-probability; none where two tie
``text``      the reply itself, for free answers; "I don't know" is none
``overlap``   yes if the reply shares a word with what the first step expected, else no
``same``      yes if the reply is the candidate but for stop words and a plural s, else no
``tail``      yes if the reply is the tail that was cut off, no if it is one of the alternatives
``mood``      the only option with the mood of the whole
============= ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from longwave.errors import ConfigError, DataError, UnknownName
from longwave.prompting.ama.rows import Row
from longwave.prompting.ama.words import (
    NO,
    SAID,
    UNKNOWN,
    YES,
    content_words,
    is_unknown,
    match_said,
    pick_option,
    same_thing,
)

__all__ = ["RULES", "Decision", "Heard", "Rule", "Scene", "Vote"]

Vote = int | str | None  # place of an option, a free answer, or nothing


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A reply: its parts by name, the first one as ``text``; or the score of a given text."""

    text: str
    parts: Mapping[str, str] = field(default_factory=dict)
    logprob: float | None = None
    n_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A rule that makes a vote of the replies to some steps.

    Parameters
    ----------
    rule : str
        Name in ``RULES``.
    of : tuple of str
        Steps whose replies it reads.
    said : mapping
        For the rule ``said``: words of each thing that a reply can say; default: yes and no.
    by : {"mean", "sum"}
        For the rule ``likeliest``: log-probability per token, or of the whole text.
    """

    rule: str
    of: tuple[str, ...]
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UnknownName("rule", self.rule, RULES)
        if not self.of:
            raise ConfigError(
                f'A decision by the rule "{self.rule}" reads no step. Name at least one in "of".'
            )


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a rule may look at.

    Parameters
    ----------
    row : Row
    decision : Decision
    heard : mapping
        Replies by step, one a call.
    """

    row: Row
    decision: Decision
    heard: Mapping[str, tuple[Heard, ...]]

    def replies(self, place: int = -1) -> tuple[Heard, ...]:
        """Return what one of the decision's steps replied; default: the last one."""
        return self.heard[self.decision.of[place]]

    def text(self, place: int = -1) -> str:
        """Return the first reply to one of the decision's steps."""
        replies = self.replies(place)
        return replies[0].text if replies else ""

    def field(self, name: str) -> str:
        """Return a field of the row as one text; empty where it has none."""
        value = self.row.fields.get(name, "")
        return value if isinstance(value, str) else "\n".join(value)

    def is_yes(self, right: Vote) -> bool:
        """Tell whether an option stands for yes."""
        return right is not None and self.row.place(YES) == right


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How to decide, and the reply to a call of the deciding step that makes ``right`` the vote.

    Parameters
    ----------
    decide : callable
        ``(scene) -> vote``.
    ideal : callable
        ``(scene, right, call) -> reply``; the scene holds the replies to earlier steps.
    """

    decide: Callable[[Scene], Vote]
    ideal: Callable[[Scene, Vote, int], str]


def _said(scene: Scene) -> Vote:
    said = match_said(scene.text(), scene.decision.said or SAID)
    return None if said is None else scene.row.place(said)


def _ideal_said(scene: Scene, right: Vote, _: int) -> str:
    said = scene.row.said(right if isinstance(right, int) else None) or UNKNOWN
    return (scene.decision.said.get(said) or (said,))[0].capitalize()


def _option(scene: Scene) -> Vote:
    return pick_option(scene.text(), scene.row.options)


def _ideal_option(scene: Scene, right: Vote, _: int) -> str:
    return scene.row.options[right] if isinstance(right, int) else ""


def _agree(scene: Scene) -> Vote:
    votes = {pick_option(heard.text, scene.row.options) for heard in scene.replies()}
    return votes.pop() if len(votes) == 1 else None


def _one_yes(scene: Scene) -> Vote:
    affirmed = [place for place, heard in enumerate(scene.replies()) if match_said(heard.text) == YES]
    return affirmed[0] if len(affirmed) == 1 else None


def _ideal_one_yes(_: Scene, right: Vote, call: int) -> str:
    return "Yes" if call == right else "No"


def _likeliest(scene: Scene) -> Vote:
    scores = []
    for heard in scene.replies():
        if heard.logprob is None:
            raise DataError(
                "The model gave no log-probability for an option; this vote is made of them. Use fewer "
                "votes, or a model that scores texts."
            )
        scores.append(heard.logprob / (max(heard.n_tokens, 1) if scene.decision.by == "mean" else 1))
    best = [place for place, score in enumerate(scores) if score == max(scores)]
    return best[0] if len(best) == 1 else None


def _text(scene: Scene) -> Vote:
    text = scene.text()
    return None if is_unknown(text) else text


def _ideal_text(_: Scene, right: Vote, __: int) -> str:
    return right if isinstance(right, str) else ""


def _overlap(scene: Scene) -> Vote:
    expected = set(content_words(scene.replies(0)[0].parts.get("expected", "")))
    answer = scene.text()
    if not expected or not answer:
        return None
    if is_unknown(answer):
        return scene.row.place(UNKNOWN)
    return scene.row.place(YES if expected & set(content_words(answer)) else NO)


def _ideal_overlap(scene: Scene, right: Vote, _: int) -> str:
    return scene.replies(0)[0].parts.get("expected", "") if scene.is_yes(right) else "Nobody"


def _same(scene: Scene) -> Vote:
    text = scene.text()
    if not content_words(text) or is_unknown(text):
        return None
    return scene.row.place(YES if same_thing(text, scene.field("candidate")) else NO)


def _ideal_same(scene: Scene, right: Vote, _: int) -> str:
    return scene.field("candidate") if scene.is_yes(right) else "Somebody else"


def _tail(scene: Scene) -> Vote:
    tail = scene.field("tail")
    others = [item for item in _items(scene.text(0)) if not same_thing(item, tail)]
    place = pick_option(scene.text(), [tail, *others])
    return None if place is None else scene.row.place(NO if place else YES)


def _ideal_tail(scene: Scene, right: Vote, _: int) -> str:
    others = _items(scene.text(0))
    return scene.field("tail") if scene.is_yes(right) or not others else others[0]


def _mood(scene: Scene) -> Vote:
    whole = scene.text(0).lower()
    alike = [place for place, heard in enumerate(scene.replies()) if whole and heard.text.lower() == whole]
    return alike[0] if len(alike) == 1 else None


def _items(text: str) -> list[str]:
    return [line.removeprefix("- ") for line in text.split("\n") if line]


RULES: Mapping[str, Rule] = {
    "agree": Rule(decide=_agree, ideal=_ideal_option),
    "likeliest": Rule(decide=_likeliest, ideal=_ideal_text),
    "mood": Rule(decide=_mood, ideal=_ideal_one_yes),
    "one-yes": Rule(decide=_one_yes, ideal=_ideal_one_yes),
    "option": Rule(decide=_option, ideal=_ideal_option),
    "overlap": Rule(decide=_overlap, ideal=_ideal_overlap),
    "said": Rule(decide=_said, ideal=_ideal_said),
    "same": Rule(decide=_same, ideal=_ideal_same),
    "tail": Rule(decide=_tail, ideal=_ideal_tail),
    "text": Rule(decide=_text, ideal=_ideal_text),
}
