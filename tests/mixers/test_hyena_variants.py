"""The mixers' contract for every kind of Hyena: dense matrices, decoding in all modes, padding, beams."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from longwave.config import to_dict
from longwave.errors import ConfigError
from longwave.mixers import (
    DecayingConfig,
    ExplicitConfig,
    FilterConfig,
    FourierConfig,
    Hyena,
    ModalConfig,
    S4FilterConfig,
    TransferConfig,
    build_mixer,
)

D, L = 8, 24

VARIANTS = {
    "explicit": {"filter": ExplicitConfig(n_taps=5)},
    "explicit-1-tap": {"filter": ExplicitConfig(n_taps=1)},
    "explicit-beyond-length": {"filter": ExplicitConfig(n_taps=64)},
    "explicit-order3-heads2": {"filter": ExplicitConfig(n_taps=4), "order": 3, "n_heads": 2},
    "explicit-10-taps": {"filter": ExplicitConfig(n_taps=10), "n_heads": 8},
    "decaying": {"filter": DecayingConfig(n_taps=12)},
    "decaying-heads4": {"filter": DecayingConfig(n_taps=6), "n_heads": 4},
    "fourier": {"filter": FourierConfig(n_modes=6)},
    "transfer-order3": {"filter": TransferConfig(order=4), "order": 3},
    "s4-heads2": {"filter": S4FilterConfig(d_state=4), "n_heads": 2},
    "real": {"filter": ModalConfig(order=16, poles="real")},
    "real-order3-heads2": {"filter": ModalConfig(order=3, poles="real"), "order": 3, "n_heads": 2},
    "outer2": {"outer_head_dim": 2, "filter": FilterConfig(init="sine")},
    "outer8-one-head": {"outer_head_dim": 8, "filter": FilterConfig(init="sine")},
    "outer2-explicit": {"outer_head_dim": 2, "filter": ExplicitConfig(n_taps=5)},
    "outer4-decaying": {"outer_head_dim": 4, "filter": DecayingConfig(n_taps=11)},
    "outer4-modal": {"outer_head_dim": 4, "filter": ModalConfig(order=3)},
    "outer2-real": {"outer_head_dim": 2, "filter": ModalConfig(order=16, poles="real")},
    "outer2-s4": {"outer_head_dim": 2, "filter": S4FilterConfig(d_state=4)},
}
BOTH_WAYS = {
    "outer2-bidirectional": {"outer_head_dim": 2, "bidirectional": True},
    "explicit-bidirectional": {"filter": ExplicitConfig(n_taps=3), "bidirectional": True},
    "real-bidirectional-heads2": {
        "filter": ModalConfig(order=3, poles="real"),
        "bidirectional": True,
        "n_heads": 2,
    },
}
causal = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
variants = pytest.mark.parametrize("options", (VARIANTS | BOTH_WAYS).values(), ids=VARIANTS | BOTH_WAYS)


def build(options) -> Hyena:
    return Hyena(D, L, **options).double().eval()


def dense(mixer: Hyena, x: torch.Tensor) -> torch.Tensor:
    """Compute the layer with a matrix a filter: an outer product a head and step, or gates in turn."""
    length, E = x.shape[1], mixer.outer_head_dim
    z = F.pad(mixer.in_proj(x).transpose(1, 2), (mixer.short_kernel_size - 1, 0))
    z = F.conv1d(z, mixer.short_weight.flip(-1)[:, None], mixer.short_bias, groups=z.shape[1])
    *gates, w = z.split(D, dim=1)
    if E == 1:
        for n, i in enumerate(range(mixer.order - 1, 0, -1)):
            w = torch.einsum("dts,bds->bdt", matrices(mixer, n, length), gates[i] * w)
        return mixer.out_proj((gates[0] * w).transpose(1, 2))
    q, k, v = (part.reshape(-1, D // E, E, length) for part in (*gates, w))  # (B, M, E, L)
    Z = torch.einsum("bmis,bmjs->bmijs", k, v)
    Y = torch.einsum("mts,bmijs->bmijt", matrices(mixer, 0, length), Z)
    o = torch.einsum("bmijt,bmit->bmjt", Y, q)
    return mixer.out_proj(o.reshape(-1, D, length).transpose(1, 2))


def matrices(mixer: Hyena, n: int, length: int) -> torch.Tensor:
    """Return T + d I of one long convolution, a channel or a head of outer products each."""
    lag = torch.arange(length)[:, None] - torch.arange(length)
    taps = mixer.filters(length)[n]
    taps = F.pad(taps, (0, length - taps.shape[-1])).repeat_interleave(mixer.n_heads, dim=-2)
    back = taps[0] if mixer.bidirectional else taps
    matrix = torch.where(lag >= 0, back[:, lag.clamp(min=0)], 0.0)
    if mixer.bidirectional:
        matrix = matrix + torch.where(lag <= 0, taps[1][:, (-lag).clamp(min=0)], 0.0)
    return matrix + mixer.skip[n][:, None, None] * torch.eye(length)


def advance(mixer, x, state):
    """Feed half of a sequence by ``prefill`` and the rest by ``step``."""
    y, state = mixer.prefill(x[:, : x.shape[1] // 2], state)
    outputs = [y]
    for x_t in x[:, x.shape[1] // 2 :].unbind(1):
        y_t, state = mixer.step(x_t, state)
        outputs.append(y_t[:, None])
    return torch.cat(outputs, dim=1)


@variants
@pytest.mark.parametrize("length", [1, 2, 23], ids=lambda length: f"L{length}")
def test_forward_equals_dense_matrices(draw, tolerance, options, length):
    mixer, x = build(options), draw(2, length, D)
    torch.testing.assert_close(mixer(x), dense(mixer, x), **tolerance(torch.float64))


@variants
def test_gradients_equal_those_of_dense_matrices(draw, tolerance, options):
    mixer, x = build(options).train(), draw(2, 19, D).requires_grad_()
    tensors = [x, *mixer.parameters()]
    expected = torch.autograd.grad(dense(mixer, x).square().sum(), tensors)
    found = torch.autograd.grad(mixer(x).square().sum(), tensors)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)


@variants
@pytest.mark.parametrize("shape", [(0, 5, D), (2, 0, D)], ids=str)
def test_empty_input_gives_empty_output_and_gradients(draw, options, shape):
    x = draw(*shape).requires_grad_()
    y = build(options)(x)
    y.sum().backward()
    assert y.shape == x.grad.shape == shape


@causal
@pytest.mark.parametrize("mode", ["recurrent", "lazy", "epoched", "relaxed"])
def test_every_decode_mode_equals_forward(draw, tolerance, options, mode):
    mixer, x = build(options), draw(2, L, D)
    if mode == "recurrent" and not mixer.filter.has_recurrence:
        with pytest.raises(ConfigError, match='has no decode mode "recurrent"'):
            mixer.init_state(2, mode=mode)
        return
    found = advance(mixer, x, mixer.init_state(2, mode=mode))
    torch.testing.assert_close(found, mixer(x), **tolerance(torch.float64))


@causal
@pytest.mark.parametrize("cuts", [[0, 1, 7, 7, 8, 24], [0, 24], [0, 2, 3, 4, 23, 24]], ids=str)
def test_prefill_in_any_chunks_equals_forward(draw, tolerance, options, cuts):
    mixer, x = build(options), draw(2, L, D)
    state = mixer.init_state(2)
    pieces = [mixer.prefill(x[:, a:b], state)[0] for a, b in pairwise(cuts)]
    torch.testing.assert_close(torch.cat(pieces, 1), mixer(x), **tolerance(torch.float64))


@causal
@pytest.mark.parametrize("first", [0, 11], ids=lambda first: f"chunk{first}")
def test_padded_sequences_decode_like_unpadded_ones(draw, tolerance, options, first):
    mixer, x = build(options), draw(3, 19, D)
    state = mixer.init_state(3)
    state.pad(torch.tensor([0, 3, 15]))
    head, _ = mixer.prefill(x[:, :first], state)
    found = torch.cat([head, advance(mixer, x[:, first:], state)], dim=1)
    for row, pad in enumerate([0, 3, 15]):
        torch.testing.assert_close(found[row, pad:], mixer(x[row : row + 1, pad:])[0], **tolerance(x.dtype))


@causal
def test_reorder_is_decoding_the_chosen_sequences(draw, tolerance, options):
    mixer, x, index = build(options), draw(3, L, D), torch.tensor([2, 0, 0, 1])
    state = mixer.init_state(3)
    advance(mixer, x[:, :11], state)
    state.reorder(index)
    found = advance(mixer, x[index, 11:], state)
    torch.testing.assert_close(found, mixer(x)[index, 11:], **tolerance(torch.float64))


@causal
@pytest.mark.parametrize("position", [0, 9])
def test_going_back_to_a_mark_and_on_is_decoding_another_sequence(draw, tolerance, options, position):
    mixer, first, second = build(options), draw(2, L, D), draw(2, L, D)
    state = mixer.init_state(2)
    advance(mixer, first[:, :position], state)
    state.mark()
    advance(mixer, first[:, position:], state)
    state.truncate(position)
    found = advance(mixer, second[:, position:], state)
    expected = mixer(torch.cat([first[:, :position], second[:, position:]], dim=1))[:, position:]
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@causal
def test_a_copied_state_goes_its_own_way(draw, tolerance, options):
    mixer, x, other = build(options), draw(2, L, D), draw(2, L, D)
    state = mixer.init_state(2)
    advance(mixer, x[:, :9], state)
    advance(mixer, other[:, 9:], state.copy())
    found = advance(mixer, x[:, 9:], state.to("cpu"))
    torch.testing.assert_close(found, mixer(x)[:, 9:], **tolerance(torch.float64))


@causal
def test_no_output_depends_on_the_future(draw, options):
    mixer, x = build(options), draw(2, L, D).requires_grad_()
    (grad,) = torch.autograd.grad(mixer(x)[:, 11].square().sum(), x)
    assert grad[:, 12:].abs().max() < 1e-13 * max(1, grad.abs().max())


@causal
def test_autocast_gives_the_narrow_type_and_nearly_the_same_values(draw, options):
    mixer, x, dtype = build(options).float(), draw(2, 23, D, dtype=torch.float32), torch.bfloat16
    expected = mixer(x)
    with torch.autocast("cpu", dtype), torch.no_grad():
        y = mixer(x)
        decoded = advance(mixer, x, mixer.init_state(2))
    assert y.dtype == decoded.dtype == dtype
    assert (y.float() - expected).norm() < 0.03 * expected.norm()
    assert (decoded - y).float().norm() < 0.03 * expected.norm()


@causal
def test_half_precision_parameters_run_and_decode(draw, options):
    mixer, x = build(options).bfloat16(), draw(2, 11, D, dtype=torch.bfloat16)
    decoded = advance(mixer, x, mixer.init_state(2))
    assert mixer(x).dtype == decoded.dtype == torch.bfloat16
    assert (decoded - mixer(x)).float().norm() < 0.05 * mixer(x).float().norm()


@variants
def test_state_dict_round_trip_keeps_the_function(draw, options):
    first, second, x = build(options), build(options), draw(2, 11, D)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x), second(x))


@variants
def test_weight_decay_spares_all_but_matrices_and_the_short_filter(options):
    mixer = build(options)
    found = mixer.parameter_options()
    spared = {name for name, option in found.items() if option["weight_decay"] == 0}
    names = {name for name, _ in mixer.named_parameters()}
    assert set(found) <= names
    assert names - spared == {"in_proj.weight", "short_weight", "out_proj.weight"}


@variants
def test_plain_values_as_in_a_file_build_the_same_mixer(options):
    plain = {key: to_dict(value) if key == "filter" else value for key, value in options.items()}
    mixer, expected = build_mixer("hyena", d_model=D, max_length=L, options=plain), build(options)
    assert mixer.filter.config == expected.filter.config
    assert mixer.skip.shape == expected.skip.shape


@pytest.mark.parametrize(
    "options",
    [VARIANTS[name] for name in ("explicit", "decaying", "real", "outer4-decaying", "outer4-modal")],
    ids=lambda options: str(options["filter"].kind),
)
def test_a_recurrent_state_does_not_grow_with_the_length(options):
    sizes = []
    for length in (100, 10_000):
        mixer = Hyena(D, length, **options)
        state = mixer.init_state(1)
        mixer.step(torch.zeros(1, D), state)
        sizes.append(state.nbytes)
    assert sizes[0] == sizes[1]


def test_real_poles_take_half_the_memory_of_complex_ones():
    sizes = [
        Hyena(D, L, filter=ModalConfig(order=64, poles=poles)).init_state(4).convs[0]._x.nbytes
        for poles in ("complex", "real")
    ]
    assert sizes[0] == 2 * sizes[1]


@pytest.mark.gpu
@causal
def test_gpu_agrees_with_a_cpu(draw, options):
    mixer, x = build(options), draw(2, L, D)
    expected = mixer(x)
    mixer.cuda()
    torch.testing.assert_close(mixer(x.cuda()).cpu(), expected, rtol=1e-8, atol=1e-8)
    found = advance(mixer, x.cuda(), mixer.init_state(2))
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-8, atol=1e-8)
