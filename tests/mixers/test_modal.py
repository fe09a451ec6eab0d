"""Modal filters: their formula, their recurrence, their place in Hyena."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import Hyena, build_mixer
from longwave.mixers.modal import ModalConfig, ModalConv, ModalFilter, inverse_softplus
from longwave.ops import long_conv

L, D = 37, 6
FP64 = {"rtol": 1e-9, "atol": 1e-10}


def make(n_filters=3, length=L, order=4):
    return ModalFilter(n_filters, length, ModalConfig(order=order)).double()


def taps_by_formula(filter: ModalFilter, length: int) -> torch.Tensor:
    """Return the taps one by one, from the parameters alone."""
    poles = torch.polar(torch.exp(-F.softplus(filter.decay)), filter.angle)
    residues = torch.complex(filter.residue[..., 0], filter.residue[..., 1])
    rest = [(residues * poles ** (t - 1)).sum(1).real for t in range(1, length)]
    return torch.stack([filter.first, *rest], dim=1)[:, :length]


@pytest.mark.parametrize("length", [1, 2, 3, 5, 16, 37])
def test_taps_follow_the_formula(length):
    filter = make()
    torch.testing.assert_close(filter(length), taps_by_formula(filter, length), **FP64)


def test_no_taps_are_no_taps():
    assert make()(0).shape == (3, 0)


def test_gradients_follow_the_formula(draw):
    filter, weight = make(), draw(3, L)
    expected = torch.autograd.grad((weight * taps_by_formula(filter, L)).sum(), list(filter.parameters()))
    found = torch.autograd.grad((weight * filter(L)).sum(), list(filter.parameters()))
    torch.testing.assert_close(found, expected, **FP64)


def test_a_shorter_filter_is_the_beginning_of_a_longer_one():
    filter = make()
    torch.testing.assert_close(filter(11), filter(L)[:, :11], **FP64)


def test_phases_stay_exact_over_many_steps():
    filter = ModalFilter(1, 100_000, ModalConfig(order=1))
    with torch.no_grad():
        filter.decay.fill_(-14.0)
        filter.angle.fill_(1.2345)
        filter.residue[..., 0], filter.residue[..., 1] = 1.0, 0.0
    log_pole = torch.complex(-F.softplus(filter.decay.double()), filter.angle.double())
    expected = torch.exp(log_pole * 99_998).real[0, 0]
    assert abs(filter(100_000)[0, -1] - expected) < 1e-5


@pytest.mark.parametrize("value", [-50.0, 0.0, 50.0])
def test_no_value_of_a_parameter_makes_a_filter_grow(value):
    filter = make()
    with torch.no_grad():
        filter.decay.fill_(value)
        filter.residue[..., 1] = 0.0
    bound = filter.residue.abs().sum((1, 2))
    assert bool((filter(L)[:, 1:].abs().amax(1) <= bound + 1e-12).all())


def test_filters_start_with_about_unit_energy():
    energy = ModalFilter(2000, 512, ModalConfig(order=8))(512).square().sum(1).mean()
    assert 0.2 < energy < 5


def test_half_types_leave_the_filter_wide():
    assert {p.dtype for p in ModalFilter(2, 8).bfloat16().parameters()} == {torch.float32}


def test_more_taps_than_it_was_built_for_are_refused():
    with pytest.raises(ShapeError, match=f"{L + 1} taps"):
        make()(L + 1)


def test_an_order_below_one_is_refused():
    with pytest.raises(ConfigError, match='"order" of ModalConfig is 0'):
        ModalConfig(order=0)


def test_inverse_softplus_inverts(draw):
    y = draw(20).exp()
    torch.testing.assert_close(F.softplus(inverse_softplus(y)), y, rtol=1e-12, atol=0)


CUTS = {
    "whole": [L],
    "ones": [1] * L,
    "chunks": [5, 0, 1, 20, 11],
    "steps": [-1] * L,
    "mixed": [9, -1, -1, 26],
}


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_streaming_equals_the_convolution_with_the_taps(draw, cuts):
    filter, skip, u = make(), draw(D), draw(2, D, L)
    conv, outputs, start = ModalConv(filter, slice(None), skip, batch=2), [], 0
    for size in cuts:
        piece = u[..., start : start + abs(size)]
        outputs.append(conv.step(piece[..., 0])[..., None] if size == -1 else conv.prefill(piece))
        start += abs(size)
    expected = long_conv(u, filter(L), skip, backend="naive").detach()
    torch.testing.assert_close(torch.cat(outputs, -1), expected, **FP64)


def test_going_back_to_the_start_is_silence(draw):
    conv, u = ModalConv(make(), slice(None), draw(D), batch=1), draw(1, D, L)
    expected = conv.prefill(u)
    conv.truncate(0)
    torch.testing.assert_close(conv.prefill(u), expected, rtol=0, atol=0)


def test_going_back_to_an_unmarked_position_is_refused(draw):
    conv = ModalConv(make(), slice(None), draw(D), batch=1)
    conv.prefill(draw(1, D, 5))
    with pytest.raises(ShapeError, match=r"position 5 goes back to marked positions only \(\[\]\), not to 3"):
        conv.truncate(3)


def test_memory_does_not_grow_with_the_length(draw):
    conv = ModalConv(make(), slice(None), draw(D), batch=2)
    before = conv.nbytes
    conv.prefill(draw(2, D, L))
    assert conv.nbytes == before


@pytest.mark.parametrize("options", [{}, {"order": 3}, {"n_heads": 2}, {"order": 3, "n_heads": 3}], ids=str)
@pytest.mark.parametrize("mode", ["auto", "recurrent", "lazy", "epoched", "relaxed"])
def test_hyena_with_modal_filters_decodes_exactly_in_every_mode(draw, options, mode):
    mixer, x = Hyena(D, L, filter=ModalConfig(order=4), **options).double(), draw(2, L, D)
    state = mixer.init_state(2, mode=mode)
    head, state = mixer.prefill(x[:, :20], state)
    rest = [mixer.step(x_t, state)[0] for x_t in x[:, 20:].unbind(1)]
    torch.testing.assert_close(torch.cat([head, torch.stack(rest, 1)], 1), mixer(x).detach(), **FP64)


def test_hyena_with_modal_filters_goes_back_to_marks(draw):
    mixer, x = Hyena(D, L, filter=ModalConfig(order=4)).double(), draw(2, L, D)
    _, state = mixer.prefill(x[:, :9], mixer.init_state(2))
    state.mark()
    mixer.prefill(draw(2, 20, D), state)
    assert not state.can_truncate(12)
    state.truncate(9)
    torch.testing.assert_close(mixer.prefill(x[:, 9:], state)[0], mixer(x)[:, 9:].detach(), **FP64)


def test_hyena_with_modal_filters_ignores_padding(draw):
    mixer, x = Hyena(D, L, filter=ModalConfig(order=4)).double(), draw(1, L, D)
    state = mixer.init_state(1)
    state.pad(torch.tensor([11]))
    found = torch.cat([mixer.prefill(part, state)[0] for part in (x[:, :5], x[:, 5:])], 1)[:, 11:]
    torch.testing.assert_close(found, mixer(x[:, 11:]).detach(), **FP64)


def test_a_modal_state_is_smaller_than_the_inputs_of_a_long_sequence():
    sizes = {}
    for mode in ("recurrent", "lazy"):
        mixer = Hyena(D, 4096, filter=ModalConfig(order=4))
        state = mixer.init_state(1, mode=mode)
        sizes[mode] = mixer.step(torch.zeros(1, D), state)[1].nbytes
    assert 20 * sizes["recurrent"] < sizes["lazy"]


def test_the_kind_of_filter_is_an_option():
    options = {"filter": {"kind": "modal", "order": 5}}
    mixer = build_mixer("hyena", d_model=D, max_length=L, options=options)
    assert mixer.filter.config == ModalConfig(order=5)


def test_an_option_of_another_kind_names_the_nearest():
    with pytest.raises(ConfigError, match=r'"ordr" in ModalConfig. Did you mean "order"'):
        build_mixer("hyena", d_model=D, max_length=L, options={"filter": {"kind": "modal", "ordr": 5}})


def test_an_unknown_kind_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"no known kind.*implicit.*modal"):
        build_mixer("hyena", d_model=D, max_length=L, options={"filter": {"kind": "moda"}})


def test_implicit_filters_have_no_recurrent_mode():
    with pytest.raises(ConfigError, match=r'ImplicitFilter has no decode mode "recurrent".*lazy'):
        Hyena(D, L).init_state(1, mode="recurrent")


def test_every_option_of_a_modal_filter_reaches_its_parameter():
    options = Hyena(D, L, filter=ModalConfig(lr=0.5)).parameter_options()
    assert options["filter.decay"] == {"weight_decay": 0.0, "lr": 0.5}
    assert options["filter.residue"] == {"weight_decay": 0.0}
