"""Layers that compute their tiles together."""

from __future__ import annotations

import copy

import pytest
import torch

from longwave.ops import long_conv
from longwave.ops.long_conv.online import OnlineConv, OnlineConvGroup

modes = pytest.mark.parametrize("mode", ["lazy", "epoched", "relaxed"])
exact = {"rtol": 1e-12, "atol": 1e-12}
L = 70


def make(draw, mode, widths=(4, 4, 4), heads=None):
    heads = heads or widths
    filters = [draw(rows, L).detach() / 8 for rows in heads]
    return filters, [OnlineConv(k, L, mode) for k in filters]


def stack(convs, u, begin=0):
    """Feed each layer the output of the one before, token by token."""
    outputs = []
    for u_t in u[..., begin:].unbind(-1):
        x = u_t
        for conv in convs:
            x = conv.step(x)
        outputs.append(x)
    return torch.stack(outputs, dim=-1)


def one_go(filters, u):
    for k in filters:
        u = long_conv(u, k, backend="naive")
    return u


@pytest.fixture
def transforms(monkeypatch):
    """Collect the shape of every transform of inputs; those of filters are made once."""
    shapes, rfft = [], torch.fft.rfft

    def noting(signal, n):
        if signal.dim() == 3:
            shapes.append((*signal.shape[:2], n))
        return rfft(signal, n=n)

    monkeypatch.setattr(torch.fft, "rfft", noting)
    return shapes


@modes
def test_grouped_layers_equal_the_convolutions_in_one_go(draw, mode):
    filters, convs = make(draw, mode)
    OnlineConvGroup(convs)
    u = draw(2, 4, L).detach()
    torch.testing.assert_close(stack(convs, u), one_go(filters, u), **exact)


def test_group_takes_one_transform_where_layers_alone_take_one_each(draw, transforms):
    u = draw(2, 4, L).detach()
    stack(make(draw, "relaxed")[1], u)
    alone = list(transforms)
    transforms.clear()
    convs = make(draw, "relaxed")[1]
    group = OnlineConvGroup(convs)
    stack(convs, u)
    assert (len(group.convs), len(alone)) == (3, 3 * (L // 4))
    assert transforms == [(12, rows, n) for _, rows, n in alone[::3]]


def test_layers_of_different_widths_share_a_transform(draw, transforms):
    filters, convs = make(draw, "relaxed", widths=(4, 6, 1))
    OnlineConvGroup(convs)
    signals = [draw(2, width, L).detach() for width in (4, 6, 1)]
    for t in range(L):
        outputs = [conv.step(u[..., t]) for conv, u in zip(convs, signals, strict=True)]
    expected = [long_conv(u, k, backend="naive")[..., -1] for u, k in zip(signals, filters, strict=True)]
    torch.testing.assert_close(outputs, expected, **exact)
    assert {shape[:2] for shape in transforms} == {(11, 2)}


def test_layers_that_share_filters_differently_are_transformed_apart(draw, transforms):
    filters, convs = make(draw, "relaxed", heads=(4, 2, 4))
    OnlineConvGroup(convs)
    u = draw(2, 4, L).detach()
    torch.testing.assert_close(stack(convs, u), one_go(filters, u), **exact)
    assert {shape[:2] for shape in transforms} == {(8, 2), (2, 4)}


def test_layers_of_different_modes_may_be_grouped(draw):
    filters = [draw(4, L).detach() / 8 for _ in range(3)]
    convs = [OnlineConv(k, L, mode) for k, mode in zip(filters, ("lazy", "relaxed", "epoched"), strict=True)]
    OnlineConvGroup(convs)
    u = draw(2, 4, L).detach()
    torch.testing.assert_close(stack(convs, u), one_go(filters, u), **exact)


def test_layers_of_different_precision_may_be_grouped(draw):
    filters = [draw(4, L).detach() / 8 for _ in range(2)]
    convs = [OnlineConv(filters[0], L, "relaxed"), OnlineConv(filters[1].float(), L, "relaxed")]
    OnlineConvGroup(convs)
    u = draw(2, 4, L).detach()
    pairs = [(convs[0].step(u_t), convs[1].step(u_t.float())) for u_t in u.unbind(-1)]
    assert (pairs[-1][0].dtype, pairs[-1][1].dtype) == (torch.float64, torch.float32)


@modes
def test_prompt_rollback_and_reordering_go_through_a_group(draw, mode):
    filters, convs = make(draw, mode)
    OnlineConvGroup(convs)
    u = draw(2, 4, L).detach()
    x = u[..., :37]
    for conv in convs:
        x = conv.prefill(x)
    stack(convs, u[..., :50], 37)
    for conv in convs:
        conv.truncate(44)
        conv.reorder([1, 0])
    swapped = u[[1, 0]]
    torch.testing.assert_close(stack(convs, swapped, 44), one_go(filters, swapped)[..., 44:], **exact)


def test_flush_runs_what_is_due_and_says_how_much(draw):
    convs = make(draw, "relaxed")[1]
    group = OnlineConvGroup(convs)
    before = group.flush()
    stack(convs, draw(2, 4, 4).detach())
    assert (before, group.flush(), group.flush()) == (0, 3, 0)


def test_flush_changes_no_output(draw):
    filters, convs = make(draw, "relaxed")
    group = OnlineConvGroup(convs)
    u, outputs = draw(2, 4, L).detach(), []
    for u_t in u.split(1, dim=-1):
        outputs.append(stack(convs, u_t))
        group.flush()
    torch.testing.assert_close(torch.cat(outputs, dim=-1), one_go(filters, u), **exact)


def test_layer_that_runs_ahead_is_not_held_up(draw):
    filters, convs = make(draw, "relaxed")
    OnlineConvGroup(convs)
    u = draw(2, 4, L).detach()
    ahead = torch.stack([convs[0].step(u_t) for u_t in u.unbind(-1)], dim=-1)
    y = stack(convs[1:], ahead)
    torch.testing.assert_close(y, one_go(filters, u), **exact)


def test_group_survives_a_copy(draw):
    filters, convs = make(draw, "relaxed")
    group = OnlineConvGroup(convs)
    u = draw(2, 4, L).detach()
    stack(convs, u[..., :33])
    twin = copy.deepcopy(group)
    torch.testing.assert_close(stack(twin.convs, u, 33), one_go(filters, u)[..., 33:], **exact)
    assert convs[0].position == 33


def test_members_leave_their_spectra_to_the_group(draw):
    convs = make(draw, "relaxed")[1]
    group = OnlineConvGroup(convs)
    stack(convs, draw(2, 4, L).detach())
    spectra = 16 * 12 * sum(n // 2 + 1 for n in (6, 8, 16, 32, 64, 96))
    assert group.nbytes == sum(conv.nbytes for conv in convs) + spectra
    filters_inputs_sums, log = 8 * 4 * L * (2 + 2 * 2), 8 * 8 * 2  # the last tile reaches 2 outputs
    assert {conv.nbytes for conv in convs} == {filters_inputs_sums + log}
