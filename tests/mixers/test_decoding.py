"""Decoding in any pieces, with any options and types: the same outputs as the whole, sequence by sequence."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import Attention, FilterConfig, Hyena

L, D = 12, 8
SMALL = FilterConfig(d_hidden=6, d_position=3, n_inner=1, init="sine")
CAUSAL = {
    "order2": lambda: Hyena(D, L, filter=SMALL),
    "order3-heads2": lambda: Hyena(D, L, order=3, n_heads=2, filter=SMALL),
    "order4-heads4": lambda: Hyena(D, L, order=4, n_heads=4, filter=SMALL),
    "short1": lambda: Hyena(D, L, short_kernel_size=1, filter=SMALL),
    "short-longer-than-sequence": lambda: Hyena(D, L, short_kernel_size=15, filter=SMALL),
    "attention": lambda: Attention(D, 2, max_length=L),
    "attention-plain": lambda: Attention(D, 8, max_length=L, rotary=False),
}
causal = pytest.mark.parametrize("build", CAUSAL.values(), ids=CAUSAL)


def pieces(mixer, x, sizes):
    """Feed chunks of the given sizes; a size of -1 is one call of ``step``."""
    state, start, outputs = mixer.init_state(x.shape[0]), 0, []
    for size in sizes:
        if size == -1:
            y, state = mixer.step(x[:, start], state)
            y = y[:, None]
        else:
            y, state = mixer.prefill(x[:, start : start + size], state)
        start += abs(size)
        outputs.append(y)
    return torch.cat(outputs, 1)


@st.composite
def chunkings(draw):
    """Cut a sequence into chunks of any size, steps and nothing at all between them."""
    sizes, left = [], L
    while left:
        size = draw(st.integers(-1, left))
        sizes.append(size)
        left -= abs(size)
        if len(sizes) > 30:
            sizes.append(left)
            break
    return sizes


@causal
@settings(max_examples=15)
@given(sizes=chunkings(), seed=st.integers(0, 2**31))
def test_any_cut_of_the_sequence_gives_the_whole(build, sizes, seed):
    torch.manual_seed(seed)
    mixer, x = build().double(), torch.randn(2, L, D, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(pieces(mixer, x, sizes), mixer(x), rtol=1e-10, atol=1e-11)


@causal
def test_sequences_of_a_batch_decode_apart(draw, build):
    mixer, x = build().double(), draw(3, L, D)
    sizes = [4, -1, -1, 0, 5, -1]
    together = pieces(mixer, x, sizes)
    alone = torch.cat([pieces(mixer, one[None], sizes) for one in x])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-13)


@causal
def test_a_broken_neighbour_does_not_spoil_a_sequence(draw, build):
    mixer, x = build().double(), draw(2, L, D)
    sizes = [6] + [-1] * 6
    clean = pieces(mixer, x, sizes)[1]
    x[0, 3] = torch.nan
    torch.testing.assert_close(pieces(mixer, x, sizes)[1], clean, rtol=1e-12, atol=1e-13)


@causal
def test_two_states_of_a_mixer_do_not_touch(draw, build):
    mixer, first, second = build().double(), draw(1, L, D), draw(1, L, D)
    a, b = mixer.init_state(1), mixer.init_state(1)
    found = []
    for t in range(L):
        found.append(mixer.step(first[:, t], a)[0])
        mixer.step(second[:, t], b)
    torch.testing.assert_close(torch.stack(found, 1), mixer(first), rtol=1e-10, atol=1e-11)


@causal
def test_a_used_state_keeps_nothing_in_the_mixer(draw, build):
    mixer, x = build().double(), draw(2, L, D)
    before = {name: value.clone() for name, value in mixer.state_dict().items()}
    pieces(mixer, x, [5, -1, 6])
    torch.testing.assert_close(dict(mixer.state_dict()), before, rtol=0, atol=0)


@causal
def test_the_input_is_left_as_it_was(draw, build):
    mixer, x = build().double(), draw(2, L, D)
    copy = x.clone()
    pieces(mixer, x, [5, -1, 6])
    assert torch.equal(x, copy)


@causal
def test_a_refused_step_leaves_the_state_as_it_was(draw, build):
    mixer, x = build().double(), draw(2, L, D)
    state = mixer.init_state(2)
    mixer.prefill(x[:, :7], state)
    with pytest.raises(ShapeError, match="3 sequences but the state was made for 2"):
        mixer.step(draw(3, D), state)
    rest, _ = mixer.prefill(x[:, 7:], state)
    torch.testing.assert_close(rest, mixer(x)[:, 7:], rtol=1e-10, atol=1e-11)


@causal
def test_a_full_state_is_exactly_full(draw, build):
    mixer = build().double()
    _, state = mixer.prefill(draw(1, L, D), mixer.init_state(1))
    assert state.position == L
    with pytest.raises(ShapeError, match=f"room for {L} steps; {L} are taken and 1 more"):
        mixer.step(draw(1, D), state)


@causal
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["f16", "bf16"])
def test_half_precision_decodes_near_the_whole(draw, tolerance, build, dtype):
    mixer = build().to(dtype)
    x = draw(2, L, D, dtype=dtype)
    found, expected = pieces(mixer, x, [4, -1, 0, 6, -1]), mixer(x)
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected, rtol=0.05, atol=20 * tolerance(dtype)["atol"])


def test_double_precision_filter_in_a_single_precision_mixer_decodes(draw, tolerance):
    mixer = CAUSAL["order3-heads2"]()
    mixer.filter.double()
    x = draw(2, L, D, dtype=torch.float32)
    found = pieces(mixer, x, [4, -1, 0, 6, -1])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, mixer(x), **tolerance(torch.float32))


def test_filters_of_a_state_do_not_follow_later_training(draw):
    mixer, x = CAUSAL["order2"]().double(), draw(1, L, D)
    expected, state = mixer(x), mixer.init_state(1)
    with torch.no_grad():
        mixer.filter.out_weight.add_(1.0)
    torch.testing.assert_close(mixer.prefill(x, state)[0], expected, rtol=1e-10, atol=1e-11)


def test_dropout_does_not_act_while_decoding(draw):
    mixer = Hyena(D, L, dropout=0.5, filter=SMALL).double().train()
    x = draw(1, L, D)
    torch.testing.assert_close(pieces(mixer, x, [6] + [-1] * 6), mixer.eval()(x), rtol=1e-10, atol=1e-11)


@causal
def test_memory_of_a_state_grows_with_its_length_alone(build):
    def size(length):
        mixer = build()
        return mixer.step(torch.zeros(1, D), mixer.init_state(1, length))[1].nbytes

    assert size(9) - size(6) == size(6) - size(3) > 0


@pytest.mark.parametrize("base", [0.0, -1.0, float("nan"), float("inf")], ids=str)
def test_rotary_base_without_a_rotation_is_refused(base):
    with pytest.raises(ConfigError, match=r"rotary_base is .*above 0 and finite"):
        Attention(8, 2, rotary_base=base)
