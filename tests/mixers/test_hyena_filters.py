"""The kinds of Hyena's filters against their formulas, tap by tap, and what each kind refuses."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError, ShapeError
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

C, L = 3, 16  # filters, longest length
ROUND = {"rtol": 1e-9, "atol": 1e-11}


def explicit(filter):
    return filter.taps


def decaying(filter):
    """exp(-alpha_c j / (K - 1)), one tap at a time, alpha from 1 to 100 in equal ratios."""
    rates = [100 ** (c / (C - 1)) for c in range(C)]
    last = filter.config.n_taps - 1
    window = [[math.exp(-rate * j / last) for j in range(filter.taps.shape[1])] for rate in rates]
    return filter.taps * torch.tensor(window, dtype=torch.float64)


def real_modal(filter):
    """h[0] free, then sum_n R_n exp(-softplus(decay_n) (t - 1))."""
    rates = F.softplus(filter.decay)
    taps = [(filter.residue * torch.exp(-rates * (t - 1))).sum(1) for t in range(1, L)]
    return torch.stack([filter.first, *taps], dim=1)


def fourier(filter):
    """The real part of every mode's turn, twice where its conjugate is not itself."""
    t = torch.arange(L, dtype=torch.float64)
    modes = torch.view_as_complex(filter.modes)
    total = torch.zeros(C, L, dtype=torch.float64)
    for k in range(modes.shape[1]):
        turn = torch.exp(2j * math.pi * k * t / L)
        total = total + (1 if k in (0, L / 2) else 2) * (modes[:, k, None] * turn).real / math.sqrt(L)
    return total


def transfer(filter):
    """The difference equation h[t] = b[t] - sum_j a_j h[t-j], run far and wrapped around."""
    order, length = filter.denominator.shape[1], 32 * L
    b = F.pad(filter.numerator, (0, length))
    h = []
    for t in range(length):
        past = sum(filter.denominator[:, j - 1] * h[t - j] for j in range(1, min(order, t) + 1))
        h.append(b[:, t] - past)
    return torch.stack(h, 1).view(C, -1, L).sum(1)


def s4(filter):
    """Dense bilinear steps of the whole system, both of each conjugate pair."""

    def both(x):
        return torch.cat([x, x.conj()], dim=-1)

    A = torch.complex(-filter.log_decay.exp(), filter.frequency)
    P, B, readout = (torch.view_as_complex(x) for x in (filter.P, filter.B, filter.C))
    matrix, eye = torch.diag(both(A)) - torch.outer(both(P), both(P).conj()), torch.eye(2 * len(A))
    rows = []
    for c, dt in enumerate(filter.log_dt.exp()):
        inverse = torch.linalg.inv(eye - dt / 2 * matrix)
        x = inverse @ (dt * both(B))
        taps = []
        for _ in range(L):
            taps.append((both(readout[c]) * x).sum().real)
            x = inverse @ ((eye + dt / 2 * matrix) @ x)
        rows.append(torch.stack(taps))
    return torch.stack(rows)


KINDS = {
    "explicit": (ExplicitConfig(n_taps=5), explicit),
    "explicit-cut": (ExplicitConfig(n_taps=64), explicit),
    "decaying": (DecayingConfig(n_taps=7), decaying),
    "decaying-cut": (DecayingConfig(n_taps=128), decaying),
    "modal-real": (ModalConfig(order=4, poles="real"), real_modal),
    "fourier": (FourierConfig(n_modes=4), fourier),
    "fourier-all": (FourierConfig(n_modes=64), fourier),
    "transfer": (TransferConfig(order=3), transfer),
    "s4": (S4FilterConfig(d_state=6), s4),
}
kinds = pytest.mark.parametrize(("config", "formula"), KINDS.values(), ids=KINDS)


def make(config):
    """Build a filter whose every parameter has some value; denominators small enough to be stable."""
    filter = config.build(C, L).double()
    if isinstance(config, TransferConfig):
        torch.nn.init.uniform_(filter.denominator, -0.3, 0.3)
    return filter


@kinds
def test_taps_follow_the_formula(config, formula):
    filter = make(config)
    torch.testing.assert_close(filter(L), formula(filter), **ROUND)


@kinds
def test_gradients_follow_the_formula(draw, config, formula):
    filter = make(config)
    weight = draw(*filter(L).shape)
    expected = torch.autograd.grad((weight * formula(filter)).sum(), list(filter.parameters()))
    found = torch.autograd.grad((weight * filter(L)).sum(), list(filter.parameters()))
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)


@kinds
@pytest.mark.parametrize("length", [0, 1, 2, 3, 11])
def test_a_shorter_filter_is_the_beginning_of_a_longer_one(config, formula, length):
    filter = make(config)
    torch.testing.assert_close(filter(length), filter(L)[:, :length], **ROUND)


@kinds
def test_more_taps_than_it_was_built_for_are_refused(config, formula):
    with pytest.raises(ShapeError, match=f"{L + 1} taps was asked for.*max_length={L}"):
        make(config)(L + 1)


@kinds
def test_taps_stay_wide_when_the_model_is_narrow(config, formula):
    with torch.autocast("cpu", torch.bfloat16):
        taps = config.build(C, L).bfloat16()(L)
    assert taps.dtype == torch.float32
    assert taps.isfinite().all()


@kinds
def test_a_signal_of_one_step_has_filters(config, formula):
    assert config.build(C, 1)(1).shape == (C, 1)


@kinds
def test_every_parameter_is_spared_by_weight_decay(config, formula):
    filter = make(config)
    options = filter.parameter_options()
    assert set(options) == {name for name, _ in filter.named_parameters()}
    assert {option["weight_decay"] for option in options.values()} == {0.0}


@kinds
def test_the_kind_is_an_option_of_the_mixer(config, formula):
    options = {"filter": {"kind": config.kind}}
    mixer = build_mixer("hyena", d_model=4, max_length=L, options=options)
    assert mixer.filter.config == type(config)()


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"s4", "explicit-cut", "decaying-cut"}))
def test_filters_keep_the_size_of_a_signal_at_the_start(name):
    energy = KINDS[name][0].build(2000, L)(L).square().sum(1).mean()
    assert 0.2 < energy < 2


LEARN = {
    "explicit": (ExplicitConfig(lr=0.5), "taps"),
    "decaying": (DecayingConfig(lr=0.5), "taps"),
    "fourier": (FourierConfig(lr=0.5), "modes"),
    "transfer": (TransferConfig(lr=0.5), "denominator"),
    "s4": (S4FilterConfig(lr=0.5), "log_dt"),
    "modal-real": (ModalConfig(lr=0.5, poles="real"), "decay"),
}


@pytest.mark.parametrize(("config", "name"), LEARN.values(), ids=LEARN)
def test_the_learning_rate_reaches_its_parameter(config, name):
    options = Hyena(4, L, filter=config).parameter_options()
    assert options[f"filter.{name}"] == {"weight_decay": 0.0, "lr": 0.5}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ExplicitConfig(n_taps=0), '"n_taps" of ExplicitConfig is 0'),
        (lambda: ExplicitConfig(std=-1.0), '"std" of ExplicitConfig is -1.0'),
        (lambda: ExplicitConfig(std=math.nan), '"std" of ExplicitConfig is nan'),
        (lambda: DecayingConfig(n_taps=-3), '"n_taps" of DecayingConfig is -3'),
        (lambda: DecayingConfig(slowest=2.0, fastest=1.0), "slowest=2.0 to fastest=1.0"),
        (lambda: DecayingConfig(slowest=0.0), "slowest=0.0"),
        (lambda: DecayingConfig(fastest=math.inf), "fastest=inf"),
        (lambda: ModalConfig(poles="imaginary"), "\"poles\" of ModalConfig is 'imaginary'"),
        (lambda: FourierConfig(n_modes=0), '"n_modes" of FourierConfig is 0'),
        (lambda: TransferConfig(order=0), '"order" of TransferConfig is 0'),
        (lambda: S4FilterConfig(d_state=7), '"d_state" of S4FilterConfig is 7'),
        (lambda: S4FilterConfig(dt_min=0.2), "dt_min=0.2 to dt_max=0.1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_out_of_range_are_an_error(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


@pytest.mark.parametrize("config", [FilterConfig(), FourierConfig(), TransferConfig(), S4FilterConfig()])
def test_kinds_without_a_recurrence_say_so(config):
    filter = config.build(C, L)
    with pytest.raises(ConfigError, match=f"{type(filter).__name__} has no recurrence"):
        filter.stream(slice(None), torch.ones(C), 1)


def test_a_deviation_sets_the_size_of_the_first_taps():
    std = ExplicitConfig(n_taps=100, std=1e-6).build(100, 100).taps.std().item()
    assert std == pytest.approx(1e-6, rel=0.05)


def test_decays_of_every_convolution_run_from_slow_to_fast():
    rates = Hyena(64, L, order=3, filter=DecayingConfig()).filter.decay.view(64, 2)
    assert rates[0].max() < 1.1
    assert rates[-1].min() > 90


def test_decays_do_not_learn():
    assert "filter.decay" not in dict(Hyena(4, L, filter=DecayingConfig()).named_parameters())


def test_poles_outside_the_circle_leave_a_transfer_function_finite():
    filter = TransferConfig(order=2).build(1, 64)
    with torch.no_grad():
        filter.denominator[:] = torch.tensor([-3.0, 0.5])
    assert filter(64).isfinite().all()


def test_a_ckconv_is_an_implicit_filter_without_window(tolerance):
    filter = FilterConfig(d_hidden=32, modulate=False).build(C, L).double()
    torch.testing.assert_close(filter(L), filter._network(L), **tolerance(torch.float64))


def test_real_poles_start_between_one_step_and_the_whole_length():
    rates = F.softplus(ModalConfig(order=16, poles="real").build(1, 8192).decay)[0]
    assert rates.max().item() == pytest.approx(1.0, rel=1e-5)
    assert rates.min().item() == pytest.approx(1 / 8192, rel=1e-3)


def test_real_poles_have_no_angles():
    names = {name for name, _ in ModalConfig(poles="real").build(C, L).named_parameters()}
    assert names == {"decay", "residue", "first"}


def test_sixteen_real_poles_learn_a_long_decay():
    """From their start, by gradients alone: a filter of two decays none of which is a starting pole."""
    filter, t = ModalConfig(order=16, poles="real").build(1, 256), torch.arange(256)
    target = torch.exp(-t / 90.0) - 0.7 * torch.exp(-t / 14.0)
    optimizer = torch.optim.Adam(filter.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (filter(256)[0] - target).square().sum() / target.square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 1e-2 < 0.5 < losses[0]


def test_a_hyena_of_sixteen_real_poles_learns_a_long_memory(draw):
    """A mean that forgets in 20 steps; its last 3 inputs alone, the short filter's, leave 0.74 of it."""
    mixer, x = Hyena(2, 64, filter=ModalConfig(order=16, poles="real")), draw(4, 64, 2, dtype=torch.float32)
    lag = torch.arange(64)[:, None] - torch.arange(64)
    target = torch.where(lag >= 0, 0.95 ** lag.clamp(min=0), 0.0) @ x
    optimizer = torch.optim.Adam(mixer.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.mse_loss(mixer(x), target) / target.square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 < 0.8 < losses[0]


@pytest.mark.parametrize(("length", "expected"), [(1, 0), (2, 5), (1024, 7), (10**6, 7)])
def test_a_filter_of_seven_taps_costs_seven_multiplications_a_step_or_fewer(length, expected):
    assert ExplicitConfig(n_taps=7).build(C, 1024).conv_flops(length) == expected


def test_looking_both_ways_costs_a_second_convolution():
    one, two = (Hyena(8, 256, bidirectional=both).flops(256) for both in (False, True))
    assert two - one == 2 * 8 * 5 * 8
