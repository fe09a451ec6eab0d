"""Write records of tables as text, the way entity matching and data imputation show them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MISSING", "write_record"]

MISSING = "nan"  # how the published prompts show an empty cell


def write_record(record: Mapping[str, str]) -> str:
    """Write the columns of a record one after the other.

    Examples
    --------
    >>> write_record({"name": "Pale Ale", "ABV": ""})
    'name: Pale Ale. ABV: nan'
    """
    return ". ".join(f"{name}: {value or MISSING}".strip() for name, value in record.items())
