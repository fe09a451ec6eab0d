"""Prepared filters: the same numbers, one transform for many calls, no gradient to the filter."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import ConfigError, ShapeError
from longwave.ops import long_conv
from longwave.ops.long_conv import BACKENDS, chunked, fft, prepare_filter, prepared

SPECTRAL = {"fft": (fft._FFT, "_filter_spectrum"), "chunked": (chunked._Chunked, "_filter_spectra")}
BACK_ENDS = sorted(set(BACKENDS) - {"triton"})
spectral = pytest.mark.parametrize("backend", sorted(SPECTRAL))


@pytest.fixture
def count(monkeypatch):
    """Return a function that counts from now on how often a backend transforms its filter."""

    def of(backend):
        owner, method = SPECTRAL[backend]
        original, calls = getattr(owner, method), []

        def counted(self, *arguments):
            calls.append(arguments)
            return original(self, *arguments)

        monkeypatch.setattr(owner, method, counted)
        return calls

    return of


@pytest.mark.parametrize("backend", BACK_ENDS)
@pytest.mark.parametrize("both", [False, True], ids=["back", "both"])
@pytest.mark.parametrize("heads", [2, 6])
def test_prepared_filter_gives_the_same_values(draw, tolerance, backend, both, heads):
    u, skip, gate = draw(2, 6, 37), draw(6), draw(2, 6, 37)
    k = draw(2, heads, 20) if both else draw(heads, 20)
    filters = prepare_filter(k, skip, bidirectional=both)
    found = long_conv(u, filters, gate_in=gate, gate_out=gate, backend=backend)
    expected = long_conv(u, k, skip, gate_in=gate, gate_out=gate, bidirectional=both, backend="naive")
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@spectral
def test_filter_is_transformed_once_for_many_calls(draw, count, backend):
    calls, filters = count(backend), prepare_filter(draw(3, 9))
    for _ in range(3):
        long_conv(draw(2, 3, 20), filters, backend=backend).sum().backward()
    assert len(calls) == 1


@spectral
def test_filter_is_transformed_again_for_another_length_or_type(draw, count, backend):
    calls, filters = count(backend), prepare_filter(draw(3, 9, dtype=torch.float32))
    long_conv(draw(2, 3, 20, dtype=torch.float32), filters, backend=backend)
    long_conv(draw(2, 3, 20), filters, backend=backend)
    long_conv(draw(2, 3, 70), filters, backend=backend)
    assert len(calls) == 3


@spectral
def test_input_and_gates_have_gradients_and_the_filter_has_none(draw, tolerance, backend):
    u, k, gate = draw(2, 3, 20), draw(3, 9), draw(2, 3, 20)
    expected = torch.autograd.grad(long_conv(u, k, gate_in=gate, backend="naive").sum(), (u, gate))
    long_conv(u, prepare_filter(k), gate_in=gate, backend=backend).sum().backward()
    torch.testing.assert_close((u.grad, gate.grad), expected, **tolerance(torch.float64))
    assert k.grad is None


def test_only_the_last_few_lengths_are_kept(draw):
    filters = prepare_filter(draw(3, 5))
    for L in range(10, 110, 10):
        long_conv(draw(1, 3, L), filters, backend="fft")
    assert len(filters._spectra) == prepared.SPECTRA_KEPT


def test_inference_mode_does_not_spoil_later_training(draw):
    filters, u = prepare_filter(draw(3, 9)), draw(2, 3, 20)
    with torch.inference_mode():
        long_conv(u, filters, backend="fft")
    long_conv(u, filters, backend="fft").sum().backward()
    assert u.grad is not None


def test_later_changes_of_the_taps_do_not_reach_the_filter(draw):
    u, k = draw(1, 3, 9), draw(3, 9, requires_grad=False)
    filters, expected = prepare_filter(k), long_conv(u, k, backend="naive")
    k.zero_()
    assert torch.equal(long_conv(u, filters, backend="naive"), expected)


def test_filter_moves_to_another_type(draw):
    filters = prepare_filter(draw(3, 9), draw(3)).to(dtype=torch.float32)
    assert (filters.taps.dtype, filters.skip.dtype) == (torch.float32, torch.float32)


def test_empty_signal_takes_a_prepared_filter(draw):
    assert long_conv(draw(0, 3, 9), prepare_filter(draw(3, 9))).shape == (0, 3, 9)


def test_skip_besides_a_prepared_filter_is_refused(draw):
    with pytest.raises(ConfigError, match=r"skip of shape \(3,\).*prepare_filter\(k, skip\)"):
        long_conv(draw(1, 3, 9), prepare_filter(draw(3, 9)), draw(3))


def test_looking_ahead_with_a_filter_that_does_not_is_refused(draw):
    with pytest.raises(ConfigError, match="bidirectional=True"):
        long_conv(draw(1, 3, 9), prepare_filter(draw(3, 9)), bidirectional=True)


def test_prepared_filter_longer_than_the_signal_is_refused(draw):
    with pytest.raises(ShapeError, match="9 taps but the input has 8 steps"):
        long_conv(draw(1, 3, 8), prepare_filter(draw(3, 9)))


@pytest.mark.parametrize(("shape", "both"), [((9,), False), ((3, 9), True), ((3, 3, 9), True)], ids=str)
def test_filter_of_another_form_cannot_be_prepared(shape, both):
    with pytest.raises(ShapeError, match=r"not of shape \("):
        prepare_filter(torch.zeros(shape), bidirectional=both)


def test_whole_numbers_cannot_be_prepared():
    with pytest.raises(ShapeError, match=r"not torch.int64 \(k\)"):
        prepare_filter(torch.zeros(3, 9, dtype=torch.int64))
