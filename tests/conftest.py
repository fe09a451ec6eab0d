"""Fixtures every test may use: seeds made from the test's own name, and the tolerances of each data type."""

from __future__ import annotations

import importlib.util
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import torch

# Without a GPU, Triton's kernels run in its interpreter, on CPU tensors. Kernels look when they are defined.
HAS_GPU = Path("/dev/nvidiactl").exists()
if not HAS_GPU:
    os.environ["TRITON_INTERPRET"] = "1"

# The first call of an operator may take long; examples are the same in every run. `make test` takes 40 of a
# property, `make test-all` 100; a test that names a number keeps it.
EXAMPLES = int(os.environ.get("LONGWAVE_EXAMPLES", "40"))
settings.register_profile("steady", deadline=None, derandomize=True, max_examples=EXAMPLES)
settings.load_profile("steady")

_spec = importlib.util.spec_from_file_location("tolerances", Path(__file__).parent / "tolerances.py")
tolerances = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tolerances)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Return a number that depends on the test's name alone."""
    return zlib.crc32(request.node.name.encode())


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Return a seeded numpy generator."""
    return np.random.default_rng(seed)


@pytest.fixture
def generator(seed: int) -> torch.Generator:
    """Return a seeded torch generator."""
    import torch

    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="session")
def tolerance() -> Callable[[torch.dtype], dict[str, float]]:
    """Return a function from a data type to the ``rtol`` and ``atol`` of its comparisons."""

    def of(dtype: torch.dtype) -> dict[str, float]:
        rtol, atol = tolerances.RELATIVE_ABSOLUTE[str(dtype).removeprefix("torch.")]
        return {"rtol": rtol, "atol": atol}

    return of
