"""Addresses inside the report: file names for names of any kind, and links to the rows behind a number."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from urllib.parse import urlencode

__all__ = [
    "ORIGINAL",
    "PER_PAGE",
    "anchor",
    "instances_page",
    "model_page",
    "pair_page",
    "per_page",
    "rows_link",
    "slugs",
]

ORIGINAL = "original"  # what a null perturbation is called on the pages
PER_PAGE = 50  # instances on one page at most
ROWS_PER_PAGE = 400  # answers on one page, as near as whole instances come

_HASHED = re.compile(r"-[0-9a-f]{8}$")  # how a name with its hash ends; no other may


def slugs(names: Iterable[str], *, noun: str = "scenario") -> dict[str, str]:
    """Give every name a file name of its own: lower-case letters, digits, ``.``, ``_`` and ``-``.

    A name that loses something on the way, or meets another one, gets the first digits of its hash; one of
    which nothing is left is called by the noun.

    Examples
    --------
    >>> slugs(["boolq@1", "../x"])
    {'boolq@1': 'boolq-1', '../x': 'x-d6b96a97'}
    """
    found: dict[str, str] = {}
    for name in names:
        slug = re.sub(r"[^a-z0-9_.]+", "-", name.lower()).strip("-.")[:60]
        is_taken = slug in ("", "index", *found.values()) or _HASHED.search(slug)
        if slug != name.replace("@", "-") or is_taken:
            slug = f"{slug or noun}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        found[name] = slug
    return found


def anchor(instance: str) -> str:
    """Return the id of an instance's place on its page; any text becomes a valid, collision-free id."""
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "-", instance)
    if safe != instance or len(safe) > 60 or _HASHED.search(safe):
        safe = f"{safe[:40]}-{hashlib.sha256(instance.encode()).hexdigest()[:8]}"
    return f"i-{safe}"


def instances_page(slug: str, page: int = 1) -> str:
    """Return the address, from the report's top folder, of a page of the instance browser."""
    return f"instances/{slug}{'' if page == 1 else f'~{page}'}.html"


def per_page(rows: int, instances: int) -> int:
    """Return how many instances stand on a page, so that many models or inputs do not make it heavy.

    Examples
    --------
    >>> per_page(100, 100), per_page(3000, 100), per_page(100_000, 10)
    (50, 14, 1)
    """
    return max(1, min(PER_PAGE, -(-ROWS_PER_PAGE * instances // max(rows, 1))))


def model_page(slug: str) -> str:
    """Return the address of a model's page from the report's top folder."""
    return f"models/{slug}.html"


def pair_page(first: str, second: str) -> str:
    """Return the address of the comparison of two models, by their file names."""
    return f"comparisons/{first}~{second}.html"


def rows_link(
    slug: str,
    *,
    model: str | None = None,
    input_: str | None = None,
    prompt: str | None = None,
    beside: str | None = None,
    outcome: str | None = None,
    versus: str | None = None,
    edits: str | None = None,
    flip: str | None = None,
    error: str | None = None,
    group: str | None = None,
    low: float | None = None,
    high: float | None = None,
) -> str:
    """Return the address of the rows behind a number, from the report's top folder.

    Parameters
    ----------
    slug : str
        File name of the scenario.
    model, group : str, optional
    input_ : str, optional
        ``"original"`` or the name of a perturbation.
    prompt : str, optional
        What stands in the ``prompt`` column.
    beside : str, optional
        A second prompt, whose rows are shown as well.
    outcome : {"right", "wrong", "failed", "unscored"}, optional
    versus : str, optional
        A second model that must have the other outcome on the same input.
    edits : {"robustness", "fairness"}, optional
        Originals, and the inputs whose perturbation counts for this.
    flip : {"lost", "gained"}, optional
        A perturbed input that turned right into wrong, or wrong into right.
    error : str, optional
        Why the request failed, as far as it is listed.
    low, high : float, optional
        Bounds of the confidence, both included.
    """
    fields = {"model": model, "input": input_, "prompt": prompt, "beside": beside, "edits": edits}
    fields |= {"outcome": outcome, "versus": versus, "flip": flip, "group": group, "error": error}
    query = {name: value for name, value in fields.items() if value is not None}
    # every digit: rounded bounds would let in the rows of the next bin, or keep out their own
    query |= {
        name: repr(float(bound)).removesuffix(".0")
        for name, bound in (("low", low), ("high", high))
        if bound is not None
    }
    return instances_page(slug) + (f"?{urlencode(query)}" if query else "")
