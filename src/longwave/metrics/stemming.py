"""Porter's stemmer: cut the endings of English words, so that "connected" and "connections" meet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["porter_stem"]

# Whole words that the rules would spoil; a known departure, see the notes of `porter_stem`
_IRREGULAR = {
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "innings": "inning",
    "outings": "outing",
    "cannings": "canning",
    **{word: word for word in ("sky", "news", "inning", "outing", "canning", "howe")},
    **{word: word for word in ("proceed", "exceed", "succeed")},
}

# (ending, what stands for it), the first that fits; each step has its own least measure
_STEP_2 = (
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
)
_STEP_3 = (
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
)
# the first that fits counts: "ement" before "ment" before "ent"
_STEP_4 = ["al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "sion", "tion"]
_STEP_4 += ["ou", "ism", "ate", "iti", "ous", "ive", "ize"]


@lru_cache(maxsize=1 << 16)
def porter_stem(word: str) -> str:
    """Return the stem of an English word, in lower case.

    Parameters
    ----------
    word : str
        One word; letters other than a to z count as consonants.

    Notes
    -----
    The algorithm of 1980 with the departures that NLTK's stemmer makes by default, since the ROUGE of
    ``rouge-score`` is defined by it: words of one or two letters and a dozen irregular ones stay as they are;
    "dies" keeps its "ie", and so does "died", while longer words in "-ied" end in "i"; a last "y" becomes "i"
    after a consonant that is not the first letter, so "enjoy" and "by" keep it; "-bli" becomes "-ble",
    "-fulli" "-ful" and "-logi" "-log"; after "-alli" step 2 runs once more; a vowel and a consonant alone
    count as a short stem.

    References
    ----------
    M. F. Porter, An algorithm for suffix stripping, Program 14 (1980) 130-137.

    Examples
    --------
    >>> [porter_stem(word) for word in ("connected", "Connections", "hopping", "relational", "sky")]
    ['connect', 'connect', 'hop', 'relat', 'sky']
    """
    word = word.lower()
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    for step in (_plural, _past, _last_y, _long_endings, _step_3, _step_4, _last_e, _double_l):
        word = step(word)
    return word


def _plural(word: str) -> str:  # step 1a
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _past(word: str) -> str:  # step 1b
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for ending in ("ed", "ing"):
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            return _mended(stem) if "v" in _shape(stem) else word
    return word


def _mended(stem: str) -> str:
    """Give a stem back what it lost with "-ed" or "-ing": "hop" for "hopp", "file" for "fil"."""
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if len(stem) > 1 and stem[-1] == stem[-2] and _shape(stem)[-1] == "c":
        return stem if stem[-1] in "lsz" else stem[:-1]
    return stem + "e" if _measure(stem) == 1 and _is_short(stem) else stem


def _last_y(word: str) -> str:  # step 1c
    stem = word[:-1]
    return stem + "i" if word.endswith("y") and len(stem) > 1 and _shape(stem)[-1] == "c" else word


def _long_endings(word: str) -> str:  # step 2
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        return _long_endings(word[:-2])
    if word.endswith("logi"):  # the l belongs to the stem, so that "geologi" has one
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _replaced(word, _STEP_2)


def _step_3(word: str) -> str:
    return _replaced(word, _STEP_3)


def _step_4(word: str) -> str:
    for ending in _STEP_4:
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            if ending in ("sion", "tion"):
                stem += ending[0]  # the s or t counts as part of the stem
            return stem if _measure(stem) > 1 else word
    return word


def _last_e(word: str) -> str:  # step 5a
    if not word.endswith("e"):
        return word
    stem = word[:-1]
    m = _measure(stem)
    return stem if m > 1 or (m == 1 and not _is_short(stem)) else word


def _double_l(word: str) -> str:  # step 5b
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


def _replaced(word: str, endings: Sequence[tuple[str, str]]) -> str:
    for ending, other in endings:
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            return stem + other if _measure(stem) > 0 else word
    return word


def _shape(word: str) -> str:
    """Write v for each vowel and c for each consonant; a y after a consonant is a vowel."""
    shape = ""
    for letter in word:
        is_vowel = letter in "aeiou" or (letter == "y" and shape.endswith("c"))
        shape += "v" if is_vowel else "c"
    return shape


def _measure(stem: str) -> int:
    """Count the times a consonant follows a vowel: m in ``[C](VC)^m[V]``."""
    return _shape(stem).count("vc")


_SHORT = re.compile(r".*cvc|vc", re.DOTALL)


def _is_short(stem: str) -> bool:
    """Whether a stem ends consonant, vowel, consonant, the last one no w, x or y: ``*o``."""
    return bool(_SHORT.fullmatch(shape := _shape(stem))) and (shape == "vc" or stem[-1] not in "wxy")
