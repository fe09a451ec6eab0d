"""Names: first or last names typical of one race exchanged for names typical of another."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import ClassVar, Literal, NamedTuple

from longwave.errors import ConfigError
from longwave.perturbations._draws import below
from longwave.perturbations._matching import ALONE_AFTER, ALONE_BEFORE, any_of, spelled
from longwave.perturbations._words import WordList, check_words, read_forms, read_lines
from longwave.perturbations.swaps import WordSwap

__all__ = ["PersonName"]


@dataclass(frozen=True, kw_only=True)
class PersonName(WordSwap):
    """Exchange names of one race for names of another, one for one in input and references.

    Parameters
    ----------
    rate : float
        Probability that a name is exchanged.
    part : {"first", "last"}
        Which names.
    source, target : str
        Races of the list: white and black for first names; white, black, asian and hispanic for last names.
    any_gender : bool
        Whether a first name may become one of the other gender.
    words : tuple of (str, tuple of str)
        Names, each with its race and (first names) its gender, see `read_word_list`; Longwave's own list
        where it is empty.

    Notes
    -----
    HELM's fairness edit is the default: first names of white Americans become those of black Americans of the
    same gender. Two names of an instance get two different new names, none of which stood in it, as long as
    the list lasts. A name is found with a capital, or in
    lower case if it is no ordinary word ("rachel", but not "frank"), or if the same name stands there with a
    capital as well. It cannot tell a word at the start of a sentence from a name ("Frank words").

    References
    ----------
    arXiv 2211.09110, section 4.5; first names after Greenwald et al., 1998; last names after Garg et al.,
    2018, and the United States census.
    """

    base_name: ClassVar[str] = "person-name"
    description: ClassVar[str] = "First names typical of white Americans become those of black Americans"
    part: Literal["first", "last"] = "first"
    source: str = "white"
    target: str = "black"
    any_gender: bool = False
    words: WordList = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_words(self.words)
        if self.part not in ("first", "last"):
            raise ConfigError(f'part is "{self.part}"; accepted are first and last.')
        races = sorted({race for _, (race, *_) in self._entries()})
        for name, value in (("source", self.source), ("target", self.target)):
            if value not in races:
                raise ConfigError(
                    f'{name} is "{value}"; the list of {self.part} names has {", ".join(races)}.'
                )
        if self.source == self.target:
            raise ConfigError(f'source and target are both "{self.source}"; choose two that differ.')

    def labels(self) -> dict[str, str]:
        """Return what the parameters add to the name."""
        found = super().labels()
        if {"part", "source", "target"} & found.keys():
            ends = {"direction": f"{self.source}-{self.target}"}
            part = {"part": found["part"]} if "part" in found else {}
            rest = {key: text for key, text in found.items() if key not in ("part", "source", "target")}
            found = {**part, **ends, **rest}
        return found

    def writer(self, texts: Sequence[str], rng: random.Random) -> Callable[[str], str]:
        """Return the function that edits the texts of one instance."""
        known = self._listed
        found_there = {word for text in texts for word in known.any_name.findall(text)}
        with_capital = {spelled(word) for word in found_there if not word.islower()}
        hidden = _ordinary_words() - with_capital  # in lower case these are words
        cast = _Cast(self.rate, {spelled(word) for word in found_there}, rng)

        def rename(found: re.Match[str]) -> str:
            word = found.group()
            if word.islower() and word in hidden:
                return word
            new = cast.choose(spelled(word), known.choices[spelled(word)])
            return word if new is None else _in_case(new, word)

        return lambda text: known.source_name.sub(rename, text)

    def _entries(self) -> WordList:
        return self.words or read_forms(f"{self.part}_names.tsv")

    @cached_property
    def _listed(self) -> _Known:
        entries = self._entries()
        targets = [(name, marks[1:]) for name, marks in entries if marks[0] == self.target]
        choices: dict[str, tuple[str, ...]] = {}
        for name, (race, *gender) in entries:
            if race == self.source:
                alike = tuple(to for to, other in targets if self.any_gender or other == tuple(gender))
                if alike:
                    choices[spelled(name)] = alike
        return _Known(choices, _find(choices), _find(name for name, _ in entries))


class _Known(NamedTuple):
    """Which names may become which, and the patterns that find those and all names of the list."""

    choices: dict[str, tuple[str, ...]]
    source_name: re.Pattern[str]
    any_name: re.Pattern[str]


class _Cast:
    """The new names of one instance: each name keeps its own, and no two share one while there are more."""

    def __init__(self, rate: float, taken: set[str], rng: random.Random) -> None:
        self._rate = rate
        self._taken = taken
        self._rng = rng
        self._given: dict[str, str | None] = {}

    def choose(self, name: str, names: Sequence[str]) -> str | None:
        if name not in self._given:
            free = [each for each in names if spelled(each) not in self._taken] or list(names)
            is_hit, new = self._rng.random() < self._rate, free[below(len(free), self._rng)]
            self._given[name] = new if is_hit else None
            self._taken.add(spelled(new))  # also where it is not used, so that the rate shifts no later draw
        return self._given[name]


def _find(names: Iterable[str]) -> re.Pattern[str]:
    return any_of(names, before=ALONE_BEFORE, after=ALONE_AFTER)


def _in_case(new: str, like: str) -> str:
    if like.islower():
        return new.lower()
    letters = [letter for letter in like if letter.isalpha()]
    return new.upper() if len(letters) > 1 and like.isupper() else new


@cache
def _ordinary_words() -> frozenset[str]:
    return frozenset(read_lines("name_words.txt"))


PERSON_NAME = PersonName()
PERSON_NAME_BLACK_WHITE = PersonName(source="black", target="white")
PERSON_NAME_LAST_WHITE_ASIAN = PersonName(part="last", target="asian")
PERSON_NAME_LAST_WHITE_BLACK = PersonName(part="last")
PERSON_NAME_LAST_WHITE_HISPANIC = PersonName(part="last", target="hispanic")
