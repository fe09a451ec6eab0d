"""Pieces of the sentences on the first page: names, scores with their intervals, tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from longwave.report.analysis import Analysis
from longwave.report.formats import p_value
from longwave.report.links import ORIGINAL, rows_link
from longwave.report.text import markup, plain

__all__ = ["MOST_NAMED", "link", "listed", "names", "p_text", "sample", "score", "system_name", "whole"]

MOST_NAMED = 4  # models or scenarios named one by one in a sentence


def link(href: str, text: str) -> Markup:
    """Write a link to a page or to rows."""
    return Markup('<a href="{}">{}</a>').format(href, markup(plain(text)))


def system_name(system: str) -> Markup:
    """Write the name of a model."""
    return Markup("<b>{}</b>").format(markup(plain(system)))


def names(texts: Sequence[str], *, bold: bool = True) -> Markup:
    """List names with commas and an "and", of many only the first.

    Examples
    --------
    >>> print(names(["a", "b"], bold=False))
    a and b
    """
    shown = [system_name(text) if bold else markup(plain(text)) for text in texts[:MOST_NAMED]]
    if len(texts) > MOST_NAMED:
        shown.append(Markup("{} more").format(len(texts) - MOST_NAMED))
    return listed(shown)


def listed(parts: Sequence[Markup]) -> Markup:
    """Join parts with commas and an "and"."""
    if len(parts) < 2:
        return Markup("").join(parts)
    return Markup("{} and {}").format(Markup(", ").join(parts[:-1]), parts[-1])


def p_text(value: float | None) -> Markup:
    """Write a p-value with its letter.

    Examples
    --------
    >>> p_text(0.0312).striptags()
    'p = 0.031'
    """
    text = p_value(value)
    return whole(f"p {text}" if text.startswith("<") else f"p = {text}")


def whole(text: str) -> Markup:
    """Keep a short text on one line."""
    return Markup('<span class="whole">{}</span>').format(text)


def sample(sizes: Iterable[int]) -> Markup:
    """Write a number of instances, or from which to which there are.

    Examples
    --------
    >>> sample([60, 24, 1200]).striptags()
    'n = 24 to 1,200'
    """
    found = sorted(set(sizes))
    return whole(f"n = {found[0]:,}" if len(found) < 2 else f"n = {found[0]:,} to {found[-1]:,}")


def score(analysis: Analysis, scenario: str, system: str) -> Markup:
    """Write the score of a model with its 95 % interval and the number of instances; it leads to its rows."""
    found, measure = analysis.cell(scenario, system), analysis.measures[scenario]
    if found is None:
        return Markup("no score")
    href = rows_link(analysis.slugs[scenario], model=system, input_=ORIGINAL)
    interval = measure.interval(found.low, found.high)
    about = Markup("{}, {}").format(interval, sample([found.n])) if interval else sample([found.n])
    return Markup("{} ({})").format(link(href, measure.text(found.value)), about)
