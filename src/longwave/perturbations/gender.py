"""Gender: pronouns and terms of one gender exchanged for those of another."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import ClassVar, Literal

from longwave.errors import ConfigError
from longwave.perturbations._articles import ARTICLE, agreeing
from longwave.perturbations._draws import choose_once
from longwave.perturbations._matching import ALONE_AFTER, ALONE_BEFORE, any_of, spelled
from longwave.perturbations._words import read_forms, read_lines
from longwave.perturbations.base import match_case
from longwave.perturbations.swaps import WordSwap

__all__ = ["Gender", "GenderPronouns", "GenderTerms", "Triples"]

Gender = Literal["neutral", "female", "male"]
Triples = tuple[tuple[str, str, str], ...]
_GENDERS: tuple[Gender, ...] = ("neutral", "female", "male")

# subject, object, determiner, possessive, reflexive: arXiv 2211.09110, appendix D.2
_PRONOUNS: Triples = (
    ("they", "she", "he"),
    ("them", "her", "him"),
    ("their", "her", "his"),
    ("theirs", "hers", "his"),
    ("themselves", "herself", "himself"),
)
_SUBJECT, _DETERMINER = 0, 2
_NEXT_WORD = re.compile(r"[ \t]+([^\W_](?:[\w'’-]*\w)?)")


@dataclass(frozen=True, kw_only=True)
class _GenderSwap(WordSwap):
    """What both swaps share: a direction, whose two ends stand together in the name."""

    source: Gender = "male"
    target: Gender = "female"
    both_ways: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("source", self.source), ("target", self.target)):
            if value not in _GENDERS:
                raise ConfigError(f'{name} is "{value}"; accepted are {", ".join(_GENDERS)}.')
        if self.source == self.target:
            raise ConfigError(f'source and target are both "{self.source}"; choose two that differ.')

    def labels(self) -> dict[str, str]:
        """Return what the parameters add to the name."""
        found = super().labels()
        if found.pop("source", None) or found.pop("target", None):
            found.pop("target", None)
            found = {"direction": f"{self.source}-{self.target}", **found}
        return found

    def _directions(self) -> list[tuple[int, int]]:
        there = (_GENDERS.index(self.source), _GENDERS.index(self.target))
        return [there, there[::-1]] if self.both_ways else [there]


@dataclass(frozen=True, kw_only=True)
class GenderPronouns(_GenderSwap):
    """Exchange pronouns of one gender for those of another, in input and references.

    Parameters
    ----------
    rate : float
        Probability that a pronoun is exchanged.
    source, target : {"neutral", "female", "male"}
        From which gender to which.
    both_ways : bool
        Whether those of the target become those of the source as well.

    Notes
    -----
    The five triples of HELM, neutral, female, male: they, she, he; them, her, him; their, her, his; theirs,
    hers, his; themselves, herself, himself. Two words have two readings, "her" (object or determiner) and
    "his" (determiner or possessive). They are determiners where a word that can begin a noun follows on the
    same line ("her car", "his old car"), and the other where a sign, a line end or a function word follows
    ("saw her.", "told her that", "a friend of his and"). The rule errs where an object has no sign behind it
    ("gave her money" is read as her money).

    Clitics stay ("he's" becomes "she's"); from and to "they", "is" and "are" are exchanged in them ("they're"
    becomes "he's", "he's" "they're"). Other verbs do not follow: "they run" becomes "he run".

    References
    ----------
    arXiv 2211.09110, section 4.5 and appendix D.2.
    """

    base_name: ClassVar[str] = "gender-pronouns"
    description: ClassVar[str] = "He, him, his, himself become she, her, hers, herself"

    @cached_property
    def _listed(self) -> tuple[re.Pattern[str], dict[str, dict[int, tuple[str, bool]]]]:
        readings: dict[str, dict[int, tuple[str, bool]]] = {}
        for source, target in self._directions():
            for role, triple in enumerate(_PRONOUNS):
                changes_number = "neutral" in (_GENDERS[source], _GENDERS[target])
                readings.setdefault(triple[source], {})[role] = (triple[target], changes_number)
        words = any_of(readings, before=ALONE_BEFORE, after=ALONE_AFTER).pattern
        return re.compile(rf"(?P<word>{words})(?P<clitic>['’](?:[sS]|[rR][eE]|[vV][eE])(?!\w))?"), readings

    def writer(self, texts: Sequence[str], rng: random.Random) -> Callable[[str], str]:  # noqa: ARG002
        """Return the function that edits the texts of one instance."""
        pattern, readings = self._listed
        choose = choose_once(self.rate, rng)

        def swap(found: re.Match[str]) -> str:
            word, clitic = found["word"], found["clitic"] or ""
            roles = readings[spelled(word)]
            role = _role(roles, found)
            form, changes_number = roles[role]
            if choose(spelled(word), (form,)) is None:
                return found.group()
            if changes_number and role == _SUBJECT:
                clitic = _agreeing_clitic(clitic)
            return match_case(form, word) + clitic

        return lambda text: pattern.sub(swap, text)


@dataclass(frozen=True, kw_only=True)
class GenderTerms(_GenderSwap):
    """Exchange terms such as son and daughter, in input and references.

    Parameters
    ----------
    rate : float
        Probability that a term is exchanged.
    source, target : {"neutral", "female", "male"}
        From which gender to which.
    both_ways : bool
        Whether those of the target become those of the source as well.
    triples : tuple of (str, str, str)
        Neutral, female and male terms; Longwave's own 32 (16 terms and their plurals) where it is empty.

    Notes
    -----
    An article follows the new word ("an uncle", "a niece"). Unlike the reference code, "grandparents" are
    "grandfathers" and not one grandfather, and the first and the last word of a text are exchanged too.

    References
    ----------
    arXiv 2211.09110, section 4.5 and appendix D.2.
    """

    base_name: ClassVar[str] = "gender-terms"
    description: ClassVar[str] = "Man, son, husband and the like become woman, daughter, wife"
    triples: Triples = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for triple in self.triples:
            if len(triple) != 3 or not all(term.strip() for term in triple):
                raise ConfigError(
                    f"triples has {triple!r}; accepted are a neutral, a female and a male term."
                )

    @cached_property
    def _listed(self) -> tuple[re.Pattern[str], dict[str, str]]:
        triples = self.triples or _terms()
        forms: dict[str, str] = {}
        for source, target in self._directions():
            for triple in triples:
                forms.setdefault(spelled(triple[source]), triple[target])
        words = any_of(forms, before=ALONE_BEFORE, after=ALONE_AFTER).pattern
        return re.compile(rf"{ARTICLE}(?P<word>{words})"), forms

    def writer(self, texts: Sequence[str], rng: random.Random) -> Callable[[str], str]:  # noqa: ARG002
        """Return the function that edits the texts of one instance."""
        pattern, forms = self._listed
        choose = choose_once(self.rate, rng)

        def swap(found: re.Match[str]) -> str:
            word = found["word"]
            form = choose(spelled(word), (forms[spelled(word)],))
            if form is None:
                return found.group()
            new = match_case(form, word)
            return agreeing(found, word, new) + new

        return lambda text: pattern.sub(swap, text)


def _role(roles: dict[int, tuple[str, bool]], found: re.Match[str]) -> int:
    """Choose a reading of a pronoun: the determiner where something like a noun follows."""
    if len(roles) > 1 and _DETERMINER in roles:
        if not found["clitic"] and _begins_noun(found.string, found.end()):
            return _DETERMINER
        return next(role for role in roles if role != _DETERMINER)
    return next(iter(roles))


def _begins_noun(text: str, start: int) -> bool:
    following = _NEXT_WORD.match(text, start)
    return following is not None and spelled(following[1]) not in _function_words()


def _agreeing_clitic(clitic: str) -> str:
    """Exchange "is" for "are" and the other way; "has" and "have" are read as those."""
    new = {"s": "re", "re": "s", "ve": "s"}.get(clitic[1:].lower())
    if new is None:
        return clitic
    return clitic[0] + (new.upper() if clitic[1:].isupper() else new)


@cache
def _function_words() -> frozenset[str]:
    return frozenset(word for line in read_lines("function_words.txt") for word in line.split())


@cache
def _terms() -> Triples:
    return tuple((neutral, forms[0], forms[1]) for neutral, forms in read_forms("gender_terms.tsv"))


GENDER_PRONOUNS = GenderPronouns()
GENDER_PRONOUNS_FEMALE_MALE = GenderPronouns(source="female", target="male")
GENDER_TERMS = GenderTerms()
GENDER_TERMS_FEMALE_MALE = GenderTerms(source="female", target="male")
