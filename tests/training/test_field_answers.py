"""A trained operator answers the test samples of its data, on its grid and on others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from longwave.errors import ConfigError, DataError, MissingFile
from longwave.models.pde import FNOConfig
from longwave.training import FieldDataConfig, TrainConfig, load_fields, train
from longwave.training.field_answers import answer_fields, operator_name


@pytest.fixture(scope="module")
def _cache() -> dict[str, Path]:
    return {}


@pytest.fixture
def run(field_run: TrainConfig, field_folder: Path, _cache: dict[str, Path]) -> Path:
    """Return the folder of a finished run."""
    if "run" not in _cache:
        train(field_run, field_folder / "run")
        _cache["run"] = field_folder / "run"
    return _cache["run"]


def test_the_training_grid_comes_first_with_its_floors(run: Path, fields: FieldDataConfig) -> None:
    (first,) = answer_fields(run)
    test = load_fields(fields).test
    assert (first.resolution, first.is_training_grid, sorted(first.floors)) == (
        (32,), True, ["mean field", "unchanged"],
    )  # fmt: skip
    np.testing.assert_array_equal(first.targets, test.targets.numpy())
    assert np.isfinite(first.predictions).all()


def test_coarser_and_finer_grids_show_the_same_samples(run: Path) -> None:
    first, coarse, fine = answer_fields(run, [16, 64, 32])
    assert [answers.resolution for answers in (coarse, fine)] == [(16,), (64,)]
    assert not coarse.is_training_grid
    np.testing.assert_allclose(fine.inputs[..., ::2], first.inputs, atol=0.05)  # but for what is finer
    assert (first.model, first.version, first.run) == (fine.model, fine.version, fine.run)


def test_a_grid_the_model_cannot_read_has_an_error_and_no_predictions(run: Path) -> None:
    *_, tiny = answer_fields(run, [8])
    assert "9 modes" in (tiny.error or "")
    assert np.isnan(tiny.predictions).all()


def test_seeds_share_a_version_and_other_settings_do_not(
    field_run: TrainConfig, run: Path, tmp_path: Path
) -> None:
    train(replace(field_run, seed=1), tmp_path / "seed")
    train(replace(field_run, steps=2), tmp_path / "short")
    one, seed, short = (next(answer_fields(place)) for place in (run, tmp_path / "seed", tmp_path / "short"))
    assert one.version == seed.version != short.version
    assert (one.seed, seed.seed) == (0, 1)


def test_a_name_may_be_given(run: Path) -> None:
    assert next(answer_fields(run, name="mine")).model == "mine"


def test_models_are_called_by_kind_and_basis(field_run: TrainConfig, fno: FNOConfig) -> None:
    assert (operator_name(field_run.model), operator_name(fno)) == ("t1-rfft", "fno")


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="holds no run"):
        next(answer_fields(tmp_path))


def test_data_that_changed_are_refused(run: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(run, tmp_path / "run")
    record = tmp_path / "run" / "model" / "operator.json"
    for path in (record, tmp_path / "run" / "operator.json"):
        path.write_text(path.read_text().replace('"data_hash": "', '"data_hash": "0'))
    with pytest.raises(DataError, match="no longer those it was trained on"):
        next(answer_fields(tmp_path / "run"))


def test_a_file_has_no_finer_grid(tmp_path: Path) -> None:
    io = pytest.importorskip("scipy.io")
    rng = np.random.default_rng(0)
    io.savemat(tmp_path / "x.mat", {"a": rng.normal(size=(6, 8)), "u": rng.normal(size=(6, 8))})
    model = FNOConfig(in_channels=1, out_channels=1, n_modes=(3,), d_model=2, n_layers=1)
    config = TrainConfig(
        model=model, data=FieldDataConfig(file=str(tmp_path / "x.mat")), steps=1, batch_size=2, device="cpu"
    )
    train(config, tmp_path / "run")
    with pytest.raises(ConfigError, match="has 8 points on its first axis; 16 are more"):
        list(answer_fields(tmp_path / "run", [16]))
