from __future__ import annotations

import math

import pytest
import torch

from longwave.errors import ShapeError, UnknownName
from longwave.ops.transforms import BASES, basis_matrix, frequencies

SIZES = pytest.mark.parametrize("n", [1, 2, 3, 8, 17, 64, 100], ids="N{}".format)
KINDS = pytest.mark.parametrize("kind", BASES)


def exact(kind: str, n: int) -> torch.Tensor:
    """Return a whole basis, written out number by number."""

    def cosine(k: int, i: int) -> float:
        return math.sqrt((2 if k else 1) / n) * math.cos(math.pi * k * (2 * i + 1) / (2 * n))

    def cas(row: int, i: int) -> float:
        k = (row + 1) // 2 * (1 if row % 2 else -1)
        return (math.cos(2 * math.pi * k * i / n) + math.sin(2 * math.pi * k * i / n)) / math.sqrt(n)

    def pair(row: int, i: int) -> float:
        k = (row + 1) // 2
        if 2 * k % n == 0:
            return math.cos(2 * math.pi * k * i / n) / math.sqrt(n)
        turn = math.cos if row % 2 else lambda angle: -math.sin(angle)
        return math.sqrt(2 / n) * turn(2 * math.pi * k * i / n)

    entry = {"dct": cosine, "hartley": cas, "rfft": pair}[kind]
    return torch.tensor([[entry(k, i) for i in range(n)] for k in range(n)], dtype=torch.float64)


@KINDS
@SIZES
def test_rows_are_those_of_the_closed_form(kind, n):
    assert (basis_matrix(kind, n, dtype=torch.float64) - exact(kind, n)).abs().max() < 1e-12


@KINDS
@SIZES
def test_rows_are_orthonormal(kind, n):
    basis = basis_matrix(kind, n, dtype=torch.float64)
    assert (basis @ basis.mT - torch.eye(n)).abs().max() < 1e-12


@KINDS
def test_fewer_modes_are_the_first_rows(kind):
    assert torch.equal(basis_matrix(kind, 17, 6), basis_matrix(kind, 17)[:6])


@pytest.mark.parametrize("kind", ["hartley", "rfft"])
@pytest.mark.parametrize(("n", "modes"), [(9, 5), (8, 7), (8, 8), (2, 2), (1, 1)], ids=str)
def test_periodic_bases_span_the_fourier_modes(kind, n, modes):
    fourier = torch.fft.fft(torch.eye(n, dtype=torch.float64), norm="ortho")
    frequency = torch.fft.fftfreq(n, 1 / n).abs()
    low = fourier[frequency <= modes / 2]
    basis = basis_matrix(kind, n, modes, dtype=torch.float64)
    projector = (low.mH @ low).real
    torch.testing.assert_close(basis.mT @ basis, projector, rtol=0, atol=1e-12)


def test_an_even_number_of_modes_keeps_the_cosine_of_the_last_pair():
    last = basis_matrix("rfft", 8, 4, dtype=torch.float64)[3]
    cosine = torch.cos(math.pi * torch.arange(8, dtype=torch.float64) / 2) / 2
    torch.testing.assert_close(last, cosine, rtol=0, atol=1e-12)


@KINDS
def test_rows_are_waves_of_their_frequency(kind):
    basis = basis_matrix(kind, 16, dtype=torch.float64)
    # A cosine of half cycles is periodic once its mirror image follows.
    waves = torch.cat([basis, basis.flip(1)], 1) if kind == "dct" else basis
    peaks = torch.fft.rfft(waves).abs().argmax(1) / (2 if kind == "dct" else 1)
    assert torch.equal(peaks.double(), frequencies(kind, 16))


def test_frequencies_count_cycles_of_the_axis():
    assert frequencies("dct", 5).tolist() == [0, 0.5, 1, 1.5, 2]
    assert frequencies("rfft", 6).tolist() == frequencies("hartley", 6).tolist() == [0, 1, 1, 2, 2, 3]


def test_a_matrix_is_computed_once_and_serves_training_after_inference():
    with torch.inference_mode():
        first = basis_matrix("dct", 11, 7)
    assert basis_matrix("dct", 11, 7) is first
    x = torch.ones(3, 11, requires_grad=True)
    (x @ first.mT).square().sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize("modes", [0, 9, -1], ids=str)
def test_modes_must_fit_the_axis(modes):
    with pytest.raises(ShapeError, match=f"{modes} modes were asked of an axis of 8 points"):
        basis_matrix("dct", 8, modes)


@pytest.mark.parametrize("ask", [lambda kind: basis_matrix(kind, 8), lambda kind: frequencies(kind, 8)])
def test_an_unknown_basis_is_named_with_the_known_ones(ask):
    with pytest.raises(UnknownName, match=r'Unknown basis "dst"\. .*Known: dct, hartley, rfft'):
        ask("dst")
