"""State passing against the step-by-step recurrence and the convolution with the written-out filter."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from longwave.errors import ConfigError, ShapeError
from longwave.ops import long_conv
from longwave.ops.long_conv import small, state_passing
from longwave.ops.long_conv.state_passing import state_passing_conv

# B, D, L, N, chunk size
SHAPES = [
    (2, 3, 16, 4, 4),
    (2, 3, 37, 4, 5),
    (1, 1, 1, 1, 1),
    (2, 2, 31, 3, 1),
    (1, 3, 20, 2, 64),
    (3, 2, 127, 5, 32),
    (2, 2, 9, 0, 4),
]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "B{}-D{}-L{}-N{}-P{}".format(*s))


def make(draw, shape, dtype=torch.float64):
    """Return u, poles inside the unit circle, residues, skip and a first state, all leaves."""
    B, D, L, N, _ = shape
    pair = [torch.complex(draw(D, N, dtype=dtype), draw(D, N, dtype=dtype)).detach() for _ in range(2)]
    poles = pair[0] / (0.1 + pair[0].abs()) * 0.99
    state = torch.complex(draw(B, D, N, dtype=dtype), draw(B, D, N, dtype=dtype)).detach()
    leaves = [poles.requires_grad_(), pair[1].requires_grad_()]
    return [draw(B, D, L, dtype=dtype), *leaves, draw(D, dtype=dtype), state.requires_grad_()]


def run(tensors, chunk_size=None):
    u, poles, residues, skip, state = tensors
    return state_passing_conv(u, poles, residues, skip, state=state, chunk_size=chunk_size)


def recurrence(tensors):
    """Step through time as the definition says."""
    u, poles, residues, skip, x = tensors
    outputs = []
    for t in range(u.shape[-1]):
        x = poles * x + u[..., t, None]
        outputs.append((residues * x).sum(-1).real + skip * u[..., t])
    return torch.stack(outputs, dim=-1), x


def written_out(poles, residues, L):
    """Return the filter's taps from its formula, (D, L)."""
    return (residues[..., None] * poles[..., None] ** torch.arange(L)).sum(1).real


def relative(found, expected):
    return float((found - expected).detach().norm() / expected.detach().norm())


@shapes
def test_chunks_equal_the_recurrence(draw, tolerance, shape):
    tensors = make(draw, shape)
    torch.testing.assert_close(run(tensors, shape[4]), recurrence(tensors), **tolerance(torch.float64))


@shapes
def test_gradients_equal_those_of_the_recurrence(draw, tolerance, shape):
    tensors = make(draw, shape)
    weight, last = draw(*shape[:3], requires_grad=False), make(draw, shape)[4].detach()

    def gradients(y, state):
        loss = (weight * y).sum() + (last * state).sum().real
        return torch.autograd.grad(loss, tensors, allow_unused=True)

    found, expected = gradients(*run(tensors, shape[4])), gradients(*recurrence(tensors))
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@shapes
def test_without_a_first_state_it_is_the_convolution_with_the_written_out_filter(draw, tolerance, shape):
    u, poles, residues, skip, _ = make(draw, shape)
    found, _ = state_passing_conv(u, poles, residues, skip, chunk_size=shape[4])
    expected = long_conv(u, written_out(poles, residues, shape[2]), skip, backend="naive")
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@settings(max_examples=40)
@given(st.integers(1, 80), st.integers(1, 90), st.integers(0, 5), st.integers(1, 3), st.integers(0, 2**31))
def test_any_chunk_size_gives_the_same(L, chunk_size, N, B, seed):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape, dtype):
        return torch.randn(shape, generator=generator, dtype=dtype)

    tensors = make(draw, (B, 2, L, N, None))
    found, expected = run(tensors, chunk_size), recurrence(tensors)
    assert relative(found[0], expected[0]) <= 1e-11
    torch.testing.assert_close(found[1], expected[1], rtol=1e-11, atol=1e-11)


@settings(max_examples=30)
@given(st.integers(1, 60), st.data())
def test_any_split_into_calls_gives_the_same(L, data):
    cut, generator = data.draw(st.integers(0, L)), torch.Generator().manual_seed(L)

    def draw(*shape, dtype):
        return torch.randn(shape, generator=generator, dtype=dtype)

    u, poles, residues, skip, state = make(draw, (2, 2, L, 3, None))
    whole = run([u, poles, residues, skip, state], 7)
    first, middle = run([u[..., :cut], poles, residues, skip, state], 7)
    second, last = run([u[..., cut:], poles, residues, skip, middle], 5)
    torch.testing.assert_close((torch.cat([first, second], -1), last), whole, rtol=1e-11, atol=1e-11)


def test_gradients_pass_gradcheck(draw):
    tensors = make(draw, (2, 2, 7, 2, None))
    assert gradcheck(lambda *t: run(t, 3), tensors)


def test_second_gradients_pass_gradcheck(draw):
    tensors = make(draw, (1, 1, 5, 2, None))
    assert gradgradcheck(lambda *t: run(t, 2), tensors)


def test_pole_at_zero_is_an_impulse_with_a_gradient(draw, tolerance):
    u, residues = draw(1, 2, 6), torch.ones(2, 1, dtype=torch.complex128)
    poles = torch.zeros(2, 1, dtype=torch.complex128, requires_grad=True)
    y, _ = state_passing_conv(u, poles, residues, chunk_size=4)
    (grad,) = torch.autograd.grad(y.sum(), poles)
    torch.testing.assert_close(y, u, **tolerance(torch.float64))
    torch.testing.assert_close(grad[:, 0].real, u[0, :, :-1].sum(-1), **tolerance(torch.float64))


def test_pole_at_one_is_a_running_sum(draw, tolerance):
    u, one = draw(2, 3, 50), torch.ones(3, 1)
    y, state = state_passing_conv(u, one, one, chunk_size=8)
    torch.testing.assert_close(y, u.cumsum(-1), **tolerance(torch.float64))
    torch.testing.assert_close(state[..., 0].real, u.sum(-1), **tolerance(torch.float64))


def test_real_poles_equal_complex_ones_and_get_real_gradients(draw, tolerance):
    u, poles, residues = draw(2, 3, 20), (draw(3, 4).detach() / 8).requires_grad_(), draw(3, 4)
    y, _ = state_passing_conv(u, poles, residues, chunk_size=6)
    expected, _ = state_passing_conv(u, poles + 0j, residues + 0j, chunk_size=6)
    grads = torch.autograd.grad(y.sum(), [poles, residues])
    torch.testing.assert_close(y, expected, **tolerance(torch.float64))
    torch.testing.assert_close(
        grads, torch.autograd.grad(expected.sum(), [poles, residues]), **tolerance(torch.float64)
    )


def test_default_chunk_size_equals_any_other(draw, monkeypatch, tolerance):
    tensors = make(draw, (1, 2, 40, 3, None))
    monkeypatch.setattr(state_passing, "CHUNK_SIZE", 16)
    torch.testing.assert_close(run(tensors), run(tensors, 40), **tolerance(torch.float64))


def test_future_input_does_not_change_earlier_chunks_by_a_bit(draw):
    u, *rest = make(draw, (1, 2, 24, 3, None))
    changed = torch.cat([u[..., :16], torch.full((1, 2, 8), float("nan"), dtype=u.dtype)], dim=-1)
    assert torch.equal(run([changed, *rest], 8)[0][..., :16], run([u, *rest], 8)[0][..., :16])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_narrow_types_are_as_exact_as_their_output(draw, tolerance, dtype):
    u, poles, residues, skip, state = make(draw, (2, 3, 300, 8, None), torch.float32)
    u = (u / 8).detach().to(dtype)
    y, last = run([u, poles, residues / 8, skip, state], 64)
    wide = [u.double(), poles.to(torch.complex128), residues.to(torch.complex128) / 8, skip.double(), state]
    expected, _ = recurrence(wide)
    assert (y.dtype, last.dtype) == (dtype, torch.complex64)
    assert relative(y.double(), expected) < tolerance(dtype)["rtol"]


def test_long_memory_stays_exact_in_single_precision(draw):
    u, one = draw(1, 1, 4096, dtype=torch.float32), torch.ones(1, 1)
    angle = torch.tensor([[0.7]], dtype=torch.float64)
    poles = torch.polar(torch.full_like(angle, 0.9999), angle).to(torch.complex64)
    y, _ = state_passing_conv(u, poles, one)
    expected = long_conv(u.double(), written_out(poles.to(torch.complex128), one, 4096))
    assert relative(y.double(), expected) < 2e-5


def test_autocast_does_not_narrow_the_arithmetic(draw):
    tensors = make(draw, (2, 3, 33, 4, None), torch.float32)
    plain = run(tensors, 8)
    with torch.autocast("cpu", torch.bfloat16):
        inside = run(tensors, 8)
    assert torch.equal(inside[0], plain[0])
    assert torch.equal(inside[1], plain[1])


@pytest.fixture
def _transforms(monkeypatch):
    """Take the transforms of large signals for small ones, too."""
    monkeypatch.setattr(small, "is_small", lambda _: False)


@pytest.mark.usefixtures("_transforms")
def test_backward_keeps_a_small_multiple_of_the_input(draw):
    u, poles, residues, skip, _ = make(draw, (2, 4, 8192, 4, None), torch.float32)
    kept: dict[int, int] = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y, _ = state_passing_conv(u, poles, residues, skip, chunk_size=128)
    assert y.requires_grad
    assert sum(kept.values()) < 3 * u.untyped_storage().nbytes()


class CountLarge(TorchDispatchMode):
    """Count the operations whose result is as large as some tensor."""

    def __init__(self, numel):
        super().__init__()
        self.numel, self.count = numel, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.count += isinstance(out, torch.Tensor) and out.numel() >= self.numel
        return out


@pytest.mark.usefixtures("_transforms")
def test_work_of_the_backward_pass_is_linear_in_the_length(draw):
    u, poles, residues, skip, _ = make(draw, (1, 2, 1024, 2, None), torch.float32)
    y, _ = state_passing_conv(u, poles, residues, skip, chunk_size=32)
    with CountLarge(u.numel()) as large:
        y.square().sum().backward()
    assert large.count < 16  # and not one for each of the 32 chunks


@pytest.mark.parametrize("shape", [(0, 3, 5), (2, 3, 0), (0, 3, 0)], ids=str)
def test_empty_input_gives_empty_output(draw, shape):
    tensors = make(draw, (*shape, 4, None))
    y, state = run(tensors, 2)
    y.sum().backward()
    assert y.shape == tensors[0].grad.shape == shape
    assert state.shape == (*shape[:2], 4)


U, POLES = torch.zeros(2, 3, 8), torch.zeros(3, 4, dtype=torch.complex64)


@pytest.mark.parametrize(
    ("u", "poles", "residues", "options", "message"),
    [
        pytest.param(U[0], POLES, POLES, {}, r"shape \(B, D, L\), not", id="axes"),
        pytest.param(U.long(), POLES, POLES, {}, "not torch.int64", id="whole-numbers"),
        pytest.param(U + 0j, POLES, POLES, {}, "not torch.complex64", id="complex-input"),
        pytest.param(U, POLES[:2], POLES[:2], {}, r"\(2, 4\).*D = 3", id="width"),
        pytest.param(U, POLES, POLES[:, :3], {}, r"\(3, 4\) and \(3, 3\)", id="states"),
        pytest.param(U, POLES[0], POLES[0], {}, r"\(4,\) and \(4,\)", id="shared"),
        pytest.param(U, POLES, torch.zeros(3, 4).long(), {}, "residues is torch.int64", id="integers"),
        pytest.param(U, POLES, POLES, {"skip": torch.zeros(2)}, r"skip has shape \(2,\)", id="skip"),
        pytest.param(
            U, POLES, POLES, {"state": torch.zeros(2, 3, 4)}, "needs a complex one", id="real-state"
        ),
        pytest.param(U, POLES, POLES, {"state": POLES}, r"of shape \(2, 3, 4\)", id="state-shape"),
    ],
)
def test_tensors_that_do_not_fit_are_named(u, poles, residues, options, message):
    with pytest.raises(ShapeError, match=message):
        state_passing_conv(u, poles, residues, **options)


@pytest.mark.parametrize("chunk_size", [0, -3, 2.5])
def test_chunk_size_must_be_a_positive_whole_number(chunk_size):
    with pytest.raises(ConfigError, match="from 1 on"):
        state_passing_conv(U, POLES, POLES, chunk_size=chunk_size)
