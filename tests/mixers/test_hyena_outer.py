"""Heads of outer products: their layout, what they refuse, and what they cost."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.mixers import FilterConfig, Hyena, ModalConfig
from longwave.mixers.outer_products import columns, rows, sum_rows


@settings(max_examples=20)
@given(
    heads=st.integers(1, 3),
    size=st.integers(1, 4),
    batch=st.integers(0, 2),
    steps=st.sampled_from([(), (5,)]),
)
def test_rows_times_columns_summed_over_rows_is_the_product_of_every_head(heads, size, batch, steps):
    q, k, v = torch.randn(3, batch, heads * size, *steps, dtype=torch.float64).unbind(0)
    read = sum_rows(rows(q, size) * rows(k, size) * columns(v, size), size)
    by_head = [x.reshape(batch, heads, size, *steps) for x in (q, k, v)]
    expected = (by_head[0] * by_head[1]).sum(2, keepdim=True) * by_head[2]  # o_j = (sum_i q_i k_i) v_j
    torch.testing.assert_close(read, expected.reshape(q.shape))


def test_channels_of_products_come_by_head_then_row_then_column():
    x = torch.arange(4.0)[None]
    assert rows(x, 2).tolist() == [[0, 0, 1, 1, 2, 2, 3, 3]]
    assert columns(x, 2).tolist() == [[0, 1, 0, 1, 2, 3, 2, 3]]
    assert sum_rows(torch.arange(8.0)[None], 2).tolist() == [[2, 4, 10, 12]]


def test_every_head_owns_one_filter_and_one_skip():
    mixer = Hyena(24, 16, outer_head_dim=8)
    assert mixer.filters(16).shape == (1, 3, 16)
    assert mixer.skip.shape == (1, 3)


def test_queries_read_what_keys_wrote(draw):
    """Orthogonal keys do not disturb each other: what one wrote, the query like it reads, and no other."""
    written = draw(2, 4)
    keys, queries, values = torch.zeros(3, 1, 4, 3, dtype=torch.float64)  # (1, E, L): two writes, one read
    keys[0, 1, 0] = keys[0, 3, 1] = queries[0, 1, 2] = 1
    values[0, :, 0], values[0, :, 1] = written
    products = rows(keys, 4) * columns(values, 4)
    memory = products.cumsum(-1)  # a filter of ones
    read = sum_rows(rows(queries, 4) * memory, 4)[0, :, 2]
    torch.testing.assert_close(read, written[0])


def test_dropout_drops_single_products(draw):
    mixer, x = Hyena(8, 16, outer_head_dim=4, dropout=0.5), draw(2, 16, 8, dtype=torch.float32)
    assert not torch.equal(mixer(x), mixer(x))
    mixer.eval()
    assert torch.equal(mixer(x), mixer(x))


def test_operations_grow_with_the_heads_products():
    plain, heads = (Hyena(32, 1024, outer_head_dim=E, filter=FilterConfig(d_hidden=2)) for E in (1, 8))
    assert heads.flops(1024) - plain.flops(1024) == 2 * 32 * 7 * 5 * 10


def test_a_modal_state_holds_a_complex_number_a_mode_and_product():
    state = Hyena(32, 64, outer_head_dim=8, filter=ModalConfig(order=3)).init_state(2)
    assert state.convs[0]._x.shape == (2, 4, 64, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outer_head_dim": 3}, "outer_head_dim is 3, which does not divide d_model=8"),
        ({"outer_head_dim": 0}, "outer_head_dim is 0"),
        ({"outer_head_dim": 2, "order": 3}, "outer_head_dim=2 goes with order=2 and n_heads=1, not with 3"),
        ({"outer_head_dim": 2, "n_heads": 2}, "outer_head_dim=2 goes with order=2 and n_heads=1, not with 2"),
    ],
    ids=["no-divisor", "zero", "order", "heads"],
)
def test_settings_out_of_range_are_an_error(options, message):
    with pytest.raises(ConfigError, match=message):
        Hyena(8, 16, **options)
