"""H3 against sums written from its formula, against its recurrence, and its variants."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from longwave.errors import ConfigError, ShapeError, UnknownName
from longwave.mixers import H3, ExplicitKernel, H3ConvState, H3State, KernelConfig, build_mixer

D, K = 16, 37
CLOSE = {"rtol": 1e-11, "atol": 1e-11}

VARIANTS = {
    "head1": {},
    "head2": {"head_dim": 2},
    "head8": {"head_dim": 8},
    "one-head": {"head_dim": 16},
    "short-memory": {"shift_state": 3, "d_state": 2},
    "no-shift": {"shift_state": 1},
    "zoh": {"rule": "zoh", "head_dim": 2},
    "train-b": {"train_b": True, "shift_state": 5},
    "train-b-longer-than-sequence": {"train_b": True, "head_dim": 2},
    "conv": {"kernel": "long_conv", "filter": KernelConfig(squash=0.001)},
    "conv-head2": {"kernel": "long_conv", "head_dim": 2, "filter": KernelConfig(smooth=3)},
    "naive": {"backend": "naive", "head_dim": 2},
}
variants = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
lengths = pytest.mark.parametrize("L", [1, 2, 17, K], ids=lambda L: f"L{L}")


def build(**options) -> H3:
    """Return a mixer whose way into the shift state, if trained, is no longer the unit vector."""
    mixer = H3(D, max_length=K, **options).double().eval()
    if options.get("train_b"):
        with torch.no_grad():
            mixer.shift_kernel.B.normal_()
    return mixer


def shift_taps(mixer: H3, L: int) -> torch.Tensor:
    kernel = mixer.shift_kernel
    if isinstance(kernel, ExplicitKernel):
        return kernel(L)
    width, m = kernel.C.shape
    B = torch.eye(m, dtype=torch.float64)[0].expand(width, -1) if kernel.B is None else kernel.B
    taps = [sum(kernel.C[:, n] * B[:, n - j] for n in range(j, m)) for j in range(min(m, L))]
    return torch.stack(taps + [torch.zeros(width, dtype=torch.float64)] * (L - len(taps)), 1)  # (D, L)


def system(mixer: H3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return dA, dB and C by the rules of the specification of either discretisation."""
    kernel = mixer.memory_kernel
    A = torch.complex(-kernel.log_decay.exp(), kernel.frequency)
    B, C, dt = torch.complex(*kernel.B.unbind(-1)), torch.complex(*kernel.C.unbind(-1)), kernel.log_dt.exp()
    z = dt[:, None] * A
    if kernel.rule == "zoh":
        return torch.exp(z), (torch.exp(z) - 1) / A * B, C
    return (1 + z / 2) / (1 - z / 2), dt[:, None] / (1 - z / 2) * B, C


def memory_taps(mixer: H3, L: int) -> torch.Tensor:
    if isinstance(mixer.memory_kernel, ExplicitKernel):
        return mixer.memory_kernel(L)
    dA, dB, C = system(mixer)
    return torch.stack([2 * (C * dB * dA**t).sum(-1).real for t in range(L)], 1)  # (H, L)


def toeplitz(taps: torch.Tensor, L: int) -> torch.Tensor:
    lag = torch.arange(L)[:, None] - torch.arange(L)
    return torch.where(lag >= 0, taps[:, lag.clamp(min=0)], 0.0)


def heads(mixer: H3, z: torch.Tensor) -> torch.Tensor:
    return z.unflatten(-1, (mixer.n_heads, mixer.head_dim))


def dense(mixer: H3, x: torch.Tensor) -> torch.Tensor:
    """Compute H3 with one L x L matrix per filter and an einsum per product."""
    L = x.shape[1]
    q, k, v = mixer.in_proj(x).chunk(3, -1)
    k = torch.einsum("dts,bsd->btd", toeplitz(shift_taps(mixer, L), L), k) + mixer.shift_skip * k
    products = torch.einsum("bthi,bthj->bthij", heads(mixer, k), heads(mixer, v))
    remembered = torch.einsum("hts,bshij->bthij", toeplitz(memory_taps(mixer, L), L), products)
    remembered = remembered + mixer.memory_skip[:, None, None] * products
    return mixer.out_proj(torch.einsum("bthi,bthij->bthj", heads(mixer, q), remembered).flatten(2))


def recurrence(mixer: H3, x: torch.Tensor) -> torch.Tensor:
    """Step through the two state spaces with all M entries of the one and all modes of the other."""
    q, k, v = mixer.in_proj(x).chunk(3, -1)
    kernel, (dA, dB, C) = mixer.shift_kernel, system(mixer)
    m = kernel.n_states
    B = torch.eye(m, dtype=torch.float64)[0].expand(D, -1) if kernel.B is None else kernel.B
    shifting = torch.zeros(x.shape[0], D, m, dtype=torch.float64)
    memory = 0
    outputs = []
    for t in range(x.shape[1]):
        shifting = torch.cat([torch.zeros_like(shifting[..., :1]), shifting[..., :-1]], -1)
        shifting = shifting + B * k[:, t, :, None]
        key = heads(mixer, (kernel.C * shifting).sum(-1) + mixer.shift_skip * k[:, t])
        product = key[..., :, None] * heads(mixer, v[:, t])[..., None, :]  # (B, H, E, E)
        memory = dA[:, None, None] * memory + dB[:, None, None] * product[..., None]
        read = 2 * (C[:, None, None] * memory).sum(-1).real + mixer.memory_skip[:, None, None] * product
        outputs.append((heads(mixer, q[:, t])[..., None] * read).sum(-2).flatten(1))
    return mixer.out_proj(torch.stack(outputs, 1))


def decode(mixer: H3, x: torch.Tensor, sizes: list[int], **options) -> torch.Tensor:
    """Feed chunks of the given sizes and the rest step by step."""
    state, start, outputs = mixer.init_state(x.shape[0], **options), 0, []
    for size in sizes:
        outputs.append(mixer.prefill(x[:, start : start + size], state)[0])
        start += size
    outputs += [mixer.step(x[:, t], state)[0][:, None] for t in range(start, x.shape[1])]
    return torch.cat(outputs, 1)


@variants
@lengths
def test_forward_equals_dense_sums(draw, options, L):
    mixer, x = build(**options), draw(2, L, D)
    torch.testing.assert_close(mixer(x), dense(mixer, x), **CLOSE)


@variants
def test_gradients_equal_those_of_dense_sums(draw, tolerance, options):
    mixer = build(**options)
    tensors = [draw(2, 23, D).requires_grad_(), *mixer.parameters()]
    expected = torch.autograd.grad(dense(mixer, tensors[0]).square().sum(), tensors)
    found = torch.autograd.grad(mixer(tensors[0]).square().sum(), tensors)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize(
    "options",
    [v for v in VARIANTS.values() if "kernel" not in v],
    ids=[n for n in VARIANTS if "conv" not in n],
)
@pytest.mark.parametrize("L", [1, 23, K], ids=lambda L: f"L{L}")
def test_forward_equals_the_recurrence(draw, options, L):
    mixer, x = build(**options), draw(2, L, D)
    torch.testing.assert_close(mixer(x), recurrence(mixer, x), **CLOSE)


@variants
@pytest.mark.parametrize(
    "sizes", [[], [K], [1, 1, 35], [5, 0, 7, 2], [20, 17]], ids=lambda s: "-".join(map(str, s)) or "steps"
)
def test_any_cut_decodes_to_the_whole(draw, options, sizes):
    mixer, x = build(**options), draw(2, K, D)
    torch.testing.assert_close(decode(mixer, x, sizes), mixer(x), **CLOSE)


@pytest.mark.parametrize("mode", ["auto", "lazy", "epoched", "relaxed"])
def test_long_filters_decode_in_every_mode(draw, mode):
    mixer, x = build(kernel="long_conv", head_dim=2), draw(2, K, D)
    torch.testing.assert_close(decode(mixer, x, [11], mode=mode), mixer(x), **CLOSE)


@variants
def test_padding_before_a_sequence_leaves_no_trace(draw, options):
    mixer, x = build(**options), draw(3, 20, D)
    state = mixer.init_state(3)
    state.pad(torch.tensor([0, 4, 9]))
    pieces = [mixer.prefill(x[:, a:b], state)[0] for a, b in [(0, 3), (3, 8)]]
    pieces += [mixer.step(x[:, t], state)[0][:, None] for t in range(8, 20)]
    y = torch.cat(pieces, 1)
    alone = [mixer(x[i : i + 1, skipped:])[0] for i, skipped in enumerate((0, 4, 9))]
    real = [y[i, skipped:] for i, skipped in enumerate((0, 4, 9))]
    torch.testing.assert_close(torch.cat(real), torch.cat(alone), **CLOSE)


@variants
def test_a_state_goes_back_to_a_mark_and_reorders(draw, options):
    mixer, x = build(**options), draw(2, K, D)
    state = mixer.init_state(2)
    mixer.prefill(x[:, :11], state)
    state.mark()
    mixer.prefill(x[:, 11:20], state)
    state.truncate(11)
    state.reorder([1, 1, 0])
    x = x[[1, 1, 0]]
    torch.testing.assert_close(mixer.prefill(x[:, 11:], state)[0], mixer(x)[:, 11:], **CLOSE)


def test_recurrent_state_goes_back_to_marks_only(draw):
    mixer = build()
    state = mixer.init_state(1)
    mixer.prefill(draw(1, 9, D), state)
    with pytest.raises(ShapeError, match="marked positions only"):
        state.truncate(5)


def test_state_of_long_filters_goes_back_anywhere(draw):
    mixer, x = build(kernel="long_conv"), draw(1, K, D)
    state = mixer.init_state(1)
    mixer.prefill(x, state)
    state.truncate(5)
    torch.testing.assert_close(mixer.prefill(x[:, 5:], state)[0], mixer(x)[:, 5:], **CLOSE)


def test_memory_of_a_recurrent_state_does_not_grow_with_its_length():
    mixer = H3(D, head_dim=2)
    small, large = mixer.init_state(2, 10), mixer.init_state(2, 10_000_000)
    assert isinstance(small, H3State)
    of_a_sequence = D * 64 * 4 + D * 4 + D // 2 * 4 * 32 * 8  # ring, its slots, memory
    shared = D * 64 * 4 + D * 4 + 3 * D // 2 * 32 * 8 + D // 2 * 4
    assert small.nbytes == large.nbytes == 2 * of_a_sequence + shared


def test_state_of_long_filters_holds_two_streams():
    state = build(kernel="long_conv", head_dim=2).init_state(3)
    assert isinstance(state, H3ConvState)
    assert (state.shift.batch, state.memory.batch) == (3, 3)


def test_length_without_a_limit(draw):
    mixer, x = H3(D).double(), draw(1, 100, D)
    assert mixer.max_length is None
    torch.testing.assert_close(mixer(x)[:, :60], mixer(x[:, :60]), **CLOSE)


def test_a_state_without_a_limit_needs_its_own_length():
    with pytest.raises(ShapeError, match="needs max_length"):
        H3(D).init_state(1)


def test_there_is_no_nonlinearity(draw):
    """Queries, keys and values enter once each, so the layer without biases is of degree three."""
    mixer, x = build(head_dim=2), draw(1, 13, D)
    with torch.no_grad():
        mixer.in_proj.bias.zero_()
        mixer.out_proj.bias.zero_()
    torch.testing.assert_close(mixer(2 * x), 8 * mixer(x), **CLOSE)
    torch.testing.assert_close(mixer(-x), -mixer(x), **CLOSE)


@pytest.mark.parametrize("options", [{}, {"kernel": "long_conv"}], ids=["ssm", "conv"])
def test_states_stay_in_single_precision_under_autocast(draw, options):
    mixer, x = H3(D, 2, max_length=K, **options).eval(), draw(2, K, D, dtype=torch.float32)
    state = mixer.init_state(2)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = mixer.prefill(x[:, :9], state)
        y_t, state = mixer.step(x[:, 9], state)
    kept = (state.shift.dtype, state.memory.dtype) if options else (state.keys.dtype, state.memory.dtype)
    assert kept == ((torch.float32, torch.float32) if options else (torch.float32, torch.complex64))
    assert y.dtype == y_t.dtype == torch.bfloat16


def test_filters_stay_in_single_precision_under_autocast():
    mixer = H3(D, max_length=K)
    expected = mixer.memory_kernel(K)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(mixer.memory_kernel(K), expected)


@pytest.mark.slow
@pytest.mark.parametrize("head_dim", [1, 2])
def test_single_precision_recurrence_stays_near_the_convolution(draw, head_dim):
    mixer, x = H3(4, head_dim), draw(1, 2048, 4, dtype=torch.float32)
    found, expected = decode(mixer, x, [], max_length=2048), mixer(x)
    assert (found - expected).norm() < 1e-4 * expected.norm()


def test_starting_modes_and_steps_are_those_of_the_paper():
    kernel = H3(256, d_state=64).memory_kernel
    dt = kernel.log_dt.exp()
    torch.testing.assert_close(-kernel.log_decay.exp(), torch.full((256, 32), -0.5))
    torch.testing.assert_close(kernel.frequency[7], math.pi * torch.arange(32.0))
    assert torch.equal(kernel.B[..., 0], torch.ones(256, 32))
    assert not kernel.B[..., 1].any()
    assert kernel.C.square().sum(-1).mean().item() == pytest.approx(1.0, abs=0.05)
    assert 1e-3 <= dt.min() < 1.2e-3
    assert 0.08 < dt.max() <= 0.1
    assert kernel.log_dt.mean().item() == pytest.approx(math.log(1e-2), abs=0.3)


def test_shift_read_out_starts_uniformly_and_skips_normally():
    mixer = H3(512, shift_state=64)
    bound = mixer.shift_kernel.C.abs().max().item()
    assert 0.99 / 8 < bound <= 1 / 8
    assert mixer.shift_skip.std().item() == pytest.approx(1.0, abs=0.15)
    assert mixer.memory_skip.std().item() == pytest.approx(1.0, abs=0.15)


def test_steps_longer_than_dt_max_are_never_drawn():
    kernel = H3(64, dt_min=0.5, dt_max=0.5).memory_kernel
    torch.testing.assert_close(kernel.log_dt.exp(), torch.full((64,), 0.5))


def test_state_spaces_are_spared_weight_decay_and_read_outs_take_theirs():
    mixer = H3(D, train_b=True, readout_weight_decay=0.1)
    options = mixer.parameter_options()
    slow = {f"memory_kernel.{name}" for name in ("log_decay", "frequency", "B", "log_dt")}
    bounded = {name for name, option in options.items() if option.get("max_lr") == 1e-3}
    assert bounded == slow | {"shift_kernel.B"}
    decayed = {name for name, option in options.items() if option["weight_decay"] == 0.1}
    assert decayed == {"shift_kernel.C", "memory_kernel.C", "shift_skip", "memory_skip"}
    assert {name for name, _ in mixer.named_parameters()} - set(options) == {
        "in_proj.weight",
        "out_proj.weight",
    }


def test_nothing_of_a_state_space_decays_unless_asked():
    assert {option["weight_decay"] for option in H3(D).parameter_options().values()} == {0.0}


def test_rates_of_long_filters_are_the_optimisers_unless_given():
    plain = H3(D, max_length=K, kernel="long_conv").parameter_options()
    own = H3(D, max_length=K, kernel="long_conv", filter=KernelConfig(lr=1e-4)).parameter_options()
    assert "lr" not in plain["memory_kernel.taps"]
    assert own["memory_kernel.taps"] == own["shift_kernel.taps"] == {"weight_decay": 0.0, "lr": 1e-4}


def test_evaluation_keeps_filters_until_a_parameter_changes(draw):
    mixer, x = H3(D).eval(), draw(1, 9, D, dtype=torch.float32)
    with torch.no_grad():
        before = mixer(x)
        assert mixer.memory_kernel(9) is mixer.memory_kernel(9)
        mixer.memory_kernel.log_dt.add_(1.0)
        assert not torch.equal(mixer(x), before)


def test_steps_follow_a_change_of_the_parameters(draw):
    mixer, x = build(), draw(1, 9, D)
    mixer.step(x[:, 0], mixer.init_state(1))
    with torch.no_grad():
        mixer.memory_kernel.log_dt.add_(1.0)
    torch.testing.assert_close(decode(mixer, x, []), mixer(x), **CLOSE)


def test_operations_count_both_convolutions():
    assert H3(64, 2).flops(1024) == 2 * (4 * 64**2 + 5 * 64 * 3 * 10 + 64 * 2)


def test_the_registry_builds_h3_with_long_filters():
    options = {"kernel": "long_conv", "head_dim": 2, "filter": {"squash": 0.001, "smooth": 5}}
    mixer = build_mixer("h3", d_model=4, max_length=99, options=options)
    assert mixer.memory_kernel.config == KernelConfig(squash=0.001, smooth=5)
    assert mixer.memory_kernel.taps.shape == (2, 99)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head_dim": 3}, "head_dim is 3, which does not divide d_model=16"),
        ({"head_dim": 0}, "head_dim is 0"),
        ({"d_state": 7}, "d_state is 7; modes come in conjugate pairs"),
        ({"shift_state": 0}, "shift_state is 0"),
        ({"kernel": "fourier"}, 'kernel is "fourier"'),
        ({"kernel": "long_conv"}, "needs max_length"),
        ({"filter": KernelConfig()}, 'filter is given but kernel is "ssm"'),
        ({"rule": "euler"}, '"euler"'),
        ({"dt_min": 0.0}, "dt_min is 0.0"),
        ({"dt_min": 0.2}, "dt_min is 0.2 and dt_max is 0.1"),
        ({"readout_weight_decay": -0.1}, "readout_weight_decay is -0.1"),
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_an_error(options, message):
    with pytest.raises(ConfigError, match=message):
        H3(D, **options)


@pytest.mark.parametrize("kernel", ["ssm", "long_conv"])
def test_unknown_mode_of_decoding_is_an_error(kernel):
    with pytest.raises(UnknownName, match='"quick"'):
        H3(D, max_length=K, kernel=kernel).init_state(1, mode="quick")


@pytest.mark.gpu
@pytest.mark.parametrize("L", [256, 255], ids=lambda L: f"L{L}")
@pytest.mark.parametrize("options", [{}, {"head_dim": 4}, {"kernel": "long_conv"}], ids=str)
def test_gpu_agrees_with_float64_on_a_cpu(draw, options, L):
    mixer, x = H3(8, max_length=256, **options).eval(), draw(2, L, 8, dtype=torch.float32)
    wide = copy.deepcopy(mixer).double()
    expected = torch.autograd.grad(wide(x.double()).square().sum(), list(wide.parameters()))
    mixer.cuda()
    y = mixer(x.cuda())
    found = torch.autograd.grad(y.square().sum(), list(mixer.parameters()))
    errors = [(a.cpu() - b).norm() / b.norm() for a, b in zip(found, expected, strict=True)]
    assert max(errors) < 1e-3
    assert (y.cpu().double() - wide(x.double())).norm() < 1e-4 * wide(x.double()).norm()


@pytest.mark.gpu
@pytest.mark.parametrize("head_dim", [1, 2])
def test_gpu_stays_near_under_autocast(draw, head_dim):
    mixer, x = H3(8, head_dim, max_length=256).cuda().eval(), draw(2, 255, 8, dtype=torch.float32).cuda()
    with torch.autocast("cuda", torch.bfloat16):
        y = mixer(x)
    assert y.dtype == torch.bfloat16
    assert (y.float() - mixer(x)).norm() < 0.03 * mixer(x).norm()
