"""Dialect: Standard American English rewritten with forms of African American English."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import ClassVar

from longwave.perturbations._draws import choose_once
from longwave.perturbations._matching import any_of, spelled
from longwave.perturbations._words import WordList, check_words, read_forms
from longwave.perturbations.base import match_case
from longwave.perturbations.swaps import WordSwap

__all__ = ["Dialect"]


@dataclass(frozen=True, kw_only=True)
class Dialect(WordSwap):
    """Replace words and phrases by African American English forms, in input and references.

    Parameters
    ----------
    rate : float
        Probability that a word or phrase is exchanged.
    words : tuple of (str, tuple of str)
        Words or phrases and their forms, see `read_word_list`; the list of Longwave's own where it is empty.

    Notes
    -----
    HELM's fairness edit, "SAE to AAVE", with another dictionary: upstream's comes from Ziems et al. (ACL
    2022), ours was written from published descriptions of the dialect's sounds, grammar and words. Word by
    word replacement is no translation and no speaker mixes forms like this; a lower score shows that a model
    depends on the standard, a kept score does not show that it serves speakers well. The longest listed
    phrase at a place wins.

    References
    ----------
    arXiv 2211.09110, section 4.5; Green, African American English, 2002; Rickford and Rickford, Spoken Soul,
    2000.
    """

    base_name: ClassVar[str] = "dialect"
    description: ClassVar[str] = "Standard American becomes African American English, word by word"
    words: WordList = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_words(self.words)

    @cached_property
    def _listed(self) -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
        return _compiled(self.words) if self.words else _own()

    def writer(self, texts: Sequence[str], rng: random.Random) -> Callable[[str], str]:  # noqa: ARG002
        """Return the function that edits the texts of one instance."""
        pattern, forms = self._listed
        choose = choose_once(self.rate, rng)

        def speak(found: re.Match[str]) -> str:
            word = spelled(found.group())
            form = choose(word, forms[word])
            return found.group() if form is None else match_case(form, found.group())

        return lambda text: pattern.sub(speak, text)


@cache
def _own() -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    return _compiled(read_forms("dialect.tsv"))


def _compiled(words: WordList) -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    forms = {spelled(word): into for word, into in words}
    return any_of(forms), forms


DIALECT = Dialect()
DIALECT_0_1 = Dialect(rate=0.1)
DIALECT_0_3 = Dialect(rate=0.3)
DIALECT_0_5 = Dialect(rate=0.5)
