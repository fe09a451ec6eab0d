"""The article before a word that was exchanged: a before consonants, an before vowels."""

from __future__ import annotations

import re

__all__ = ["ARTICLE", "agreeing"]

# optional, so that it can open a pattern of words
ARTICLE = r"(?:(?<![\w'’-])(?P<article>[Aa][Nn]?)(?P<blanks> +))?"
_VOWEL_SOUND = re.compile(r"[aeio]|u(?!ni|s[aeiu]|til|tens)|hono|hones|hour|heir", re.IGNORECASE)
_CONSONANT_SOUND = re.compile(r"eu|one(?![a-z])|once|ew|oui", re.IGNORECASE)
_ENDS = ".!?:;\n\"'“‘([*-"


def agreeing(found: re.Match[str], old: str, new: str) -> str:
    """Return the article and blanks that `ARTICLE` matched, the article in agreement with the new word.

    One that does not agree with the old word stays, since it may be a letter ("vitamin A deficiency"), and so
    does a capital within a sentence.
    """
    article, blanks = found["article"], found["blanks"]
    if article is None:
        return ""
    is_an = len(article) == 2
    before = found.string[: found.start("article")].rstrip(" ")[-1:]
    is_letter = article == "A" and old != old.upper() and before != "" and before not in _ENDS
    if is_an != _begins_with_vowel(old) or is_an == _begins_with_vowel(new) or is_letter:
        return article + blanks
    if is_an:
        return article[0] + blanks
    return article + ("N" if article == "A" and len(new) > 1 and new == new.upper() else "n") + blanks


def _begins_with_vowel(word: str) -> bool:
    return _VOWEL_SOUND.match(word) is not None and _CONSONANT_SOUND.match(word) is None
