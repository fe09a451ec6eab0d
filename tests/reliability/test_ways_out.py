"""Files from elsewhere lead to no other file: names that climb, links, files that name files, bombs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pytest
from scipy.io import loadmat, savemat

from longwave.config import write_json
from longwave.data.pde import read_pde_file
from longwave.data.pde.matlab import read_matlab
from longwave.errors import DataError, LongwaveError, TableError
from longwave.monitoring import Run, load_sample, read_hapi
from longwave.monitoring.hapi import HapiStore
from longwave.predictions import finish_run, read_predictions, write_predictions
from longwave.predictions._shards import REPLACES

CLIMBING = ("../../escaped", "/tmp/escaped", "a/../../b", "..")


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """Return a file of the user's that no reader may touch."""
    path = tmp_path / "precious.txt"
    path.write_text("mine")
    return path


# writing


def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(precious: Path, tmp_path: Path) -> None:
    folder = tmp_path / "from-elsewhere"
    folder.mkdir()
    (folder / "run.json.tmp").symlink_to(precious)
    write_json(folder / "run.json", {"a": 1})
    assert (precious.read_text(), json.loads((folder / "run.json").read_text())) == ("mine", {"a": 1})


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(precious: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").symlink_to(precious)
    write_json(tmp_path / "run.json", {"a": 1})
    assert precious.read_text() == "mine"
    assert not (tmp_path / "run.json").is_symlink()


def rows() -> pl.DataFrame:
    row = {"scenario": "s@1", "model": "m", "version": "1", "date": "2025-01-01", "prompt": "p", "trial": 0}
    frame = pl.DataFrame([row | {"instance": "i", "split": "test", "prediction": "a"}])
    return frame.with_columns(perturbation=pl.lit(None, dtype=pl.String))


@pytest.mark.parametrize(
    "name", ["../../precious.txt", "precious.txt", "{precious}"], ids=["up", "beside", "absolute"]
)
def test_a_note_of_replaced_shards_removes_no_other_file(name: str, precious: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    whole = "part-00000001-0123456789abcdef.parquet"
    path = write_predictions(out, rows(), run="0123456789abcdef")
    path.rename(path.with_name(whole))
    beside = path.with_name("precious.txt")
    beside.write_text("mine too")
    (path.parent / f".{whole}{REPLACES}").write_text(name.format(precious=precious))
    finish_run(out, "0123456789abcdef")
    assert (precious.read_text(), beside.read_text()) == ("mine", "mine too")
    assert len(read_predictions(out)) == 1


def test_a_note_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = write_predictions(tmp_path, rows(), run="one")
    (path.parent / f".{path.name}{REPLACES}").write_bytes(b"\xff")
    with pytest.raises(TableError, match="names shards whose rows another one holds"):
        read_predictions(tmp_path)


# HAPI


@pytest.fixture
def columns(tmp_path: Path) -> Path:
    store = HapiStore.empty("a test")
    store.add_labels("scr", "tiny", [{"example_id": "e", "true_label": 0}])
    answer = {"example_id": "e", "predicted_label": 0, "confidence": 0.5}
    store.add_run(Run(task="scr", dataset="tiny", api="google_scr", date="2021-01-01"), [answer])
    store.save(tmp_path / "columns")
    return tmp_path / "columns"


@pytest.mark.parametrize("name", CLIMBING)
@pytest.mark.parametrize("part", ["task", "dataset", "api", "date", "file"])
def test_a_manifest_whose_names_climb_is_refused(part: str, name: str, columns: Path) -> None:
    manifest = json.loads((columns / "manifest.json").read_text())
    if part == "file":
        manifest["files"] = {name: "0"}
    else:
        manifest["runs"][0]["run"][part] = name
        if part in ("task", "dataset"):
            manifest["datasets"][0][part] = name
    (columns / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(LongwaveError, match=r"manifest\.json"):
        read_hapi(columns)


def test_a_run_of_a_dataset_that_is_not_listed_is_refused(columns: Path) -> None:
    manifest = json.loads((columns / "manifest.json").read_text())
    manifest["runs"][0]["run"]["dataset"] = "other"
    (columns / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(
        DataError, match=r"scr/other/google_scr/21-01-01\.json is of a dataset that is not listed"
    ):
        read_hapi(columns)


def test_damaged_columns_are_a_problem_of_their_run(columns: Path) -> None:
    path = columns / "predictions_scr.parquet"
    data = bytearray(path.read_bytes())
    foot = int.from_bytes(data[-8:-4], "little") + 8  # it tells how many rows there are, and stays whole
    data[4:-foot] = b"\xff" * (len(data) - 4 - foot)
    path.write_bytes(data)
    assert read_hapi(columns).problems()["path"].to_list() == ["scr/tiny/google_scr/21-01-01.json"]


@pytest.mark.parametrize("name", ["predictions_scr.parquet", "labels_scr.parquet"])
def test_columns_of_another_type_are_told(name: str, columns: Path) -> None:
    frame = pl.read_parquet(columns / name)
    label = next(column for column in frame.columns if column.endswith("_label"))
    frame.with_columns(pl.lit("x").alias(label)).write_parquet(columns / name)
    with pytest.raises(DataError, match=f'has String as "{label}"; accepted is Int16'):
        read_hapi(columns)


def test_the_bundled_sample_has_names_that_are_accepted() -> None:
    assert len(load_sample().runs())


# fields


def linked(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file["tensor"] = h5py.ExternalLink(str(folder / "other.h5"), "tensor")
    return folder / "a.h5"


def stored_outside(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        raw = [(str(folder / "raw.bin"), 0, 4 * 3 * 8 * 4)]
        file.create_dataset("tensor", (4, 3, 8), "f4", external=raw)
    return folder / "a.h5"


def virtual(folder: Path) -> Path:
    layout = h5py.VirtualLayout(shape=(4, 3, 8), dtype="f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "tensor", shape=(4, 3, 8))
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_virtual_dataset("tensor", layout)
    return folder / "a.h5"


@pytest.mark.parametrize("write", [linked, stored_outside, virtual])
def test_fields_that_lie_in_other_files_are_not_read(write: Callable[[Path], Path], tmp_path: Path) -> None:
    values = np.ones((4, 3, 8), "f4")
    (tmp_path / "raw.bin").write_bytes(values.tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["tensor"] = values
    path = write(tmp_path)
    with h5py.File(path) as file:
        assert file["tensor"][:].sum() == values.size  # the library itself would follow
    with pytest.raises(DataError, match=r"a\.h5"):
        read_pde_file(path, n_train=2, n_test=1)


ARRAYS = {
    "a": np.arange(20.0).reshape(4, 5),
    "b": np.arange(12, dtype=np.int16).reshape(2, 3, 2),
    "single": np.ones((3, 2, 2), "f4") / 3,
    "one": np.array(3.0),
    "empty": np.zeros((0, 3)),
    "u": np.array([[1, 2]], np.uint8),
    "a_longer_name": np.arange(3.0),
}
OTHERS = {"text": "x", "complex": np.array([1 + 2j]), "cell": np.array([1, "x"], dtype=object)}


@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "packed"])
def test_matlab_files_hold_what_scipy_reads(is_packed: bool, tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", ARRAYS | OTHERS, do_compression=is_packed)
    found, theirs = read_matlab(tmp_path / "a.mat"), loadmat(tmp_path / "a.mat")
    assert set(found) == set(ARRAYS)
    for name in ARRAYS:
        assert (found[name].shape, found[name].dtype) == (theirs[name].shape, theirs[name].dtype)
        np.testing.assert_array_equal(found[name], theirs[name])


def test_a_matlab_file_cut_anywhere_is_told_or_holds_less(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"a": np.arange(6.0), "b": np.arange(3.0)})
    data = (tmp_path / "a.mat").read_bytes()
    for place in range(0, len(data), 3):
        (tmp_path / "a.mat").write_bytes(data[:place])
        try:
            assert set(read_matlab(tmp_path / "a.mat")) < {"a", "b"}
        except ValueError:
            continue
