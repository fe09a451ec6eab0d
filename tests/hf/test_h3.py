"""Released H3 models: the converted model computes what the formulas say of the released tensors."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from torch import Tensor

from longwave.errors import CheckpointError, ConfigError
from longwave.hf import convert_h3
from longwave.models import LanguageModel, preset

Tensors = dict[str, Tensor]
Checkpoint = Callable[..., Tensors]
Tolerance = Callable[[torch.dtype], dict[str, float]]


@pytest.fixture
def checkpoint(released: ModuleType, seed: int) -> Checkpoint:
    """Return a function that draws a released state dict."""

    def make(attention_layers: tuple[int, ...] = (1,), **options: object) -> Tensors:
        return released.backbone(
            released.Draw(seed),
            lambda draw, layer: (
                released.attention_mixer(draw)
                if layer in attention_layers
                else released.h3_mixer(draw, **options)
            ),
        )

    return make


@pytest.fixture
def tokens(generator: torch.Generator) -> Tensor:
    return torch.randint(37, (2, 17), generator=generator)


def convert(tensors: Tensors, **options: object) -> tuple[object, Tensors]:
    return convert_h3(tensors, **{"attention_layers": (1,), "n_heads": 2, "vocab_size": 37} | options)


def converted(tensors: Tensors, **options: object) -> LanguageModel:
    config, weights = convert(tensors, **options)
    model = LanguageModel(config).double().eval()
    model.load_state_dict(weights)
    return model


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="own-modes"),
        pytest.param({"copies": 1}, id="shared-modes"),
        pytest.param({"copies": 4}, id="modes-shared-by-two"),
        pytest.param({"is_joint": True}, id="joint-projections"),
    ],
)
@pytest.mark.parametrize("attention_layers", [(), (0,), (1,)], ids=["pure", "first", "last"])
def test_logits_are_those_of_the_formulas(
    checkpoint: Checkpoint,
    released: ModuleType,
    tokens: Tensor,
    options: dict[str, object],
    attention_layers: tuple[int, ...],
    tolerance: Tolerance,
) -> None:
    tensors = checkpoint(attention_layers, **options)
    expected = released.run_backbone(tensors, tokens, released.run_h3_mixer)[..., :37]
    actual = converted(tensors, attention_layers=attention_layers)(tokens)
    torch.testing.assert_close(actual, expected, **tolerance(torch.float64))


def test_names_of_the_first_releases_are_understood(checkpoint: Checkpoint, released: ModuleType) -> None:
    tensors = checkpoint()
    older, present = convert(released.as_older_release(tensors)), convert(tensors)
    assert older[0] == present[0]
    assert all(torch.equal(older[1][name], tensor) for name, tensor in present[1].items())


def test_attention_is_where_it_is_said_to_be(checkpoint: Checkpoint) -> None:
    config, _ = convert(checkpoint((0,)), attention_layers=[0])
    assert config.attention_layers == (0,)
    assert config.attention_options == {"n_heads": 2, "rotary": False}


def test_sizes_are_read_from_the_shapes(checkpoint: Checkpoint) -> None:
    config, _ = convert(checkpoint())
    assert (config.vocab_size, config.d_model, config.n_layers, config.d_mlp) == (37, 8, 2, 12)
    assert config.mixer_options == {"d_state": 6, "shift_state": 5, "train_b": True}


def test_the_longest_text_is_free_to_choose(checkpoint: Checkpoint) -> None:
    assert convert(checkpoint(), max_length=5000)[0].max_length == 5000


def test_a_part_of_every_head_may_be_rotated(checkpoint: Checkpoint) -> None:
    tensors = checkpoint() | {"backbone.layers.1.mixer.rotary_emb.inv_freq": torch.ones(2)}
    options = convert(tensors, rotary_dim=2)[0].attention_options
    assert (options["rotary"], options["rotary_dim"]) == (True, 2)


def test_more_than_a_head_cannot_be_rotated(checkpoint: Checkpoint) -> None:
    with pytest.raises(ConfigError, match="rotary_dim is 6, but heads have 4 channels"):
        convert(checkpoint(), rotary_dim=6)


def test_heads_that_do_not_divide_the_width_are_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(ConfigError, match="n_heads is 3"):
        convert(checkpoint(), n_heads=3)


@pytest.mark.parametrize(
    ("attention_layers", "says"),
    [
        pytest.param((), "Layer 1 should be H3 by attention_layers, but .* of attention", id="too-few"),
        pytest.param((0, 1), "Layer 0 should be attention by attention_layers, but .* of H3", id="too-many"),
    ],
)
def test_attention_elsewhere_is_refused(
    checkpoint: Checkpoint, attention_layers: tuple[int, ...], says: str
) -> None:
    with pytest.raises(CheckpointError, match=says):
        convert(checkpoint(), attention_layers=attention_layers)


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        pytest.param("D", (4,), "heads are wider than one", id="wide-heads"),
        pytest.param(
            "kernel.kernel.B", (3, 3, 2), "3 copies, which cannot be shared by 8 heads", id="copies"
        ),
        pytest.param("ssm_k_kernel.kernel.B", (8, 4), r"shape \(8, 4\), but \(8, 5\)", id="shift"),
        pytest.param("kernel.kernel.P", (1,), "1 tensors", id="left-over"),
    ],
)
def test_what_is_no_such_checkpoint_is_refused(
    checkpoint: Checkpoint, name: str, shape: tuple[int, ...], says: str
) -> None:
    with pytest.raises(CheckpointError, match=says):
        convert(checkpoint() | {f"backbone.layers.0.mixer.{name}": torch.zeros(shape)})


def test_layers_of_other_sizes_are_refused(released: ModuleType, seed: int) -> None:
    tensors = released.backbone(released.Draw(seed), lambda draw, _: released.h3_mixer(draw))
    for name in ("B", "C"):
        full = f"backbone.layers.1.mixer.ssm_k_kernel.kernel.{name}"
        tensors[full] = tensors[full][..., :4]
    with pytest.raises(CheckpointError, match=r"\[4, 5\] shifted steps"):
        convert(tensors, attention_layers=())


def test_attention_alone_is_no_h3(checkpoint: Checkpoint) -> None:
    with pytest.raises(CheckpointError, match="at least one layer of H3"):
        convert(checkpoint((0, 1)), attention_layers=(0, 1))


def test_the_released_125m_model_fits_its_preset(
    released: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"D_MODEL": 768, "N_LAYERS": 12, "D_MLP": 3072, "D_STATE": 64, "SHIFT_STATE": 64}
    for name, size in sizes.items():
        monkeypatch.setattr(released, name, size)

    def draw(*shape: int, std: float = 1.0) -> Tensor:
        return torch.empty(shape, device="meta")

    tensors = released.backbone(
        draw,
        lambda draw, layer: (
            released.attention_mixer(draw) if layer == 6 else released.h3_mixer(draw, copies=768)
        ),
        rows=50264,
    )
    del tensors["lm_head.weight"]  # tensors without memory cannot be compared
    config, weights = convert(tensors, attention_layers=(6,), n_heads=12, vocab_size=50257)
    expected = preset("h3-125m-released")
    assert config.mixer_options == expected.mixer_options
    assert config.attention_layers == expected.attention_layers
    with torch.device("meta"):
        shapes = {name: t.shape for name, t in LanguageModel(expected).state_dict().items()}
    assert {name: t.shape for name, t in weights.items()} == shapes
    assert sum(t.numel() for t in weights.values()) == 126_387_456
