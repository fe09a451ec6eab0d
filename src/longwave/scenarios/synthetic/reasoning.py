"""Synthetic reasoning over symbols: patterns, substitutions and their results (arXiv 2101.06223, 2211.09110).

A pattern such as ``X + Y =`` mixes rule symbols and mathematical ones. Putting one or two words for each rule
symbol gives a result, ``otter + fig lime =``. Three modes ask for one part of the three:

* ``variable_substitution``: pattern and substitutions are given, the result is asked;
* ``pattern_match``: a result and four patterns are given, the one that it comes from is asked;
* ``induction``: two results of one pattern are given, the pattern is asked.

Rows are our own draws over our own words, in the form of the published code; its wrong patterns too hold each
rule symbol once. Where we differ: no input occurs twice, and of the four patterns only the right one can give
the result (the published code also draws others that can). The names of symbols cannot be told from two
results, so that in ``induction`` even a reasoner without fault is right in a part of the rows only; so it is
in the published code.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

from longwave.errors import ConfigError
from longwave.scenarios.base import Instance
from longwave.scenarios.synthetic.draws import pick, shuffled
from longwave.scenarios.synthetic.splits import SIZES, split_rows
from longwave.scenarios.synthetic.vocabulary import read_vocabulary

__all__ = ["MODES", "Mode", "make_reasoning", "matches"]

Mode = Literal["pattern_match", "variable_substitution", "induction"]
MODES: tuple[Mode, ...] = get_args(Mode)

RULE_SYMBOLS = ("X", "Y", "Z")
MATH_SYMBOLS = ("+", "-", "*", "=")
N_OTHERS = 3  # wrong patterns beside the right one
TRIES = 20  # to find them, before the row is drawn again

Substitution = Mapping[str, Sequence[str]]


def make_reasoning(mode: Mode, *, sizes: Mapping[str, int] = SIZES, seed: int = 42) -> list[Instance]:
    """Draw the rows of one mode.

    Parameters
    ----------
    mode : {"pattern_match", "variable_substitution", "induction"}
        Also the group of its rows.
    sizes : mapping
        Rows of each split.
    seed : int
        Seeds the draw, together with the mode.

    Raises
    ------
    ConfigError
        If the mode is unknown or a size is negative.
    """
    if mode not in MODES:
        raise ConfigError(f'The mode "{mode}" is unknown; accepted are {", ".join(MODES)}.')
    rows = _rows(mode, random.Random(f"{mode}-{seed}"))
    return split_rows(rows, sizes, name="synthetic_reasoning", by="mode", value=mode)


def matches(pattern: Sequence[str], result: Sequence[str]) -> bool:
    """Tell whether a pattern can give a result, with one or two words for each of its rule symbols.

    Examples
    --------
    >>> matches("X + X Y".split(), "fig + fig lime".split())
    True
    >>> matches("X + X".split(), "fig + lime".split())
    False
    """
    return _matches(pattern, result, {})


def _matches(pattern: Sequence[str], result: Sequence[str], known: Substitution) -> bool:
    if not pattern:
        return not result
    symbol, rest = pattern[0], pattern[1:]
    if symbol not in RULE_SYMBOLS:
        return bool(result) and result[0] == symbol and _matches(rest, result[1:], known)
    if symbol in known:
        size = len(known[symbol])
        return result[:size] == known[symbol] and _matches(rest, result[size:], known)
    return any(
        _matches(rest, result[size:], {**known, symbol: result[:size]})
        for size in (1, 2)
        if len(result) >= size and not any(word in MATH_SYMBOLS for word in result[:size])
    )


def _rows(mode: Mode, rng: random.Random) -> Iterator[tuple[str, str]]:
    while True:
        rules = rng.choices(RULE_SYMBOLS, k=pick((2, 3), rng))
        maths = rng.choices(MATH_SYMBOLS, k=pick((2, 3), rng))
        pattern = shuffled([*rules, *maths], rng)
        distinct = sorted(set(rules))
        words = _substitution(distinct, rng)
        result = _substitute(pattern, words)
        if mode == "variable_substitution":
            given = " , ".join(f'{symbol} by " {" ".join(words[symbol])} "' for symbol in distinct)
            yield f"Rules: {' '.join(pattern)} | Substitutions: {given}", " ".join(result)
        elif mode == "induction":
            again = _substitute(pattern, _substitution(distinct, rng))
            yield f"Two results: {' '.join(result)} | {' '.join(again)}", f"Rule: {' '.join(pattern)}"
        elif others := _other_patterns([*distinct, *maths], result, rng):
            shown = shuffled([*others, " ".join(pattern)], rng)
            yield f"Rules: {' | '.join(shown)} | Result: {' '.join(result)}", " ".join(pattern)


def _other_patterns(symbols: list[str], result: list[str], rng: random.Random) -> list[str]:
    """Draw different patterns of these symbols that cannot give the result; none if there are too few."""
    found: dict[str, None] = {}
    for _ in range(TRIES):
        other = shuffled(symbols, rng)
        if not matches(other, result):
            found[" ".join(other)] = None
        if len(found) == N_OTHERS:
            return list(found)
    return []


def _substitution(symbols: Sequence[str], rng: random.Random) -> dict[str, list[str]]:
    things = read_vocabulary().things
    return {symbol: rng.choices(things, k=pick((1, 2), rng)) for symbol in symbols}


def _substitute(pattern: Sequence[str], words: Substitution) -> list[str]:
    return [word for symbol in pattern for word in words.get(symbol, (symbol,))]
