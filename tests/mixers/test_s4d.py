"""S4D and S4: their formulas, values and gradients, and their options."""

from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError, ShapeError, UnknownName
from longwave.mixers import S4, S4D
from longwave.ops.ssm import initial_modes
from longwave.ops.ssm.naive import dense_discretize, dense_recurrence

D = 6
VARIANTS = {
    "s4d": lambda **options: S4D(D, d_state=8, **options),
    "s4d-bilinear-inv-copies": lambda **options: S4D(
        D, d_state=4, init="inv", rule="bilinear", n_ssm=3, **options
    ),
    "s4d-legs-own-copies": lambda **options: S4D(D, d_state=6, init="legs", n_ssm=D, **options),
    "s4d-real-plain": lambda **options: S4D(D, d_state=2, init="real", glu=False, **options),
    "s4": lambda **options: S4(D, d_state=8, **options),
    "s4-copies": lambda **options: S4(D, d_state=4, n_ssm=2, dt_max=1.0, **options),
}
variants = pytest.mark.parametrize("build", VARIANTS.values(), ids=VARIANTS)
both = pytest.mark.parametrize("cls", [S4D, S4])


def complex_of(pairs):
    return torch.view_as_complex(pairs)


def dense_systems(mixer):
    """Yield the discrete system of every channel, both modes of each pair, from the parameters' meaning."""
    modes = torch.complex(-torch.exp(mixer.log_A_real), mixer.A_imag)
    for channel in range(D):
        own = channel % len(modes)
        a, b = modes[own], complex_of(mixer.B)[own]
        p = complex_of(mixer.P)[own] if isinstance(mixer, S4) else torch.zeros_like(a)
        a, b, p = (torch.cat([x, x.conj()]) for x in (a, b, p))
        rule = "bilinear" if isinstance(mixer, S4) else mixer.rule
        step = mixer.log_dt[channel].exp()
        yield dense_discretize(torch.diag(a) - torch.outer(p, p.conj()), b, step, rule=rule)


def reference(mixer, x):
    """Step dense systems through time, forwards and, for a bidirectional mixer, backwards."""
    channels = []
    for channel, (dA, dB) in enumerate(dense_systems(mixer)):
        u = x[..., channel].to(dA.dtype)
        outputs = mixer.skip[channel] * u
        for direction, c in enumerate(complex_of(mixer.C)[:, channel]):
            c = torch.cat([c, c.conj()])
            signals = u.flip(-1) if direction else u
            y = torch.stack([dense_recurrence(dA, dB, c, one)[0] for one in signals])
            if direction:  # what comes after the present step
                y = F.pad(y.flip(-1)[:, 1:], (0, 1))
            outputs = outputs + y
        channels.append(outputs.real)
    z = mixer.out_proj(F.gelu(torch.stack(channels, dim=-1)))
    return F.glu(z, dim=-1) if mixer.glu else z


@variants
@pytest.mark.parametrize("bidirectional", [False, True], ids=["causal", "both-ways"])
@pytest.mark.parametrize("L", [1, 2, 9], ids=lambda L: f"L{L}")
def test_output_and_gradients_equal_the_dense_recurrence(draw, tolerance, build, bidirectional, L):
    mixer, x = build(bidirectional=bidirectional).double(), draw(2, L, D).requires_grad_()
    weights = draw(2, L, D)
    leaves = [x, *mixer.parameters()]
    y, expected = mixer(x), reference(mixer, x)
    torch.testing.assert_close(y, expected, **tolerance(torch.float64))
    found = torch.autograd.grad((weights * y).sum(), leaves)
    wanted = torch.autograd.grad(
        (weights * expected).sum(), leaves, allow_unused=True, materialize_grads=True
    )
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)


@variants
def test_single_precision_output_and_gradients_are_near_double(draw, build):
    mixer, x = build(), draw(2, 400, D, dtype=torch.float32)
    wide = copy.deepcopy(mixer).double()
    y, expected = mixer(x), wide(x.double())
    assert (y - expected).norm() < 1e-5 * expected.norm()
    found = torch.autograd.grad(y.square().sum(), list(mixer.parameters()))
    wanted = torch.autograd.grad(expected.square().sum(), list(wide.parameters()))
    assert max((a - b).norm() / b.norm() for a, b in zip(found, wanted, strict=True)) < 1e-4


@variants
@pytest.mark.parametrize("L", [7, 64, 127, 128], ids=lambda L: f"L{L}")
def test_kernel_of_any_length_is_the_beginning_of_a_longer_one(build, tolerance, L):
    mixer = build().double()
    torch.testing.assert_close(mixer.kernel(L), mixer.kernel(200)[..., :L], **tolerance(torch.float64))


@both
def test_bidirectional_present_step_has_one_tap(draw, cls):
    """The second kernel starts one step ahead: with it silent, nothing of the present changes."""
    mixer, x = cls(D, d_state=4, bidirectional=True).double(), draw(1, 1, D)
    before = mixer(x)
    with torch.no_grad():
        mixer.C[1] *= 7
    assert torch.equal(mixer(x), before)


@both
def test_lengths_keep_padding_out_of_a_bidirectional_layer(draw, tolerance, cls):
    mixer, x = cls(D, d_state=4, bidirectional=True).double(), draw(3, 13, D)
    y = mixer(x, lengths=torch.tensor([13, 5, 1]))
    alone = [mixer(x[row : row + 1, :n])[0] for row, n in enumerate([13, 5, 1])]
    found = [y[row, :n] for row, n in enumerate([13, 5, 1])]
    torch.testing.assert_close(found, alone, **tolerance(torch.float64))


@both
def test_padding_at_the_end_is_harmless_to_a_causal_layer(draw, tolerance, cls):
    mixer, x = cls(D, d_state=4).double(), draw(2, 13, D)
    y = mixer(x, lengths=torch.tensor([13, 5]))
    torch.testing.assert_close(y[1, :5], mixer(x)[1, :5], **tolerance(torch.float64))


@both
@pytest.mark.parametrize("lengths", [torch.tensor([5]), torch.tensor([1.0, 2.0])], ids=["one", "real"])
def test_lengths_that_do_not_fit_are_an_error(draw, cls, lengths):
    with pytest.raises(ShapeError, match="one integer for each of 2 sequences"):
        cls(D, d_state=4).double()(draw(2, 7, D), lengths=lengths)


@both
def test_a_rate_of_two_is_a_step_of_twice_the_length(draw, tolerance, cls):
    mixer, x = cls(D, d_state=4).double(), draw(2, 9, D)
    slow = copy.deepcopy(mixer)
    with torch.no_grad():
        slow.log_dt += math.log(2)
    torch.testing.assert_close(mixer(x, rate=2.0), slow(x), **tolerance(torch.float64))


def test_a_rate_reaches_a_signal_of_another_resolution():
    """One smooth signal sampled at two resolutions: the outputs at common times nearly agree."""
    mixer = S4D(1, d_state=8, dt_min=1e-3, dt_max=1e-3).double()
    t = torch.arange(0, 20, 0.01, dtype=torch.float64)
    u = torch.sin(t)[None, :, None]
    fine, coarse = mixer(u)[:, 1::2], mixer(u[:, 1::2], rate=2.0)
    assert (fine - coarse).norm() < 0.02 * fine.norm()


def test_bandlimit_silences_fast_modes():
    mixer = S4D(D, d_state=64, dt_min=0.1, dt_max=0.1, bandlimit=0.45).double()
    kept = 5  # modes pi n have frequencies 0.05 n cycles a step, the limit is at 0.225
    plain = copy.deepcopy(mixer)
    plain.bandlimit = None
    with torch.no_grad():
        plain.C[:, :, kept:] = 0
    torch.testing.assert_close(mixer.kernel(50), plain.kernel(50))


def test_rate_does_not_move_the_bandlimit():
    mixer = S4D(D, d_state=64, dt_min=0.1, dt_max=0.1, bandlimit=0.5).double()
    assert torch.equal(mixer.system(2.0).C, mixer.system(1.0).C)


@pytest.mark.parametrize("name", ["lin", "inv", "inv2", "quad", "real", "legs"])
def test_modes_start_where_init_says(name):
    mixer = S4D(D, d_state=8, init=name, n_ssm=2).double()
    found = torch.complex(-torch.exp(mixer.log_A_real), mixer.A_imag)
    torch.testing.assert_close(found, initial_modes(name, 8, n_copies=2), rtol=1e-6, atol=1e-6)


@both
def test_decays_and_steps_are_positive_whatever_the_parameters(cls):
    mixer = cls(D, d_state=4).double()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.normal_(0, 3)
    assert mixer.kernel(2000)[..., -1].isfinite().all()


@both
def test_readouts_are_unit_normal(cls):
    C = complex_of(cls(64, d_state=64).C)
    assert C.abs().square().mean().item() == pytest.approx(1, abs=0.1)


@both
def test_modes_steps_and_inputs_train_slowly_and_undecayed(cls):
    options = cls(D, d_state=4).parameter_options()
    slow = {name for name, option in options.items() if option == {"weight_decay": 0.0, "max_lr": 1e-3}}
    low_rank = {"P"} if cls is S4 else set()
    assert slow == {"log_dt", "log_A_real", "A_imag", "B"} | low_rank
    assert options["C"] == options["skip"] == options["out_proj.bias"] == {"weight_decay": 0.0}


def test_no_ssm_lr_sets_no_bound():
    assert S4D(D, ssm_lr=None).parameter_options()["log_dt"] == {"weight_decay": 0.0}


def test_operations_count_convolutions_and_the_linear_layer():
    assert S4D(D).flops(1024) == 2 * (5 * D * 10 + 2 * D * D)
    assert S4D(D, bidirectional=True, glu=False).flops(1024) == 2 * (10 * D * 10 + D * D)


def test_dropout_drops_activations_in_training_only(draw):
    mixer, x = S4D(D, dropout=0.5).double(), draw(1, 50, D)
    plain = copy.deepcopy(mixer)
    plain.dropout = 0.0
    assert not torch.equal(mixer.train()(x), plain(x))
    assert torch.equal(mixer.eval()(x), plain.eval()(x))


def test_tied_dropout_drops_channels_at_all_steps(draw):
    mixer, x = S4D(D, dropout=0.5, tie_dropout=True, glu=False).double(), draw(1, 200, D)
    with torch.no_grad():
        mixer.out_proj.weight.copy_(torch.eye(D))
        mixer.out_proj.bias.zero_()
    dropped = (mixer(x) == 0).double().mean(1)
    assert set(dropped.flatten().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_ssm": 4}, "n_ssm is 4, which does not divide d_model=6"),
        ({"n_ssm": 0}, "n_ssm is 0"),
        ({"d_state": 5}, "d_state is 5"),
        ({"dt_min": 0.0}, "dt_min=0.0"),
        ({"dt_min": 0.2}, "dt_min=0.2 to dt_max=0.1"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
@both
def test_settings_out_of_range_are_an_error(cls, options, message):
    with pytest.raises(ConfigError, match=message):
        cls(D, **options)


def test_unknown_start_is_an_error():
    with pytest.raises(UnknownName, match='"hippo"'):
        S4D(D, init="hippo")


def test_unknown_rule_is_an_error():
    with pytest.raises(ConfigError, match='rule is "euler"'):
        S4D(D, rule="euler")


@pytest.mark.gpu
@variants
def test_gpu_agrees_with_float64_on_a_cpu(draw, build):
    mixer, x = build(), draw(2, 300, D, dtype=torch.float32)
    wide = copy.deepcopy(mixer).double()
    expected = torch.autograd.grad(wide(x.double()).square().sum(), list(wide.parameters()))
    mixer.cuda()
    y = mixer(x.cuda())
    found = torch.autograd.grad(y.square().sum(), list(mixer.parameters()))
    errors = [(a.cpu() - b).norm() / b.norm() for a, b in zip(found, expected, strict=True)]
    assert max(errors) < 1e-3
    torch.testing.assert_close(y.cpu().double(), wide(x.double()), rtol=1e-4, atol=1e-4)


@both
def test_a_layer_learns_a_damped_oscillation(cls):
    mixer, t = cls(1, d_state=8), torch.arange(64.0)
    target = 0.95**t * torch.cos(0.3 * t)
    optimizer = torch.optim.Adam(mixer.parameters(), lr=3e-2)
    for _ in range(120):
        loss = (mixer.kernel(64)[0, 0] - target).square().mean() / target.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.03
