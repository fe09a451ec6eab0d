"""Data sets: the bundled ones, files in the usual dialects, and what is refused."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from longwave.adapters import EmbeddingDataset, list_groups, load_groups, read_groups
from longwave.errors import DataError, MissingFile, ShapeError, UnknownName

X = np.array([[1.0, 0], [0, 1], [1, 1], [2, 1]], dtype=np.float32)

SPLITS = ["train", "val", "test", "test"]

# sizes of the splits, and zero-shot accuracies in test before the embeddings were compressed, in points
BUNDLED = {
    "captionbirds": ((4795, 1199, 2898), 47.1, [88.1, 5.9, 13.4, 81.6]),
    "clinc-domains": ((3000, 1050, 2250), 43.9, None),
    "hatecheck": ((2288, 503, 937), 47.9, None),
}


def _write(path: Path, **arrays: object) -> Path:
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})
    return path


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets_have_the_published_splits(name: str) -> None:
    data = load_groups(name)
    assert tuple(len(data.part(split).labels) for split in ("train", "val", "test")) == BUNDLED[name][0]
    assert data.embeddings.shape[1] == 384
    np.testing.assert_allclose(np.linalg.norm(data.embeddings, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", BUNDLED)
def test_compression_moves_zero_shot_accuracy_by_less_than_noise(name: str) -> None:
    data = load_groups(name)
    test = data.part("test")
    assert data.class_embeddings is not None
    is_right = (test.embeddings @ data.class_embeddings.T).argmax(axis=1) == test.labels
    n = len(is_right)
    noise = 100 * (is_right.mean() * (1 - is_right.mean()) / n) ** 0.5
    assert 100 * is_right.mean() == pytest.approx(BUNDLED[name][1], abs=noise)
    by_group = BUNDLED[name][2]
    if by_group is not None:
        found = [100 * is_right[test.groups == g].mean() for g in range(4)]
        np.testing.assert_allclose(found, by_group, atol=1)


def test_every_bundled_set_is_listed_and_no_other_is_loaded() -> None:
    assert list_groups() == list(BUNDLED)
    with pytest.raises(UnknownName, match=r'Unknown data set of groups "hatechek".*hatecheck'):
        load_groups("hatechek")


def test_training_lacks_the_intents_that_are_new_in_test() -> None:
    data = load_groups("clinc-domains")
    assert [len(np.unique(data.part(split).groups)) for split in ("train", "val", "test")] == [100, 150, 150]


def test_captions_have_the_counts_of_waterbirds() -> None:
    assert np.bincount(load_groups("captionbirds").part("train").groups).tolist() == [3498, 184, 56, 1057]


DIALECTS: Mapping[str, Mapping[str, object]] = {
    "ours": {"embeddings": X, "labels": [0, 1, 1, 0], "splits": SPLITS, "groups": [0, 1, 2, 0]},
    "short": {"E": X, "y": [0, 1, 1, 0], "split": SPLITS, "g": [0, 1, 2, 0]},
    "wilds": {"x": X, "y": [0, 1, 1, 0], "split": [0, 1, 2, 2], "group": [0, 1, 2, 0]},
    "text": {"E": X, "y": list("abba"), "split": ["Train", "valid", "test", "test"], "g": list("xyzx")},
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_usual_names_of_arrays_are_understood(dialect: str, tmp_path: Path) -> None:
    data = read_groups(_write(tmp_path / "own.npz", **DIALECTS[dialect]))
    assert data.labels.tolist() == [0, 1, 1, 0]
    assert data.groups is not None
    assert data.groups.tolist() == [0, 1, 2, 0]
    assert data.splits.tolist() == ["train", "val", "test", "test"]


def test_attributes_make_groups_of_class_and_attribute(tmp_path: Path) -> None:
    path = _write(tmp_path / "own.npz", E=X, y=[0, 1, 1, 0], a=[1, 0, 1, 0], split=["train"] * 4)
    data = read_groups(path)
    assert data.groups is not None
    assert data.groups.tolist() == [1, 2, 3, 0]
    assert data.group_names == ("0, 0", "0, 1", "1, 0", "1, 1")


def test_class_embeddings_become_unit_rows(tmp_path: Path) -> None:
    path = _write(tmp_path / "own.npz", E=X, y=[0, 1, 1, 0], split=["train"] * 4, Q=[[3.0, 4.0], [0.0, 2.0]])
    data = read_groups(path)
    assert data.class_embeddings is not None
    np.testing.assert_allclose(data.class_embeddings, [[0.6, 0.8], [0, 1]], rtol=1e-6)


def test_names_say_which_number_a_text_label_gets(tmp_path: Path) -> None:
    path = _write(tmp_path / "own.npz", E=X, y=list("abba"), split=["train"] * 4, class_names=["b", "a", "c"])
    data = read_groups(path)
    assert (data.labels.tolist(), data.class_names) == ([1, 0, 0, 1], ("b", "a", "c"))


def test_a_set_without_groups_validates_by_two_parts(tmp_path: Path) -> None:
    data = read_groups(_write(tmp_path / "own.npz", E=X, y=[0, 1, 1, 0], split=["val"] * 4))
    assert len(data.part("val").for_validation()) == 2


@pytest.mark.parametrize("with_groups", [True, False], ids=["groups", "no-groups"])
def test_what_is_saved_is_read_again(with_groups: bool, small: EmbeddingDataset, tmp_path: Path) -> None:
    data = small
    if not with_groups:
        data = EmbeddingDataset(
            embeddings=small.embeddings,
            labels=small.labels,
            splits=small.splits,
            class_names=small.class_names,
        )
    data.save(tmp_path / "own.npz")
    again = read_groups(tmp_path / "own.npz")
    if data.class_embeddings is not None:
        np.testing.assert_allclose(again.class_embeddings, data.class_embeddings, rtol=1e-6)
    for name in ("embeddings", "labels", "groups", "splits"):
        np.testing.assert_array_equal(getattr(again, name), getattr(data, name))
    assert (again.class_names, again.group_names) == (data.class_names, data.group_names)


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ({"y": [0], "split": ["train"]}, DataError, "no array embeddings or E or x or X; it has y, split"),
        ({"E": X, "split": ["train"] * 4}, DataError, "no array labels or y"),
        ({"E": X, "y": [0, 1, 1], "split": ["train"] * 4}, ShapeError, r"labels have shape \(3,\)"),
        ({"E": X, "y": [0, 1, 1, 0], "split": ["fold"] * 4}, DataError, 'splits hold "fold"'),
        ({"E": X, "y": [0, 1, 1, 2], "split": SPLITS, "class_names": ["a", "b"]}, DataError, "0 to 1"),
        ({"E": X, "y": list("abca"), "split": SPLITS, "class_names": ["a", "b"]}, DataError, 'hold "c"'),
        ({"E": X, "y": [0, 1, 1, 0], "split": SPLITS, "Q": np.ones((3, 2))}, ShapeError, "3 class.* but 2"),
        ({"E": X, "y": [0, 1, 1, 0], "split": SPLITS, "Q": np.ones((2, 3))}, ShapeError, "width 3"),
    ],
    ids=["no-embeddings", "no-labels", "too-few", "split", "unnamed", "unknown-name", "classes", "width"],
)  # fmt: skip
def test_files_that_cannot_be_used_are_refused(
    arrays: Mapping[str, object], error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = _write(tmp_path / "own.npz", **arrays)
    with pytest.raises(error, match=message):
        read_groups(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"There is no file .*nowhere\.npz"):
        read_groups(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04broken"], ids=["empty", "text", "cut"])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "own.npz").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as an npz file"):
        read_groups(tmp_path / "own.npz")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", E=np.array([object()], dtype=object))
    with pytest.raises(DataError, match="cannot be read as an npz file of plain arrays"):
        read_groups(tmp_path / "own.npz")


def test_an_unknown_split_is_named(small: EmbeddingDataset) -> None:
    with pytest.raises(UnknownName, match='Unknown split "tests"'):
        small.part("tests")


def test_bundled_files_are_plain_archives_by_lzma() -> None:
    from longwave.samples import sample_path

    for name in list_groups():
        with zipfile.ZipFile(sample_path(f"groups/{name}.npz")) as archive:
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_LZMA}
