"""Released Hyena models: the converted model computes what the formulas say of the released tensors."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from torch import Tensor

from longwave.errors import CheckpointError
from longwave.hf import convert_hyena
from longwave.models import LanguageModel

Tensors = dict[str, Tensor]
Tolerance = Callable[[torch.dtype], dict[str, float]]


@pytest.fixture
def checkpoint(released: ModuleType, seed: int) -> Callable[..., Tensors]:
    """Return a function that draws a released state dict."""

    def make(rows: int = 40, **options: int) -> Tensors:
        return released.backbone(
            released.Draw(seed), lambda draw, _: released.hyena_mixer(draw, **options), rows=rows
        )

    return make


@pytest.fixture
def tokens(generator: torch.Generator) -> Tensor:
    return torch.randint(37, (2, 17), generator=generator)


def converted(tensors: Tensors, **options: object) -> LanguageModel:
    config, weights = convert_hyena(tensors, **{"modulate": True, "vocab_size": 37} | options)
    model = LanguageModel(config).double().eval()
    model.load_state_dict(weights)
    return model


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param({}, id="order2"),
        pytest.param({"order": 3}, id="order3"),
        pytest.param({"order": 4, "n_inner": 1}, id="order4-one-inner-layer"),
        pytest.param({"n_inner": 0, "d_hidden": 1, "d_position": 3}, id="smallest-network"),
    ],
)
def test_logits_are_those_of_the_formulas(
    checkpoint: Callable[..., Tensors],
    released: ModuleType,
    tokens: Tensor,
    sizes: dict,
    tolerance: Tolerance,
) -> None:
    tensors = checkpoint(**sizes)
    expected = released.run_backbone(tensors, tokens, released.run_hyena_mixer)[..., :37]
    # the window's times and rates are computed here, in single precision as there
    torch.testing.assert_close(converted(tensors)(tokens), expected, **tolerance(torch.float32))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param({"modulate": False}, {"modulate": False}, id="no-window"),
        pytest.param({"shift": 0.3}, {"shift": 0.3}, id="shift"),
        pytest.param({"normalize": "channels"}, {"normalize": True}, id="normalized"),
    ],
)
def test_settings_without_a_trace_in_the_tensors_are_arguments(
    checkpoint: Callable[..., Tensors],
    released: ModuleType,
    tokens: Tensor,
    ours: dict[str, object],
    theirs: dict[str, object],
    tolerance: Tolerance,
) -> None:
    tensors = checkpoint(order=3)
    expected = released.run_backbone(
        tensors, tokens, lambda own, u: released.run_hyena_mixer(own, u, **theirs)
    )
    actual = converted(tensors, **ours)(tokens)
    torch.testing.assert_close(actual, expected[..., :37], **tolerance(torch.float32))


def test_trained_windows_are_kept(
    checkpoint: Callable[..., Tensors], released: ModuleType, tokens: Tensor, tolerance: Tolerance
) -> None:
    tensors = checkpoint()
    for name in [name for name in tensors if name.endswith("deltas")]:
        tensors[name] = tensors[name] * torch.linspace(0.5, 2, 8, dtype=torch.float64)
    expected = released.run_backbone(tensors, tokens, released.run_hyena_mixer)[..., :37]
    torch.testing.assert_close(converted(tensors)(tokens), expected, **tolerance(torch.float32))


def test_names_of_the_first_releases_are_understood(
    checkpoint: Callable[..., Tensors], released: ModuleType
) -> None:
    tensors = checkpoint()
    older = convert_hyena(released.as_older_release(tensors), modulate=True)
    present = convert_hyena(tensors, modulate=True)
    assert older[0] == present[0]
    assert all(torch.equal(older[1][name], tensor) for name, tensor in present[1].items())


def test_sizes_are_read_from_the_shapes(checkpoint: Callable[..., Tensors]) -> None:
    config, _ = convert_hyena(checkpoint(order=3), modulate=False, vocab_size=37)
    sizes = (config.vocab_size, config.d_model, config.n_layers, config.d_mlp, config.max_length)
    assert sizes == (37, 8, 2, 12, 19)
    assert config.mixer_options["order"] == 3
    assert config.mixer_options["filter"]["n_inner"] == 2


def test_an_embedding_without_padding_is_padded(checkpoint: Callable[..., Tensors], tokens: Tensor) -> None:
    model = converted(checkpoint(rows=37))
    assert model.embedding.weight.shape == (40, 8)
    assert model(tokens).shape == (2, 17, 37)


def test_without_a_vocabulary_all_rows_are_tokens(checkpoint: Callable[..., Tensors]) -> None:
    assert convert_hyena(checkpoint(), modulate=True)[0].vocab_size == 40


def _without(tensors: Tensors, name: str) -> Tensors:
    return {key: value for key, value in tensors.items() if key != name}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(
            lambda t: _without(t, "backbone.layers.1.mixer.in_proj.bias"),
            r'no "backbone\.layers\.1\.mixer\.in_proj\.bias"',
            id="missing",
        ),
        pytest.param(
            lambda t: t | {"backbone.layers.0.mixer.ord_proj_w": torch.zeros(2, 1, 1)},
            r"1 tensors .* backbone\.layers\.0\.mixer\.ord_proj_w",
            id="left-over",
        ),
        pytest.param(
            lambda t: t | {"backbone.layers.0.mixer.out_proj.weight": torch.zeros(8, 7)},
            r"shape \(8, 7\), but \(8, 8\)",
            id="shape",
        ),
        pytest.param(
            lambda t: t | {"lm_head.weight": t["lm_head.weight"] + 1},
            "differs from the embedding",
            id="untied",
        ),
        pytest.param(
            lambda t: (
                t | {"backbone.layers.0.mixer.filter_fn.implicit_filter.3.freq": torch.zeros(1, 6).double()}
            ),
            "all sines share",
            id="frequencies",
        ),
        pytest.param(
            lambda t: t | {"backbone.layers.0.mixer.short_filter.weight": torch.zeros(20, 1, 3)},
            "20 channels",
            id="no-order",
        ),
        pytest.param(lambda _: {"weight": torch.zeros(3)}, "it is no checkpoint of", id="another-model"),
    ],
)
def test_what_is_no_such_checkpoint_is_refused(
    checkpoint: Callable[..., Tensors], change: Callable[[Tensors], Tensors], says: str
) -> None:
    with pytest.raises(CheckpointError, match=says):
        convert_hyena(change(checkpoint()), modulate=True)


def test_layers_that_differ_are_refused(released: ModuleType, seed: int) -> None:
    tensors = released.backbone(
        released.Draw(seed), lambda draw, layer: released.hyena_mixer(draw, n_inner=1 + layer)
    )
    with pytest.raises(CheckpointError, match="layers differ"):
        convert_hyena(tensors, modulate=True)


def test_a_vocabulary_that_does_not_fit_is_refused(checkpoint: Callable[..., Tensors]) -> None:
    with pytest.raises(CheckpointError, match="40 rows, but a vocabulary of 50 takes 50 or 56"):
        convert_hyena(checkpoint(), modulate=True, vocab_size=50)
