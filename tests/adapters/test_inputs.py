"""What is to be embedded is read from lines, tables and folders, and written as a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.adapters import read_groups
from longwave.adapters.inputs import RawInputs, read_inputs, write_embeddings
from longwave.errors import DataError, MissingFile


def test_a_text_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\n\n two \n", "utf-8")
    found = read_inputs(path)
    assert (found.items, found.label, found.classes) == (("one", "two"), None, ())


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_a_table_of_texts(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    frame = pl.DataFrame({"sentence": ["x", "y"], "label": [1, 0], "split": ["train", "test"]})
    if ending == "parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path, separator="\t" if ending == "tsv" else ",")
    found = read_inputs(path, columns={"text": "sentence"})
    assert (found.items, found.label, found.split) == (("x", "y"), ("1", "0"), ("train", "test"))
    assert (found.classes, found.group) == (("0", "1"), None)


def test_a_table_of_images_stands_beside_them(tmp_path: Path) -> None:
    pl.DataFrame({"image": ["a.png"], "group": ["g"]}).write_csv(tmp_path / "t.csv")
    found = read_inputs(tmp_path / "t.csv")
    assert (found.items, found.group) == ((tmp_path / "a.png",), ("g",))


def test_a_folder_tells_splits_and_labels(tmp_path: Path) -> None:
    for name in ("Train/dog/2.png", "Train/cat/1.JPG", "test/cat/3.png", "test/cat/notes.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = read_inputs(tmp_path)
    assert found.label == ("cat", "dog", "cat")
    assert found.split == ("train", "train", "test")
    assert read_inputs(tmp_path / "Train").split is None
    assert read_inputs(tmp_path / "Train" / "cat").label is None


def test_a_written_file_is_a_data_set(tmp_path: Path) -> None:
    x = np.eye(3, dtype=np.float32)
    inputs = RawInputs(
        items=("a", "b", "c"),
        label=("no", "yes", "no"),
        split=("train", "val", "test"),
        group=("g", "f", "g"),
    )
    write_embeddings(tmp_path / "x.npz", x, inputs, class_embeddings=x[:2])
    data = read_groups(tmp_path / "x.npz")
    assert data.class_names == ("no", "yes")
    assert (data.labels.tolist(), data.group_names) == ([0, 1, 0], ("f", "g"))
    assert data.groups.tolist() == [1, 0, 1]
    write_embeddings(tmp_path / "x.npz", x, RawInputs(items=("a", "b", "c"), label=("n", "y", "n")))
    assert set(read_groups(tmp_path / "x.npz").splits) == {"test"}


def test_without_labels_there_are_embeddings_alone(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "x.npz", np.eye(2, dtype=np.float32), RawInputs(items=("a", "b")))
    with np.load(tmp_path / "x.npz") as file:
        assert file.files == ["embeddings"]


def test_sources_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"There is no file or folder .*nowhere"):
        read_inputs(tmp_path / "nowhere")
    (tmp_path / "empty.txt").write_text("\n", "utf-8")
    with pytest.raises(DataError, match="holds nothing to embed"):
        read_inputs(tmp_path / "empty.txt")
    (tmp_path / "bad.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_inputs(tmp_path / "bad.parquet")
    table = tmp_path / "t.csv"
    table.write_text("body,split\nhello,later\n", "utf-8")
    with pytest.raises(DataError, match='has no column "text"; it has body, split'):
        read_inputs(table)
    with pytest.raises(DataError, match='has no column "bodi"'):
        read_inputs(table, columns={"text": "bodi"})
    with pytest.raises(DataError, match='has the split "later"'):
        read_inputs(table, columns={"text": "body"})
    table.write_text("text,label\na,1\nb,\n", "utf-8")
    with pytest.raises(DataError, match=r'"label" of .* lacks a value'):
        read_inputs(table)


def test_folders_of_uneven_depth_are_refused(tmp_path: Path) -> None:
    for name in ("1.png", "dog/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"2 images in folders of depth \[0, 1\]"):
        read_inputs(tmp_path)
