"""Sequences a little longer than a tile: which are split, the identities behind it, values and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from longwave.ops import long_conv
from longwave.ops.long_conv.triton import launch, split
from longwave.ops.long_conv.triton.call import Call
from longwave.ops.long_conv.triton.plans import ChunkPlan, backward_plan, forward_plan
from longwave.ops.long_conv.triton.split import SplitPlan, end_steps, plan_for

pytestmark = pytest.mark.slow

B, D = 2, 2
LIMIT = 1.2e-3  # relative, in float32
NAMES = ["u", "k", "skip", "gate_in", "gate_out"]
Inputs = dict[str, Tensor | None]
DIRECTIONS = pytest.mark.parametrize("plan_of", [forward_plan, backward_plan], ids=["forward", "backward"])


def plan(L: int, plan_of: Callable = forward_plan, *, both: bool = False) -> object:
    return plan_for(
        Call(torch.empty(1, 1, L), torch.empty(2, 1, L) if both else torch.empty(1, L), *[None] * 3), plan_of
    )


# --- the rule


@DIRECTIONS
@pytest.mark.parametrize("L", [513, 640, 1025, 1032, 1280, 2049, 2560, 4097, 5120])
def test_a_little_above_a_tile_is_split(plan_of, L):
    assert isinstance(plan(L, plan_of), SplitPlan)


@DIRECTIONS
@pytest.mark.parametrize("L", [1, 2, 255, 257, 512, 641, 1023, 1024, 1281, 4096, 16385, 2**20 + 1])
def test_other_lengths_have_the_plan_they_had(plan_of, L):
    assert plan(L, plan_of) == plan_of(L)


@DIRECTIONS
def test_a_filter_that_looks_ahead_is_not_split(plan_of):
    assert plan(1032, plan_of, both=True) == plan_of(1032)


@DIRECTIONS
@given(L=st.integers(1, 10_500))
def test_head_tail_and_ends_have_room(plan_of, L):
    found = plan(L, plan_of)
    assert found.points >= L
    if isinstance(found, SplitPlan):
        P = found.head.points
        assert P + found.rows * found.head.N2 >= L
        assert found.rows <= found.head.N1
        assert found.ends.points >= end_steps(L, P)


@given(L=st.integers(513, 10_500))
def test_ends_hold_the_tail_twice_and_the_last_one_starts_aligned(L):
    P = 2 ** ((L - 1).bit_length() - 1)
    S = end_steps(L, P)
    assert 2 * (L - P) <= S < 2 * (L - P) + 8
    assert (L - S) % 8 == 0


def test_plans_asked_for_are_those_of_the_head_and_the_ends():
    tuned = ChunkPlan(N1=32, N2=32, warps=1, stages=1, parts=7)
    found = plan(1032, lambda L: tuned if L == 1024 else forward_plan(L))
    assert found == SplitPlan(head=tuned, ends=forward_plan(16), rows=16)


def test_without_a_tile_of_the_heads_size_nothing_is_split():
    largest = forward_plan(8192)
    assert plan(1032, lambda _: largest) == largest


# --- the identities, in float64


def transform(x: Tensor, P: int) -> Tensor:
    """Return a polynomial of any length at the P points where z**P = -i."""
    k, n = torch.arange(P, dtype=torch.float64), torch.arange(x.shape[-1], dtype=torch.float64)
    return torch.exp(-2j * math.pi * (k[:, None] + 0.25) * n / P) @ x.to(torch.complex128)


def inverse(X: Tensor) -> Tensor:
    P = X.shape[-1]
    k = torch.arange(P, dtype=torch.float64)
    return torch.exp(2j * math.pi * k[:, None] * (k + 0.25) / P) @ X / P


@pytest.fixture
def exact(generator: torch.Generator) -> dict[str, Tensor]:
    """Return v, k, h of 40 steps in float64, and y, dv, dk by the direct sum."""
    v, k, h = torch.randn(3, 40, dtype=torch.float64, generator=generator)
    v, k = v.requires_grad_(), k.requires_grad_()
    y = long_conv(v[None, None], k[None], backend="naive")[0, 0]
    dv, dk = torch.autograd.grad(y, (v, k), h)
    return {"v": v.detach(), "k": k.detach(), "h": h, "y": y.detach(), "dv": dv, "dk": dk}


P, TAIL = 32, 8  # 40 steps


def test_tail_is_minus_the_imaginary_part(exact, tolerance):
    c = inverse(transform(exact["v"], P) * transform(exact["k"], P))
    torch.testing.assert_close(-c.imag[:TAIL], exact["y"][P:], **tolerance(torch.float64))


def test_head_is_the_real_part_from_twice_the_tail_on(exact, tolerance):
    c = inverse(transform(exact["v"], P) * transform(exact["k"], P)).real
    torch.testing.assert_close(c[2 * TAIL - 1 :], exact["y"][2 * TAIL - 1 : P], **tolerance(torch.float64))
    assert (c[: 2 * TAIL - 1] - exact["y"][: 2 * TAIL - 1]).abs().min() > 1e-6


@pytest.mark.parametrize(("wanted", "other"), [("dv", "k"), ("dk", "v")])
def test_gradients_are_the_real_part_up_to_the_tail_before_the_end(exact, tolerance, wanted, other):
    d = inverse(transform(exact["h"], P) * transform(exact[other], P).conj()).real
    torch.testing.assert_close(d[: P - TAIL + 1], exact[wanted][: P - TAIL + 1], **tolerance(torch.float64))
    assert (d[P - TAIL + 1 :] - exact[wanted][P - TAIL + 1 : P]).abs().min() > 1e-6


# --- the kernels


@pytest.fixture
def inputs(generator: torch.Generator) -> Callable[..., Inputs]:
    """Return a function from a length to the five tensors in float32; filters decay as trained ones do."""

    def of(L: int, K: int | None = None, heads: int = D, n: int = B) -> Inputs:
        K = K or L
        u, a, b = torch.randn(3, n, D, L, generator=generator)
        k = torch.randn(heads, K, generator=generator) * torch.exp(-4 * torch.arange(K) / K)
        skip = torch.randn(D, generator=generator)
        return {"u": u, "k": k / k.norm(dim=-1, keepdim=True), "skip": skip, "gate_in": a, "gate_out": b}

    return of


def results(inputs: Inputs, backend: str, names: list[str] = NAMES) -> dict[str, Tensor]:
    """Return the output and the gradients of a weighted sum of it; the oracle in float64."""
    leaves = {
        name: t
        if t is None
        else (t.double() if backend == "fft" else t.detach()).requires_grad_(name in names)
        for name, t in inputs.items()
    }
    y = long_conv(**leaves, backend=backend)
    present = [name for name in names if leaves[name] is not None]
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(0)).to(y.dtype)
    grads = torch.autograd.grad(y, [leaves[name] for name in present], weights)
    return {"y": y.detach(), **dict(zip(present, grads, strict=True))}


def errors(inputs: Inputs, names: list[str] = NAMES) -> dict[str, float]:
    found, wanted = results(inputs, "triton", names), results(inputs, "fft", names)
    return {
        # one tap of many, perhaps small
        name: float((found[name] - each).norm() / each.norm()) / (10 if name == "skip" else 1)
        for name, each in wanted.items()
    }


@pytest.mark.parametrize("L", [513, 514, 521, 600, 640])
def test_values_and_gradients_equal_float64(inputs, L):
    assert max(errors(inputs(L)).values()) < LIMIT


@pytest.mark.parametrize("L", [1025, 1032, 1280])
def test_values_and_gradients_equal_float64_above_a_thousand(inputs, L):
    assert max(errors(inputs(L, n=1)).values()) < LIMIT


@pytest.mark.parametrize("K", [1, 100, 496, 497, 512, 513])
def test_filter_may_be_shorter(inputs, K):
    assert max(errors(inputs(520, K)).values()) < LIMIT


def test_channels_share_filters(inputs):
    assert max(errors(inputs(520, heads=1)).values()) < LIMIT


@pytest.mark.parametrize("missing", [["skip"], ["gate_in"], ["gate_out"], NAMES[2:]], ids="-".join)
def test_absent_inputs_are_no_obstacle(inputs, missing):
    assert max(errors(inputs(520) | dict.fromkeys(missing)).values()) < LIMIT


@pytest.mark.parametrize("names", [[name] for name in NAMES] + [["k", "gate_out"]], ids="-".join)
def test_gradients_may_be_wanted_one_by_one(inputs, names):
    assert max(errors(inputs(520), names).values()) < LIMIT


def test_gradient_of_a_short_filter_alone(inputs):
    assert max(errors(inputs(520, 40), ["k"]).values()) < LIMIT


@pytest.mark.parametrize("times", [300.0, 1 / 300], ids=["loud", "quiet"])
@pytest.mark.parametrize("first", [512, 8], ids=["tail", "all-but-the-start"])
def test_parts_of_unequal_scale_do_not_mix(inputs, times, first):
    tensors = inputs(520) | dict.fromkeys(NAMES[2:])
    tensors["u"][..., first:] *= times
    found, wanted = results(tensors, "triton")["y"], results(tensors, "fft")["y"]
    noise = LIMIT * tensors["u"].norm(dim=-1, keepdim=True)  # rounding spreads over a sequence evenly
    assert ((found - wanted).norm(dim=-1, keepdim=True) < noise).all()


def slices(t: Tensor) -> Tensor:
    return torch.cat([t + 1, t, t - 1], dim=1)[:, t.shape[1] : 2 * t.shape[1]]


def expanded(t: Tensor) -> Tensor:
    return t[:1, :1].expand_as(t)


@pytest.mark.parametrize("layout", [slices, expanded])
@pytest.mark.parametrize("names", [["u"], ["u", "gate_in", "gate_out"]], ids="-".join)
def test_any_strides_are_read(inputs, layout, names):
    tensors = inputs(520)
    assert max(errors(tensors | {name: layout(tensors[name]) for name in names}).values()) < LIMIT


@pytest.mark.parametrize("shape", [(1, 1), (1, D), (B, 1)], ids=str)
def test_a_single_sequence_or_channel_may_have_any_stride(generator, shape):
    wide = torch.randn(3, 4, 1040, generator=generator)
    u = wide.as_strided((*shape, 520), (7, 520, 1) if shape[0] == 1 else (1040, 3, 1))
    tensors = {"u": u, "k": torch.randn(1, 520, generator=generator), **dict.fromkeys(NAMES[2:])}
    assert max(errors(tensors).values()) < LIMIT


def test_results_repeat_bit_for_bit(inputs):
    tensors = inputs(520)
    first, second = (results(tensors, "triton") for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_memory_as_it_comes_never_shows(inputs, monkeypatch):
    tensors = inputs(521)
    clean = results(tensors, "triton")
    for owner, name in ((torch, "empty"), (Tensor, "new_empty")):
        allocate = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *shape, _of=allocate, **options: _of(*shape, **options).fill_(math.nan)
        )
    found = results(tensors, "triton")
    assert all(torch.equal(found[name], each) for name, each in clean.items())


def test_half_types_are_rounded_once(inputs):
    tensors = {name: t.half() if t.dim() == 3 else t for name, t in inputs(520).items()}
    assert max(errors(tensors).values()) < 2 * LIMIT


@pytest.mark.parametrize("bidirectional", [False, True], ids=["causal", "both"])
def test_split_is_what_the_operator_runs(inputs, monkeypatch, bidirectional):
    made = []
    genuine = launch._split_forward
    monkeypatch.setattr(launch, "_split_forward", lambda *each: (made.append(each), genuine(*each)))
    tensors = inputs(520)
    k = torch.stack([tensors["k"]] * 2) if bidirectional else tensors["k"]
    long_conv(tensors["u"], k, bidirectional=bidirectional, backend="triton")
    assert len(made) == (not bidirectional)


def test_head_and_ends_may_have_other_tiles(inputs):
    u, k, skip, a, b = (inputs(300, n=1)[name] for name in NAMES)
    tiles = {"head": forward_plan(256), "ends": forward_plan(1024)}
    found = launch.forward(Call(u, k, skip, a, b), SplitPlan(**tiles, rows=16))
    wanted = long_conv(
        u.double(), k.double(), skip.double(), gate_in=a.double(), gate_out=b.double(), backend="fft"
    )
    assert (found - wanted).norm() / wanted.norm() < LIMIT


def test_rule_is_looked_up_at_every_call(monkeypatch):
    monkeypatch.setattr(split, "SHORTEST_HEAD", 2048)
    assert plan(1032) == forward_plan(1032)
