"""A trained classifier answers the test images of its data, at its resolution, at others, and shrunk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from longwave.data.images import resize
from longwave.errors import ConfigError, DataError, MissingFile
from longwave.models.images import ConvNeXtConfig, ImageClassifierConfig, IsotropicConfig, ViTConfig
from longwave.training import TrainConfig, load_classifier, load_images, train
from longwave.training.image_answers import answer_images, classifier_name, parse_bandlimit


@pytest.fixture(scope="module")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"folder": tmp_path_factory.mktemp("answers")}


@pytest.fixture
def run(image_run: TrainConfig, _cache: dict[str, Path]) -> Path:
    """Return the folder of a finished run."""
    if "run" not in _cache:
        train(image_run, _cache["folder"] / "run")
        _cache["run"] = _cache["folder"] / "run"
    return _cache["run"]


def test_the_training_resolution_comes_first(run: Path, image_run: TrainConfig) -> None:
    (first,) = answer_images(run)
    test = load_images(image_run.images).test
    assert (first.resolution, first.training_resolution, first.is_training_grid) == ((4, 6), (4, 6), True)
    np.testing.assert_array_equal(first.images, resize(test.images, (4, 6)).numpy())
    np.testing.assert_array_equal(first.labels, test.labels.numpy())


def test_probabilities_are_those_of_the_classifier(run: Path, image_run: TrainConfig) -> None:
    *_, whole, _ = answer_images(run, [8], batch_size=3)
    images = load_images(image_run.images).test.images
    with torch.no_grad():
        expected = load_classifier(run)[0](images).softmax(1)
    np.testing.assert_allclose(whole.probabilities, expected.numpy(), rtol=1e-4, atol=1e-6)
    assert whole.accuracy == float((expected.argmax(1).numpy() == whole.labels).mean())


def test_higher_resolutions_come_a_second_time_shrunk(run: Path) -> None:
    found = list(answer_images(run, [8, 2, 4]))
    assert [(a.resolution, a.is_shrunk) for a in found] == [
        ((4, 6), False), ((8, 12), False), ((8, 12), True), ((2, 3), False),
    ]  # fmt: skip
    np.testing.assert_allclose(found[2].images, found[0].images, rtol=1e-5)
    np.testing.assert_allclose(found[2].probabilities, found[0].probabilities, rtol=1e-3, atol=1e-6)
    assert [a.is_shrunk for a in answer_images(run, [8], shrink=False)] == [False, False]


def test_a_bandlimit_at_test_changes_answers_and_name(run: Path) -> None:
    (_, trained), (_, free), (_, low) = (
        answer_images(run, [8], bandlimit=limit, shrink=False) for limit in ("model", "none", 0.1)
    )
    assert (trained.model, free.model, low.model) == (
        "s4nd-isotropic", "s4nd-isotropic-no-bandlimit", "s4nd-isotropic-bandlimit-0.1",
    )  # fmt: skip
    assert trained.filters[0].bandlimit == (0.5, 0.5)
    assert free.filters[0].bandlimit == (None, None)
    assert not np.array_equal(trained.probabilities, free.probabilities)
    assert not np.array_equal(trained.probabilities, low.probabilities)


def test_filters_are_those_of_the_resolution(run: Path) -> None:
    first, second = answer_images(run, [8], shrink=False)
    assert [f.rate for f in (*first.filters, *second.filters)] == [(2.0, 2.0)] * 2 + [(1.0, 1.0)] * 2


def test_a_resolution_above_the_full_one_is_read_anew(image_run: TrainConfig, tmp_path: Path) -> None:
    train(replace(image_run, data=replace(image_run.images, size=4, rate=1.0)), tmp_path / "run")
    *_, finer, _ = answer_images(tmp_path / "run", [8])
    assert finer.resolution == (8, 12)
    test = load_images(image_run.images).test
    np.testing.assert_array_equal(finer.images, test.images.numpy() / np.float32(255))


def test_or_refused_where_the_source_has_not_got_it(run: Path) -> None:
    with pytest.raises(ConfigError, match="fewer than 16"):
        list(answer_images(run, [16]))


def test_no_points_are_refused(run: Path) -> None:
    with pytest.raises(ConfigError, match='"resolution" is 0'):
        list(answer_images(run, [0]))


def test_a_resolution_the_model_cannot_read_has_an_error(image_run: TrainConfig, tmp_path: Path) -> None:
    trunk = ConvNeXtConfig(depths=(1, 1), widths=(4, 4), patch=2, drop_path=0.0)
    model = ImageClassifierConfig(in_channels=1, n_classes=3, trunk=trunk)
    train(replace(image_run, model=model, steps=1), tmp_path / "run")
    *_, tiny = answer_images(tmp_path / "run", [2])
    assert "too small" in (tiny.error or "")
    assert np.isnan(tiny.probabilities).all()
    assert np.isnan(tiny.accuracy)


def test_seeds_share_a_version_and_other_settings_do_not(
    image_run: TrainConfig, run: Path, tmp_path: Path
) -> None:
    train(replace(image_run, seed=1), tmp_path / "seed")
    train(replace(image_run, steps=2), tmp_path / "short")
    one, seed, short = (next(answer_images(place)) for place in (run, tmp_path / "seed", tmp_path / "short"))
    assert one.version == seed.version != short.version
    assert (one.seed, seed.seed) == (0, 1)


def test_a_name_may_be_given(run: Path) -> None:
    assert next(answer_images(run, name="mine", bandlimit="none")).model == "mine-no-bandlimit"


def test_models_are_called_by_mixer_and_network() -> None:
    trunks = (IsotropicConfig(mixer="conv"), IsotropicConfig(sequence=True), ViTConfig())
    names = [classifier_name(ImageClassifierConfig(trunk=trunk)) for trunk in trunks]
    assert names == ["conv-isotropic", "s4nd-isotropic-sequence", "attention-vit"]


@pytest.mark.parametrize(("text", "value"), [("model", "model"), ("none", "none"), ("0.25", 0.25)])
def test_a_bandlimit_is_read(text: str, value: object) -> None:
    assert parse_bandlimit(text) == value


def test_a_bandlimit_that_is_none_is_refused(run: Path) -> None:
    with pytest.raises(ConfigError, match='The bandlimit is "much"'):
        parse_bandlimit("much")
    with pytest.raises(ConfigError, match="bandlimit is"):
        next(answer_images(run, bandlimit=2.0))


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="holds no run"):
        next(answer_images(tmp_path))


def test_data_that_changed_are_refused(image_run: TrainConfig, image_file: Path, tmp_path: Path) -> None:
    moved = tmp_path / "images.npz"
    moved.write_bytes(image_file.read_bytes())
    train(replace(image_run, data=replace(image_run.images, source=str(moved)), steps=1), tmp_path / "run")
    with np.load(moved) as file:
        arrays = dict(file)
    np.savez(moved, **{**arrays, "test_x": arrays["test_x"][::-1]})
    with pytest.raises(DataError, match="no longer those it was trained on"):
        next(answer_images(tmp_path / "run"))
