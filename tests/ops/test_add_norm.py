"""Adding and normalising in one pass, and its kernel in the interpreter or on a GPU."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from longwave.ops.add_norm import add_norm

EPS = 1e-5
WIDTHS = [1, 7, 64, 513]


@pytest.fixture(autouse=True)
def _seeded(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@pytest.fixture
def kernel():
    """Return the kernel's module and its device."""
    triton = pytest.importorskip("triton")
    if not triton.knobs.runtime.interpret and not torch.cuda.is_available():
        pytest.skip("kernels need a GPU or TRITON_INTERPRET=1 before their import")
    from longwave.ops import add_norm_kernel

    return add_norm_kernel, "cpu" if triton.knobs.runtime.interpret else "cuda"


def arguments(width, dtype, device="cpu"):
    r, y = torch.randn(3, 2, width, device=device), torch.randn(3, 2, width, device=device).to(dtype)
    return r, y, *(torch.randn(width, device=device).to(dtype) for _ in range(2))


def test_the_sum_and_its_layer_norm_are_returned():
    r, y, weight, bias = arguments(7, torch.float32)
    total, normed = add_norm(r, y, weight, bias, EPS)
    assert torch.equal(total, r + y)
    assert torch.equal(normed, F.layer_norm(r + y, (7,), weight, bias, EPS))


def test_nothing_added_leaves_the_stream():
    r, _, weight, bias = arguments(7, torch.float32)
    total, normed = add_norm(r, None, weight, bias, EPS)
    assert total is r
    assert torch.equal(normed, F.layer_norm(r, (7,), weight, bias, EPS))


def test_gradients_reach_all_arguments():
    leaves = [x.double().requires_grad_() for x in arguments(5, torch.float32)]
    assert torch.autograd.gradcheck(lambda *x: add_norm(*x, EPS), leaves)


@pytest.mark.parametrize("is_added", [True, False], ids=["added", "alone"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("width", WIDTHS, ids=lambda D: f"D{D}")
def test_the_kernel_equals_the_plain_form(kernel, width, dtype, is_added):
    module, device = kernel
    r, y, weight, bias = arguments(width, dtype, device)
    y = y if is_added else None
    found = module.launch(r, y, weight, bias, EPS)
    expected = add_norm(*(None if x is None else x.cpu() for x in (r, y, weight, bias)), EPS)
    for a, b, close in zip(found, expected, (2e-6, 2e-5 if dtype == torch.float32 else 2**-6), strict=True):
        assert a.dtype == b.dtype
        torch.testing.assert_close(a.cpu(), b, rtol=close, atol=close)


def test_the_kernel_takes_rows_that_are_not_neighbours(kernel):
    module, device = kernel
    r, y, weight, bias = arguments(8, torch.float32, device)
    found = module.launch(r.transpose(0, 1), y.transpose(0, 1), weight, bias, EPS)
    expected = module.launch(r, y, weight, bias, EPS)
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b.transpose(0, 1))


def test_the_kernel_leaves_wider_streams_and_gradients_to_torch(kernel):
    module, device = kernel
    r, y, weight, bias = arguments(8, torch.float32, device)
    assert module.can_serve(r, y, weight, bias)
    assert not module.can_serve(r.double(), y, weight, bias)
    assert not module.can_serve(r, y, weight.requires_grad_(), bias)
