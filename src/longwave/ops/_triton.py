"""Is Triton there, can its kernels be launched on a device, and what goes wrong where they cannot."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from subprocess import SubprocessError

import torch
from torch import Tensor

__all__ = ["HAS_TRITON", "can_launch", "launch_failures", "on_device"]

HAS_TRITON = importlib.util.find_spec("triton") is not None


def on_device(tensor: Tensor) -> AbstractContextManager[object]:
    """Make the tensor's GPU the present one, where kernels are launched; nothing on a CPU."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


def can_launch(attempt: Callable[[], object], log: logging.Logger, otherwise: str) -> bool:
    """Tell by tiny launches whether kernels run; a warning says what happens ``otherwise``, and why."""
    try:
        attempt()
    except launch_failures() as failure:
        log.warning("%s: %r", otherwise, failure)
        return False
    return True


def launch_failures() -> tuple[type[Exception], ...]:
    """Return what a launch raises that is no mistake of the caller; Triton must be there.

    A kernel does not compile or fit on the chip, no C compiler works, or this version of Triton launches in
    another way.
    """
    from triton.runtime.errors import TritonError

    return TritonError, RuntimeError, SubprocessError, TypeError, AttributeError
