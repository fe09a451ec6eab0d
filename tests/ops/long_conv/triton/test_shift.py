"""Rows of odd length, read from aligned addresses: which are, values and gradients, no neighbour shows."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from longwave.ops import long_conv
from longwave.ops.long_conv.triton import launch
from longwave.ops.long_conv.triton.call import Call, word
from longwave.ops.long_conv.triton.plans import backward_plan, forward_plan
from longwave.ops.long_conv.triton.split import SplitPlan, plan_for

pytestmark = pytest.mark.slow

B, D = 2, 8
LIMIT = 1.2e-3  # relative, in float32
GPU_LIMIT = 2.5e-3  # in bfloat16
NAMES = ["u", "k", "gate_in", "gate_out"]
Inputs = dict[str, Tensor]


# --- the rule


@pytest.mark.parametrize(
    ("L", "points", "expected"),
    [(1017, 1024, 8), (1019, 1024, 4), (1021, 1024, 4), (1023, 1024, 2), (255, 256, 2), (1, 256, 8)],
)
def test_word_is_the_widest_that_leaves_room_in_the_tile(L, points, expected):
    assert word(L, points - L, points, torch.empty(B, D, L)) == expected


@pytest.mark.parametrize("L", [2, 998, 1000, 1022])
def test_even_rows_stay_where_they_are(L):
    assert word(L, 1024, 2048, torch.empty(B, D, L)) == 0


@pytest.mark.parametrize(("L", "expected"), [(4095, 0), (4093, 4), (4081, 8)])
def test_pairs_are_not_worth_it_on_4096_points(L, expected):
    assert word(L, 4096 - L, 4096, torch.empty(B, D, L)) == expected


@pytest.mark.parametrize(("channels", "expected"), [(8, 8), (12, 4), (6, 2), (3, 0), (1, 0)])
def test_word_divides_the_channels(channels, expected):
    assert word(101, 100, 256, torch.empty(B, channels, 101)) == expected


def part(t: Tensor, first: int) -> Tensor:
    """Return a copy that lies among NaN, so many elements from the start of the memory."""
    memory = torch.full((t.numel() + 64,), math.nan, dtype=t.dtype)
    return memory[first : first + t.numel()].view(t.shape).copy_(t)


@pytest.mark.parametrize(("first", "expected"), [(0, 8), (8, 8), (4, 4), (2, 2), (1, 0)])
def test_tensor_starts_at_a_word(first, expected):
    assert word(101, 100, 256, torch.empty(B, D, 101), part(torch.ones(B, D, 101), first)) == expected


@pytest.mark.parametrize(
    ("strides", "expected"),
    [((8 * 101, 101), 8), ((24 * 101, 101), 8), ((800, 109), 8), ((8 * 101 + 4, 101), 4), ((0, 0), 0)],
    ids=["contiguous", "slices", "longer-rows", "odd-batch", "expanded"],
)
def test_rows_of_a_channel_start_equally_far_from_a_word(strides, expected):
    t = torch.empty(6000).as_strided((B, D, 101), (*strides, 1))
    assert word(101, 100, 256, torch.empty(B, D, 101), None, t) == expected


def test_stride_of_a_single_sequence_does_not_matter():
    assert word(101, 100, 256, torch.empty(900).as_strided((1, D, 101), (7, 101, 1))) == 8


@given(L=st.integers(0, 600).map(lambda n: 2 * n + 1), D=st.integers(1, 24), gap=st.integers(0, 9))
def test_nothing_is_read_outside_the_rows(L, D, gap):
    t = torch.empty(D * (L + gap)).as_strided((1, D, L), (1, L + gap, 1))
    W = word(L, 8, 2048, t) or 1
    starts = [h * (L + gap) for h in range(D)]
    assert max(-(-(start + L) // W) * W for start in starts) <= starts[-1] + L


@pytest.mark.parametrize("plan_of", [forward_plan, backward_plan], ids=["forward", "backward"])
@pytest.mark.parametrize("L", [513, 1279, 2553, 2559, 5119])
def test_tail_of_a_split_row_has_room_to_move(plan_of, L):
    found = plan_for(Call(torch.empty(1, 1, L), torch.empty(1, L), *[None] * 3), plan_of)
    assert isinstance(found, SplitPlan)
    assert found.head.points + found.rows * found.head.N2 >= L + 7


# --- the kernels


@pytest.fixture
def inputs(generator: torch.Generator) -> Callable[..., Inputs]:
    """Return a function from a length to the tensors in float32, each in memory of its own."""

    def of(L: int, *, n: int = B, K: int | None = None, both: bool = False) -> Inputs:
        u, a, b = (torch.randn(n, D, L, generator=generator) for _ in range(3))
        k = torch.randn(*((2,) if both else ()), D, K or L, generator=generator)
        return {"u": u, "k": k / k.norm(dim=-1, keepdim=True), "gate_in": a, "gate_out": b}

    return of


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the words of all launches."""
    made: list[int] = []

    def noted(*arguments: object) -> int:
        made.append(word(*arguments))
        return made[-1]

    monkeypatch.setattr(launch, "word", noted)
    return made


def results(inputs: Inputs, backend: str = "triton") -> Inputs:
    """Return the output and all gradients of a weighted sum of it; the oracle in float64."""
    leaves = {
        name: (t.double() if backend == "fft" else t.detach()).requires_grad_() for name, t in inputs.items()
    }
    y = long_conv(**leaves, bidirectional=inputs["k"].dim() == 3, backend=backend)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(0)).to(inputs["u"].dtype).to(y)
    grads = torch.autograd.grad(y, list(leaves.values()), weights)
    return {"y": y.detach(), **dict(zip(leaves, grads, strict=True))}


def error(inputs: Inputs) -> float:
    return largest(results(inputs), results(inputs, "fft"))


def largest(found: Inputs, wanted: Inputs) -> float:
    """Return the largest relative error, NaN if there is one."""
    errors = [(found[name].double() - each).norm() / each.norm() for name, each in wanted.items()]
    return float(torch.stack(errors).max())


@pytest.mark.parametrize(
    ("L", "W"), [(1, 8), (3, 8), (9, 8), (101, 8), (249, 8), (251, 4), (253, 4), (255, 2)], ids=str
)
def test_values_and_gradients_equal_float64(inputs, words, L, W):
    assert error(inputs(L)) < LIMIT
    assert words == [W, W]


@pytest.mark.parametrize(("L", "ends"), [(513, 8), (521, 8), (637, 4), (639, 2)], ids=str)
def test_values_and_gradients_of_split_rows_equal_float64(inputs, words, L, ends):
    assert error(inputs(L, n=1)) < LIMIT
    assert words == [ends, 8, ends, 8]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_are_rounded_once(inputs, words, dtype):
    tensors = {name: t if name == "k" else t.to(dtype) for name, t in inputs(101).items()}
    assert error(tensors) < (2 * LIMIT if dtype == torch.float16 else 4.5e-3)  # the interpreter truncates
    assert words == [8, 8]


@pytest.mark.parametrize("L", [101, 255])
def test_filter_may_look_ahead(inputs, words, L):
    assert error(inputs(L, both=True)) < LIMIT
    assert all(words)


@pytest.mark.parametrize("K", [1, 40])
def test_filter_may_be_shorter(inputs, K):
    assert error(inputs(101, K=K)) < LIMIT


@pytest.mark.parametrize("missing", [["gate_in"], ["gate_out"], ["gate_in", "gate_out"]], ids="-".join)
def test_gates_may_be_absent(inputs, missing):
    assert error({name: t for name, t in inputs(101).items() if name not in missing}) < LIMIT


def test_slices_of_one_projection_are_shifted_alike(inputs, words):
    tensors = inputs(101)
    names = ["u", "gate_in", "gate_out"]
    u, a, b = torch.cat([tensors[name] for name in names], dim=1).split(D, dim=1)
    assert error(tensors | {"u": u, "gate_in": a, "gate_out": b}) < LIMIT
    assert words == [8, 8]


@pytest.mark.parametrize("L", [101, 513])
def test_tensors_that_start_anywhere_are_not_shifted(inputs, words, L):
    tensors = inputs(L, n=1)
    assert error(tensors | {"u": part(tensors["u"], 1)}) < LIMIT
    assert not any(words)


@pytest.mark.parametrize("L", [101, 255, 513])
def test_not_a_number_beside_the_rows_never_shows(inputs, words, L):
    tensors = {name: t if name == "k" else part(t, 8) for name, t in inputs(L, n=1).items()}
    assert error(tensors) < LIMIT
    assert all(words)


@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")  # numpy's, of a maximum in the interpreter
@pytest.mark.parametrize("L", [101, 255])
def test_a_row_that_is_not_a_number_spoils_no_other(inputs, L):
    tensors = inputs(L, n=1)
    clean = results(tensors)
    tensors["u"][:, 3] = tensors["gate_in"][:, 5] = math.nan
    found = results(tensors)
    others = [0, 1, 2, 4, 6, 7]
    assert all(
        torch.equal(found[name].reshape(D, -1)[others], each.reshape(D, -1)[others])
        for name, each in clean.items()
    )


def test_memory_as_it_comes_never_shows(inputs, monkeypatch):
    tensors = inputs(513, n=1)
    wanted = results(tensors, "fft")
    for owner, name in ((torch, "empty"), (Tensor, "new_empty")):
        allocate = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *shape, _of=allocate, **options: _of(*shape, **options).fill_(math.nan)
        )
    assert largest(results(tensors), wanted) < LIMIT


@pytest.mark.gpu
@pytest.mark.parametrize("L", [255, 999, 1021, 1023, 1025, 1147, 2047, 2049, 4081, 4097, 8191])
def test_values_and_gradients_equal_float64_on_a_gpu(inputs, words, device, L):
    tensors = {
        name: t.to(device, torch.float32 if name == "k" else torch.bfloat16) for name, t in inputs(L).items()
    }
    assert error(tensors) < GPU_LIMIT
    assert any(words)
