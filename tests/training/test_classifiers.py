"""A trained classifier reads images of any resolution, in bytes or floats, and knows its data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from longwave.data.images import resize
from longwave.errors import CheckpointError, MissingFile
from longwave.mixers import S4NDConfig
from longwave.models.images import ImageClassifierConfig, IsotropicConfig, ViTConfig
from longwave.models.video import VideoClassifierConfig
from longwave.training import (
    TrainConfig,
    build_model,
    load_classifier,
    load_images,
    load_model,
    load_operator,
    train,
)
from longwave.training.classifiers import AtAnyResolution, read_classifier_record, with_bandlimit
from longwave.training.models import check_model


@pytest.fixture
def run(image_run: TrainConfig, tmp_path: Path) -> Path:
    train(image_run, tmp_path / "run")
    return tmp_path / "run"


def test_a_run_and_its_model_folder_load_alike(run: Path) -> None:
    images = torch.randint(256, (2, 1, 8, 12), dtype=torch.uint8)
    with torch.no_grad():
        one, other = (load_classifier(place)[0](images) for place in (run, run / "model"))
    assert torch.equal(one, other)


def test_the_record_says_what_was_trained_on(run: Path, image_run: TrainConfig) -> None:
    record = load_classifier(run)[1]
    assert (record.data, record.classes) == ("halves", ("0", "1", "2"))
    assert (record.sizes, record.training_sizes) == ((8, 12), (4, 6))
    assert record.model == image_run.model
    assert record.data_hash == load_images(image_run.images).hash


def test_the_rate_follows_from_the_shape(run: Path) -> None:
    classifier, record = load_classifier(run)
    images = torch.rand(2, 1, 16, 3)
    scaled = (images - record.scale.mean) / record.scale.std
    with torch.no_grad():
        assert torch.equal(classifier(images), classifier.model(scaled, rate=(0.5, 4.0)))


def test_bytes_and_floats_are_the_same_image(run: Path) -> None:
    classifier, _ = load_classifier(run)
    images = torch.randint(256, (3, 1, 8, 12), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(classifier(images), classifier(resize(images, (8, 12))))


def test_time_of_clips_has_the_rate_1() -> None:
    model = VideoClassifierConfig(in_channels=1, trunk=IsotropicConfig(d_model=4, n_layers=1))
    network = AtAnyResolution(build_model(model), (8, 8))
    assert network.rates(torch.zeros(1, 1, 5, 4, 2)) == (1.0, 2.0, 4.0)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (ImageClassifierConfig(), 0.5),
        (ImageClassifierConfig(trunk=ViTConfig(mixer="s4nd")), 0.5),
        (VideoClassifierConfig(), (None, 0.5, 0.5)),
        (VideoClassifierConfig(trunk=IsotropicConfig(sequence=True)), 0.5),
    ],
    ids=["image", "patches", "video", "video-as-sequence"],
)
def test_a_bandlimit_fits_the_axes(model: ImageClassifierConfig, expected: object) -> None:
    assert with_bandlimit(model, 0.5).trunk.s4nd.bandlimit == expected
    check_model(with_bandlimit(model, 0.5))


def test_a_model_keeps_its_bandlimit_or_loses_it() -> None:
    model = ImageClassifierConfig(trunk=IsotropicConfig(s4nd=S4NDConfig(bandlimit=0.3)))
    assert with_bandlimit(model, "model") is model
    assert with_bandlimit(model, "none").trunk.s4nd.bandlimit is None


def test_a_classifier_is_neither_an_operator_nor_a_language_model(run: Path) -> None:
    with pytest.raises(MissingFile, match="no model was trained on fields"):
        load_operator(run)
    with pytest.raises(CheckpointError, match=r"Load it with longwave\.training\.load_classifier"):
        load_model(run)


def test_a_folder_of_another_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no classifier was trained there"):
        load_classifier(tmp_path)


def test_a_model_that_was_exchanged_is_refused(run: Path, config: TrainConfig) -> None:
    build_model(config.model).save_pretrained(run / "model")
    with pytest.raises(CheckpointError, match="LanguageModel, not a classifier"):
        load_classifier(run)


@pytest.mark.parametrize("damage", ["{", "[]", "no scale"])
def test_a_damaged_record_is_refused(damage: str, run: Path) -> None:
    path = run / "classifier.json"
    values = {key: value for key, value in json.loads(path.read_text()).items() if key != "mean"}
    path.write_text(json.dumps(values) if damage == "no scale" else damage)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_classifier_record(run)
