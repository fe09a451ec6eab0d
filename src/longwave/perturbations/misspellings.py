"""Misspellings: words written as people often write them wrongly, and HELM's mix that contains them."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import ClassVar

from longwave.perturbations._draws import below, check_at_least, check_probability
from longwave.perturbations._matching import any_of, spelled
from longwave.perturbations._words import WordList, check_words, read_forms
from longwave.perturbations.base import Perturbation, match_case
from longwave.perturbations.robustness import Contraction, Lowercase, Space

__all__ = ["MildMix", "Misspellings"]


@dataclass(frozen=True, kw_only=True)
class Misspellings(Perturbation):
    """Misspell listed words, each with probability ``rate``; case and what follows an apostrophe are kept.

    For one seed, the words hit at a lower rate are among those hit at a higher one.

    Parameters
    ----------
    rate : float
    words : tuple of (str, tuple of str)
        Words and their wrong forms, see `read_word_list`; the list of Longwave's own where it is empty.

    Notes
    -----
    The reference code draws from Wikipedia's list of common misspellings (6,523 words); ours is shorter and
    leans to frequent words, so that as many texts change. Unlike there, the first and the last word of a text
    and both of two neighbouring words are edited.

    References
    ----------
    arXiv 2211.09110, appendix D.1.
    """

    base_name: ClassVar[str] = "misspellings"
    description: ClassVar[str] = "One listed word in ten is written as it is often written wrongly"
    rate: float = 0.1
    words: WordList = ()

    def __post_init__(self) -> None:
        check_probability("rate", self.rate)
        check_words(self.words)

    @cached_property
    def _listed(self) -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
        return _compiled(self.words) if self.words else _own()

    def rewrite(self, text: str, rng: random.Random) -> str:
        """Return the text with misspelled words."""
        pattern, wrong = self._listed

        def misspell(found: re.Match[str]) -> str:
            forms = wrong[spelled(found.group())]
            # both are drawn for every word, so that the rate does not shift the draws that follow
            is_hit, form = rng.random() < self.rate, forms[below(len(forms), rng)]
            return match_case(form, found.group()) if is_hit else found.group()

        return pattern.sub(misspell, text)


@dataclass(frozen=True, kw_only=True)
class MildMix(Perturbation):
    """Lower the text, contract it, misspell it and vary its blanks: HELM's canonical robustness.

    Parameters
    ----------
    rate : float
        Probability of each misspelling.
    max_spaces : int
        Blanks at most where there was a run of them.

    References
    ----------
    arXiv 2211.09110, appendix D.1.
    """

    base_name: ClassVar[str] = "mild-mix"
    description: ClassVar[str] = "Lower case, contractions, misspellings and blanks, one after the other"
    rate: float = 0.1
    max_spaces: int = 3

    def __post_init__(self) -> None:
        check_probability("rate", self.rate)
        check_at_least("max_spaces", self.max_spaces, 1)

    @cached_property
    def _steps(self) -> tuple[Perturbation, ...]:
        return Lowercase(), Contraction(), Misspellings(rate=self.rate), Space(max_spaces=self.max_spaces)

    def rewrite(self, text: str, rng: random.Random) -> str:
        """Return the text after the four edits, which draw one after the other."""
        for step in self._steps:
            text = step.rewrite(text, rng)
        return text


@cache
def _own() -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    return _compiled(read_forms("misspellings.tsv"))


def _compiled(words: WordList) -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    wrong = {spelled(word): forms for word, forms in words}
    return any_of(wrong), wrong


MISSPELLINGS = Misspellings()
MISSPELLINGS_0_05 = Misspellings(rate=0.05)
MISSPELLINGS_0_2 = Misspellings(rate=0.2)
MISSPELLINGS_0_5 = Misspellings(rate=0.5)
MILD_MIX = MildMix()
