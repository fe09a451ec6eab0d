"""Machines on which code cannot be locked in skip what needs walls, and say why."""

from __future__ import annotations

import pytest

from longwave.sandbox import missing_walls


@pytest.fixture
def walls() -> None:
    """Skip a test where there are no walls."""
    reason = missing_walls()
    if reason is not None:
        pytest.skip(reason)
