"""The three passes against float64, in the interpreter, most with plans small enough for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from longwave.ops.long_conv.fft import fft_conv
from longwave.ops.long_conv.triton import passes
from longwave.ops.long_conv.triton.launch import Call, backward, forward
from longwave.ops.long_conv.triton.plans import PassPlan

pytestmark = pytest.mark.slow

LIMIT = 1e-3  # relative, of values and of gradients
FEW_POINTS = 2 * LIMIT  # rounding averages out over more points than these
ALL = (True, True, True, True)
REAL = PassPlan(N0=16, R=16, N1=16, N2=16, M=64, warps=(1, 1), stages=(1, 1), scratch=2**26)  # 4096 points
REAL_BLOCKS = replace(REAL, N0=32, M=32)  # 8192 points, rows in two blocks
# Sides of products below 16 are for the interpreter alone, which takes its time for each step of a program.
ONE_BLOCK = replace(REAL, N0=4, R=4, N1=4, N2=4, M=8)  # 64 points
BLOCKS = replace(ONE_BLOCK, R=2)  # 64 points, rows in two blocks
FIVE_ROWS = replace(ONE_BLOCK, N0=5, R=8)  # 80 points
HALF_A_BLOCK = replace(ONE_BLOCK, N0=5, R=2)  # 80 points, two blocks of rows and half a one
PLANS = {"one-block": ONE_BLOCK, "blocks": BLOCKS, "five-rows": FIVE_ROWS, "half-a-block": HALF_A_BLOCK}
SMALL = {name: PLANS[name] for name in ("one-block", "half-a-block")}
NAMES = ("u", "k", "gate_in", "gate_out")

Draw = Callable[..., Tensor]


def make(
    draw: Draw, L: int, *, B: int = 1, D: int = 1, K: int | None = None, heads: int | None = None,
    both: bool = False, skip: bool = False, gates: str = "ab",
) -> tuple[Call, Tensor]:  # fmt: skip
    """Return the tensors of a convolution and the gradient of its output, in float32."""
    K = K or L

    def of(*shape: int) -> Tensor:
        return draw(*shape, dtype=torch.float32, requires_grad=False)

    k = of(*((2,) if both else ()), heads or D, K) * torch.exp(-4 * torch.arange(K) / K)
    a, b = (of(B, D, L) if name in gates else None for name in "ab")
    return Call(of(B, D, L), k, of(D) if skip else None, a, b), of(B, D, L)


def exact(call: Call, grad: Tensor) -> dict[str, Tensor | None]:
    """Return the output and the gradients by FFT in float64; the filter's has one row a channel."""
    D = call.u.shape[1]
    filters = call.k.repeat_interleave(D // call.k.shape[-2], dim=-2)
    leaves = [t if t is None else t.double().requires_grad_() for t in call._replace(k=filters)]
    y = fft_conv(*leaves, call.both)
    used = [leaf for leaf in (leaves[0], leaves[1], *leaves[3:]) if leaf is not None]
    found = iter(torch.autograd.grad(y, used, grad.double()))
    present = (None if t is None else next(found) for t in (leaves[0], leaves[1], *leaves[3:]))
    return {"y": y.detach(), **dict(zip(NAMES, present, strict=True))}


def by_passes(
    call: Call, grad: Tensor, plan: PassPlan, wants: tuple[bool, ...] = ALL
) -> dict[str, Tensor | None]:
    gradients = backward(call, grad, wants, plan)
    return {"y": forward(call, plan), **gradients._asdict()}


def differ(found: Tensor, wanted: Tensor) -> float:
    return float((found.double() - wanted).norm() / wanted.norm())


def errors(found: dict[str, Tensor | None], wanted: dict[str, Tensor | None]) -> dict[str, float]:
    assert {name for name, t in found.items() if t is None} == {
        name for name, t in wanted.items() if t is None
    }
    return {name: differ(found[name], t) for name, t in wanted.items() if t is not None}


def largest(call: Call, grad: Tensor, plan: PassPlan) -> float:
    return max(errors(by_passes(call, grad, plan), exact(call, grad)).values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("L", "plan"),
    [
        (1, REAL),
        (2999, REAL),
        (4096, replace(REAL, M=256)),
        (2177, replace(REAL, N0=9)),
        (8192, REAL_BLOCKS),
        (5003, REAL_BLOCKS),
        (4354, replace(REAL_BLOCKS, N0=18)),
    ],
    ids=[
        "1",
        "2999",
        "4096-wide-tiles",
        "2177-nine-rows",
        "8192-blocks",
        "5003-blocks",
        "4354-part-of-a-block",
    ],
)
def test_tiles_of_a_gpu_equal_float64(draw, L, plan):
    assert largest(*make(draw, L), plan) < LIMIT


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("L", [1, 17, 61, 64])
def test_every_length_equals_float64(draw, plan, L):
    assert largest(*make(draw, L), plan) < FEW_POINTS


@pytest.mark.parametrize("N0", [1, 3, 7, 9, 16, 17, 33])
def test_any_number_of_rows_equals_float64(draw, N0):
    plan = replace(ONE_BLOCK, N0=N0, R=2 ** (N0 - 1).bit_length())
    assert largest(*make(draw, plan.points - 3, both=True, skip=True), plan) < FEW_POINTS


@pytest.mark.parametrize(("N0", "R"), [(3, 2), (9, 4)], ids=str)
def test_any_number_of_rows_in_blocks_equals_float64(draw, N0, R):
    plan = replace(ONE_BLOCK, N0=N0, R=R)
    assert largest(*make(draw, plan.points - 2, both=True, skip=True), plan) < FEW_POINTS


CASES = {
    "batch": {"B": 3},
    "short-filter": {"K": 23},
    "few-taps": {"K": 3},
    "skip": {"skip": True},
    "both": {"both": True},
    "both-skip-short": {"both": True, "skip": True, "K": 30},
    "heads": {"D": 2, "heads": 1, "skip": True},
    "both-heads": {"D": 2, "heads": 1, "both": True},
    "gate-in": {"gates": "a"},
    "gate-out": {"gates": "b"},
    "no-gates": {"gates": ""},
}


@pytest.mark.slow
@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
@pytest.mark.parametrize("plan", SMALL.values(), ids=SMALL)
def test_every_kind_of_call_equals_float64(draw, plan, options):
    assert largest(*make(draw, 61, **options), plan) < FEW_POINTS


@pytest.mark.parametrize("options", [{"both": True, "skip": True}, {"heads": 1, "B": 2}], ids=str)
def test_groups_of_channels_give_the_same_bits_as_one_group(draw, options):
    call, grad = make(draw, 50, **{"D": 2, **options})
    together, apart = (by_passes(call, grad, replace(ONE_BLOCK, scratch=s)) for s in (2**26, 1))
    assert all(torch.equal(together[name], apart[name]) for name in together)


def test_a_last_group_of_fewer_channels_is_complete(draw):
    call, grad = make(draw, 50, D=3)
    scratch = passes.LANES * 4 * ONE_BLOCK.points * 6  # two channels' worth of backward spectra, then one
    plan = replace(ONE_BLOCK, scratch=scratch)
    assert largest(call, grad, plan) < FEW_POINTS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plan", "L", "B", "dtype"),
    [(ONE_BLOCK, 64, 2, torch.bfloat16), (replace(BLOCKS, N0=3), 40, 1, torch.float32)],
    ids=["64-pairs", "40-part-of-a-block"],
)
@pytest.mark.parametrize("n_spectra", [1, 2], ids=["forward", "backward"])
def test_spectra_in_results_not_yet_written_give_the_same_bits(
    draw, monkeypatch, plan, L, B, dtype, n_spectra
):
    call, grad = make(draw, L, B=B, D=6)
    call, grad = Call(*(t if t is None or t is call.k else t.to(dtype) for t in call)), grad.to(dtype)

    def compute(each: PassPlan) -> tuple[Tensor, ...]:
        return (forward(call, each),) if n_spectra == 1 else tuple(backward(call, grad, ALL, each))

    wanted = compute(plan)
    monkeypatch.setattr(passes, "LENT", 1)
    turns = mock.Mock(side_effect=passes._take_turns)
    monkeypatch.setattr(passes, "_take_turns", turns)
    found = compute(replace(plan, scratch=passes.LANES * 4 * plan.points * (B * n_spectra + 1)))
    assert all(torch.equal(x, y) for x, y in zip(found, wanted, strict=True))
    assert [turn.args[-1][0][0] is None for turn in turns.mock_calls] == [False, True]


@given(
    C=st.integers(1, 4), B=st.integers(1, 3), D=st.integers(1, 60), eighths=st.integers(1, 6),
    more=st.integers(0, 40), n_results=st.integers(0, 3), n_spectra=st.integers(1, 2),
    dtype=st.sampled_from([torch.bfloat16, torch.float32]),
)  # fmt: skip
def test_borrowed_places_lie_apart_after_the_other_channels(
    C, B, D, eighths, more, n_results, n_spectra, dtype
):
    L = 8 * eighths
    results = [torch.zeros(B, D, L, dtype=dtype) for _ in range(n_results)]
    lanes, before = passes.borrow(results, C, L + more, n_spectra)
    places = [place for lane in lanes for place in lane]
    for place in places:
        place.view(torch.int16).add_(1)
    marked = [each.view(torch.int16) for each in results]
    assert not any(each[:, :before].any() for each in marked)
    assert max((int(each.max()) for each in marked), default=0) <= 1
    assert sum(int(each.sum()) for each in marked) == sum(place.numel() for place in places)
    assert len(lanes) == (passes.LANES if before else 0)


def test_results_of_lengths_that_eight_does_not_divide_lend_nothing():
    assert passes.borrow([torch.zeros(2, 50, 60, dtype=torch.bfloat16)], 1, 64, 1) == ([], 0)


def test_programs_that_take_several_sequences_give_the_same_bits(draw, monkeypatch):
    call, grad = make(draw, 50, B=3, D=2)
    alone = by_passes(call, grad, ONE_BLOCK)
    monkeypatch.setattr(passes, "PROGRAMS", 4)  # two for each tile, three sequences each
    shared = by_passes(call, grad, ONE_BLOCK)
    assert all(torch.equal(alone[name], shared[name]) for name in alone)


@pytest.mark.parametrize("plan", SMALL.values(), ids=SMALL)
def test_parts_of_unequal_scale_keep_the_relative_error(draw, plan):
    call, grad = make(draw, 63)
    for t in (call.u, call.k, grad):
        t[..., :21] *= 300
    assert largest(call, grad, plan) < FEW_POINTS


@pytest.mark.parametrize("scale", [1e-7, 1e7], ids=str)
def test_scales_of_the_inputs_do_not_matter(draw, scale):
    call, grad = make(draw, 61, gates="")
    assert largest(call._replace(u=call.u * scale, k=call.k / scale), grad * scale, ONE_BLOCK) < FEW_POINTS


@pytest.mark.parametrize("plan", SMALL.values(), ids=SMALL)
def test_a_sequence_of_zeros_gives_exact_zeros(draw, plan):
    call, grad = make(draw, 61, B=2)
    call.u[0], grad[0] = 0, 0
    found = by_passes(call, grad, plan)
    zeros = [found[name][0].count_nonzero() for name in ("y", "u", "gate_in", "gate_out")]
    assert zeros == [0, 0, 0, 0]
    assert max(errors(found, exact(call, grad)).values()) < FEW_POINTS


@pytest.mark.parametrize("both", [False, True], ids=["causal", "both"])
def test_a_filter_of_zeros_gives_exact_zeros(draw, both):
    call, grad = make(draw, 61, both=both)
    call.k.zero_()
    found = by_passes(call, grad, ONE_BLOCK)
    assert [found[name].count_nonzero() for name in ("y", "u", "gate_in", "gate_out")] == [0, 0, 0, 0]
    assert differ(found["k"], exact(call, grad)["k"]) < FEW_POINTS


def test_signals_of_zeros_give_the_filter_no_gradient(draw):
    call, grad = make(draw, 61)
    call.u.zero_()
    assert not by_passes(call, grad, ONE_BLOCK)["k"].any()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the interpreter computes in numpy
def test_batch_neighbours_do_not_matter(draw):
    call, grad = make(draw, 61, B=2)
    clean = by_passes(call, grad, ONE_BLOCK)
    call.u[1] = float("nan")
    found = by_passes(call, grad, ONE_BLOCK)
    assert all(torch.equal(found[name][0], clean[name][0]) for name in ("y", "u", "gate_in", "gate_out"))


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 5, 10, 14], ids=lambda bits: f"{bits:04b}")
def test_wanted_gradients_do_not_depend_on_the_others(draw, bits):
    wants = tuple(bool(bits >> place & 1) for place in range(4))
    call, grad = make(draw, 40, both=True)
    found, complete = backward(call, grad, wants, ONE_BLOCK), backward(call, grad, ALL, ONE_BLOCK)
    assert [each is not None for each in found] == list(wants)
    assert all(torch.equal(x, y) for x, y in zip(found, complete, strict=True) if x is not None)


def strided(t: Tensor) -> Tensor:
    """Return the same values as a part of a wider tensor."""
    return torch.cat([t - 1, t, t + 1], dim=1)[:, t.shape[1] : 2 * t.shape[1]]


@pytest.mark.parametrize("L", [61, 64], ids=["odd", "even"])
def test_any_strides_of_batch_and_channel_are_read(draw, L):
    call, grad = make(draw, L, B=2, D=2)
    parts = call._replace(u=strided(call.u), gate_in=strided(call.gate_in), gate_out=strided(call.gate_out))
    found, wanted = by_passes(parts, strided(grad), ONE_BLOCK), by_passes(call, grad, ONE_BLOCK)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_expanded_tensors_are_read(draw):
    call, grad = make(draw, 61, B=2, D=2)
    expanded = call._replace(u=call.u[:1].expand_as(call.u), gate_in=call.gate_in[:, :1].expand_as(call.u))
    assert largest(expanded, grad[:1, :1].expand_as(grad), ONE_BLOCK) < FEW_POINTS


@pytest.mark.slow
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_memory_as_it_comes_never_shows(draw, monkeypatch, plan):
    call, grad = make(draw, 61, both=True, skip=True)
    clean = by_passes(call, grad, plan)
    for owner, name in ((torch, "empty"), (Tensor, "new_empty")):
        monkeypatch.setattr(owner, name, poisoned(getattr(owner, name)))
    found = by_passes(call, grad, plan)
    assert all(torch.equal(found[name], clean[name]) for name in clean)


def poisoned(allocate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return an allocator whose memory was full of NaN."""
    return lambda *arguments, **options: allocate(*arguments, **options).fill_(float("nan"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_outputs_have_the_types_of_the_inputs(draw, dtype):
    call, grad = make(draw, 40)
    call = Call(*(t if t is None or name == "k" else t.to(dtype) for name, t in call._asdict().items()))
    found = by_passes(call, grad.to(dtype), ONE_BLOCK)
    assert {name: t.dtype for name, t in found.items()} == dict.fromkeys(found, dtype) | {"k": torch.float32}


@pytest.mark.slow
@pytest.mark.parametrize("L", [8193, 16384])
def test_the_shipped_plan_beyond_one_chunk_equals_float64(draw, L):
    call, grad = make(draw, L, skip=True)
    found = {"y": forward(call), **backward(call, grad, ALL)._asdict()}
    assert max(errors(found, exact(call, grad)).values()) < LIMIT


def test_launchers_of_a_call_repeat_a_compiled_kernel_with_addresses():
    calls: list[tuple[object, ...]] = []
    compiled = SimpleNamespace(
        function="function", packed_metadata="metadata", run=lambda *arguments: calls.append(arguments)
    )
    kernel = {(1, 2, 3): mock.Mock(return_value=compiled)}
    known: passes.Compiled = {}
    x, y = torch.zeros(2), torch.zeros(2)
    passes._Launcher(known, 5, kernel, (x, None), (7, 0.5), 4)((1, 2, 3), 99, 10)
    passes._Launcher(known, 5, kernel, (y, None), (8, 0.5), 4)((4, 5, 6), 98, 20)
    kernel[1, 2, 3].assert_called_once_with(x, None, 10, 7, 0.5, num_warps=4)
    assert calls == [(4, 5, 6, 98, "function", "metadata", None, None, None, y.data_ptr(), None, 20, 8, 0.5)]
