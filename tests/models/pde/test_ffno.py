"""The factorised Fourier neural operator against its formula."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError
from longwave.models.pde import FFNO, FFNOConfig

SIZES = {"in_channels": 2, "out_channels": 1, "n_modes": (3, 4), "d_model": 5, "n_layers": 3}


def test_forward_equals_the_formula(generator):
    model = FFNO(FFNOConfig(**SIZES)).double()
    x = torch.randn(2, 2, 9, 8, generator=generator, dtype=torch.float64)
    places = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) / n for n in (9, 8)), indexing="ij")
    v = model.lift(torch.cat([x, torch.stack(places).expand(2, 2, 9, 8)], 1))
    for spectral, mlp in zip(model.spectral, model.mlps, strict=True):
        w1, w2 = (torch.view_as_complex(weight) for weight in spectral.weights)
        y1 = torch.einsum("bixy,xio->boxy", torch.fft.rfft(v, dim=2)[:, :, :3], w1)
        y2 = torch.einsum("bixy,yio->boxy", torch.fft.rfft(v, dim=3)[..., :4], w2)
        y = torch.fft.irfft(y1, n=9, dim=2) + torch.fft.irfft(y2, n=8, dim=3)
        v = v + mlp.down(F.gelu(mlp.up(y)))
    torch.testing.assert_close(model(x), model.projection(v), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("sizes", [(5, 7), (64, 85)], ids=str)
def test_the_same_weights_serve_any_grid_that_shows_the_modes(generator, sizes):
    assert FFNO(FFNOConfig(**SIZES))(torch.randn(1, 2, *sizes, generator=generator)).shape == (1, 1, *sizes)


def test_parameters_of_published_settings():
    with torch.device("meta"):
        model = FFNO(FFNOConfig(in_channels=1, out_channels=1, n_modes=(32, 32), d_model=82, n_layers=10))
    spectral = 10 * 2 * 32 * 82 * 82 * 2
    mlps = 10 * (82 * 164 + 164 + 164 * 82 + 82)
    ends = (3 * 82 + 82) + (82 * 128 + 128) + (128 + 1)
    assert sum(parameter.numel() for parameter in model.parameters()) == spectral + mlps + ends
    assert (spectral + mlps + ends) / 1e6 == pytest.approx(8.9, abs=0.05)


def test_shared_weights_are_one_layer_for_all(generator):
    shared = FFNO(FFNOConfig(**SIZES, share_weights=True))
    separate = FFNO(FFNOConfig(**SIZES))
    weights = shared.state_dict()
    own = {
        name: weights[name.replace(f"spectral.{name.split('.')[1]}", "spectral.0")]
        if name.startswith("spectral")
        else weights[name]
        for name in separate.state_dict()
    }
    separate.load_state_dict(own)
    x = torch.randn(1, 2, 9, 8, generator=generator)
    torch.testing.assert_close(shared(x), separate(x))


def test_padding_and_placement_change_the_model(generator):
    x = torch.randn(1, 2, 9, 8, generator=generator)
    variants = [{}, {"padding": 0.5}, {"coordinates": "ends"}, {"d_mlp": 7}, {"activation": "relu"}]
    outputs = [FFNO(FFNOConfig(**SIZES, **variant))(x) for variant in variants]
    assert all(output.shape == (1, 1, 9, 8) for output in outputs)
    assert all(not torch.allclose(outputs[0], output) for output in outputs[1:])


@pytest.mark.parametrize(
    "change",
    [{"d_mlp": 0}, {"n_modes": ()}, {"padding": 1.5}, {"activation": "swish"}, {"resolution": (8,)}],
    ids=str,
)
def test_wrong_settings_are_refused(change):
    with pytest.raises(ConfigError):
        FFNO(FFNOConfig(**(SIZES | change)))
