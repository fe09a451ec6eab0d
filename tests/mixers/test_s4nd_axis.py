"""The kernels of one axis: their formula, every start, and starting anew."""

from __future__ import annotations

import math

import pytest
import torch

from longwave.errors import ConfigError
from longwave.mixers import S4ND
from longwave.mixers.s4nd_axis import KERNELS, AxisKernel, fourier_modes
from longwave.ops.ssm import initial_modes, legs_modes
from longwave.ops.ssm.naive import dense_discretize, dense_recurrence

H, K = 4, 3
kernels = pytest.mark.parametrize("kernel", KERNELS)


def build(kernel="s4d-lin", **options):
    settings = {"d_state": 6, "n_ssm": 2, "dt": (0.1, 1.0), "rule": "zoh", "bidirectional": True}
    return AxisKernel(H, K, kernel=kernel, **(settings | options)).double()


def by_recurrence(axis, n_taps, rate):
    """Sample every kernel from dense systems with both modes of each pair, by the parameters' meaning."""
    modes = torch.complex(-torch.exp(axis.log_A_real), axis.A_imag)
    found = torch.empty(*axis.C.shape[:3], n_taps, dtype=torch.float64)
    for channel in range(H):
        own = channel % len(modes)
        a, b = modes[own], torch.view_as_complex(axis.B)[own]
        p = torch.zeros_like(a) if axis.P is None else torch.view_as_complex(axis.P)[own]
        a, b, p = (torch.cat([x, x.conj()]) for x in (a, b, p))
        rule = axis.rule if axis.P is None else "bilinear"
        dense = torch.diag(a) - torch.outer(p, p.conj())
        dA, dB = dense_discretize(dense, b, axis.log_dt[channel].exp() * rate, rule=rule)
        for way in range(axis.C.shape[0]):
            for copy in range(K):
                c = torch.view_as_complex(axis.C)[way, copy, channel]
                impulse = torch.eye(1, n_taps, dtype=dA.dtype)[0]
                response, _ = dense_recurrence(dA, dB, torch.cat([c, c.conj()]), impulse)
                found[way, copy, channel] = response.real
    return torch.cat([found[1].flip(-1), found[0]], -1) if axis.bidirectional else found[0]


@kernels
@pytest.mark.parametrize("bidirectional", [True, False], ids=["both-ways", "back"])
def test_taps_are_those_of_the_recurrence(kernel, bidirectional):
    axis = build(kernel, bidirectional=bidirectional)
    with torch.no_grad():
        expected = by_recurrence(axis, 7, 1.7)
        torch.testing.assert_close(axis(7, rate=1.7), expected, rtol=1e-8, atol=1e-9)


def test_taps_are_those_of_the_bilinear_recurrence():
    axis = build(rule="bilinear")
    with torch.no_grad():
        torch.testing.assert_close(axis(7), by_recurrence(axis, 7, 1.0), rtol=1e-9, atol=1e-10)


@kernels
def test_a_shorter_kernel_is_the_middle_of_a_longer_one(kernel):
    axis = build(kernel)
    torch.testing.assert_close(axis(5), axis(9)[..., 4:14], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["lin", "inv", "inv2", "quad", "legs", "real"])
def test_diagonal_modes_start_where_the_name_says(name):
    axis = build(f"s4d-{name}")
    found = torch.complex(-axis.log_A_real.exp(), axis.A_imag)
    torch.testing.assert_close(found, initial_modes(name, 6, n_copies=2), rtol=1e-6, atol=1e-6)
    assert torch.equal(torch.view_as_complex(axis.B), torch.ones_like(found))


def test_random_copies_differ():
    assert not torch.equal(*build("s4d-random").A_imag)


def test_s4_starts_as_legs():
    axis, (modes, low_rank, entry) = build("s4"), legs_modes(6)
    for found, expected in ((axis.P, low_rank), (axis.B, entry)):
        torch.testing.assert_close(torch.view_as_complex(found)[1], expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(axis.A_imag[0], modes.imag, rtol=1e-6, atol=1e-6)


def test_fourier_modes_are_the_real_system_of_a_sliding_window():
    """``A = skew - B B^T`` over 1, cos, sin, ...: products ``B^T A^k B`` do not depend on the basis."""
    n_modes = 4
    frequencies = torch.stack([torch.zeros(n_modes), torch.arange(n_modes)], -1).flatten()[1:].double()
    column = torch.zeros(2 * n_modes, dtype=torch.float64)
    column[0::2] = math.sqrt(2)
    column[0] = 1
    skew = math.pi * (torch.diag(frequencies, -1) - torch.diag(frequencies, 1))
    matrix = skew - torch.outer(column, column)
    a, p, b = (torch.cat([x, x.conj()]) for x in fourier_modes(2 * n_modes))
    diagonal = torch.diag(a) - torch.outer(p, p.conj())
    for power in range(7):
        expected = column @ torch.linalg.matrix_power(matrix, power) @ column
        found = b.conj() @ torch.linalg.matrix_power(diagonal, power) @ b
        torch.testing.assert_close(found.real, expected, rtol=1e-10, atol=1e-9)


def test_a_fourier_kernel_forgets_what_left_its_window():
    """Coefficients of the last two units of time: ``2/dt`` steps later an impulse has left."""
    axis = build("s4-fourier", d_state=64, dt=(0.005, 0.005), bidirectional=False)
    with torch.no_grad():
        axis.C[..., 4:, :] = 0  # slow modes, which the bilinear rule leaves where they are
    k = axis(800)
    assert k[..., 420:].norm() < 0.1 * k[..., :380].norm()
    assert k[..., 340:380].norm() > 0.1 * k[..., :380].norm()


@pytest.mark.parametrize("dt", [2.0, 1e3], ids=str)
@pytest.mark.parametrize("kernel", ["s4d-lin", "s4d-legs", "s4d-inv", "s4d-real"])
def test_averages_sum_to_one_and_look_back(kernel, dt):
    axis = build(kernel)
    axis.make_averages()
    axis.draw_steps((dt, dt))
    k = axis(40)
    torch.testing.assert_close(k.sum(-1), torch.ones(K, H, dtype=k.dtype), rtol=1e-5, atol=1e-5)
    assert torch.equal(k[..., :40], torch.zeros_like(k[..., :40]))
    if dt > 100:  # a delta
        torch.testing.assert_close(k[..., 40], torch.ones(K, H, dtype=k.dtype), rtol=1e-6, atol=1e-6)


def test_coupled_modes_are_no_average():
    with pytest.raises(ConfigError, match='modes of kernel "s4-fourier" are coupled'):
        build("s4-fourier").make_averages()


def test_a_layer_starts_one_axis_anew():
    layer = S4ND(H, 3, d_state=4, out=None)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer.reinit_axis(-3, (0.3, 0.4), delta=False)
    changed = {name for name, value in layer.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"axes.0.log_dt", "axes.0.C"}
    dt = layer.axes[0].log_dt.exp()
    assert 0.3 <= dt.min() <= dt.max() <= 0.4 + 1e-6
    assert layer.axes[0].C.square().sum(-1).mean().item() == pytest.approx(1, abs=0.4)


def test_a_layer_whose_time_axis_is_a_delta_acts_on_every_slice(draw):
    flat, solid = S4ND(H, 2, d_state=4, rank=2).double(), S4ND(H, 3, d_state=4, rank=2).double()
    state = solid.state_dict()
    for name, value in flat.state_dict().items():
        parts = name.split(".")
        moved = ["axes", str(int(parts[1]) + 1), *parts[2:]] if parts[0] == "axes" else parts
        state[".".join(moved)] = value
    solid.load_state_dict(state)
    solid.reinit_axis(0, 1e3)
    u = draw(2, H, 5, 6, 7)
    slices = torch.stack([flat(one) for one in u.unbind(2)], 2)
    torch.testing.assert_close(solid(u), slices, rtol=1e-6, atol=1e-6)


def test_bandlimited_modes_of_a_coupled_kernel_lose_their_readout():
    axis = build("s4", d_state=16)
    axis(9, bandlimit=0.3).square().sum().backward()
    cut = (axis.log_dt.exp()[:, None] * axis.A_imag.abs().repeat(2, 1)) / (2 * math.pi) >= 0.15
    assert cut.any()
    assert (axis.C.grad[:, :, cut] == 0).all()
    assert (axis.C.grad[:, :, ~cut] != 0).any(-1).all()
