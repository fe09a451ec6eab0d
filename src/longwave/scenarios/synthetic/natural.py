"""Synthetic reasoning in plain English: what follows from a fact under five rules (arXiv 2211.09110).

A problem gives five rules about a subject ("If a crow is cold or old, then the crow is sad."), a fact with
two attributes of it ("The crow is old and red."), and asks for the attributes that follow. No attribute
occurs in two rules, so that nothing follows in more than one step. In ``hard`` problems a rule may name the
kind of the subject in its place (an animal for a crow), and the fact may name attributes by narrower words
(ancient for old). Rules about its kind hold for the subject; a narrower word says what the wider one says.

Rows are our own draws over our own words, in the form of the published code; no input occurs twice.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from longwave.errors import ConfigError
from longwave.scenarios.base import Instance
from longwave.scenarios.synthetic.draws import pick, shuffled
from longwave.scenarios.synthetic.splits import SIZES, split_rows
from longwave.scenarios.synthetic.vocabulary import read_vocabulary

__all__ = ["DIFFICULTIES", "Difficulty", "make_natural_reasoning"]

Difficulty = Literal["easy", "hard"]
DIFFICULTIES: tuple[Difficulty, ...] = get_args(Difficulty)

N_RULES = 5
NOTHING = "Nothing."
KEEP_NOTHING = 0.1  # share of facts without consequence that are kept


@dataclass(frozen=True)
class _Rule:
    subject: str
    conditions: tuple[str, ...]
    conjunction: str
    consequent: str

    def holds(self, attributes: tuple[str, ...]) -> bool:
        hits = sum(condition in attributes for condition in self.conditions)
        return hits == len(self.conditions) if self.conjunction == "and" else hits > 0

    def __str__(self) -> str:
        condition = f" {self.conjunction} ".join(self.conditions)
        return f"If {_one(self.subject)} is {condition}, then {_the(self.subject)} is {self.consequent}."


def make_natural_reasoning(
    difficulty: Difficulty, *, sizes: Mapping[str, int] = SIZES, seed: int = 42
) -> list[Instance]:
    """Draw the problems of one difficulty.

    Parameters
    ----------
    difficulty : {"easy", "hard"}
        Also the group of its problems.
    sizes : mapping
        Problems of each split.
    seed : int
        Seeds the draw, together with the difficulty.

    Raises
    ------
    ConfigError
        If the difficulty is unknown or a size is negative.
    """
    if difficulty not in DIFFICULTIES:
        raise ConfigError(
            f'The difficulty "{difficulty}" is unknown; accepted are {", ".join(DIFFICULTIES)}.'
        )
    rows = _rows(difficulty, random.Random(f"{difficulty}-{seed}"))
    return split_rows(rows, sizes, name="synthetic_reasoning_natural", by="difficulty", value=difficulty)


def _rows(difficulty: Difficulty, rng: random.Random) -> Iterator[tuple[str, str]]:
    words = read_vocabulary()
    kinds, known = tuple(words.kinds), tuple(words.narrower)
    while True:
        kind = pick(kinds, rng)
        subject = pick(words.kinds[kind], rng)
        rules = _draw_rules((subject,) if difficulty == "easy" else (kind, subject), known, rng)
        attributes, consequents = _draw_fact(rules, known, rng)
        shown = attributes
        if difficulty == "hard":
            shown = tuple(pick((attribute, *words.narrower[attribute]), rng) for attribute in attributes)
        lines = [
            *map(str, rules),
            "Fact:",
            _statement(subject, shown),
            f"The following can be determined about {_the(subject)}:",
        ]
        yield "\n".join(lines), _statement(subject, consequents)


def _draw_rules(subjects: tuple[str, ...], known: tuple[str, ...], rng: random.Random) -> list[_Rule]:
    """Draw rules over attributes that no other rule names."""
    free = shuffled(known, rng)
    rules = []
    for _ in range(N_RULES):
        conditions = (free.pop(), free.pop()) if rng.random() < 0.5 else (free.pop(),)
        rules.append(_Rule(pick(subjects, rng), conditions, pick(("and", "or"), rng), free.pop()))
    return rules


def _draw_fact(
    rules: list[_Rule], known: tuple[str, ...], rng: random.Random
) -> tuple[tuple[str, ...], list[str]]:
    """Draw two attributes until something new follows from them; now and then keep those of nothing."""
    while True:
        attributes = (pick(known, rng), pick(known, rng))
        if attributes[0] == attributes[1]:
            continue
        consequents = [
            rule.consequent for rule in rules if rule.consequent not in attributes and rule.holds(attributes)
        ]
        if consequents or rng.random() < KEEP_NOTHING:
            return attributes, consequents


def _statement(subject: str, attributes: Sequence[str]) -> str:
    if not attributes:
        return NOTHING
    start = _the(subject)
    return f"{start[0].upper()}{start[1:]} is {' and '.join(attributes)}."


def _the(subject: str) -> str:
    return subject if _is_name(subject) else f"the {subject}"


def _one(subject: str) -> str:
    if _is_name(subject):
        return subject
    return f"an {subject}" if subject[0] in "aeiou" else f"a {subject}"


def _is_name(subject: str) -> bool:
    return subject[0].isupper()
