"""Small data that every file of these tests uses."""

from __future__ import annotations

import pytest

from longwave.adapters import DescentConfig, EmbeddingDataset, make_groups

SMALL_COUNTS = {"train": (120, 20, 8, 52), "val": (20, 20, 10, 10), "test": (40, 40, 20, 20)}


@pytest.fixture(scope="session")
def small() -> EmbeddingDataset:
    """Return 200 training points of width 16, with the generator's planted failure."""
    return make_groups(100, width=16, counts=SMALL_COUNTS)


@pytest.fixture(scope="session")
def short() -> DescentConfig:
    """Return a descent of a few epochs."""
    return DescentConfig(epochs=3, batch_size=32)
