"""Choice of a backend, empty inputs, and every message of ``long_conv``."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest
import torch

from longwave.errors import BackendUnavailable, ShapeError, UnknownName
from longwave.ops import long_conv
from longwave.ops.long_conv import BACKENDS

U = torch.zeros(2, 6, 10)
KERNELS = importlib.import_module("longwave.ops.long_conv.triton")


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
@pytest.mark.parametrize("shape", [(0, 3, 5), (2, 3, 0), (2, 0, 5), (0, 3, 0)], ids=str)
def test_empty_input_gives_empty_output(backend, shape):
    u = torch.zeros(shape, requires_grad=True)
    heads = max(shape[1], 1)
    y = long_conv(u, torch.zeros(heads, shape[2]), backend=backend)
    y.sum().backward()
    assert y.shape == u.grad.shape == shape


def test_empty_batch_still_gives_the_filter_a_gradient():
    k = torch.ones(3, 5, requires_grad=True)
    long_conv(torch.zeros(0, 3, 5), k).sum().backward()
    assert torch.equal(k.grad, torch.zeros(3, 5))


def test_unknown_backend_lists_the_known_ones():
    with pytest.raises(UnknownName, match=r'"fftt".*fft'):
        long_conv(U, torch.zeros(6, 10), backend="fftt")


def test_backend_is_checked_even_when_there_is_nothing_to_do():
    with pytest.raises(UnknownName):
        long_conv(U[:0], torch.zeros(6, 10), backend="fftt")


@pytest.mark.parametrize(
    ("k", "options", "message"),
    [
        pytest.param((6, 11), {}, r"11 taps but the input has 10 steps", id="longer-than-input"),
        pytest.param((5, 10), {}, r"width 5 but the input has width 6 \(u: \(2, 6, 10\)", id="width"),
        pytest.param((0, 10), {}, "width 0", id="no-filters"),
        pytest.param((2, 6, 10), {}, r"is \(D, K\)", id="not-bidirectional"),
        pytest.param((6, 10), {"bidirectional": True}, r"is \(2, D, K\)", id="bidirectional"),
        pytest.param((6, 10), {"skip": torch.zeros(5)}, r"skip has shape \(5,\), not \(6,\)", id="skip"),
        pytest.param((6, 10), {"gate_in": U[:1]}, r"gate_in has shape \(1, 6, 10\)", id="gate_in"),
        pytest.param((6, 10), {"gate_out": U[..., :9]}, r"gate_out has shape \(2, 6, 9\)", id="gate_out"),
    ],
)
def test_shapes_that_do_not_fit_are_named(k, options, message):
    with pytest.raises(ShapeError, match=message):
        long_conv(U, torch.zeros(k), **options)


def test_input_must_have_three_axes():
    with pytest.raises(ShapeError, match="not 2-dimensional"):
        long_conv(U[0], torch.zeros(6, 10))


def test_whole_numbers_are_refused():
    with pytest.raises(ShapeError, match="floating-point"):
        long_conv(U.long(), torch.zeros(6, 10))


@pytest.mark.parametrize("name", ["k", "skip", "gate_in", "gate_out"])
def test_tensors_on_two_devices_are_named_with_both(name):
    shapes = {"k": (6, 10), "skip": (6,), "gate_in": (2, 6, 10), "gate_out": (2, 6, 10)}
    tensors = {"k": torch.zeros(6, 10), name: torch.zeros(shapes[name], device="meta")}
    with pytest.raises(ShapeError, match=f"{name} is on meta and u is on cpu"):
        long_conv(U, **tensors)


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Pretend that Triton is there and interpreted; return what changes one thing more."""
    monkeypatch.setattr(KERNELS, "HAS_TRITON", True)
    monkeypatch.setattr(KERNELS, "_IS_INTERPRETED", True)
    return monkeypatch


REASONS = {
    "not-installed": ("HAS_TRITON", False, 'Triton is not installed.*"pip install triton"'),
    "no-gpu": ("_IS_INTERPRETED", False, "run on CUDA devices and the input is on cpu"),
    "too-long": ("LONGEST", 9, "up to 9 steps and the input has 10"),
}


@pytest.mark.parametrize(("constant", "value", "reason"), REASONS.values(), ids=REASONS)
def test_kernels_asked_for_by_name_say_why_they_cannot_serve(serving, constant, value, reason):
    serving.setattr(KERNELS, constant, value)
    with pytest.raises(BackendUnavailable, match=f'"triton".*{reason}.*Use backend="auto"'):
        long_conv(U, torch.zeros(6, 10), backend="triton")


@pytest.mark.parametrize("types", [(torch.float64, torch.float32), (torch.float32, torch.float64)], ids=str)
def test_kernels_asked_for_by_name_refuse_float64(serving, types):
    u, k = U.to(types[0]), torch.zeros(6, 10, dtype=types[1])
    with pytest.raises(BackendUnavailable, match="half precision and a tensor is float64"):
        long_conv(u, k, backend="triton")


@pytest.mark.parametrize(
    ("capability", "refused"), [((7, 5), True), ((8, 0), False), ((9, 0), False)], ids=str
)
def test_kernels_refuse_a_gpu_that_is_too_old(serving, capability, refused):
    serving.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    u = SimpleNamespace(device=torch.device("cuda", 0), dtype=torch.bfloat16, shape=(2, 6, 10))
    reason = KERNELS.refuse(u, torch.zeros(6, 10), False)
    assert (reason is not None and "8.0 or newer, which cuda:0 has not" in reason) == refused


@pytest.mark.parametrize("constant", ["HAS_TRITON", "_IS_INTERPRETED"])
def test_what_the_kernels_refuse_is_served_without_a_name(serving, constant):
    serving.setattr(KERNELS, constant, False)
    assert long_conv(U.bfloat16(), torch.zeros(6, 10)).dtype == torch.bfloat16


def test_backend_that_refuses_is_not_asked_when_there_is_nothing_to_do(serving):
    serving.setattr(KERNELS, "HAS_TRITON", False)
    assert long_conv(U[:0], torch.zeros(6, 10), backend="triton").shape == (0, 6, 10)
