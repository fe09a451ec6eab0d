"""Read free replies: yes or no, one of several classes, the same thing in other words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "NO",
    "SAID",
    "UNKNOWN",
    "YES",
    "content_words",
    "is_unknown",
    "match_said",
    "pick_option",
    "same_thing",
    "split_words",
]

YES, NO, UNKNOWN = "yes", "no", "unknown"
# what a reply says, by its words; of unknown also by phrases
SAID: Mapping[str, tuple[str, ...]] = {YES: ("yes", "true"), NO: ("no", "false")}
UNKNOWN_PHRASES = tuple(
    tuple(phrase.split())
    for phrase in (
        "unknown",
        "unclear",
        "uncertain",
        "unsure",
        "not sure",
        "maybe",
        "neither",
        "neutral",
        "don't know",
        "do not know",
        "not known",
        "can't tell",
        "cannot tell",
        "cannot be known",
        "not stated",
        "not mentioned",
    )
)
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
STOP_WORDS = frozenset(
    """
    a an the this that these those his her hers its their theirs our my your of in on at to for from by with
    and or is are was were be been being has have had do does did it he she they him them who whom which what
    """.split()  # noqa: SIM905 (a list would be fifty lines)
)


def split_words(text: str) -> tuple[str, ...]:
    """Split a text into words, in lower case and without punctuation.

    Examples
    --------
    >>> split_words("Yes, it's not_entailment!")
    ('yes', "it's", 'not', 'entailment')
    """
    return tuple(WORD.findall(text.lower().replace("’", "'")))


def match_said(text: str, said: Mapping[str, Sequence[str]] | None = None) -> str | None:
    """Tell which of several things a reply says, most often yes, no or unknown.

    Parameters
    ----------
    text : str
    said : mapping, optional
        Words of each thing; default: yes and true, no and false.

    Returns
    -------
    str or None
        The one thing whose words are there; ``"unknown"`` where only a phrase such as "not known" is; None
        for anything else, also for a reply that says two things.

    Notes
    -----
    The published code for RTE tests whether the reply holds itself, so that every reply without a "no" counts
    as yes; here such a reply says nothing.

    Examples
    --------
    >>> match_said("No, it is false."), match_said("It is not known."), match_said("yes and no")
    ('no', 'unknown', None)
    """
    words = split_words(text)
    found = [
        name for name, those in (said or SAID).items() if any(_holds(words, split_words(w)) for w in those)
    ]
    if found:
        return found[0] if len(found) == 1 else None
    return UNKNOWN if any(_holds(words, phrase) for phrase in UNKNOWN_PHRASES) else None


def is_unknown(text: str) -> bool:
    """Tell whether a reply says that the answer is not known, or nothing at all."""
    words = split_words(text)
    return (
        not text.strip()
        or any(words[: len(phrase)] == phrase for phrase in UNKNOWN_PHRASES)
        or (len(words) <= 5 and match_said(text) == UNKNOWN)
    )


def pick_option(text: str, options: Sequence[str]) -> int | None:
    """Return the place of the one option that a free reply means; None where that is none or several.

    Notes
    -----
    First an option that the reply is, then one that it is but for punctuation and articles; then options
    whose words stand one behind the other in the reply, shorter ones inside longer ones apart; then options
    that hold the reply.

    Examples
    --------
    >>> pick_option("It is about world politics.", ["Politics", "World Politics", "Sports"])
    1
    >>> pick_option("red or blue", ["red", "blue"]) is None
    True
    """
    reply = split_words(text)
    exact = [place for place, option in enumerate(options) if _bare(option) and _bare(option) == _bare(text)]
    if len(exact) == 1 or not reply:
        return exact[0] if len(exact) == 1 else None
    words = [split_words(option) for option in options]
    core = _without_articles(reply)
    for matches in (
        [place for place, option in enumerate(words) if option and _without_articles(option) == core],
        _longest([place for place, option in enumerate(words) if option and _holds(reply, option)], words),
        [place for place, option in enumerate(words) if core and _holds(option, core)],
    ):
        if matches:
            return matches[0] if len(matches) == 1 else None
    return None


def content_words(text: str) -> tuple[str, ...]:
    """Return the words of a text without stop words, a plural's or genitive's s taken off.

    Examples
    --------
    >>> content_words("the boy's two dogs")
    ('boy', 'two', 'dog')
    """
    return tuple(_singular(word) for word in split_words(text) if word not in STOP_WORDS)


def same_thing(first: str, second: str) -> bool:
    """Tell whether two phrases are the same but for stop words and a plural s; empty ones never are."""
    one, two = content_words(first), content_words(second)
    return bool(one) and one == two


def _bare(text: str) -> str:
    return text.strip().removesuffix(".").casefold()


def _singular(word: str) -> str:
    word = word.removesuffix("'s").removesuffix("'")
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _without_articles(words: Iterable[str]) -> tuple[str, ...]:
    words = tuple(words)
    return tuple(word for word in words if word not in ("a", "an", "the")) or words


def _holds(words: Sequence[str], part: Sequence[str]) -> bool:
    """Tell whether some words stand one behind the other among others."""
    return any(tuple(words[i : i + len(part)]) == tuple(part) for i in range(len(words) - len(part) + 1))


def _longest(places: list[int], words: Sequence[Sequence[str]]) -> list[int]:
    """Leave out what is a part of a longer match."""
    return [
        place
        for place in places
        if not any(len(words[o]) > len(words[place]) and _holds(words[o], words[place]) for o in places)
    ]
