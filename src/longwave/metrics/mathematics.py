"""Equality of mathematical answers written in LaTeX, after a normalisation of how they are written."""

from __future__ import annotations

import re
from collections.abc import Callable

from longwave.metrics.base import InstanceMetric

__all__ = ["last_boxed", "math_equiv", "normalise_latex"]

_DROPPED = re.compile(
    r"\\!|\\left(?![a-zA-Z])|\\right(?![a-zA-Z])|\^\s*\{\s*\\circ\s*\}|\^\s*\\circ(?![a-zA-Z])|\\\$|\\%"
)
_UNITS = re.compile(r"(?<=\S)\s*\\text\{\s.*", re.DOTALL)
_BARE_POINT = re.compile(r"(?<!\d)\.(?=\d)")
_INTEGERS = re.compile(r"(-?)(\d+)/(\d+)")
_NEGATIVE_FRACTION = re.compile(r"\\frac\{-(\d+)\}\{(\d+)\}")
_BOXES = re.compile(r"\\(?:boxed|fbox)\s*\{|\\boxed\s+(?=[^\s{])")
_LONGEST_NAME = 2  # letters of a variable before "=" that is dropped
_ARGUMENTS = {r"\frac": 2, r"\sqrt": 1}


def last_boxed(text: str) -> str | None:
    r"""Return what stands in the last ``\boxed{}`` or ``\fbox{}`` of a solution.

    Returns
    -------
    str or None
        None where there is no box or its brace is never closed. ``\boxed 7$`` without braces ends before the
        next dollar sign.

    Examples
    --------
    >>> last_boxed(r"so $x = \boxed{\frac{1}{2}}$.")
    '\\frac{1}{2}'
    """
    found = list(_BOXES.finditer(text))
    if not found:
        return None
    start = found[-1].end()
    if text[start - 1] != "{":
        return text[start:].split("$")[0].strip()
    end = _closing(text, start - 1)
    return None if end is None else text[start:end]


def normalise_latex(text: str) -> str:
    r"""Write a mathematical answer in one way.

    Parameters
    ----------
    text : str
        An answer, without or with dollar signs around it.

    Notes
    -----
    In this order: ``\!``, ``\left``, ``\right``, degrees, ``\$`` and ``\%`` are dropped; units, from
    ``\text{`` with a blank after it, are dropped; so is white space; ``\dfrac`` and ``\tfrac`` become
    ``\frac``; ``x=`` before the answer is dropped if the name has one or two signs; ``.5`` becomes ``0.5``;
    arguments get their braces (``\frac12``, ``\sqrt3``); ``a/b`` of whole numbers becomes a fraction; 0.5
    alone becomes one half. Doing it twice changes nothing more.

    Where we differ from the reference code of the data set: a unit alone is kept; ``-1/2`` and
    ``\frac{-1}{2}`` become ``-\frac{1}{2}``; ``\sqrt[3]{8}`` keeps its degree; doubled backslashes stay.

    References
    ----------
    Appendix of arXiv 2103.03874; appendix C.1 of arXiv 2211.09110.

    Examples
    --------
    >>> normalise_latex(r"x = \dfrac12\text{ cm}")
    '\\frac{1}{2}'
    """
    before = None
    while text != before:  # what one rule drops may bring together what another one sees
        before = text
        text = _rewritten(text)
    return text


def math_equiv(prediction: str, reference: str) -> float:
    r"""Return 1 if two answers are equal after `normalise_latex`; an empty one gets 0.

    Examples
    --------
    >>> math_equiv(r"$\tfrac{3}{4}$", "3/4")
    1.0
    """
    if not prediction.strip() or not reference.strip():
        return 0.0
    got, want = normalise_latex(prediction), normalise_latex(reference)
    if not got and not want:  # nothing but signs that are dropped, such as a degree
        return float(prediction.strip() == reference.strip())
    return float(got == want)


def _math_equiv_chain_of_thought(prediction: str, reference: str) -> float:
    """Compare the last boxes of two solutions; a reference without any is taken whole."""
    answer, gold = last_boxed(prediction), last_boxed(reference)
    return 0.0 if answer is None else math_equiv(answer, reference if gold is None else gold)


def _rewritten(text: str) -> str:
    text = _DROPPED.sub("", text).strip().strip("$")
    text = _UNITS.sub("", text)
    text = "".join(text.split())
    text = text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    name, equals, value = text.partition("=")
    if equals and "=" not in value and value and 0 < len(name) <= _LONGEST_NAME:
        text = value
    text = _with_braces(_BARE_POINT.sub("0.", text))
    whole = _INTEGERS.fullmatch(text)
    if whole:
        text = rf"{whole[1]}\frac{{{whole[2]}}}{{{whole[3]}}}"
    negative = _NEGATIVE_FRACTION.fullmatch(text)
    if negative:
        text = rf"-\frac{{{negative[1]}}}{{{negative[2]}}}"
    return r"\frac{1}{2}" if text == "0.5" else text


def _with_braces(text: str) -> str:
    r"""Put braces around bare arguments of ``\frac`` and ``\sqrt``; the text has no blanks."""
    for command, count in _ARGUMENTS.items():
        place = text.find(command)
        while place >= 0:
            place += len(command)
            text = _braced_from(text, place, count)
            place = text.find(command, place)
    return text


def _braced_from(text: str, place: int, count: int) -> str:
    for _ in range(count):
        if place >= len(text) or text[place] in "}[":
            break
        if text[place] == "{":
            end = _closing(text, place)
            if end is None:
                break
            place = end + 1
            continue
        found = re.compile(r"\\[a-zA-Z]+|\\?.", re.DOTALL).match(text, place)
        argument = found[0] if found else ""
        text = f"{text[:place]}{{{argument}}}{text[place + len(argument) :]}"
        place += len(argument) + 2
    return text


def _closing(text: str, opening: int) -> int | None:
    """Find the brace that closes the one at ``opening``; a brace after a backslash is a sign of its own."""
    depth = 0
    for found in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, opening):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0 and found[0] == "}":
            return found.start()
    return None


def _math_metric(name: str, function: Callable[[str, str], float]) -> InstanceMetric:
    return InstanceMetric(name=name, family="accuracy", higher_is_better=True, function=function)


MATH_EQUIV = _math_metric("math_equiv", math_equiv)
MATH_EQUIV_CHAIN_OF_THOUGHT = _math_metric("math_equiv_chain_of_thought", _math_equiv_chain_of_thought)
