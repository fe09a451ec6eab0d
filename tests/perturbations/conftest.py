"""Instances to perturb."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from longwave.scenarios.base import Instance, Reference


@pytest.fixture(scope="session")
def make_instance() -> Callable[..., Instance]:
    """Return a function that makes an instance of a text; keywords replace its other fields."""

    def make(text: str, **fields: object) -> Instance:
        values = {
            "id": "id0",
            "split": "test",
            "references": (Reference(text="It is", tags=("correct",)),),
            **fields,
        }
        return Instance(input=text, **values)

    return make
