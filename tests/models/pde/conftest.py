"""What the tests of models on coefficients share: a block written out as its formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from longwave.models.pde.t1_block import T1Block


@pytest.fixture(scope="session")
def literal_block() -> Callable[[T1Block, torch.Tensor], torch.Tensor]:
    """Return a function that applies a block to a box of coefficients (B, C, *box), axis by axis."""

    def apply(block: T1Block, z: torch.Tensor) -> torch.Tensor:
        box = z.shape[2:]
        n_kept, width = block.channel_weight.shape[:2]
        kept = torch.arange(n_kept) if block.kept is None else block.kept
        weight = torch.zeros(math.prod(box), width, width, dtype=z.dtype)
        weight = weight.index_copy(0, kept, block.channel_weight).reshape(*box, width, width)
        mask = torch.zeros(math.prod(box), dtype=z.dtype).index_fill(0, kept, 1).reshape(box)
        axes = "xyz"[: len(box)]
        h = block.activation(torch.einsum(f"bi{axes},{axes}io->bo{axes}", z, weight)) * mask
        for axis, matrix in zip(axes, block.frequency_mixing.weights, strict=True):
            h = torch.einsum(f"bc{axes},c{axis}w->bc{axes.replace(axis, 'w')}", h, matrix)
        return z + h * mask

    return apply
