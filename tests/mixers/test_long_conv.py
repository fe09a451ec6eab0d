"""Long convolutions against the dense matrices of their formula, their variants and their options."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError, UnknownName
from longwave.mixers import LongConv, build_mixer
from longwave.ops import causal_leak

D, K = 6, 31


def toeplitz(back: torch.Tensor, ahead: torch.Tensor | None, L: int) -> torch.Tensor:
    """Return (..., L, L): ``back[t - s]`` for s <= t, ``ahead[s - t - 1]`` for s > t."""
    lag = torch.arange(L)[:, None] - torch.arange(L)
    matrix = torch.where(lag >= 0, back[..., lag.clamp(min=0)], 0.0)
    if ahead is not None:
        matrix = matrix + torch.where(lag < 0, ahead[..., (-lag - 1).clamp(min=0)], 0.0)
    return matrix


def dense(mixer: LongConv, x: torch.Tensor) -> torch.Tensor:
    L = x.shape[1]
    k = mixer.kernel(L)
    matrix = toeplitz(*k, L) if mixer.bidirectional else toeplitz(k, None, L)  # (C, D, L, L)
    y = torch.einsum("chts,bsh->btch", matrix, x) + mixer.skip * x[:, :, None]
    a, b = mixer.out_proj(F.gelu(y.flatten(2))).chunk(2, -1)
    return a * torch.sigmoid(b)


VARIANTS = {
    "default": {},
    "one-channel": {"channels": 1},
    "three-channels": {"channels": 3},
    "unsquashed": {"squash": 0.0},
    "random": {"init": "random", "squash": 0.001},
    "smooth": {"smooth": 7, "squash": 0.001},
    "smooth-frequency": {"smooth_frequency": 3},
    "both-ways": {"bidirectional": True},
    "both-ways-one-channel": {"bidirectional": True, "channels": 1, "squash": 0.001},
    "both-ways-smooth": {"bidirectional": True, "smooth": 3},
    "naive": {"backend": "naive"},
}
variants = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
CAUSAL = {name: options for name, options in VARIANTS.items() if "bidirectional" not in options}
causal = pytest.mark.parametrize("options", CAUSAL.values(), ids=CAUSAL)


def build(**options) -> LongConv:
    return LongConv(D, K, **options).double().eval()


@variants
@pytest.mark.parametrize("L", [1, 2, 17, K], ids=lambda L: f"L{L}")
def test_forward_equals_dense_matrices(draw, options, L):
    mixer, x = build(**options), draw(2, L, D)
    torch.testing.assert_close(mixer(x), dense(mixer, x), rtol=1e-11, atol=1e-12)


@variants
def test_gradients_equal_those_of_dense_matrices(draw, tolerance, options):
    mixer = build(**options)
    tensors = [draw(2, 23, D).requires_grad_(), *mixer.parameters()]
    expected = torch.autograd.grad(dense(mixer, tensors[0]).square().sum(), tensors)
    found = torch.autograd.grad(mixer(tensors[0]).square().sum(), tensors)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@causal
@pytest.mark.parametrize("t", [0, 13, K - 1])
def test_no_gradient_comes_from_the_future(draw, options, t):
    mixer, x = build(**options), draw(1, K, D).requires_grad_()
    (grad,) = torch.autograd.grad(mixer(x)[:, t].square().sum(), x)
    assert grad[:, t + 1 :].abs().sum() <= 1e-14 * grad.abs().max()


def test_the_direct_sum_is_causal_to_the_last_bit(draw):
    mixer, x = build(backend="naive"), draw(1, K, D)
    later = x.clone()
    later[:, 20:] += 1e6
    assert torch.equal(mixer(x)[:, :20], mixer(later)[:, :20])


@causal
@pytest.mark.parametrize("mode", LongConv.decode_modes)
def test_every_mode_decodes_exactly(draw, tolerance, options, mode):
    mixer, x = build(**options), draw(3, K, D)
    state = mixer.init_state(3, mode=mode)
    pieces = [mixer.prefill(x[:, a:b], state)[0] for a, b in [(0, 7), (7, 7), (7, 8), (8, 13)]]
    pieces += [mixer.step(x[:, t], state)[0][:, None] for t in range(13, K)]
    torch.testing.assert_close(torch.cat(pieces, 1), mixer(x), **tolerance(torch.float64))


def test_padding_before_a_sequence_leaves_no_trace(draw, tolerance):
    mixer, x = build(), draw(3, 20, D)
    padding = torch.tensor([0, 4, 9])
    state = mixer.init_state(3)
    state.pad(padding)
    pieces = [mixer.prefill(x[:, a:b], state)[0] for a, b in [(0, 3), (3, 8)]]
    pieces += [mixer.step(x[:, t], state)[0][:, None] for t in range(8, 20)]
    y = torch.cat(pieces, 1)
    for i, skipped in enumerate(padding.tolist()):
        torch.testing.assert_close(
            y[i, skipped:], mixer(x[i : i + 1, skipped:])[0], **tolerance(torch.float64)
        )


def test_a_state_goes_back_and_reorders(draw, tolerance):
    mixer, x = build(), draw(2, K, D)
    state = mixer.init_state(2)
    mixer.prefill(x[:, :20], state)
    state.truncate(11)
    state.reorder([1, 1, 0])
    x = x[[1, 1, 0]]
    y, state = mixer.prefill(x[:, 11:], state)
    torch.testing.assert_close(y, mixer(x)[:, 11:], **tolerance(torch.float64))


def test_copies_of_a_state_go_their_own_way(draw, tolerance):
    mixer, x = build(), draw(2, K, D)
    state = mixer.init_state(2)
    mixer.prefill(x[:, :9], state)
    other = state.copy()
    mixer.prefill(draw(2, 5, D), state)
    assert (state.position, other.position) == (14, 9)
    torch.testing.assert_close(mixer.prefill(x[:, 9:], other)[0], mixer(x)[:, 9:], **tolerance(torch.float64))


def test_filters_of_a_state_do_not_follow_later_training(draw, tolerance):
    mixer, x = build(), draw(1, K, D)
    expected, state = mixer(x), mixer.init_state(1)
    with torch.no_grad():
        mixer.kernel.taps.add_(1.0)
    torch.testing.assert_close(mixer.prefill(x, state)[0], expected, **tolerance(torch.float64))


def test_dropout_does_not_act_while_decoding(draw, tolerance):
    mixer = LongConv(D, K, dropout=0.5, kernel_dropout=0.5).double().train()
    x = draw(1, K, D)
    state = mixer.init_state(1)
    pieces = [mixer.prefill(x[:, :6], state)[0]]
    pieces += [mixer.step(x[:, t], state)[0][:, None] for t in range(6, K)]
    torch.testing.assert_close(torch.cat(pieces, 1), mixer.eval()(x), **tolerance(torch.float64))


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"kernel_dropout": 0.5}], ids=["activations", "taps"])
def test_dropout_acts_in_training_only(draw, options):
    mixer, x = LongConv(D, K, **{"kernel_dropout": 0.0} | options), draw(2, K, D, dtype=torch.float32)
    assert not torch.equal(mixer(x), mixer(x))
    mixer.eval()
    assert torch.equal(mixer(x), mixer(x))


def test_the_same_seed_gives_the_same_bits_in_training(draw):
    mixer, x, runs = LongConv(D, K, dropout=0.1).train(), draw(2, K, D, dtype=torch.float32), []
    for _ in range(2):
        torch.manual_seed(5)
        mixer.zero_grad()
        y = mixer(x)
        y.square().sum().backward()
        runs.append([y.detach(), *(p.grad.clone() for p in mixer.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


def test_tied_dropout_drops_a_channel_at_all_steps(draw):
    mixer = LongConv(D, K, dropout=0.5, tie_dropout=True, kernel_dropout=0.0, channels=8).train()
    seen = []
    mixer._project_out = lambda y: seen.append(y) or y
    mixer(draw(2, K, D, dtype=torch.float32))
    dropped = (seen[0] == 0).float().mean(-1)  # (B, C D)
    assert set(dropped.flatten().tolist()) == {0.0, 1.0}


def test_bidirectional_sees_both_neighbours_with_different_taps(draw):
    mixer, x = build(bidirectional=True), draw(1, 12, D).requires_grad_()
    (grad,) = torch.autograd.grad(mixer(x)[:, 3].sum(), x)
    assert not mixer.is_causal
    assert grad.abs().amax(-1).min() > 0


def test_bidirectional_does_not_decode():
    with pytest.raises(ConfigError, match="looks ahead"):
        build(bidirectional=True).init_state(1)


def test_learned_transforms_start_as_the_exact_ones(draw):
    torch.manual_seed(1)
    learned = LongConv(D, K, transform="butterfly").eval()
    torch.manual_seed(1)
    exact, x = LongConv(D, K).eval(), draw(2, 19, D, dtype=torch.float32)
    exact.load_state_dict({n: v for n, v in learned.state_dict().items() if not n.startswith("butterfly")})
    torch.testing.assert_close(learned(x), exact(x), rtol=1e-5, atol=1e-5)


def test_trained_transforms_leak_the_future_and_the_mixer_says_so(draw):
    mixer = LongConv(D, K, transform="butterfly").double().eval()
    with torch.no_grad():
        for parameter in mixer.butterfly.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    leak = causal_leak(lambda u: mixer(u.transpose(1, 2)).transpose(1, 2), draw(1, D, 9))
    assert leak > 1e-3
    assert not mixer.is_causal


def test_learned_transforms_do_not_decode():
    with pytest.raises(ConfigError, match="looks ahead"):
        LongConv(D, K, transform="butterfly").init_state(1)


def test_learned_transforms_are_trained(draw):
    mixer = LongConv(D, K, transform="butterfly")
    mixer(draw(2, 9, D, dtype=torch.float32)).square().sum().backward()
    assert all(parameter.grad.any() for parameter in mixer.parameters())


def test_taps_transforms_and_skips_have_their_own_optimiser_settings():
    mixer = LongConv(D, K, transform="butterfly", kernel_lr=5e-4)
    options = mixer.parameter_options()
    rates = {name.partition(".")[0]: option.get("lr") for name, option in options.items()}
    assert rates == {"skip": None, "out_proj": None, "kernel": 5e-4, "butterfly": 1e-3}
    assert {name for name, _ in mixer.named_parameters()} - set(options) == {"out_proj.weight"}
    assert {option["weight_decay"] for option in options.values()} == {0.0}


def test_taps_take_the_optimisers_rate_when_they_have_none():
    assert "lr" not in LongConv(D, K, kernel_lr=None).parameter_options()["kernel.taps"]


def test_the_registry_builds_it_with_options():
    mixer = build_mixer("long-conv", d_model=4, max_length=9, options={"channels": 1, "smooth": 3})
    assert isinstance(mixer, LongConv)
    assert (mixer.channels, mixer.kernel.config.smooth) == (1, 3)


def test_operations_count_convolutions_and_the_gated_layer():
    mixer = LongConv(64, 1024)
    assert mixer.flops(1024) == 2 * (2 * 64 * 5 * 10 + 2 * 64 * 128)
    assert LongConv(64, 1024, bidirectional=True).flops(1024) == 2 * (2 * 2 * 64 * 5 * 10 + 2 * 64 * 128)


def test_learned_transforms_take_more_operations_than_exact_ones():
    assert LongConv(4, 256, transform="butterfly").flops(256) > LongConv(4, 256).flops(256)


def test_autocast_rounds_the_input_as_a_linear_layer_does(draw):
    mixer, x = LongConv(D, K).eval(), draw(2, K, D, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = mixer(x), mixer(x.bfloat16())
    assert torch.equal(found, expected)


def test_copies_share_nothing(draw):
    mixer, x = build(), draw(1, 9, D)
    copied = copy.deepcopy(mixer)
    with torch.no_grad():
        mixer(x)
        mixer.kernel.taps.zero_()
        assert not torch.equal(mixer(x), copied(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 0}, "channels is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"kernel_dropout": -0.1}, '"dropout" of a long filter is -0.1'),
        ({"squash": -1.0}, '"squash" of a long filter is -1.0'),
        ({"smooth": 4}, '"smooth" of a long filter is 4'),
        ({"smooth_frequency": 0}, '"smooth_frequency" of a long filter is 0'),
        ({"init": "zeros"}, '"init" of a long filter is'),
        ({"transform": "dct"}, 'transform is "dct"'),
        (
            {"transform": "butterfly", "bidirectional": True},
            "learned transforms serve filters that look back",
        ),
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_an_error(options, message):
    with pytest.raises(ConfigError, match=message):
        LongConv(D, K, **options)


def test_missing_max_length_is_an_error():
    with pytest.raises(ConfigError, match="LongConv needs max_length"):
        LongConv(D, None)


def test_unknown_backend_is_an_error(draw):
    with pytest.raises(UnknownName, match='"quick"'):
        LongConv(D, K, backend="quick")(draw(1, 4, D, dtype=torch.float32))


def test_unknown_mode_of_decoding_is_an_error():
    with pytest.raises(UnknownName, match='"quick"'):
        LongConv(D, K).init_state(1, mode="quick")


@pytest.mark.gpu
@pytest.mark.parametrize("L", [256, 255], ids=lambda L: f"L{L}")
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"transform": "butterfly"}], ids=str)
def test_gpu_agrees_with_float64_on_a_cpu(draw, options, L):
    mixer, x = LongConv(8, 256, **options).eval(), draw(2, L, 8, dtype=torch.float32)
    wide = copy.deepcopy(mixer).double()
    expected = torch.autograd.grad(wide(x.double()).square().sum(), list(wide.parameters()))
    mixer.cuda()
    y = mixer(x.cuda())
    found = torch.autograd.grad(y.square().sum(), list(mixer.parameters()))
    errors = [(a.cpu() - b).norm() / b.norm() for a, b in zip(found, expected, strict=True)]
    assert max(errors) < 1e-3
    torch.testing.assert_close(y.cpu().double(), wide(x.double()), rtol=1e-4, atol=1e-4)
