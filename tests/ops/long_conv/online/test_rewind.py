"""Going back, choosing among sequences, starting anew, moving."""

from __future__ import annotations

import pytest
import torch

from longwave.ops import long_conv
from longwave.ops.long_conv.online import OnlineConv

modes = pytest.mark.parametrize("mode", ["lazy", "epoched", "relaxed"])
exact = {"rtol": 1e-12, "atol": 1e-12}


def make(draw, heads=6, K=75, L=75):
    return draw(2, 6, L).detach(), draw(heads, K).detach(), draw(6).detach()


@modes
@pytest.mark.parametrize("split", [[], [40]], ids=["steps", "prompt"])
@pytest.mark.parametrize("back", [0, 1, 12, 31, 32, 45, 49, 50])
def test_truncated_stream_goes_on_as_if_it_had_never_gone_further(draw, feed, mode, split, back):
    u, k, skip = make(draw)
    other = draw(2, 6, 50).detach()
    conv = OnlineConv(k, 75, mode, skip=skip)
    feed(conv, torch.cat([u[..., :back], other], dim=-1)[..., :50], split)
    conv.truncate(back)
    y = feed(conv, u[..., back:], [0, 0, 7])
    torch.testing.assert_close(y, long_conv(u, k, skip, backend="naive")[..., back:], **exact)


@modes
@pytest.mark.parametrize("end", range(33, 42))
def test_short_rollback_costs_no_transform_and_not_a_bit(draw, feed, mode, end, monkeypatch):
    u, k, _ = make(draw)
    conv, straight = OnlineConv(k, 75, mode), OnlineConv(k, 75, mode)
    feed(straight, u[..., : end - 4], [])
    feed(conv, torch.cat([u[..., : end - 4], -u[..., end - 4 : end]], dim=-1), [])
    with monkeypatch.context() as patch:
        patch.setattr(torch.fft, "rfft", None)
        conv.truncate(end - 4)
    assert torch.equal(feed(conv, u[..., end - 4 :], []), feed(straight, u[..., end - 4 :], []))


@modes
@pytest.mark.parametrize("then", [64, 63, 60, 33, 32, 1])
def test_going_back_into_a_long_chunk_is_exact(draw, feed, mode, then):
    u, k, skip = make(draw)
    conv = OnlineConv(k, 75, mode, skip=skip)
    conv.prefill(u[..., :64])
    conv.truncate(then)
    expected = long_conv(u, k, skip, backend="naive")[..., then:]
    torch.testing.assert_close(feed(conv, u[..., then:], []), expected, **exact)


@modes
def test_going_back_again_and_again_is_exact(draw, feed, mode):
    u, k, skip = make(draw)
    conv, expected = OnlineConv(k, 75, mode, skip=skip), long_conv(u, k, skip, backend="naive")
    for begin in range(0, 66, 3):
        y = feed(conv, u[..., begin : begin + 9], [])
        torch.testing.assert_close(y, expected[..., begin : begin + 9], **exact)
        conv.truncate(begin + 5)
        conv.truncate(begin + 3)


@modes
def test_window_is_kept_when_going_back(draw, feed, mode):
    u, k, skip = make(draw, K=11)
    conv = OnlineConv(k, 75, mode, skip=skip)
    feed(conv, u[..., :60], [30])
    conv.truncate(19)
    expected = long_conv(u, k, skip, backend="naive")[..., 19:]
    torch.testing.assert_close(feed(conv, u[..., 19:], []), expected, **exact)


@modes
@pytest.mark.parametrize("heads", [6, 2], ids=["H6", "H2"])
@pytest.mark.parametrize("index", [[1, 0], [0], [1, 1, 0, 1, 0], []], ids=str)
def test_reordered_stream_equals_a_fresh_one_of_the_chosen_sequences(draw, feed, mode, heads, index):
    u, k, skip = make(draw, heads)
    conv = OnlineConv(k, 75, mode, skip=skip)
    feed(conv, u[..., :43], [26])
    conv.reorder(index)
    chosen = u[index]
    expected = long_conv(chosen, k, skip, backend="naive")[..., 43:]
    torch.testing.assert_close(feed(conv, chosen[..., 43:], [0, 6]), expected, **exact)


def test_reorder_takes_a_tensor_and_changes_the_batch(draw):
    conv = OnlineConv(draw(3, 9), 9)
    conv.step(draw(2, 3))
    conv.reorder(torch.tensor([1, 1, 0], dtype=torch.int32))
    assert conv.batch == 3


def test_reorder_before_the_first_input_changes_a_given_batch(draw):
    conv = OnlineConv(draw(3, 9), 9, batch=2)
    conv.reorder([0, 1, 0])
    assert conv.step(draw(3, 3)).shape == (3, 3)


@modes
@pytest.mark.parametrize("back", [5, 38, 42])
def test_going_back_after_reordering_uses_the_chosen_inputs(draw, feed, mode, back):
    u, k, skip = make(draw)
    conv = OnlineConv(k, 75, mode, skip=skip)
    feed(conv, u[..., :43], [26])
    conv.reorder([1, 0, 0])
    conv.truncate(back)
    expected = long_conv(u[[1, 0, 0]], k, skip, backend="naive")[..., back:]
    torch.testing.assert_close(feed(conv, u[[1, 0, 0]][..., back:], []), expected, **exact)


@modes
def test_reset_starts_anew_with_any_batch(draw, feed, mode):
    u, k, skip = make(draw)
    conv = OnlineConv(k, 75, mode, skip=skip, batch=5)
    feed(conv, draw(5, 6, 50), [26])
    conv.reset()
    assert (conv.position, conv.batch) == (0, None)
    expected = long_conv(u, k, skip, backend="naive")
    torch.testing.assert_close(feed(conv, u, [9]), expected, **exact)


@modes
def test_stream_goes_on_in_double_precision(draw, feed, mode):
    u, k, skip = make(draw)
    u, k, skip = (tensor.float().double() for tensor in (u, k, skip))
    conv = OnlineConv(k.float(), 75, mode, skip=skip.float())
    feed(conv, u[..., :43].float(), [26])
    assert conv.to(dtype=torch.float64) is conv
    expected = long_conv(u, k, skip, backend="naive")[..., 43:]
    torch.testing.assert_close(feed(conv, u[..., 43:], []), expected, **exact)


def test_move_to_a_device_makes_the_plan_of_that_device(draw):
    conv = OnlineConv(draw(3, 90), 90, "relaxed", skip=draw(3))
    conv.prefill(draw(2, 3, 50))
    conv.to("meta")
    assert (conv.device.type, conv.step(torch.empty(2, 3, device="meta")).shape) == ("meta", (2, 3))


@pytest.mark.gpu
@modes
def test_stream_goes_on_on_the_gpu(draw, feed, mode):
    u, k, skip = make(draw)
    conv = OnlineConv(k, 75, mode, skip=skip)
    feed(conv, u[..., :43], [26])
    conv.to("cuda")
    y = feed(conv, u[..., 43:].cuda(), [7]).cpu()
    torch.testing.assert_close(y, long_conv(u, k, skip, backend="naive")[..., 43:], **exact)


def test_nbytes_counts_filter_inputs_sums_spectra_and_log(draw, feed):
    conv = OnlineConv(draw(3, 64), 64, "relaxed", skip=draw(3))
    filter_bytes = 8 * (2 * 3 * 64 + 3)
    assert conv.nbytes == filter_bytes
    feed(conv, draw(2, 3, 63), [])
    spectra = 16 * 3 * sum(size // 2 + 1 for size in (8, 16, 32, 64))
    log = 8 * 2 * 3 * 4  # the last tile reached 4 outputs that had sums already
    assert conv.nbytes == filter_bytes + 8 * (2 * 2 * 3 * 64) + spectra + log


def test_lazy_stream_without_chunks_needs_no_sums(draw, feed):
    conv = OnlineConv(draw(3, 64), 64, "lazy")
    feed(conv, draw(2, 3, 64), [])
    assert conv.nbytes == 8 * (2 * 3 * 64 + 2 * 3 * 64)


@modes
@pytest.mark.parametrize("at", [0, 1, 31, 33, 50])
def test_a_copy_and_its_original_go_their_own_ways(draw, feed, mode, at):
    u, k, skip = make(draw)
    other = torch.cat([u[..., :at], draw(2, 6, 75 - at).detach()], dim=-1)
    conv = OnlineConv(k, 75, mode, skip=skip)
    feed(conv, u[..., :at], [])
    copied = conv.copy()
    found = feed(copied, other[..., at:], [0, 9]), feed(conv, u[..., at:], [])
    for y, signal in zip(found, (other, u), strict=True):
        torch.testing.assert_close(y, long_conv(signal, k, skip, backend="naive")[..., at:], **exact)


def test_a_copy_shares_the_filters_memory(draw, feed):
    u, k, _ = make(draw)
    conv = OnlineConv(k, 75, "relaxed")
    feed(conv, u[..., :50], [])
    assert conv.copy()._filter is conv._filter


@modes
def test_a_copy_of_a_stream_that_has_not_begun(draw, feed, mode):
    u, k, _ = make(draw)
    conv = OnlineConv(k, 75, mode)
    copied = conv.copy()
    feed(copied, u[..., :10], [])
    assert (copied.position, conv.position) == (10, 0)
