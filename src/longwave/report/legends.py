"""Legends: every model keeps its colour on every chart, but a chart names only those that it draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["name_drawn"]

_CHANNELS = ("color", "shape")


def name_drawn(spec: dict[str, object]) -> None:
    """Let the legends of a Vega-Lite specification name what is in its data, in the order of the domain."""
    drawn = {value for row in _rows(spec) for value in row.values() if isinstance(value, str)}
    for part in _parts(spec):
        encoding = part.get("encoding")
        for channel in _CHANNELS:
            one = encoding.get(channel) if isinstance(encoding, dict) else None
            if not isinstance(one, dict) or one.get("legend", {}) is None:
                continue
            domain = (one.get("scale") or {}).get("domain")
            if not isinstance(domain, list):
                continue
            values = [name for name in domain if name in drawn]
            if values and len(values) < len(domain):
                one["legend"] = {**one.get("legend", {}), "values": values}


def _parts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        yield from _parts(value.get("layer"))
    elif isinstance(value, list):
        for one in value:
            yield from _parts(one)


def _rows(spec: dict[str, object]) -> Iterator[dict[str, Any]]:
    """Yield every row of data, inline or in the list of data sets."""
    sets = spec.get("datasets")
    listed = list(sets.values()) if isinstance(sets, dict) else []
    for part in _parts(spec):
        data = part.get("data")
        listed.append(data.get("values") if isinstance(data, dict) else None)
    for rows in listed:
        yield from (row for row in rows or () if isinstance(row, dict))
