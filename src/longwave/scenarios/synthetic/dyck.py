"""Dyck languages: nested brackets, cut where open ones remain to be closed (arXiv 1911.03329, 2211.09110).

Whole sequences are words of a probabilistic grammar, ``S -> ( S )`` with probability 0.5 (each kind of
bracket equally likely), ``S -> S S`` with 0.25, else the empty word, of a wanted length. A word is cut at the
last place where exactly d brackets are open, d drawn from 1 to 3; the answer closes them, and no other does.

Rows are our own draws in the form of the published code. Where we differ: words of another length are drawn
again as a whole; the published code empties parts of them that grow too long.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from longwave.errors import ConfigError, DataError
from longwave.scenarios.base import CORRECT, Instance, Reference

__all__ = ["BRACKETS", "close_brackets", "make_dyck"]

BRACKETS = ("()", "[]", "{}", "<>")
NEST, PAIR = 0.5, 0.25  # probabilities of S -> ( S ) and S -> S S
MAX_OPEN = 3  # brackets that an answer closes at most
LENGTHS = {"train": (4, 50), "test": (52, 100)}  # of whole words, in brackets
CLOSING = {pair[0]: pair[1] for pair in BRACKETS}


def make_dyck(n_pairs: int = 3, *, n_train: int = 3, n_test: int = 500, seed: int = 42) -> list[Instance]:
    """Draw prefixes of bracket sequences and the brackets that close them.

    Parameters
    ----------
    n_pairs : int
        Kinds of brackets, 1 to 4 of ``BRACKETS``; HELM's tables use 3, its code also offers 2 and 4.
    n_train, n_test : int
        Rows; those of training are shorter, and no prefix occurs twice.
    seed : int

    Raises
    ------
    ConfigError
        If there are no such brackets or a number of rows is negative.
    """
    if not 1 <= n_pairs <= len(BRACKETS) or min(n_train, n_test) < 0:
        raise ConfigError(
            f"{n_pairs} kinds of brackets with {n_train} and {n_test} rows were asked for; accepted are 1 to "
            f"{len(BRACKETS)} kinds and 0 rows or more."
        )
    rng = random.Random(seed)
    seen: set[str] = set()
    found: list[Instance] = []
    for split, size in (("train", n_train), ("test", n_test)):
        row = 0
        while row < size:
            prefix = _draw_prefix(BRACKETS[:n_pairs], *LENGTHS[split], rng)
            text = " ".join(prefix)
            if not prefix or text in seen:
                continue
            seen.add(text)
            found.append(_instance(text, close_brackets(prefix), split, row))
            row += 1
    return found


def close_brackets(prefix: Sequence[str]) -> list[str]:
    """Return the brackets that close what is open in a prefix, the innermost first.

    Raises
    ------
    DataError
        If a bracket closes another than the last open one, or is none.

    Examples
    --------
    >>> close_brackets("( [ { }".split())
    [']', ')']
    """
    wanted: list[str] = []
    for bracket in prefix:
        if bracket in CLOSING:
            wanted.append(CLOSING[bracket])
        elif not wanted or wanted.pop() != bracket:
            raise DataError(
                f'"{bracket}" closes nothing in "{" ".join(prefix)}"; accepted are prefixes of nested '
                f"{' '.join(BRACKETS)}. Mend the row."
            )
    return wanted[::-1]


def _draw_prefix(pairs: Sequence[str], low: int, high: int, rng: random.Random) -> list[str]:
    """Draw a word of a wanted length and cut it; empty where it never is as deep as drawn."""
    word: list[str] = []
    while not low <= len(word) <= high:
        word = _draw_word(pairs, high, rng)
    n_open = rng.randint(1, MAX_OPEN)
    depth = 0
    for place in range(len(word) - 1, -1, -1):
        depth += -1 if word[place] in CLOSING else 1
        if depth == n_open:
            return word[:place]
    return []


def _draw_word(pairs: Sequence[str], max_length: int, rng: random.Random) -> list[str]:
    """Draw a word of the grammar, left to right; give up as soon as it must be longer than ``max_length``."""
    word: list[str] = []
    todo = [""]  # "" is a part to draw, else a bracket to write; the last one is next
    n_owed = 0  # brackets in ``todo``
    while todo:
        bracket = todo.pop()
        if bracket:
            word.append(bracket)
            n_owed -= 1
            continue
        chance = rng.random()
        if chance < NEST:
            opening = pairs[int(rng.random() * len(pairs))][0]
            word.append(opening)
            todo += [CLOSING[opening], ""]
            n_owed += 1
        elif chance < NEST + PAIR:
            todo += ["", ""]
        if len(word) + n_owed > max_length:
            return []
    return word


def _instance(text: str, answer: Sequence[str], split: str, row: int) -> Instance:
    # a completion starts with the blank that parts it from the prompt
    return Instance(
        id=f"dyck_language-{split}-{row:05d}",
        input=text,
        references=(Reference(text=f" {' '.join(answer)}", tags=(CORRECT,)),),
        split="train" if split == "train" else "test",
    )
