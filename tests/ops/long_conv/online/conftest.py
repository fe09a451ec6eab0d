"""A stream fed in pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch

Feed = Callable[..., torch.Tensor]


@pytest.fixture(scope="session")
def feed() -> Feed:
    """Return a function that gives an input (B, D, L) to a convolution in chunks; 0 stands for a step."""

    def of(conv: object, u: torch.Tensor, split: Sequence[int]) -> torch.Tensor:
        outputs, t = [u[..., :0]], 0
        for size in split:
            if size == 0 and t < u.shape[-1]:
                outputs.append(conv.step(u[..., t])[..., None])
            elif size:
                outputs.append(conv.prefill(u[..., t : t + size]))
            t += max(size, 1)
        outputs.extend(conv.step(u[..., s])[..., None] for s in range(t, u.shape[-1]))
        return torch.cat(outputs, dim=-1)

    return of


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make blocks so small that short streams cross many, and have the paths of long chunks taken early."""
    from longwave.ops.long_conv.online import choose, schedules

    monkeypatch.setitem(choose.RELAXED_BLOCK, "cpu", 4)
    monkeypatch.setattr(schedules, "SETTLE_FROM", 12)
