from __future__ import annotations

import pytest

from longwave.config import load_config, to_dict
from longwave.errors import ConfigError
from longwave.models import LanguageModelConfig

SMALL = {"vocab_size": 11, "d_model": 8, "n_layers": 3, "max_length": 16}


def test_mlp_is_four_times_as_wide_by_default() -> None:
    assert LanguageModelConfig(**SMALL).mlp_width == 32


def test_embedding_dropout_follows_dropout_by_default() -> None:
    assert LanguageModelConfig(**SMALL, dropout=0.25).first_dropout == 0.25


def test_embedding_dropout_can_differ() -> None:
    assert LanguageModelConfig(**SMALL, dropout=0.25, embedding_dropout=0.0).first_dropout == 0.0


def test_layers_use_the_mixer_that_was_asked_for() -> None:
    config = LanguageModelConfig(
        **SMALL, mixer_options={"order": 3}, attention_layers=(1,), attention_options={"n_heads": 2}
    )
    assert [config.mixer_of(layer) for layer in range(3)] == [
        ("hyena", {"order": 3}),
        ("attention", {"n_heads": 2}),
        ("hyena", {"order": 3}),
    ]


def test_config_survives_a_round_trip_through_plain_values() -> None:
    config = LanguageModelConfig(**SMALL, attention_layers=[2, 0], mixer_options={"order": 3}, dropout=0.1)
    assert load_config(LanguageModelConfig, to_dict(config)) == config


@pytest.mark.parametrize("name", ["vocab_size", "d_model", "n_layers", "max_length", "d_mlp"])
def test_sizes_below_one_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f'"{name}" is 0; it must be at least 1'):
        LanguageModelConfig(**(SMALL | {name: 0}))


@pytest.mark.parametrize("name", ["dropout", "embedding_dropout"])
@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_fractions_outside_their_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f'"{name}" is {value}; it must be at least 0 and below 1'):
        LanguageModelConfig(**SMALL, **{name: value})


@pytest.mark.parametrize("layers", [(3,), (-1,), (1, 1)], ids=str)
def test_layers_that_do_not_exist_are_refused(layers: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="takes different layers from 0 to 2"):
        LanguageModelConfig(**SMALL, attention_layers=layers)


def test_unknown_keys_name_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r'Unknown key "n_layer".*Did you mean "n_layers"'):
        load_config(LanguageModelConfig, SMALL | {"n_layer": 2})


def test_wrong_types_are_refused_with_their_key() -> None:
    with pytest.raises(ConfigError, match='"d_model" in LanguageModelConfig'):
        load_config(LanguageModelConfig, SMALL | {"d_model": "wide"})
