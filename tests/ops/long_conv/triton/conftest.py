"""Where the GPU kernels run: on a GPU in tests marked so, else in Triton's interpreter."""

from __future__ import annotations

import pytest

pytest.importorskip("triton", reason="Triton exists for Linux only")


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    """Return where the kernels run; a test marked gpu runs on one."""
    return "cuda" if request.node.get_closest_marker("gpu") else "cpu"


@pytest.fixture(autouse=True)
def _interpreted_unless_marked(request: pytest.FixtureRequest) -> None:
    from longwave.ops.long_conv import triton

    if not request.node.get_closest_marker("gpu") and not triton._IS_INTERPRETED:
        pytest.skip("with a GPU the kernels are compiled: run -m gpu there")
