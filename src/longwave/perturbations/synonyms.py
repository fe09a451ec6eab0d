"""Synonyms: words exchanged for others of the same meaning, in the same form."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import ClassVar, Literal

from longwave.errors import ConfigError
from longwave.perturbations._articles import ARTICLE, agreeing
from longwave.perturbations._draws import below, check_probability
from longwave.perturbations._inflection import PARTS, inflect
from longwave.perturbations._matching import ALONE_AFTER, ALONE_BEFORE
from longwave.perturbations._wordnet import wordnet_forms
from longwave.perturbations._words import read_forms
from longwave.perturbations.base import Perturbation, match_case

__all__ = ["Synonym"]

# a whole word that is no part of a compound; "can" is not looked for in "can't"
_WORD = re.compile(rf"{ARTICLE}(?P<word>{ALONE_BEFORE}[A-Za-z]+{ALONE_AFTER})")
_ENDS = ".!?:;\n"


@dataclass(frozen=True, kw_only=True)
class Synonym(Perturbation):
    """Replace listed words by a synonym in the same form, each with probability ``rate``.

    Plurals, verb forms and comparatives are read and written ("bought" becomes "purchased"), an article
    before follows the new word, case is kept. Words with a capital inside a sentence, or before another such
    word, are names and stay. For one seed, the words hit at a lower rate are among those hit at a higher one.

    Parameters
    ----------
    rate : float
    source : {"longwave", "wordnet"}
        ``"longwave"`` is a list of about 1,250 words that ships with the package; ``"wordnet"`` reads WordNet
        through NLTK, whose data the user installs.

    Notes
    -----
    There is no tagger: a form with several readings ("cure" is a noun and a verb) gets only synonyms that fit
    all of its listed readings. With WordNet the sense that is counted most there is taken; the reference code
    draws any synonym of a word's lemma.

    References
    ----------
    arXiv 2211.09110, appendix D.1; Miller, WordNet: a lexical database for English, 1995.
    """

    base_name: ClassVar[str] = "synonym"
    description: ClassVar[str] = "Every other listed word becomes a synonym in the same form"
    rate: float = 0.5
    source: Literal["longwave", "wordnet"] = "longwave"

    def __post_init__(self) -> None:
        check_probability("rate", self.rate)
        if self.source not in ("longwave", "wordnet"):
            raise ConfigError(f'source is "{self.source}"; accepted are longwave and wordnet.')

    @cached_property
    def _look_up(self) -> Callable[[str], tuple[str, ...]]:
        return wordnet_forms if self.source == "wordnet" else _listed_forms

    def rewrite(self, text: str, rng: random.Random) -> str:
        """Return the text with synonyms.

        Raises
        ------
        MissingExtra
            If ``source`` is ``"wordnet"`` and NLTK is not installed.
        MissingFile
            If NLTK is, but its WordNet data is not.
        """
        look_up = self._look_up

        def replace_word(found: re.Match[str]) -> str:
            word = found["word"]
            forms = look_up(word.lower())
            if not forms or _is_name(found):
                return found.group()
            is_hit, form = rng.random() < self.rate, forms[below(len(forms), rng)]
            if not is_hit:
                return found.group()
            new = match_case(form, word)
            return agreeing(found, word, new) + new

        return _WORD.sub(replace_word, text)


def _is_name(found: re.Match[str]) -> bool:
    """Whether a word with a capital is no start of a sentence, or begins a run of such words."""
    word = found["word"]
    if not word.istitle():
        return False
    start = found.start("word") if found["article"] is None else found.start()
    before = found.string[max(0, start - 20) : start].rstrip(" \"“‘'([*")
    is_start = start == 0 or (not before and start < 20) or before[-1:] in _ENDS
    if found["article"] is not None:
        is_start = False  # "a Great Dane"
    follows = re.compile(r" +[A-Z][a-z]").match(found.string, found.end())
    return not is_start or follows is not None


def _listed_forms(word: str) -> tuple[str, ...]:
    return _listed().get(word, ())


@cache
def _listed() -> dict[str, tuple[str, ...]]:
    """Map every form of the lists to the forms that may replace it in all of its readings."""
    readings: dict[str, list[list[str]]] = {}
    for part, name in zip(PARTS, ("nouns", "verbs", "adjectives", "adverbs"), strict=True):
        for lemma, synonyms in read_forms(f"synonyms_{name}.tsv"):
            others = [inflect(synonym, part) for synonym in synonyms]
            for slot, form in inflect(lemma, part).items():
                fitting = [other[slot] for other in others if slot in other]
                readings.setdefault(form, []).append(fitting)
    return {form: kept for form, lists in readings.items() if (kept := _shared(form, lists))}


def _shared(form: str, lists: list[list[str]]) -> tuple[str, ...]:
    first, *others = lists
    return tuple(each for each in dict.fromkeys(first) if each != form and all(each in o for o in others))


SYNONYM = Synonym()
SYNONYM_0_1 = Synonym(rate=0.1)
