"""The GPU convolution as an operator of torch: gradients asked for one by one, strides, compilation."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from longwave.ops import long_conv
from longwave.ops.long_conv.triton import launch

B, D, L, K = 3, 2, 37, 23
NAMES = ["u", "k", "skip", "gate_in", "gate_out"]
LIMIT = 2e-3  # relative; twice the error of the kernels
Inputs = dict[str, Tensor]


@pytest.fixture
def inputs(draw: Callable[..., Tensor]) -> Inputs:
    """Return the five tensors in float32, none with a gradient."""
    shapes = {"u": (B, D, L), "k": (D, K), "skip": (D,), "gate_in": (B, D, L), "gate_out": (B, D, L)}
    return {name: draw(*shapes[name], dtype=torch.float32, requires_grad=False) for name in NAMES}


def by_kernels(
    u: Tensor, k: Tensor, skip: Tensor, gate_in: Tensor, gate_out: Tensor, **options: bool
) -> Tensor:
    return long_conv(u, k, skip, gate_in=gate_in, gate_out=gate_out, backend="triton", **options)


def by_sum(u: Tensor, k: Tensor, skip: Tensor, gate_in: Tensor, gate_out: Tensor, **options: bool) -> Tensor:
    """Compute the same by the naive backend in float64."""
    tensors = (t.double() for t in (u, k, skip, gate_in, gate_out))
    u, k, skip, gate_in, gate_out = tensors
    return long_conv(u, k, skip, gate_in=gate_in, gate_out=gate_out, backend="naive", **options)


def differ(found: Tensor, wanted: Tensor) -> float:
    """Return the relative error, a fifth for the skip: its gradient is one tap of many, perhaps small."""
    found, wanted = found.detach().double(), wanted.detach().double()
    return float((found - wanted).norm() / wanted.norm()) / (5 if wanted.dim() == 1 else 1)


def gradients(function: Callable[..., Tensor], inputs: Inputs, names: list[str] = NAMES) -> list[Tensor]:
    """Return the gradients of a weighted sum of the output."""
    leaves = {name: t.detach().requires_grad_(name in names) for name, t in inputs.items()}
    y = function(**leaves)
    weights = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view(y.shape)
    return list(torch.autograd.grad((y * weights).sum(), [leaves[name] for name in names]))


@pytest.mark.parametrize("name", NAMES)
def test_each_input_alone_has_its_gradient(inputs, name):
    (found,), (wanted,) = (gradients(function, inputs, [name]) for function in (by_kernels, by_sum))
    assert differ(found, wanted) < LIMIT


@pytest.mark.parametrize("names", [["u", "k"], ["k", "gate_out"], ["skip", "gate_in"]], ids="-".join)
def test_a_pair_of_inputs_has_its_gradients(inputs, names):
    pairs = zip(*(gradients(function, inputs, names) for function in (by_kernels, by_sum)), strict=True)
    assert max(differ(found, wanted) for found, wanted in pairs) < LIMIT


@pytest.mark.parametrize("missing", ["skip", "gate_in", "gate_out"])
def test_absent_inputs_are_no_obstacle(inputs, missing):
    u, k, *others = (t.requires_grad_() for t in inputs.values())
    options = {name: t for name, t in zip(NAMES[2:], others, strict=True) if name != missing}
    present = [u, k, *options.values()]
    found, wanted = (
        torch.autograd.grad(long_conv(u, k, backend=backend, **options).square().sum(), present)
        for backend in ("triton", "naive")
    )
    assert max(differ(*pair) for pair in zip(found, wanted, strict=True)) < LIMIT


def test_without_gradients_nothing_is_recorded(inputs):
    assert not by_kernels(**inputs).requires_grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("taps_dtype", [torch.bfloat16, torch.float32], ids=str)
def test_gradients_have_the_types_of_their_inputs(inputs, dtype, taps_dtype):
    typed = {name: t.to(taps_dtype if name in ("k", "skip") else dtype) for name, t in inputs.items()}
    found = gradients(by_kernels, typed)
    assert [(each.shape, each.dtype) for each in found] == [(t.shape, t.dtype) for t in typed.values()]


def test_output_has_the_type_of_the_input(inputs):
    inputs["u"] = inputs["u"].half()
    assert by_kernels(**inputs).dtype == torch.float16


def test_filter_in_bfloat16_is_read_as_it_is(inputs):
    inputs["k"] = inputs["k"].bfloat16()
    assert differ(by_kernels(**inputs), by_sum(**inputs)) < LIMIT


def slices(t: Tensor) -> Tensor:
    wide = torch.stack([t, t + 1, t + 2], dim=1).flatten(1, 2)  # (B, 3 D, L)
    return wide[:, : t.shape[1]]


def last_slices(t: Tensor) -> Tensor:
    wide = torch.stack([t - 2, t - 1, t], dim=1).flatten(1, 2)
    return wide[:, -t.shape[1] :]


LAYOUTS = {
    "slices": slices,
    "last-slices": last_slices,
    "time-first": lambda t: t.transpose(1, 2).contiguous().transpose(1, 2),
    "every-second-step": lambda t: t.repeat_interleave(2, dim=-1)[..., ::2],
    "backwards-batch": lambda t: torch.stack(list(t.unbind(0)), dim=1).transpose(0, 1),
    "one-batch-entry-expanded": lambda t: t[:1].expand_as(t),
    "one-channel-expanded": lambda t: t[:, :1].expand_as(t),
    "one-step-expanded": lambda t: t[..., :1].expand_as(t),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("names", [["u"], ["u", "gate_in", "gate_out"]], ids="-".join)
def test_any_strides_are_read(inputs, layout, names):
    strided = {name: layout(t) if name in names else t for name, t in inputs.items()}
    found, wanted = (
        [function(**strided), *gradients(function, strided)] for function in (by_kernels, by_sum)
    )
    assert max(differ(*pair) for pair in zip(found, wanted, strict=True)) < LIMIT


@pytest.mark.parametrize(
    "layout",
    [lambda k: k.t().contiguous().t(), lambda k: torch.cat([k, k], -1)[:, :K], lambda k: k[:1].expand(D, K)],
    ids=["time-first", "cut", "expanded"],
)
def test_any_strides_of_the_filter_are_read(inputs, layout):
    inputs["k"] = layout(inputs["k"])
    found, wanted = ([function(**inputs), *gradients(function, inputs)] for function in (by_kernels, by_sum))
    assert max(differ(*pair) for pair in zip(found, wanted, strict=True)) < LIMIT


def test_three_inputs_may_be_parts_of_one_projection(draw):
    projected = draw(B, 3 * D, L, dtype=torch.float32)
    k = draw(D, L, dtype=torch.float32)

    def mixed(backend: str) -> list[Tensor]:
        u, gate_in, gate_out = projected.split(D, dim=1)
        y = long_conv(u, k, gate_in=gate_in, gate_out=gate_out, backend=backend)
        return [y, *torch.autograd.grad(y.square().sum(), (projected, k))]

    assert max(differ(*pair) for pair in zip(mixed("triton"), mixed("naive"), strict=True)) < LIMIT


def test_gradient_of_a_plain_sum_is_expanded_and_read(inputs):
    found, wanted = (
        torch.autograd.grad(function(**(inputs | {"u": u})).sum(), u)[0]
        for function, u in ((f, inputs["u"].detach().requires_grad_()) for f in (by_kernels, by_sum))
    )
    assert differ(found, wanted) < LIMIT


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["causal", "both"])
def test_channels_share_filters(draw, heads, bidirectional):
    shape = (2, heads, K) if bidirectional else (heads, K)
    u, k, skip = (draw(*each, dtype=torch.float32) for each in ((B, 4, L), shape, (4,)))
    found, wanted = (
        torch.autograd.grad(
            long_conv(u, k, skip, bidirectional=bidirectional, backend=backend).square().sum(), (u, k, skip)
        )
        for backend in ("triton", "naive")
    )
    assert max(differ(*pair) for pair in zip(found, wanted, strict=True)) < LIMIT


def test_bidirectional_filter_may_have_one_step(draw):
    u, k = draw(2, 2, 1, dtype=torch.float32), draw(2, 2, 1, dtype=torch.float32)
    y = long_conv(u, k, bidirectional=True, backend="triton")
    assert differ(y, u * k.sum(0)[..., 0, None]) < LIMIT


def test_second_derivative_equals_the_naive_one(inputs):
    leaves = {name: t.requires_grad_() for name, t in inputs.items()}

    def second(function: Callable[..., Tensor]) -> tuple[Tensor, ...]:
        first = torch.autograd.grad(
            function(**leaves).square().sum(), list(leaves.values()), create_graph=True
        )
        return torch.autograd.grad(sum(each.square().sum() for each in first), list(leaves.values()))

    assert max(differ(*pair) for pair in zip(second(by_kernels), second(by_sum), strict=True)) < LIMIT


def test_gradient_penalty_on_the_input_alone(inputs):
    u, k = inputs["u"].requires_grad_(), inputs["k"].requires_grad_()

    def penalty(function: Callable[..., Tensor]) -> Tensor:
        (first,) = torch.autograd.grad(function(**inputs).sum(), u, create_graph=True)
        return torch.autograd.grad(first.square().sum(), k)[0]

    assert differ(penalty(by_kernels), penalty(by_sum)) < LIMIT


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_autocast_changes_nothing(inputs, dtype):
    inputs["u"] = inputs["u"].to(dtype)
    plain = by_kernels(**inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = by_kernels(**inputs)
    assert cast.dtype == plain.dtype
    assert torch.equal(cast, plain)


def test_compiled_graph_has_no_break_and_the_same_results(inputs):
    compiled = torch.compile(by_kernels, fullgraph=True, backend="aot_eager")
    found, wanted = (
        [function(**inputs), *gradients(function, inputs)] for function in (compiled, by_kernels)
    )
    assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))


def test_compiled_graph_leaves_out_what_is_not_wanted(inputs):
    compiled = torch.compile(by_kernels, fullgraph=True, backend="aot_eager")
    found, wanted = (gradients(function, inputs, ["skip"]) for function in (compiled, by_kernels))
    assert torch.equal(found[0], wanted[0])


CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor")


def test_forward_operator_keeps_the_rules_of_torch(inputs):
    arguments = tuple(t.requires_grad_() for t in inputs.values())
    assert torch.library.opcheck(torch.ops.longwave.long_conv.default, arguments, test_utils=CHECKS)


@pytest.mark.parametrize("wants", [[True] * 5, [True, False, False, False, True]], ids=["all", "two"])
def test_backward_operator_keeps_the_rules_of_torch(inputs, wants):
    arguments = (torch.ones(B, D, L), *inputs.values(), wants)
    assert torch.library.opcheck(torch.ops.longwave.long_conv_backward.default, arguments, test_utils=CHECKS)


@pytest.mark.parametrize("shape", [(0, D, L), (B, D, 0), (B, 0, L)], ids=str)
def test_nothing_never_reaches_a_kernel(shape, monkeypatch):
    monkeypatch.setattr(launch, "forward", None)
    u = torch.zeros(shape, requires_grad=True)
    y = long_conv(u, torch.zeros(max(shape[1], 1), shape[2]), backend="triton")
    y.sum().backward()
    assert y.shape == u.grad.shape == shape


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the interpreter computes in numpy
@pytest.mark.parametrize("bad", [float("nan"), float("inf")], ids=["nan", "inf"])
def test_batch_neighbours_do_not_matter(inputs, bad):
    clean = by_kernels(**inputs)
    inputs["u"][1] = bad
    found = by_kernels(**inputs)
    assert torch.equal(found[[0, 2]], clean[[0, 2]])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_channels_do_not_matter_to_each_other(inputs):
    clean = by_kernels(**inputs)
    inputs["u"][:, 0] = float("nan")
    assert torch.equal(by_kernels(**inputs)[:, 1], clean[:, 1])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nan_shows_in_its_own_sequence(inputs):
    inputs["u"][1, 0, 5] = float("nan")
    assert by_kernels(**inputs)[1, 0].isnan().any()


def poisoned(allocate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return an allocator whose memory was full of NaN."""
    return lambda *arguments, **options: allocate(*arguments, **options).fill_(float("nan"))


def test_memory_as_it_comes_never_shows(inputs, monkeypatch):
    inputs["k"] = torch.stack([inputs["k"], inputs["k"].flip(-1)])
    function = functools.partial(by_kernels, bidirectional=True)
    clean = [function(**inputs), *gradients(function, inputs)]
    for owner, name in ((torch, "empty"), (Tensor, "new_empty")):
        monkeypatch.setattr(owner, name, poisoned(getattr(owner, name)))
    found = [function(**inputs), *gradients(function, inputs)]
    assert all(torch.equal(*pair) for pair in zip(found, clean, strict=True))
