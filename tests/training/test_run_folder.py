"""A run's folder knows whose it is, and gives back the trained model."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from longwave.config import config_hash, read_run_record, to_dict, write_run_record
from longwave.errors import CheckpointError, ConfigError, DataError, MissingFile
from longwave.recipes import load_recipe
from longwave.training import TrainConfig, load_trained, train
from longwave.training.run_folder import FREE_KEYS, check_run, open_run

Change = Callable[..., TrainConfig]


@pytest.fixture
def out(config: TrainConfig, tmp_path: Path) -> Path:
    """Return the folder of a finished run."""
    train(config, tmp_path / "out")
    return tmp_path / "out"


def test_the_folder_holds_what_the_docs_name(out: Path) -> None:
    assert sorted(path.name for path in out.iterdir()) == [
        "checkpoints", "metrics.jsonl", "model", "result.json", "run.json", "tokenizer.json", "tokens",
    ]  # fmt: skip


def test_the_record_repeats_the_run(config: TrainConfig, out: Path) -> None:
    from longwave.config import load_config

    assert load_config(TrainConfig, out / "run.json") == config
    assert (read_run_record(out).kind, read_run_record(out).seed) == ("train", 0)


def test_an_empty_folder_is_free(config: TrainConfig, tmp_path: Path) -> None:
    assert check_run(tmp_path, config) is None


def test_another_configuration_names_the_keys_that_differ(change: Change, out: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        train(change(optim_lr=0.5, model_d_model=32), out)
    assert "model.d_model is 16 there and 32 here; optim.lr is 0.003 there and 0.5 here" in str(caught.value)
    assert "seed" not in str(caught.value)


@pytest.mark.parametrize("key", ["checkpoint_every", "keep_checkpoints"])
def test_settings_without_influence_may_change(key: str, change: Change, out: Path) -> None:
    assert train(change(**{key: 5}), out).was_finished


def test_a_refused_folder_is_left_as_it_was(change: Change, out: Path) -> None:
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError):
        train(change(data_tokenizer="bpe", model_vocab_size=5000), out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_text_that_changed_is_refused(config: TrainConfig, source: Path, out: Path) -> None:
    (out / "result.json").unlink()
    source.write_text(source.read_text() + "more")
    with pytest.raises(DataError, match="has changed since it began"):
        train(config, out)


def test_a_file_is_no_folder(config: TrainConfig, source: Path) -> None:
    with pytest.raises(ConfigError, match="is a file"):
        train(config, source)


def test_a_folder_of_another_kind_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    write_run_record(tmp_path, kind="evaluate", config=config, seed=0)
    with pytest.raises(ConfigError, match='of kind "evaluate"'):
        train(config, tmp_path)


@pytest.mark.parametrize("text", ["{", '{"step": 8}'], ids=["no-json", "no-keys"])
def test_a_damaged_result_is_written_again(text: str, config: TrainConfig, out: Path) -> None:
    (out / "result.json").write_text(text)
    train(config, out)
    assert json.loads((out / "result.json").read_text())["tokens"] == 8 * 4 * 24


@pytest.mark.parametrize("place", [".", "model"])
def test_model_and_tokenizer_load(place: str, out: Path) -> None:
    model, tokenizer = load_trained(out / place)
    logits = model(torch.tensor([tokenizer.encode("Emma")]))
    assert (logits.shape, model.training) == ((1, 4, 257), False)


def test_an_unfinished_run_gives_its_newest_checkpoint(
    config: TrainConfig, out: Path, tmp_path: Path
) -> None:
    def stop(row: dict[str, float]) -> None:
        if row["step"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "half", on_step=stop)
    half, _ = load_trained(tmp_path / "half")
    assert not torch.equal(half.embedding.weight, load_trained(out)[0].embedding.weight)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="No trained model"):
        load_trained(tmp_path)


def test_a_damaged_model_is_named(out: Path) -> None:
    (out / "model" / "model.safetensors").write_bytes(b"half")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        load_trained(out)


def test_a_checkpoint_that_does_not_fit_its_record_is_named(config: TrainConfig, out: Path) -> None:
    (out / "model" / "config.json").unlink()
    wide = dataclasses.replace(config, model=dataclasses.replace(config.model, d_model=32))
    write_run_record(out, kind="train", config=wide, seed=0)
    with pytest.raises(CheckpointError, match=r"does not fit its run\.json"):
        load_trained(out)


def test_a_finished_run_of_before_a_setting_existed_is_still_finished(
    config: TrainConfig, tmp_path: Path
) -> None:
    train(config, tmp_path / "out")
    path = tmp_path / "out" / "run.json"
    record = json.loads(path.read_text())
    del record["config"]["optim"]["schedule"]
    path.write_text(json.dumps(record))
    assert train(config, tmp_path / "out").was_finished


def test_the_cosine_is_the_same_run_as_before_there_was_a_choice(config: TrainConfig, tmp_path: Path) -> None:
    values = to_dict(config)
    del values["optim"]["schedule"], values["optim"]["decay"]
    lasting = {key: value for key, value in values.items() if key not in FREE_KEYS | {"steps"}}
    expected = config_hash(lasting | {"schedule_steps": config.schedule_steps}, "data")
    assert open_run(tmp_path / "out", config, "data", write=False) == expected


def test_the_hash_of_a_run_of_an_earlier_version_stays(tmp_path: Path) -> None:
    expected = "2e4dc54bcc820089"  # as before schedules had steps
    assert open_run(tmp_path / "out", load_recipe("recall-hyena"), "data", write=False) == expected
