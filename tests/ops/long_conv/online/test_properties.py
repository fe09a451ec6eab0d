"""What holds of any split, any way back and any choice of sequences."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longwave.ops import long_conv
from longwave.ops.long_conv.online import OnlineConv

modes = st.sampled_from(["lazy", "epoched", "relaxed", "auto"])
lengths = st.integers(1, 90)
seeds = st.integers(0, 2**32 - 1)
splits = st.lists(st.integers(0, 40), max_size=12)
few = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
exact = {"rtol": 1e-12, "atol": 1e-12}


def make(seed, L, K, heads):
    generator = torch.Generator().manual_seed(seed)
    shapes = (2, 4, L), (heads, K), (4,)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


@few
@given(modes, lengths, seeds, splits, st.sampled_from([1, 2, 4]), st.data())
def test_any_split_equals_the_convolution_in_one_go(feed, mode, L, seed, split, heads, data):
    u, k, skip = make(seed, L, data.draw(st.integers(0, L)), heads)
    y = feed(OnlineConv(k, L, mode, skip=skip), u, split)
    expected = long_conv(u, k, skip, backend="naive")
    assert (y - expected).norm() <= 1e-12 * expected.norm()


@few
@given(modes, lengths, seeds, splits, splits, st.data())
def test_going_back_and_on_equals_never_having_gone_further(feed, mode, L, seed, there, on, data):
    far, back = sorted([data.draw(st.integers(0, L)), data.draw(st.integers(0, L))], reverse=True)
    u, k, skip = make(seed, L, data.draw(st.integers(1, L)), 4)
    conv = OnlineConv(k, L, mode, skip=skip)
    feed(conv, torch.cat([u[..., :back], -u[..., back:far]], dim=-1), there)
    conv.truncate(back)
    y = feed(conv, u[..., back:], on)
    torch.testing.assert_close(y, long_conv(u, k, skip, backend="naive")[..., back:], **exact)


@few
@given(modes, lengths, seeds, splits, splits, st.lists(st.integers(0, 1), max_size=4), st.data())
def test_reordering_equals_a_fresh_run_of_the_chosen_sequences(
    feed, mode, L, seed, before, after, index, data
):
    cut = data.draw(st.integers(1, L))
    back = data.draw(st.integers(0, cut))
    u, k, skip = make(seed, L, data.draw(st.integers(1, L)), 2)
    conv = OnlineConv(k, L, mode, skip=skip)
    feed(conv, u[..., :cut], before)
    conv.reorder(index)
    conv.truncate(back)
    y = feed(conv, u[index][..., back:], after)
    torch.testing.assert_close(y, long_conv(u[index], k, skip, backend="naive")[..., back:], **exact)


@few
@given(lengths, seeds, splits, st.data())
def test_all_modes_agree_after_any_history(feed, L, seed, split, data):
    u, k, _ = make(seed, L, data.draw(st.integers(1, L)), 4)
    marks = sorted(data.draw(st.lists(st.integers(0, L), min_size=2, max_size=2)))
    outputs = []
    for mode in ("lazy", "epoched", "relaxed"):
        conv = OnlineConv(k, L, mode)
        feed(conv, u[..., : marks[1]], split)
        conv.truncate(marks[0])
        if conv.batch is not None:
            conv.reorder([1, 0])
        outputs.append(feed(conv, u[..., marks[0] :], split))
    torch.testing.assert_close(outputs[1:], outputs[:1] * 2, **exact)


moves = st.one_of(
    st.tuples(st.just("take"), st.integers(0, 40)),
    st.tuples(st.just("steps"), st.integers(1, 20)),
    st.tuples(st.just("back"), st.floats(0, 1)),
    st.tuples(st.just("back-a-little"), st.integers(0, 9)),
    st.tuples(st.just("reorder"), st.lists(st.integers(0, 1), min_size=2, max_size=2)),
)


@few
@given(modes, seeds, st.integers(1, 120), st.lists(moves, max_size=25))
def test_any_history_equals_the_convolution_of_what_counts(feed, mode, seed, K, history):
    L = 120
    _, k, skip = make(seed, 1, K, 4)
    conv, taken = OnlineConv(k, L, mode, skip=skip, batch=2), torch.zeros(2, 4, 0, dtype=torch.float64)
    for number, (move, size) in enumerate(history):
        if move in ("take", "steps"):
            steps = min(size, L - conv.position)
            (u, _, _) = make(seed + number, steps, 1, 4)
            taken = torch.cat([taken, u], dim=-1)
            y = feed(conv, u, [steps] if move == "take" else [])
            expected = long_conv(taken, k[:, : taken.shape[-1]], skip, backend="naive")
            torch.testing.assert_close(y, expected[..., conv.position - steps :], **exact)
        elif move == "reorder":
            conv.reorder(size)
            taken = taken[size]
        else:
            back = int(size * conv.position) if move == "back" else max(conv.position - size, 0)
            conv.truncate(back)
            taken = taken[..., :back]
