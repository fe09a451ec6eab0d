"""What a chain sees of an instance: named texts, options to choose from, and what yes and no stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from longwave.errors import ConfigError, DataError, UnknownName
from longwave.prompting.ama.words import NO, UNKNOWN, YES, split_words
from longwave.scenarios.base import Instance

__all__ = ["MAKERS", "Row", "RowFormat", "has_options"]

Value = str | tuple[str, ...]  # a tuple has one text an option
Fields = Mapping[str, Value]

# texts of options that stand for a vote, where a chain names no others
STANDS_FOR: Mapping[str, tuple[str, ...]] = {
    YES: ("yes", "true", "entailment", "entailed", "correct", "same", "1"),
    NO: ("no", "false", "contradiction", "contradicted", "not entailment", "incorrect", "different", "0"),
    UNKNOWN: ("unknown", "neutral", "neither", "maybe", "unclear", "cannot be determined"),
}
BUILT_IN = ("input", "options")
ARTICLE_WORDS = 100
TAIL_WORDS = 3
BLANK = "@placeholder"


@dataclass(frozen=True, kw_only=True)
class Row:
    """An instance as a chain sees it.

    Parameters
    ----------
    fields : mapping
        Texts by name; a tuple of texts has one for each option.
    options : tuple of str
        Texts to choose from; none where the answer is free.
    answers : mapping
        Texts of options that stand for a vote such as ``yes``.
    """

    fields: Fields
    options: tuple[str, ...] = ()
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def place(self, vote: str) -> int | None:
        """Return the place of the option that a vote stands for; None where there is none."""
        wanted = [split_words(text) for text in self.answers.get(vote, STANDS_FOR.get(vote, (vote,)))]
        found = {split_words(option): place for place, option in enumerate(self.options)}
        return next((found[words] for words in wanted if words in found), None)

    def said(self, place: int | None) -> str | None:
        """Return the vote that an option stands for, the other way round."""
        votes = (*STANDS_FOR, *self.answers)
        return next((vote for vote in votes if place is not None and self.place(vote) == place), None)


@dataclass(frozen=True, kw_only=True)
class RowFormat:
    """How instances become rows.

    Parameters
    ----------
    fields : tuple of str
        What a row must have, by the pattern or in ``Instance.extra``. ``input`` and ``options`` (a list with
        a dash before each) are always there. Copies by a perturbation must have them by the pattern, since
        only the input was edited.
    pattern : str
        Regular expression with named groups that whole inputs may match, whatever the case of letters.
    make : tuple of str
        Names of ``MAKERS`` whose fields are added, in order.
    answers : mapping
        As in ``Row``.
    """

    fields: tuple[str, ...] = ()
    pattern: str = ""
    make: tuple[str, ...] = ()
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = [name for name in self.make if name not in MAKERS]
        if unknown:
            raise UnknownName("maker of fields", unknown[0], MAKERS)
        try:
            _ = self._pattern
        except re.error as error:
            raise ConfigError(f'The pattern "{self.pattern}" is no regular expression: {error}.') from error

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.DOTALL | re.IGNORECASE)

    def read(self, instance: Instance) -> Row:
        """Read an instance.

        Raises
        ------
        DataError
            If it lacks a field.
        """
        options = tuple(reference.text for reference in instance.references) if has_options(instance) else ()
        listed = {name: text for name, value in instance.extra.items() if (text := _text(value)) is not None}
        match = self._pattern.fullmatch(instance.input) if self.pattern and instance.input else None
        own = {name: text.strip() for name, text in (match.groupdict() if match else {}).items() if text}
        found: dict[str, Value] = {**listed, **own, "input": instance.input, "options": as_list(options)}
        missing = [name for name in self.fields if name not in found]
        if missing:
            raise DataError(
                f'Instance "{instance.id}" has no "{missing[0]}"; the chain needs {", ".join(self.fields)}. '
                'Give them in "extra", or write the input as the chain\'s pattern says.'
            )
        unedited = [name for name in self.fields if name not in (*own, *BUILT_IN)]
        if instance.perturbation is not None and unedited:
            raise DataError(
                f'The copy of "{instance.id}" by "{instance.perturbation}" has "{unedited[0]}" in "extra" '
                "alone, "
                "where no perturbation edits it. Write it into the input as the chain's pattern says."
            )
        for name in self.make:
            found |= MAKERS[name](found, options)
        return Row(fields=found, options=options, answers=self.answers)


def has_options(instance: Instance) -> bool:
    """Tell options to choose from and free answers, all of which are right, apart."""
    references = instance.references
    return len(references) > 1 and not all(reference.is_correct for reference in references)


def as_list(texts: Sequence[str]) -> str:
    """Write texts as a list with dashes."""
    return "\n".join(f"- {text}" for text in texts)


def _text(value: object) -> Value | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


def _one(fields: Fields, name: str) -> str:
    value = fields[name]
    return value if isinstance(value, str) else "\n".join(value)


def _tail(fields: Fields, _: Sequence[str]) -> Fields:
    """Cut the last words off a hypothesis, at most half of it: what a cloze chain asks for."""
    words = _one(fields, "hypothesis").strip().rstrip(".!?").split()
    count = min(TAIL_WORDS, max(len(words) // 2, 1))
    return {"stem": " ".join(words[:-count]), "tail": " ".join(words[-count:])}


def _marked(fields: Fields, _: Sequence[str]) -> Fields:
    """Put the pronoun in quotes: at the place that is given, else where it stands first."""
    text, pronoun = _one(fields, "passage"), _one(fields, "pronoun")
    words = text.split(" ")
    place = fields.get("pronoun_place")
    if isinstance(place, str) and place.isdecimal() and int(place) < len(words):
        at = int(place)
    else:
        at = next((i for i, word in enumerate(words) if split_words(word) == split_words(pronoun)), -1)
    if at < 0:
        return {"marked": text}
    marked = re.sub(
        re.escape(pronoun), lambda found: f'"{found[0]}"', words[at], count=1, flags=re.IGNORECASE
    )
    return {"marked": " ".join([*words[:at], marked, *words[at + 1 :]])}


def _completed(fields: Fields, options: Sequence[str]) -> Fields:
    """Put each option into the gap of the query."""
    return {"completed": tuple(_one(fields, "query").replace(BLANK, option) for option in options)}


def _linked(fields: Fields, _: Sequence[str]) -> Fields:
    """Write a premise so that its effect or its cause goes on."""
    link = {"effect": "so", "cause": "because"}.get(_one(fields, "question").strip().lower())
    if link is None:
        raise DataError(
            f'The field "question" is "{_one(fields, "question")}"; accepted are effect and cause. Mend the '
            "row."
        )
    return {"linked": f"{_one(fields, 'premise').strip().rstrip('.')} {link}"}


def _lowered(_: Fields, options: Sequence[str]) -> Fields:
    """Write each option as the rest of a sentence: a small letter first, except of names and I."""
    return {"going_on": tuple(_lower_first(option) for option in options)}


def _lower_first(text: str) -> str:
    first = text.split(" ", 1)[0]
    is_common = first in (
        "A",
        "An",
        "The",
        "He",
        "She",
        "It",
        "They",
        "We",
        "His",
        "Her",
        "My",
        "Their",
        "There",
    )
    return text[:1].lower() + text[1:] if is_common else text


def _articles(fields: Fields, _: Sequence[str]) -> Fields:
    """Take the start of the first article, and all articles."""
    value = fields["articles"]
    texts = (value,) if isinstance(value, str) else value
    first = texts[0].split() if texts else []
    return {"first_article": " ".join(first[:ARTICLE_WORDS]), "all_articles": "\n".join(texts)}


def _claim(fields: Fields, _: Sequence[str]) -> Fields:
    """Take the last line of the input as a claim, and what stands before it as what it is about."""
    before, _, claim = _one(fields, "input").strip().rpartition("\n")
    return {"about": f"Passage: {before.strip()}\n" if before.strip() else "", "claim": claim.strip()}


MAKERS: Mapping[str, Callable[[Fields, Sequence[str]], Fields]] = {
    "articles": _articles,
    "claim": _claim,
    "completed": _completed,
    "going_on": _lowered,
    "linked": _linked,
    "marked": _marked,
    "tail": _tail,
}
