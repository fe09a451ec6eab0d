"""Every known defect of the public H3 and long convolution code, shown to be absent: one test a defect."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import ConfigError
from longwave.mixers import H3, KernelConfig, LongConv
from longwave.ops import causal_leak

CLOSE = {"rtol": 1e-11, "atol": 1e-11}


def identity_projections(mixer: H3, d_model: int) -> None:
    """Let queries, keys and values be the input, and the output what was read."""
    with torch.no_grad():
        mixer.in_proj.weight.copy_(torch.eye(d_model).repeat(3, 1))
        mixer.in_proj.bias.zero_()
        mixer.out_proj.weight.copy_(torch.eye(d_model))
        mixer.out_proj.bias.zero_()


def test_defect_channel_order_differs_between_the_two_paths(draw):
    """At one step the layer is algebra: output (head, j) is v[j] times a sum over the head's own i."""
    mixer, x = H3(6, 2).double().eval(), draw(1, 1, 6)
    identity_projections(mixer, 6)
    key = (mixer.shift_kernel.C[:, 0] + mixer.shift_skip) * x[0, 0]
    gain = mixer.memory_kernel(1)[:, 0] + mixer.memory_skip
    scores = (key * x[0, 0]).view(3, 2).sum(1) * gain  # one a head
    expected = scores.repeat_interleave(2) * x[0, 0]
    torch.testing.assert_close(mixer(x)[0, 0], expected, **CLOSE)
    torch.testing.assert_close(mixer.step(x[:, 0], mixer.init_state(1, 1))[0][0], expected, **CLOSE)


def test_defect_second_prefill_forgets_the_state(draw):
    mixer, x = H3(4).double().eval(), draw(2, 30, 4)
    state = mixer.init_state(2, 30)
    pieces = [mixer.prefill(x[:, a : a + 10], state)[0] for a in (0, 10, 20)]
    torch.testing.assert_close(torch.cat(pieces, 1), mixer(x), **CLOSE)


@pytest.mark.parametrize("head_dim", [2, 4, 8])
def test_defect_wider_heads_do_not_generate(draw, head_dim):
    mixer, x = H3(8, head_dim).double().eval(), draw(3, 9, 8)
    state = mixer.init_state(3, 9)
    steps = [mixer.step(x[:, t], state)[0] for t in range(9)]
    torch.testing.assert_close(torch.stack(steps, 1), mixer(x), **CLOSE)


def test_defect_way_into_the_shift_state_is_trained_unless_told():
    assert "shift_kernel.B" not in dict(H3(8).named_parameters())
    assert "shift_kernel.B" in dict(H3(8, train_b=True).named_parameters())


def test_defect_trainable_way_in_changes_nothing_at_the_start(draw):
    fixed, trained = H3(8).eval(), H3(8, train_b=True).eval()
    trained.load_state_dict(fixed.state_dict() | {"shift_kernel.B": trained.shift_kernel.B})
    x = draw(1, 70, 8, dtype=torch.float32)
    assert torch.equal(fixed(x), trained(x))


def test_defect_shift_filter_is_longer_than_a_short_sequence(draw):
    mixer, x = H3(4, shift_state=64).double().eval(), draw(1, 5, 4)
    assert mixer.shift_kernel(5).shape == (4, 5)
    assert mixer(x).shape == (1, 5, 4)


def test_defect_deterministic_step_lengths_are_exponentiated_twice():
    dt = H3(64).memory_kernel.log_dt.exp()
    assert dt.max() <= 0.1 + 1e-6


def test_defect_second_long_filter_has_a_row_a_channel_instead_of_a_head():
    mixer = H3(8, 4, max_length=20, kernel="long_conv")
    assert mixer.shift_kernel.taps.shape == (8, 20)
    assert mixer.memory_kernel.taps.shape == (2, 20)


def test_defect_long_filters_have_no_recurrent_mode(draw):
    mixer, x = H3(8, 2, max_length=20, kernel="long_conv").double().eval(), draw(2, 20, 8)
    state = mixer.init_state(2)
    steps = [mixer.step(x[:, t], state)[0] for t in range(20)]
    torch.testing.assert_close(torch.stack(steps, 1), mixer(x), **CLOSE)


@pytest.mark.parametrize(
    "build",
    [
        lambda squash: LongConv(8, 64, init="random", squash=squash),
        lambda squash: H3(
            8, max_length=64, kernel="long_conv", filter=KernelConfig(init="random", squash=squash)
        ),
    ],
    ids=["long-conv", "h3"],
)
def test_defect_default_threshold_kills_every_tap(build):
    with pytest.raises(ConfigError, match="never learn"):
        build(0.1)
    assert build(0.001).parameters()


@pytest.mark.parametrize("options", [{"squash": 0.0}, {}, {"smooth": 7}], ids=str)
def test_defect_doubled_filter_sees_the_future(draw, options):
    mixer, x = LongConv(4, 24, **options).double().eval(), draw(1, 4, 24)
    assert causal_leak(lambda u: mixer(u.transpose(1, 2)).transpose(1, 2), x) < 1e-15


def test_defect_doubled_filter_has_taps_that_never_act():
    assert LongConv(4, 24).kernel.taps.shape == (2, 4, 24)


def test_defect_both_directions_overlap_at_the_present_step(draw, tolerance):
    """Looking ahead begins one step ahead: with ones everywhere, each neighbour counts exactly once."""
    mixer, x = LongConv(2, 9, bidirectional=True, channels=1, squash=0.0).double().eval(), draw(1, 9, 2)
    seen = []
    mixer._project_out = lambda y: seen.append(y) or y
    with torch.no_grad():
        mixer.kernel.taps.fill_(1.0)
        mixer.skip.zero_()
        mixer(x)
    total = torch.nn.functional.gelu(x.sum(1))
    torch.testing.assert_close(seen[0], total[..., None].expand(-1, -1, 9), **tolerance(torch.float64))


@pytest.mark.parametrize("L", [1, 4, 8])
def test_defect_shorter_sequence_cuts_the_look_ahead_in_the_wrong_place(draw, tolerance, L):
    """A sequence followed by silence is the same sequence, seen by both directions."""
    mixer, x = LongConv(3, 9, bidirectional=True).double().eval(), draw(1, L, 3)
    silent = torch.cat([x, torch.zeros(1, 9 - L, 3, dtype=torch.float64)], 1)
    torch.testing.assert_close(mixer(x), mixer(silent)[:, :L], **tolerance(torch.float64))
