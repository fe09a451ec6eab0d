"""Synonyms from WordNet, read through NLTK where a user has installed both."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from functools import cache
from typing import Protocol, cast

from longwave.errors import MissingExtra, MissingFile
from longwave.perturbations._inflection import PartOfSpeech, inflect
from longwave.perturbations._words import read_lines

__all__ = ["wordnet_forms"]


class _Lemma(Protocol):
    def name(self) -> str: ...
    def count(self) -> int: ...


class _Synset(Protocol):
    def lemmas(self) -> Sequence[_Lemma]: ...


class _WordNet(Protocol):
    def synsets(self, lemma: str, pos: str) -> Sequence[_Synset]: ...
    def morphy(self, form: str, pos: str) -> str | None: ...


_LETTERS: dict[PartOfSpeech, str] = {"noun": "n", "verb": "v", "adjective": "a", "adverb": "r"}
_PLAIN = re.compile(r"[a-z]+(?:[ -][a-z]+)*")


@cache
def wordnet_forms(word: str) -> tuple[str, ...]:
    """Return the synonyms of a word in the same form, for its most frequent sense; sorted.

    Words without any counted sense have none: they are mostly signs and abbreviations ("br" is bromine).

    Raises
    ------
    MissingExtra
        If NLTK is not installed.
    MissingFile
        If its WordNet data is not.
    """
    wordnet = _load()
    if word in _function_words():
        return ()
    readings = [
        (*_frequent_sense(wordnet, lemma, letter), part, lemma)
        for part, letter in _LETTERS.items()
        if (lemma := wordnet.morphy(word, letter))
    ]
    count, synset, part, lemma = max(readings, key=lambda reading: reading[0], default=(0, None, "noun", ""))
    if count == 0 or synset is None:
        return ()
    slots = [slot for slot, form in inflect(lemma, part).items() if form == word]
    if not slots:
        return ()
    names = {each.name().lower().replace("_", " ") for each in synset.lemmas()}
    others = [inflect(name, part) for name in sorted(names - {lemma}) if _PLAIN.fullmatch(name)]
    forms = {tuple(other.get(slot) for slot in slots) for other in others}
    fitting = {first for first, *rest in forms if first is not None and all(each == first for each in rest)}
    return tuple(sorted(fitting - {word}))


def _frequent_sense(wordnet: _WordNet, lemma: str, letter: str) -> tuple[int, _Synset | None]:
    """Return the sense that is counted most, the first of equals, and its count."""
    senses = [
        (each.count(), synset)
        for synset in wordnet.synsets(lemma, letter)
        for each in synset.lemmas()
        if each.name().lower() == lemma
    ]
    return max(senses, key=lambda sense: sense[0], default=(0, None))


@cache
def _load() -> _WordNet:
    try:
        wordnet = importlib.import_module("nltk.corpus").wordnet
    except ModuleNotFoundError as error:
        raise MissingExtra('Synonym(source="wordnet")', "text") from error
    try:
        wordnet.synsets("word", "n")
    except (LookupError, OSError) as error:
        raise MissingFile(
            'Synonym(source="wordnet") found NLTK but not its whole WordNet data. Install it with: python -m '
            "nltk.downloader wordnet; or take the list that ships with Longwave, Synonym()."
        ) from error
    return cast(_WordNet, wordnet)


@cache
def _function_words() -> frozenset[str]:
    return frozenset(word for line in read_lines("function_words.txt") for word in line.split())
