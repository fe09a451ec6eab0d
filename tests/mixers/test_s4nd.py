"""S4ND: its convolution, its kernels at several resolutions, and what a layer may be told."""

from __future__ import annotations

import copy
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, ShapeError, UnknownName
from longwave.mixers import S4ND

H = 4
SIZES = {1: (11,), 2: (9, 7), 3: (3, 4, 5)}
dims = pytest.mark.parametrize("dim", [1, 2, 3])


def build(dim=2, d_model=H, **options):
    return S4ND(d_model, dim, **({"d_state": 8, "out": None} | options)).double()


def by_lag(layer, sizes, rate=1.0):
    """Return the kernel of all axes at lags ``-(L-1) ... L-1`` of each, zero where it has none."""
    kernel = layer.kernel(sizes, rate)
    for place, (axis, n) in enumerate(zip(layer.axes, sizes, strict=True), start=kernel.dim() - len(sizes)):
        taps = kernel.shape[place]
        before = taps // 2 if axis.bidirectional else 0
        kernel = F.pad(kernel.movedim(place, -1), (n - 1 - before, n - taps + before)).movedim(-1, place)
    return kernel


def direct(layer, u):
    """Sum ``K[i - j] u[j]`` over all places, with the kernel in the space of all axes."""
    sizes = u.shape[2:]
    lags = []
    for axis, n in enumerate(sizes):
        steps = torch.arange(n)
        shape = [1] * (2 * len(sizes))
        shape[axis] = shape[axis + len(sizes)] = n
        lags.append((steps[:, None] - steps + n - 1).view(shape))
    matrix = by_lag(layer, sizes)[(..., *lags)].flatten(-len(sizes)).flatten(-1 - len(sizes), -2)
    flat = u.flatten(2)
    if layer.out_channels is not None:  # (O, H, I, J)
        return torch.einsum("ohij,bhj->boi", matrix, flat).view(u.shape[0], -1, *sizes)
    flat = flat.repeat(1, layer.channels, 1)
    y = torch.einsum("cij,bcj->bci", matrix, flat) + layer.skip[:, None] * flat
    return y.view(u.shape[0], -1, *sizes)


@pytest.mark.parametrize(
    ("dim", "options"),
    [
        (1, {}),
        (1, {"bidirectional": False}),
        (2, {}),
        (2, {"bidirectional": False}),
        (2, {"bidirectional": (True, False), "rank": 3}),
        (2, {"channels": 2, "rank": 2}),
        (2, {"out_channels": 3, "rank": 2}),
        (2, {"l_max": (3, None), "kernel": "s4d-legs"}),
        (2, {"kernel": ("s4", "s4-fourier"), "n_ssm": 2}),
        (3, {"bidirectional": (False, True, True), "rank": 2}),
        (3, {"out_channels": 2, "l_max": 2}),
    ],
    ids=str,
)
def test_output_equals_the_direct_sum(draw, dim, options):
    layer, u = build(dim, **options), draw(2, H, *SIZES[dim])
    torch.testing.assert_close(layer(u), direct(layer, u), rtol=0, atol=1e-10)


@pytest.mark.parametrize("sizes", [(1, 1), (1, 5), (13, 2), (16, 12)], ids=str)
def test_odd_sizes_and_single_points(draw, sizes):
    layer, u = build(), draw(2, H, *sizes)
    torch.testing.assert_close(layer(u), direct(layer, u), rtol=0, atol=1e-10)


@pytest.mark.parametrize("backend", ["matrices", "fft"])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-11)], ids=str)
def test_the_response_to_an_impulse_is_the_outer_product(backend, dtype, bound):
    layer = build().to(dtype)
    layer.backend = backend
    u = torch.zeros(1, H, 17, 13, dtype=dtype)
    u[..., 8, 6] = 1
    with torch.no_grad():
        layer.skip.zero_()
        rows, columns = (axis(n)[0] for axis, n in zip(layer.axes, (17, 13), strict=True))
        found = layer(u)[0]
    expected = rows[:, 17 - 8 : 17 + 9, None] * columns[:, None, 13 - 6 : 13 + 7]
    assert (found - expected).abs().max() < bound * expected.abs().max()


@pytest.mark.parametrize("backend", ["matrices", "fft"])
def test_nothing_wraps_around(backend):
    layer, n = build(), 12
    layer.backend = backend
    u = torch.zeros(1, H, n, n, dtype=torch.float64)
    u[..., 0, 0] = 1
    y = layer(u)[0]
    kernel = by_lag(layer, (n, n))
    torch.testing.assert_close(y[:, -1, -1], kernel[:, -1, -1], rtol=0, atol=1e-12)
    opposite = layer(u.flip(-1, -2))[0, :, 0, 0]
    torch.testing.assert_close(opposite, kernel[:, 0, 0], rtol=0, atol=1e-12)


def test_turning_the_input_and_the_axes_turns_the_output(draw, tolerance):
    layer, u = build(rank=2), draw(2, H, 9, 7)
    turned = copy.deepcopy(layer)
    turned.axes = torch.nn.ModuleList(reversed(turned.axes))
    torch.testing.assert_close(turned(u.mT), layer(u).mT, **tolerance(torch.float64))


@pytest.mark.parametrize("kernel", ["s4d-lin", "s4d-legs", "s4d-real"])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-12)], ids=str)
def test_the_sum_of_taps_knows_the_length_and_not_the_points(kernel, dtype, bound):
    layer = build(1, kernel=kernel, bidirectional=False).to(dtype)
    sums = [layer.axes[0](64 // rate, rate=rate).sum(-1) for rate in (1, 2, 4)]
    assert max((one - sums[0]).abs().max() for one in sums) < bound * sums[0].abs().max()


@dims
def test_a_field_constant_in_cells_has_the_same_answer_on_the_finer_grid(draw, dim):
    layer = build(dim, bidirectional=False)
    with torch.no_grad():
        layer.skip.zero_()
    coarse = draw(2, H, *SIZES[dim])
    fine = coarse
    for axis in range(2, 2 + dim):
        fine = fine.repeat_interleave(2, axis)
    y = layer(fine, rate=0.5)[(..., *[slice(1, None, 2)] * dim)]
    torch.testing.assert_close(y, layer(coarse), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("dt", "bandlimit", "kept"), [(0.5, 0.2, 1), (0.05, 0.21, 5)])
def test_a_bandlimit_cuts_fast_modes_and_their_gradients(dt, bandlimit, kept):
    layer = build(1, d_state=64, dt=(dt, dt), bandlimit=bandlimit)
    (layer.kernel((20,), rate=2.0).square().sum() + layer.kernel((20,)).square().sum()).backward()
    grad = layer.axes[0].C.grad
    assert grad[..., :kept, :].abs().flatten(0, 2).amin(0).amax(-1).min() > 0
    assert torch.equal(grad[..., kept:, :], torch.zeros_like(grad[..., kept:, :]))


def test_a_mode_at_the_limit_is_cut():
    layer = build(1, 1, d_state=16)
    axis = layer.axes[0]
    frequency = (axis.log_dt.double().exp() * axis.A_imag[0, 3].double() / (2 * torch.pi)).item()
    silenced = copy.deepcopy(axis)
    with torch.no_grad():
        silenced.C[..., 3:, :] = 0
    assert torch.equal(axis(9, bandlimit=2 * frequency), silenced(9))


@pytest.mark.parametrize("rate", [0.5, 2.0])
def test_a_rate_moves_no_bandlimit(rate):
    layer = build(1, d_state=64, dt=(0.05, 0.05), bandlimit=0.21)
    silenced = copy.deepcopy(layer)
    silenced.set_bandlimit(None)
    with torch.no_grad():
        silenced.axes[0].C[..., 5:, :] = 0
    torch.testing.assert_close(layer.kernel((20,), rate), silenced.kernel((20,), rate))


def test_a_bandlimit_of_each_axis(draw):
    layer = build(2, d_state=64, dt=(0.5, 0.5), bandlimit=(None, 0.2))
    free = build(2, d_state=64)
    free.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer.axes[0](9, bandlimit=layer.bandlimit[0]), free.axes[0](9))
    u = draw(1, H, 9, 9)
    assert not torch.allclose(layer(u), free(u))
    free.set_bandlimit((None, 0.2))
    assert torch.equal(layer(u), free(u))


def test_equal_pieces_are_one_piece(draw, tolerance):
    one, two = build(rank=1), build(rank=2)
    state = {
        name: value.repeat(1, 2, 1, 1, 1) if name.endswith(".C") else value
        for name, value in one.state_dict().items()
    }
    two.load_state_dict(state)
    u = draw(2, H, 9, 7)
    torch.testing.assert_close(two(u), one(u), **tolerance(torch.float64))


def test_answers_to_a_smooth_signal_approach_each_other_with_the_resolution():
    torch.manual_seed(7)
    layer = build(2, d_state=64, dt=(0.1, 0.1), bandlimit=0.15, bidirectional=False)
    with torch.no_grad():
        layer.skip.zero_()

    def answer(points):
        t = torch.arange(points, dtype=torch.float64) / points
        u = torch.sin(2 * math.pi * t) + 0.5 * torch.cos(4 * math.pi * t)
        y = layer((u[:, None] * u).expand(1, H, -1, -1), rate=32 / points)
        step = points // 16
        return y[..., ::step, ::step]

    answers = [answer(points) for points in (32, 64, 128, 256)]
    gaps = [(a - b).norm() / b.norm() for a, b in itertools.pairwise(answers)]
    assert gaps[0] > 1.7 * gaps[1]
    assert gaps[1] > 1.7 * gaps[2]


@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
@dims
def test_gradients_are_those_of_finite_differences(draw, dim, rule):
    layer = build(dim, 1, d_state=2, rank=2, rule=rule, out="glu", dt=(0.2, 0.6))
    u = draw(1, 1, *(3, 2, 2)[:dim]).requires_grad_()
    names = [name for name, _ in layer.named_parameters()]

    def run(u, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (u, 0.7))

    assert torch.autograd.gradcheck(run, (u, *layer.parameters()))


@pytest.mark.parametrize("options", [{}, {"out_channels": 3}, {"out": "glu", "channels": 2}], ids=str)
def test_an_empty_batch_comes_back_with_gradients(options):
    layer = build(**options)
    y = layer(torch.zeros(0, H, 5, 6, dtype=torch.float64))
    assert y.shape == (0, layer.d_output, 5, 6)
    y.sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("options", [{}, {"out_channels": 3}], ids=["own", "mixed"])
def test_half_types_are_near_float32(draw, dtype, options):
    layer, u = build(**options).float(), draw(2, H, 9, 7, dtype=dtype)
    y = layer(u)
    exact = layer(u.float())
    assert y.dtype == dtype
    assert (y.float() - exact).abs().max() < 2 * torch.finfo(dtype).eps * exact.abs().max()
    narrow = layer.to(dtype)(u)  # a layer whose parameters are rounded
    assert narrow.dtype == dtype
    assert (narrow.float() - exact).norm() < 0.1 * exact.norm()


def test_autocast_narrows_the_linear_layer_only(draw):
    layer, u = build(out="glu").float(), draw(2, H, 9, 7, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(u)
    assert y.dtype == torch.bfloat16
    assert (y.float() - layer(u)).norm() < 0.02 * layer(u).norm()
    layer.out_proj = None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = layer(u)
    assert torch.equal(narrow, layer(u))


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=3), st.sampled_from([0.25, 0.5, 1.0, 2.0]), st.booleans()
)
def test_shapes_stay_whatever_the_size_and_the_rate(sizes, rate, bidirectional):
    layer = build(len(sizes), 2, d_state=2, bidirectional=bidirectional, out="linear")
    y = layer(torch.ones(1, 2, *sizes, dtype=torch.float64), rate)
    assert y.shape == (1, 2, *sizes)
    assert y.isfinite().all()


def test_a_rate_of_each_axis(draw, tolerance):
    layer, u = build(), draw(2, H, 9, 7)
    slow = copy.deepcopy(layer)
    with torch.no_grad():
        slow.axes[1].log_dt += math.log(2)
    torch.testing.assert_close(layer(u, rate=(1.0, 2.0)), slow(u), **tolerance(torch.float64))


@pytest.mark.parametrize(
    ("options", "channels"),
    [
        ({}, H),
        ({"channels": 3}, 3 * H),
        ({"channels": 3, "out": "glu"}, H),
        ({"out_channels": 5}, 5),
        ({"out_channels": 5, "out": "linear"}, 5),
    ],
    ids=str,
)
def test_channels_of_the_output(draw, options, channels):
    layer = build(**options)
    assert layer.d_output == channels
    assert layer(draw(1, H, 3, 4)).shape == (1, channels, 3, 4)


def test_activation_gate_and_linear_layer_follow(draw, tolerance):
    bare, u = build(channels=2), draw(2, H, 5, 6)
    for out, activation in itertools.product(("glu", "linear"), ("gelu", None)):
        layer = build(channels=2, out=out, activation=activation)
        layer.load_state_dict(bare.state_dict(), strict=False)
        y = F.gelu(bare(u)) if activation else bare(u)
        z = layer.out_proj(y.movedim(1, -1))
        expected = F.glu(z, -1) if out == "glu" else z
        torch.testing.assert_close(layer(u).movedim(1, -1), expected, **tolerance(torch.float64))


def test_dropout_drops_whole_channels_in_training_only(draw):
    layer, u = build(d_model=40, out="linear", dropout=0.5), draw(1, 40, 3, 4)
    with torch.no_grad():
        layer.out_proj.weight.copy_(torch.eye(40))
        layer.out_proj.bias.zero_()
    dropped = (layer(u) == 0).double().mean((0, 2, 3))
    assert set(dropped.tolist()) == {0.0, 1.0}
    assert (layer.eval()(u) != 0).any(-1).any(-1).all()


def test_parameters_that_train_in_their_own_way():
    options = build(kernel="s4", out="glu").parameter_options()
    slow = {name for name, option in options.items() if option == {"weight_decay": 0.0, "max_lr": 1e-3}}
    assert slow == {
        f"axes.{a}.{name}" for a in (0, 1) for name in ("log_dt", "log_A_real", "A_imag", "B", "P")
    }
    assert set(options) - slow == {"skip", "out_proj.bias"}
    assert "skip" not in build(out_channels=2).parameter_options()


def test_evaluation_keeps_kernels_until_something_changes(draw, monkeypatch):
    layer, u = build().eval(), draw(1, H, 5, 6)
    calls = []
    taps = layer.axes[0]._taps
    monkeypatch.setattr(layer.axes[0], "_taps", lambda *key: calls.append(key) or taps(*key))
    with torch.no_grad():
        first = layer(u)
        assert torch.equal(layer(u), first)
        assert len(calls) == 1
        layer(u, rate=2.0)
        layer.set_bandlimit(0.5)
        layer(u)
        layer.axes[0].log_dt += 1
        layer(u)
    assert len(calls) == 4


def test_a_layer_prints_its_sizes():
    assert repr(build(out_channels=3)).startswith("S4ND(\n  4, dim=2, rank=1, channels=1, out_channels=3")


@pytest.mark.parametrize(
    "u",
    [torch.zeros(2, H, 9), torch.zeros(2, H, 3, 4, 5), torch.zeros(2, H + 1, 9, 7), torch.zeros(2, H, 0, 7)],
    ids=lambda u: str(tuple(u.shape)),
)
def test_input_of_another_shape_is_refused(u):
    with pytest.raises(ShapeError, match=r"takes input of shape \(B, 4, L1, L2\), not"):
        build()(u.double())


def test_input_that_is_not_real_or_elsewhere_is_refused():
    with pytest.raises(ShapeError, match=r"real floating-point input, not torch\.int64"):
        build()(torch.zeros(1, H, 2, 2, dtype=torch.int64))
    with pytest.raises(ShapeError, match="The input is on meta, the layer on cpu"):
        build()(torch.zeros(1, H, 2, 2, device="meta"))


def test_input_longer_than_a_kernel_that_looks_back_only_is_refused(draw):
    layer = build(bidirectional=(False, True), l_max=6)
    layer(draw(1, H, 6, 9))
    layer(draw(1, H, 12, 9), rate=0.5)
    with pytest.raises(
        ShapeError, match=r"Axis 0 has 7 points, but its kernel looks back 6 \(l_max=6, rate=1\)"
    ):
        layer(draw(1, H, 7, 9))


@pytest.mark.parametrize("rate", [0, -1.0, math.nan, math.inf, (1.0, 0.0)], ids=str)
def test_rates_that_are_not_above_zero_are_refused(draw, rate):
    with pytest.raises(ConfigError, match="rates are above 0 and finite"):
        build()(draw(1, H, 3, 4), rate=rate)


@pytest.mark.parametrize("bandlimit", [0.0, -0.1, 1.5, (0.2, 2.0)], ids=str)
def test_bandlimits_out_of_range_are_refused(bandlimit):
    with pytest.raises(ConfigError, match="above 0 and up to 1"):
        build(bandlimit=bandlimit)
    with pytest.raises(ConfigError, match="above 0 and up to 1"):
        build().set_bandlimit(bandlimit)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "dim is 0"),
        ({"dim": 4}, "dim is 4"),
        ({"rank": 0}, "rank is 0"),
        ({"channels": 0}, "channels is 0"),
        ({"out_channels": 0}, "out_channels is 0"),
        ({"channels": 2, "out_channels": 3}, "one kernel for each pair"),
        ({"l_max": 0}, "l_max is 0"),
        ({"l_max": (3, 4, 5)}, r"l_max is \[3, 4, 5\], 3 values for 2 axes"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"rule": "euler"}, 'rule is "euler"'),
        ({"out": "mlp"}, 'out is "mlp"'),
        ({"activation": "relu"}, 'activation is "relu"'),
        ({"n_ssm": 3}, "n_ssm is 3, which does not divide d_model=4"),
        ({"d_state": 7}, "d_state is 7"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        build(**options)


def test_an_unknown_kernel_is_refused():
    with pytest.raises(UnknownName, match='"s4d-linear"'):
        build(kernel="s4d-linear")


def test_an_axis_that_is_not_there_cannot_start_anew():
    with pytest.raises(ConfigError, match="axis is 2; this layer has axes 0 to 1"):
        build().reinit_axis(2, 1.0)


@pytest.mark.gpu
@pytest.mark.parametrize("options", [{}, {"rank": 8}, {"out_channels": 3}, {"kernel": "s4"}], ids=str)
@dims
def test_gpu_agrees_with_float64_on_a_cpu(draw, dim, options):
    layer, u = build(dim, **options), draw(2, H, *SIZES[dim])
    y = layer(u)
    expected = torch.autograd.grad(y.square().sum(), list(layer.parameters()))
    layer.float().cuda()
    found_y = layer(u.float().cuda())
    found = torch.autograd.grad(found_y.square().sum(), list(layer.parameters()))
    torch.testing.assert_close(found_y.cpu().double(), y, rtol=1e-3, atol=1e-3 * y.abs().max().item())
    assert max((a.cpu() - b).norm() / b.norm() for a, b in zip(found, expected, strict=True)) < 1e-2
