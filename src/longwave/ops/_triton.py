"""Is Triton there, and what goes wrong where its kernels cannot be compiled or launched."""

from __future__ import annotations

import importlib.util
from subprocess import SubprocessError

__all__ = ["HAS_TRITON", "launch_failures"]

HAS_TRITON = importlib.util.find_spec("triton") is not None


def launch_failures() -> tuple[type[Exception], ...]:
    """Return what a launch raises that is no mistake of the caller; Triton must be there.

    A kernel does not compile or fit on the chip, no C compiler works, or this version of Triton launches in
    another way.
    """
    from triton.runtime.errors import TritonError

    return TritonError, RuntimeError, SubprocessError, TypeError, AttributeError
