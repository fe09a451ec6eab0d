"""One record for both: what transformers reads and what a Longwave folder holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoConfig

from longwave.errors import CheckpointError, ConfigError
from longwave.hf import LongwaveConfig
from longwave.models import LanguageModelConfig

SIZES = LanguageModelConfig(
    vocab_size=37,
    d_model=16,
    n_layers=3,
    max_length=64,
    attention_layers=(1,),
    attention_options={"n_heads": 2},
)


def test_the_model_is_described_by_its_own_configuration() -> None:
    assert LongwaveConfig(config=SIZES).language_model == SIZES


def test_other_libraries_find_the_names_they_know() -> None:
    config = LongwaveConfig(config=SIZES)
    found = (config.vocab_size, config.hidden_size, config.num_hidden_layers, config.max_position_embeddings)
    assert found == (37, 16, 3, 64)


def test_a_saved_configuration_comes_back(tmp_path: Path) -> None:
    LongwaveConfig(config=SIZES).save_pretrained(tmp_path)
    assert LongwaveConfig.from_pretrained(tmp_path).language_model == SIZES


def test_the_automatic_class_finds_it_by_its_type(tmp_path: Path) -> None:
    LongwaveConfig(config=SIZES).save_pretrained(tmp_path)
    found = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(found, LongwaveConfig)


def test_the_file_holds_the_record_of_a_longwave_folder(tmp_path: Path) -> None:
    LongwaveConfig(config=SIZES).save_pretrained(tmp_path)
    record = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert (record["format"], record["kind"], record["model_type"]) == (1, "LanguageModelConfig", "longwave")
    assert record["config"]["attention_layers"] == [1]


def test_plain_values_are_a_configuration_too() -> None:
    config = LongwaveConfig(config={"vocab_size": 37, "d_model": 16, "n_layers": 1})
    assert config.language_model == LanguageModelConfig(vocab_size=37, d_model=16, n_layers=1)


def test_a_typo_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'Unknown key "d_modle".*Did you mean "d_model"'):
        LongwaveConfig(config={"vocab_size": 37, "d_modle": 16, "n_layers": 1})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"kind": "ImageClassifierConfig"}, '"ImageClassifierConfig" in format 1', id="kind"),
        pytest.param({"format": 99}, "in format 99", id="format"),
    ],
)
def test_another_kind_of_folder_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(CheckpointError, match=says):
        LongwaveConfig(config=SIZES, **changes)


def test_settings_of_generation_do_not_belong_here(tmp_path: Path) -> None:
    LongwaveConfig(config=SIZES).save_pretrained(tmp_path)
    record = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert {"max_length", "temperature", "eos_token_id"} & record.keys() == set()
