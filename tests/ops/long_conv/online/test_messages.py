"""Every mistake is answered with what was wrong, what is accepted, what to do next."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import ConfigError, ShapeError, UnknownName
from longwave.ops.long_conv.online import OnlineConv, OnlineConvGroup


def conv(**more):
    return OnlineConv(torch.ones(4, 6), **{"max_length": 8} | more)


def begun():
    started = conv()
    started.step(torch.ones(2, 4))
    return started


STARTS = {
    "k-vector": (torch.ones(6), {}, r"\(D, K\) or \(heads, K\), not \(6,\)"),
    "k-no-rows": (torch.ones(0, 6), {}, r"not \(0, 6\)"),
    "k-too-long": (torch.ones(4, 9), {}, r"9 taps but max_length is 8.*k\[:, :8\]"),
    "k-complex": (torch.ones(4, 6, dtype=torch.complex64), {}, "not torch.complex64"),
    "skip-whole": (torch.ones(4, 6), {"skip": torch.ones(4, dtype=torch.int64)}, "float32 and torch.int64"),
    "skip-size": (torch.ones(4, 6), {"skip": torch.ones(6)}, r"skip has shape \(6,\).*4 rows"),
    "length": (torch.ones(4, 0), {"max_length": 0}, "max_length is 0"),
    "batch": (torch.ones(4, 6), {"batch": -1}, "batch is -1"),
}


@pytest.mark.parametrize(("k", "more", "message"), STARTS.values(), ids=STARTS)
def test_wrong_start_is_refused(k, more, message):
    with pytest.raises(ShapeError, match=message):
        OnlineConv(k, **{"max_length": 8} | more)


def test_unknown_mode_is_refused_with_the_known_ones():
    with pytest.raises(UnknownName, match=r'"laxy".*"lazy".*epoched, lazy, relaxed'):
        conv(mode="laxy")


CALLS = {
    "step-of-chunk": (conv, "step", torch.ones(2, 4, 1), r"\(B, D\), not \(2, 4, 1\).*prefill"),
    "chunk-of-step": (conv, "prefill", torch.ones(2, 4), r"\(B, D, P\), not \(2, 4\).*step"),
    "width": (conv, "step", torch.ones(2, 6), "width 6.*multiple of the filter's 4 rows"),
    "no-width": (conv, "step", torch.ones(2, 0), "width 0"),
    "width-of-skip": (lambda: conv(skip=torch.ones(8)), "step", torch.ones(2, 4), "width 4.*takes 8"),
    "later-width": (begun, "step", torch.ones(2, 8), "width 8.*takes 4"),
    "batch": (begun, "step", torch.ones(3, 4), r"3 sequences but.*holds 2.*reorder"),
    "given-batch": (lambda: conv(batch=5), "step", torch.ones(3, 4), "3 sequences but.*holds 5"),
    "empty-chunk-batch": (begun, "prefill", torch.ones(3, 4, 0), "3 sequences"),
    "double": (conv, "step", torch.ones(2, 4).double(), r"torch.float64.*computes in torch.float32.*conv.to"),
    "whole-numbers": (conv, "step", torch.ones(2, 4, dtype=torch.int64), "torch.int64.*floating-point"),
    "complex": (conv, "step", torch.ones(2, 4, dtype=torch.complex64), "torch.complex64"),
    "device": (conv, "step", torch.ones(2, 4, device="meta"), "on meta but.*on cpu.*conv.to"),
    "beyond-end": (begun, "prefill", torch.ones(2, 4, 8), "max_length=8.*at position 1 and 8 more.*length=9"),
    "index-shape": (begun, "reorder", torch.ones(1, 1, dtype=torch.int64), r"not shape \(1, 1\)"),
    "index-float": (begun, "reorder", [0.0, 1.0], "of torch.float32"),
    "index-range": (begun, "reorder", [0, 2], "0 to 2 but there are 2.*from 0 to 1"),
    "index-negative": (begun, "reorder", [-1], "-1 to -1"),
    "index-early": (conv, "reorder", [0], "no sequences to reorder.*batch="),
    "ahead": (begun, "truncate", 2, "position 2: 1 steps were taken.*0 to 1"),
    "before-start": (begun, "truncate", -1, "position -1"),
}


@pytest.mark.parametrize(("make", "method", "argument", "message"), CALLS.values(), ids=CALLS)
def test_wrong_call_is_refused(make, method, argument, message):
    made = make()
    with pytest.raises(ShapeError, match=message):
        getattr(made, method)(argument)


@pytest.mark.parametrize("mode", ["lazy", "epoched", "relaxed"])
def test_step_beyond_the_end_is_refused_and_never_wraps(mode):
    full = OnlineConv(torch.ones(1, 8), 8, mode)
    full.prefill(torch.ones(1, 1, 8))
    with pytest.raises(ShapeError, match="position 8 and 1 more"):
        full.step(torch.ones(1, 1))
    assert full.position == 8


def test_refused_input_leaves_the_stream_as_it_was():
    stream = begun()
    with pytest.raises(ShapeError):
        stream.prefill(torch.ones(2, 4, 8))
    assert stream.step(torch.ones(2, 4)).tolist() == [[2.0] * 4] * 2


def test_arithmetic_in_half_precision_is_refused():
    with pytest.raises(ConfigError, match=r"cannot compute in torch.float16, only in float32 and float64"):
        conv().to(dtype=torch.float16)


def test_group_of_different_lengths_is_refused():
    with pytest.raises(ShapeError, match=r"max_length \[8, 9\].*max_length=9"):
        OnlineConvGroup([conv(), conv(max_length=9)])


def test_group_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="0 convolutions"):
        OnlineConvGroup([])


def test_group_with_a_member_twice_is_refused():
    one = conv()
    with pytest.raises(ConfigError, match="2 convolutions, 1 of them different"):
        OnlineConvGroup([one, one])


def test_member_of_another_group_is_refused():
    one = conv()
    group = OnlineConvGroup([one])
    with pytest.raises(ConfigError, match="Convolution 1 is in another group"):
        OnlineConvGroup([conv(), one])
    assert group.convs == (one,)
