from __future__ import annotations

import pytest
import torch

from longwave.ops.transforms import BASES, basis_matrix
from longwave.ops.transforms.fast import fft_inverse, fft_transform

EVERY = [(kind, n) for kind in BASES for n in (1, 2, 3, 4, 17, 64, 129, 300)]
CASES = pytest.mark.parametrize(("kind", "n"), EVERY, ids=[f"{kind}-N{n}" for kind, n in EVERY])


@CASES
def test_ffts_give_what_the_matrix_gives(draw, kind, n):
    x, basis = draw(2, 3, n), basis_matrix(kind, n, dtype=torch.float64)
    assert (fft_transform(x, kind) - x @ basis.mT).abs().max() < 1e-12
    assert (fft_inverse(x, kind) - x @ basis).abs().max() < 1e-12


@CASES
def test_there_and_back_is_the_identity(draw, kind, n):
    x = draw(2, 3, n)
    assert (fft_inverse(fft_transform(x, kind), kind) - x).abs().max() < 1e-12


@pytest.mark.parametrize("n", [1, 2, 5, 6], ids="N{}".format)
@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("function", [fft_transform, fft_inverse])
def test_gradients_are_exact_once_and_twice(draw, function, kind, n):
    x = draw(2, n)
    assert torch.autograd.gradcheck(lambda x: function(x, kind), x)
    assert torch.autograd.gradgradcheck(lambda x: function(x, kind), x)
