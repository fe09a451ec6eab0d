"""Packed documents against one call a document: values, all gradients, no leak, and every message."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ShapeError, UnknownName
from longwave.ops import long_conv
from longwave.ops.long_conv import packed
from longwave.ops.long_conv.packed import packed_long_conv

# lengths of documents, D, K, heads, bidirectional
CASES = {
    "mixed": ([5, 1, 17, 2, 31, 16, 3], 4, 9, 4, False),
    "mixed-both": ([5, 1, 17, 2, 31, 16, 3], 4, 9, 4, True),
    "filter-longer-than-all": ([4, 7, 3], 3, 50, 3, False),
    "filter-longer-than-all-both": ([4, 7, 3], 3, 50, 3, True),
    "shared-heads": ([6, 6, 11], 6, 6, 2, False),
    "shared-heads-both": ([6, 6, 11], 6, 6, 2, True),
    "one-document": ([23], 2, 23, 2, False),
    "one-step-each": ([1, 1, 1], 2, 3, 2, True),
    "empty-between": ([0, 5, 0, 0, 8, 0], 2, 4, 1, False),
    "no-taps": ([3, 4], 2, 0, 2, False),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
backends = pytest.mark.parametrize("backend", ["fft", "naive"])


def offsets(lengths, dtype=torch.int32):
    return torch.tensor([0, *lengths]).cumsum(0).to(dtype)


def make(draw, case):
    lengths, D, K, heads, both = case
    T = sum(lengths)
    k = draw(2, heads, K) if both else draw(heads, K)
    return [draw(1, D, T), k, draw(D), draw(1, D, T), draw(1, D, T)]


def run(tensors, case, backend="auto"):
    u, k, skip, gate_in, gate_out = tensors
    options = {"gate_in": gate_in, "gate_out": gate_out, "bidirectional": case[4], "backend": backend}
    return packed_long_conv(u, k, offsets(case[0]), skip, **options)


def one_by_one(tensors, case):
    """Call the direct sum for every document by itself."""
    u, k, skip, gate_in, gate_out = tensors
    pieces = []
    for start, end in pairwise(offsets(case[0]).tolist()):
        piece = long_conv(
            u[..., start:end],
            k[..., : end - start],
            skip,
            gate_in=gate_in[..., start:end],
            gate_out=gate_out[..., start:end],
            bidirectional=case[4],
            backend="naive",
        )
        pieces.append(piece)
    return torch.cat(pieces, dim=-1)


@backends
@cases
def test_packed_documents_equal_one_call_each(draw, tolerance, case, backend):
    tensors = make(draw, case)
    torch.testing.assert_close(
        run(tensors, case, backend), one_by_one(tensors, case), **tolerance(torch.float64)
    )


@backends
@cases
def test_gradients_equal_those_of_one_call_each(draw, tolerance, case, backend):
    tensors = make(draw, case)
    weight = draw(*tensors[0].shape, requires_grad=False)
    expected = torch.autograd.grad((weight * one_by_one(tensors, case)).sum(), tensors)
    found = torch.autograd.grad((weight * run(tensors, case, backend)).sum(), tensors)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


def test_second_gradients_equal_those_of_one_call_each(draw):
    case = CASES["mixed"]
    tensors = make(draw, case)

    def penalty(y):
        grads = torch.autograd.grad(y.square().sum(), tensors, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in grads), tensors)

    found, expected = penalty(run(tensors, case)), penalty(one_by_one(tensors, case))
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(1, 60), st.booleans(), st.integers(0, 9)
)
def test_packing_changes_nothing_for_any_lengths(lengths, K, both, seed):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    case = (lengths, 2, K, 2, both)
    tensors = make(draw, case)
    torch.testing.assert_close(run(tensors, case), one_by_one(tensors, case), rtol=1e-10, atol=1e-10)


@backends
@pytest.mark.parametrize("both", [False, True], ids=["back", "both"])
@pytest.mark.parametrize("value", [math.nan, math.inf, 1e10], ids=str)
def test_no_document_changes_another_by_a_single_bit(draw, value, both, backend):
    lengths = [6, 7, 5, 8, 30, 7]  # the second shares its group with three others
    case = (lengths, 3, 9, 3, both)
    tensors = [t.detach().float() for t in make(draw, case)]
    clean = run(tensors, case, backend)
    loud = tensors[0].clone()
    loud[..., 6:13] = value
    dirty = run([loud, *tensors[1:]], case, backend)
    others = [*range(6), *range(13, sum(lengths))]
    assert torch.equal(dirty[..., others], clean[..., others])


@backends
def test_no_document_changes_the_input_gradient_of_another(draw, backend):
    case = ([6, 7, 5, 8], 3, 9, 3, False)
    tensors = [t.detach().float().requires_grad_() for t in make(draw, case)]
    weight = torch.ones_like(tensors[0])
    (clean,) = torch.autograd.grad(run(tensors, case, backend), tensors[0], weight)
    weight[..., 6:13] = math.nan
    (dirty,) = torch.autograd.grad(run(tensors, case, backend), tensors[0], weight)
    others = [*range(6), *range(13, 26)]
    assert torch.equal(dirty[..., others], clean[..., others])


def test_output_of_a_document_depends_on_no_other_input(draw):
    case = ([4, 6, 5], 2, 6, 2, True)
    tensors = make(draw, case)
    (grad,) = torch.autograd.grad(run(tensors, case)[..., 4:10].sum(), tensors[0])
    assert grad[..., :4].abs().max() == grad[..., 10:].abs().max() == 0


def test_order_of_documents_does_not_matter(draw, tolerance):
    lengths, k = [5, 12, 3], draw(2, 8)
    u = draw(1, 2, 20)
    first, second, third = u.split(lengths, dim=-1)
    found = packed_long_conv(torch.cat([third, first, second], -1), k, offsets([3, 5, 12]))
    expected = packed_long_conv(u, k, offsets(lengths))
    torch.testing.assert_close(found[..., :3], expected[..., 17:], **tolerance(torch.float64))


def test_many_documents_take_few_calls_with_little_padding(draw, monkeypatch):
    calls = []

    def count(u, *args, **options):
        calls.append(u.shape[0] * u.shape[2])
        return long_conv(u, *args, **options)

    monkeypatch.setattr(packed, "long_conv", count)
    lengths = torch.randint(1, 300, (200,), generator=torch.Generator().manual_seed(0)).tolist()
    packed_long_conv(draw(1, 1, sum(lengths)), draw(1, 300), offsets(lengths))
    assert len(calls) <= 10
    assert sum(calls) < 2 * sum(lengths)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64], ids=str)
def test_offsets_of_either_integer_type_are_taken(draw, tolerance, dtype):
    case = ([5, 3], 2, 4, 2, False)
    u, k, *_ = make(draw, case)
    expected = torch.cat([long_conv(u[..., :5], k), long_conv(u[..., 5:], k[:, :3])], dim=-1)
    found = packed_long_conv(u, k, offsets([5, 3], dtype))
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_output_has_the_type_of_the_input(draw, dtype):
    u = draw(1, 2, 8, dtype=dtype)
    assert packed_long_conv(u, draw(2, 8, dtype=torch.float32), offsets([5, 3])).dtype == dtype


def test_views_need_not_be_contiguous(draw, tolerance):
    u, k = draw(1, 20, 3).transpose(1, 2), draw(3, 7)
    expected = packed_long_conv(u.contiguous(), k, offsets([12, 8]))
    torch.testing.assert_close(packed_long_conv(u, k, offsets([12, 8])), expected, **tolerance(torch.float64))


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]], ids=str)
def test_nothing_packed_gives_nothing_back_and_still_gradients(draw, lengths):
    tensors = make(draw, (lengths, 2, 5, 2, False))
    y = run(tensors, (lengths, 2, 5, 2, False))
    grads = torch.autograd.grad(y.sum(), tensors)
    assert y.shape == (1, 2, 0)
    assert grads[1].abs().max() == 0


@pytest.mark.parametrize(
    ("cu_seqlens", "message"),
    [
        pytest.param([1, 8], "goes from 1 to 8 but the input from 0 to 8", id="late-start"),
        pytest.param([0, 5], "goes from 0 to 5 but the input from 0 to 8", id="early-end"),
        pytest.param([0, 5, 9], "goes from 0 to 9", id="late-end"),
        pytest.param([0, 6, 4, 8], "falls from 6 to 4 at document 1", id="falling"),
        pytest.param([0, -1, 8], "falls from 0 to -1 at document 0", id="negative"),
        pytest.param([0.0, 8.0], "float32 of shape", id="float"),
        pytest.param([False, True], "bool of shape", id="bool"),
        pytest.param([[0, 8]], r"shape \(1, 2\)", id="matrix"),
        pytest.param([], "of shape", id="empty"),
    ],
)
def test_wrong_offsets_are_named(cu_seqlens, message):
    with pytest.raises(ShapeError, match=message):
        packed_long_conv(torch.zeros(1, 2, 8), torch.zeros(2, 8), torch.tensor(cu_seqlens))


def test_offsets_on_another_device_are_refused():
    with pytest.raises(ShapeError, match="cu_seqlens is on meta but the input on cpu"):
        packed_long_conv(torch.zeros(1, 2, 8), torch.zeros(2, 8), offsets([8]).to("meta"))


@pytest.mark.parametrize("shape", [(2, 8), (2, 2, 8), (0, 2, 8)], ids=str)
def test_input_must_be_one_packed_sequence(shape):
    with pytest.raises(ShapeError, match=r"is \(1, D, T\), not"):
        packed_long_conv(torch.zeros(shape), torch.zeros(2, 8), offsets([8]))


def test_filter_must_have_a_width():
    with pytest.raises(ShapeError, match=r"is \(D, K\), not \(8,\)"):
        packed_long_conv(torch.zeros(1, 2, 8), torch.zeros(8), offsets([8]))


@pytest.mark.parametrize("gate", ["gate_in", "gate_out"])
def test_gates_must_have_the_shape_of_the_input(gate):
    with pytest.raises(ShapeError, match=rf"{gate} has shape \(1, 2, 7\)"):
        packed_long_conv(
            torch.zeros(1, 2, 8), torch.zeros(2, 8), offsets([8]), **{gate: torch.zeros(1, 2, 7)}
        )


def test_wrong_width_is_refused_as_in_long_conv():
    with pytest.raises(ShapeError, match="width 3 but the input has width 2"):
        packed_long_conv(torch.zeros(1, 2, 8), torch.zeros(3, 8), offsets([8]))


@pytest.mark.parametrize("T", [0, 8])
def test_unknown_backend_is_refused_even_when_there_is_nothing_to_do(T):
    with pytest.raises(UnknownName):
        packed_long_conv(torch.zeros(1, 2, T), torch.zeros(2, 8), offsets([T]), backend="fftt")
