"""Inflected forms of English words, by rule and from lists of exceptions."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Literal

from longwave.perturbations._words import read_forms, read_lines

__all__ = ["PARTS", "PartOfSpeech", "inflect"]

PartOfSpeech = Literal["noun", "verb", "adjective", "adverb"]
PARTS: tuple[PartOfSpeech, ...] = ("noun", "verb", "adjective", "adverb")

_SHORT = re.compile(r"(?:qu|[^aeiou])*[aeiou][^aeiouwxy]")  # stop, quit, but not look, show, end
_HISS = re.compile(r".*(?:s|x|z|ch|sh)")


def inflect(lemma: str, part: PartOfSpeech) -> dict[str, str]:
    """Return the forms of a lemma by the names of their slots.

    Parameters
    ----------
    lemma : str
        Base form, lower case. Of several words the first is inflected for verbs, the last for nouns.
    part : {"noun", "verb", "adjective", "adverb"}

    Returns
    -------
    dict of str to str
        Nouns: base, plural. Verbs: base, third, past, participle, gerund. Adjectives: base, comparative,
        superlative; only base for several words. Adverbs: base.

    Examples
    --------
    >>> inflect("carry", "verb")["past"], inflect("set up", "verb")["gerund"], inflect("big", "adjective")
    ('carried', 'setting up', {'base': 'big', 'comparative': 'bigger', 'superlative': 'biggest'})
    """
    return _RULES[part](lemma)


def _noun(lemma: str) -> dict[str, str]:
    known = _listed("irregular_nouns.tsv").get(lemma)
    if known:
        return {"base": lemma, "plural": known[0]}
    head, blank, last = lemma.rpartition(" ")
    plural = _listed("irregular_nouns.tsv").get(last, (_with_s(last),))[0]
    return {"base": lemma, "plural": f"{head}{blank}{plural}"}


def _verb(lemma: str) -> dict[str, str]:
    head, blank, rest = lemma.partition(" ")
    past, participle = _listed("irregular_verbs.tsv").get(head) or (_past(head),) * 2
    third = {"have": "has", "be": "is", "do": "does", "go": "goes", "undergo": "undergoes"}.get(head)
    forms = {
        "base": head,
        "third": third or _with_s(head),
        "past": past,
        "participle": participle,
        "gerund": _gerund(head),
    }
    return {slot: f"{form}{blank}{rest}" for slot, form in forms.items()}


def _adjective(lemma: str) -> dict[str, str]:
    if " " in lemma:
        return {"base": lemma}
    higher, highest = _listed("irregular_adjectives.tsv").get(lemma) or _compared(lemma)
    return {"base": lemma, "comparative": higher, "superlative": highest}


def _adverb(lemma: str) -> dict[str, str]:
    return {"base": lemma}


_RULES: dict[PartOfSpeech, Callable[[str], dict[str, str]]] = {
    "noun": _noun,
    "verb": _verb,
    "adjective": _adjective,
    "adverb": _adverb,
}


def _with_s(word: str) -> str:
    if _HISS.fullmatch(word):
        return word + "es"
    return word[:-1] + "ies" if _ends_in_consonant_y(word) else word + "s"


def _past(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    return word[:-1] + "ied" if _ends_in_consonant_y(word) else _before_vowel(word) + "ed"


def _gerund(word: str) -> str:
    if word.endswith("ie"):
        return word[:-2] + "ying"
    if word.endswith("e") and not word.endswith(("ee", "oe", "ye")) and word != "be":
        return word[:-1] + "ing"
    return _before_vowel(word) + "ing"


def _before_vowel(word: str) -> str:
    """Double the last letter where a vowel comes behind it: stopped, omitted, mimicked."""
    if word.endswith("ic"):
        return word + "k"
    return word + word[-1:] if _SHORT.fullmatch(word) or word in _doubling() else word


def _compared(word: str) -> tuple[str, str]:
    vowels = re.findall(r"[aeiouy]+", word.removesuffix("e"))
    if len(vowels) > 2 or (len(vowels) == 2 and not _ends_in_consonant_y(word)):
        return f"more {word}", f"most {word}"
    if len(vowels) == 2 or (_ends_in_consonant_y(word) and len(word) > 3):
        stem = word[:-1] + "i"
    else:
        stem = word.removesuffix("e") if word.endswith("e") else _before_vowel(word)
    return stem + "er", stem + "est"


def _ends_in_consonant_y(word: str) -> bool:
    return len(word) > 1 and word[-1] == "y" and word[-2] not in "aeiou"


@cache
def _listed(name: str) -> dict[str, tuple[str, ...]]:
    return dict(read_forms(name))


@cache
def _doubling() -> frozenset[str]:
    return frozenset(read_lines("doubling_verbs.txt"))
