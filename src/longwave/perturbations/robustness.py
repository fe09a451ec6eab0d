"""Edits people make that should not change an answer: case, blanks, contractions, typing errors, fillers.

The list is that of arXiv 2211.09110, appendix D.1 (HELM); misspellings, synonyms and the mix of several edits
have modules of their own. Unlike the reference code, words at the start and at the end of a text and
neighbouring words are edited too.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from longwave.perturbations._draws import below, check_at_least, check_probability
from longwave.perturbations._matching import any_of, spelled
from longwave.perturbations._words import read_lines, read_pairs
from longwave.perturbations.base import Perturbation, match_case

__all__ = ["Contraction", "Expansion", "ExtraSpace", "FillerWords", "Lowercase", "Space", "Typos"]


@dataclass(frozen=True, kw_only=True)
class Lowercase(Perturbation):
    """Write the whole text in lower case."""

    base_name: ClassVar[str] = "lowercase"
    description: ClassVar[str] = "The whole text in lower case"

    def rewrite(self, text: str, rng: random.Random) -> str:  # noqa: ARG002
        """Return the text in lower case."""
        return text.lower()


@dataclass(frozen=True, kw_only=True)
class Space(Perturbation):
    """Replace each run of blanks by 1 to ``max_spaces`` blanks; tabs and line ends stay."""

    base_name: ClassVar[str] = "space"
    description: ClassVar[str] = "Each run of blanks becomes one to three blanks"
    max_spaces: int = 3

    def __post_init__(self) -> None:
        check_at_least("max_spaces", self.max_spaces, 1)

    def rewrite(self, text: str, rng: random.Random) -> str:
        """Return the text with runs of random length."""
        runs = [" " * n for n in range(1, self.max_spaces + 1)]
        return re.sub(" +", lambda _: runs[below(self.max_spaces, rng)], text)


@dataclass(frozen=True, kw_only=True)
class ExtraSpace(Perturbation):
    """Repeat each blank ``n_spaces`` times."""

    base_name: ClassVar[str] = "extra-space"
    description: ClassVar[str] = "Each blank twice"
    n_spaces: int = 2

    def __post_init__(self) -> None:
        check_at_least("n_spaces", self.n_spaces, 1)

    def rewrite(self, text: str, rng: random.Random) -> str:  # noqa: ARG002
        """Return the text with repeated blanks."""
        return text.replace(" ", " " * self.n_spaces)


@dataclass(frozen=True, kw_only=True)
class Contraction(Perturbation):
    """Contract "it is" to "it's" and the like, where a blank follows ("here it is." has no short form).

    The longest form at a place wins, whatever the order of the list; "cannot have" becomes "can't have".
    """

    base_name: ClassVar[str] = "contraction"
    description: ClassVar[str] = "it is becomes it's, do not becomes don't"

    def rewrite(self, text: str, rng: random.Random) -> str:  # noqa: ARG002
        """Return the text with every long form contracted, its case kept."""
        pattern, short = _contractions()
        return pattern.sub(lambda found: _replaced(found, short), text)


@dataclass(frozen=True, kw_only=True)
class Expansion(Perturbation):
    """Expand "it's" to "it is" and the like; straight and curly apostrophes are both read."""

    base_name: ClassVar[str] = "expansion"
    description: ClassVar[str] = "it's becomes it is, don't becomes do not"

    def rewrite(self, text: str, rng: random.Random) -> str:  # noqa: ARG002
        """Return the text with every short form expanded, its case kept."""
        pattern, long = _expansions()
        return pattern.sub(lambda found: _replaced(found, long), text)


@dataclass(frozen=True, kw_only=True)
class Typos(Perturbation):
    """Replace letters by a neighbour on the QWERTY keyboard, each with probability ``rate``; case is kept.

    For one seed, the letters hit at a lower rate are among those hit at a higher one.
    """

    base_name: ClassVar[str] = "typos"
    description: ClassVar[str] = "One letter in ten slips to a neighbouring key"
    rate: float = 0.1

    def __post_init__(self) -> None:
        check_probability("rate", self.rate)

    def rewrite(self, text: str, rng: random.Random) -> str:
        """Return the text with slipped letters; letters outside a to z stay."""
        return "".join(self._type(letter, rng) for letter in text)

    def _type(self, letter: str, rng: random.Random) -> str:
        near = _neighbours().get(letter.lower()) if letter.isascii() else None  # the Kelvin sign is no k
        if near is None:
            return letter
        # both are drawn for every letter, so that the rate does not shift the draws that follow
        is_hit, slip = rng.random() < self.rate, near[below(len(near), rng)]
        if not is_hit:
            return letter
        return slip.upper() if letter.isupper() else slip


@dataclass(frozen=True, kw_only=True)
class FillerWords(Perturbation):
    """Put a filler ("well", "I think") before words, each with probability ``rate``."""

    base_name: ClassVar[str] = "filler-words"
    description: ClassVar[str] = "A filler such as well or I think before three words in ten"
    rate: float = 0.3

    def __post_init__(self) -> None:
        check_probability("rate", self.rate)

    def rewrite(self, text: str, rng: random.Random) -> str:
        """Return the text with fillers; its words and the space between them stay."""
        fillers = read_lines("fillers.txt")

        def speak(word: re.Match[str]) -> str:
            is_hit, filler = rng.random() < self.rate, fillers[below(len(fillers), rng)]
            return f"{filler} {word.group()}" if is_hit else word.group()

        return re.sub(r"\S+", speak, text)


_ROWS = (
    ("qwertyuiop", 0.0),
    ("asdfghjkl", 0.25),
    ("zxcvbnm", 0.75),
)  # letters and the row's shift in key widths
_NOT_INSIDE = r"(?<![\w'’])"  # neither letters nor an apostrophe come before
_REACH = 1.26  # from w to a, both shifts included: the six keys that touch


@cache
def _neighbours() -> dict[str, str]:
    """Map each letter to those on keys that touch its own."""
    keys = {
        letter: (column + shift, row)
        for row, (letters, shift) in enumerate(_ROWS)
        for column, letter in enumerate(letters)
    }
    return {
        letter: "".join(
            other
            for other, (x2, y2) in keys.items()
            if other != letter and (x2 - x) ** 2 + (y2 - y) ** 2 <= _REACH**2
        )
        for letter, (x, y) in keys.items()
    }


@cache
def _contractions() -> tuple[re.Pattern[str], dict[str, str]]:
    short = dict(read_pairs("contractions.tsv"))
    return any_of(short, before=_NOT_INSIDE, after=r"(?= )"), short


@cache
def _expansions() -> tuple[re.Pattern[str], dict[str, str]]:
    long = {contracted: expanded for expanded, contracted in read_pairs("contractions.tsv")}
    return any_of(long, before=_NOT_INSIDE, after=r"(?![\w'’])"), long


def _replaced(found: re.Match[str], words: dict[str, str]) -> str:
    return match_case(words[spelled(found.group())], found.group())


LOWERCASE = Lowercase()
SPACE = Space()
EXTRA_SPACE = ExtraSpace()
CONTRACTION = Contraction()
EXPANSION = Expansion()
TYPOS = Typos()
TYPOS_0_01 = Typos(rate=0.01)
TYPOS_0_3 = Typos(rate=0.3)
TYPOS_0_5 = Typos(rate=0.5)
FILLER_WORDS = FillerWords()
FILLER_WORDS_0_1 = FillerWords(rate=0.1)
