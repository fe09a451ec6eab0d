from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from longwave import registry
from longwave.config import load_config, to_dict, write_run_record
from longwave.errors import ConfigError, MissingFile, UnknownName
from longwave.recipes import hyena_pile, load_recipe, quickstart_twins
from longwave.training import TrainConfig

EVERY = pytest.mark.parametrize("name", registry.entries("recipes"))


@EVERY
def test_every_recipe_is_a_training_configuration(name: str) -> None:
    assert isinstance(load_recipe(name), TrainConfig)


@EVERY
def test_every_recipe_survives_being_written_and_read(name: str) -> None:
    config = load_recipe(name)
    assert load_config(TrainConfig, to_dict(config)) == config


@EVERY
def test_every_recipe_survives_yaml(name: str, tmp_path: Path) -> None:
    config = load_recipe(name)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(to_dict(config)), "utf-8")
    assert load_recipe(str(tmp_path / "recipe.yaml")) == config


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("quickstart-hyena", quickstart_twins()["hyena"]),
        ("quickstart-attention", quickstart_twins()["attention"]),
        ("hyena-pile-153m", hyena_pile("153m")),
        ("hyena-pile-1.3b", hyena_pile("1.3b", steps=10_000)),
    ],
    ids=["hyena", "attention", "pile-153m", "pile-1.3b"],
)
def test_a_name_stands_for_its_function(name: str, config: TrainConfig) -> None:
    assert load_recipe(name) == config


def test_the_record_of_a_run_is_a_recipe(tmp_path: Path) -> None:
    config = load_recipe("quickstart-hyena")
    write_run_record(tmp_path, kind="train", config=config, seed=0)
    assert load_recipe(str(tmp_path / "run.json")) == config


def test_json_is_a_recipe(tmp_path: Path) -> None:
    config = load_recipe("books-attention")
    (tmp_path / "mine.json").write_text(json.dumps(to_dict(config)), "utf-8")
    assert load_recipe(str(tmp_path / "mine.json")) == config


def test_a_typo_names_the_nearest_recipe() -> None:
    with pytest.raises(
        UnknownName, match=r'Unknown recipe "quickstart-hyna"\. Did you mean "quickstart-hyena"'
    ):
        load_recipe("quickstart-hyna")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r'No configuration file ".*missing.yaml"'):
        load_recipe(str(tmp_path / "missing.yaml"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            "steps: 10\nmodle: {}\n", r'Unknown key "modle".*line 2.*Did you mean "model"', id="typo"
        ),
        pytest.param("steps: 10\n", '"model"', id="missing-key"),
        pytest.param("- steps\n", "not a mapping", id="no-mapping"),
        pytest.param("steps: [1\n", "not valid YAML", id="no-yaml"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_recipe(str(tmp_path / "mine.yaml"))


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"steps: \xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_recipe(str(tmp_path / "mine.yaml"))
