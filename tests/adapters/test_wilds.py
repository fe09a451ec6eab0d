"""Embeddings beside the metadata of public benchmarks, in their layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.adapters.wilds import GroupLayout, get_layout, list_layouts, read_layout
from longwave.errors import DataError, MissingFile, ShapeError, UnknownName

RNG = np.random.default_rng(0)


def _embeddings(folder: Path, n: int) -> Path:
    path = folder / "e.npy"
    np.save(path, RNG.normal(size=(n, 3)).astype(np.float32))
    return path


def _csv(folder: Path, name: str = "metadata.csv", **columns: list[object]) -> Path:
    path = folder / name
    pl.DataFrame(columns, strict=False).write_csv(path)
    return path


def test_there_is_a_layout_for_every_benchmark() -> None:
    assert [one.name for one in list_layouts()] == [
        "amazon",
        "amazon-users",
        "celeba",
        "cifar10-02",
        "civilcomments",
        "fmow",
        "living17",
        "table",
        "waterbirds",
    ]
    assert all("{}" in template for one in list_layouts() for template in one.templates)
    with pytest.raises(UnknownName, match='Did you mean "waterbirds"'):
        get_layout("waterbird")


def test_waterbirds(tmp_path: Path) -> None:
    table = tmp_path / "metadata.csv"
    table.write_text(
        "img_id,img_filename,y,split,place,place_filename\n"
        "1,001.Black/a.jpg,0,0,0,/b/bamboo_forest/1.jpg\n"
        "2,001.Black/b.jpg,1,1,1,/o/ocean/2.jpg\n"
        "3,002.Laysan/c.jpg,1,2,0,/b/bamboo_forest/3.jpg\n"
        "4,002.Laysan/d.jpg,0,2,1,/o/ocean/4.jpg\n"
    )
    data = read_layout(_embeddings(tmp_path, 4), table, layout="waterbirds").data
    assert [data.group_names[g] for g in data.groups] == [
        "landbird, land",
        "waterbird, water",
        "waterbird, land",
        "landbird, water",
    ]
    assert data.splits.tolist() == ["train", "val", "test", "test"]
    assert data.class_names == ("landbird", "waterbird")


def test_celeba_keeps_attributes_and_splits_apart(tmp_path: Path) -> None:
    attributes = _csv(tmp_path, "a.csv", image_id=["a", "b", "c"], Blond_Hair=[-1, 1, 1], Male=[-1, 1, -1])
    partition = _csv(tmp_path, "p.csv", image_id=["a", "b", "c"], partition=[0, 1, 2])
    data = read_layout(_embeddings(tmp_path, 3), [attributes, partition], layout="celeba").data
    assert data.labels.tolist() == [0, 1, 1]
    assert [data.group_names[g] for g in data.groups] == [
        "dark hair, female",
        "blond hair, male",
        "blond hair, female",
    ]


def test_civilcomments_mentions_overlap(tmp_path: Path) -> None:
    names = get_layout("civilcomments").mentions
    mentions: dict[str, list[object]] = {name: [0.0] * 3 for name in names}
    mentions |= {"male": [0.5, 0.4, 0.0], "black": [1.0, 0.0, None]}
    first: dict[str, list[object]] = {"": [0, 1, 2], "id": [5, 3, 9], "comment_text": ["a", "b, c", "d"]}
    table = _csv(tmp_path, **first, split=["train", "val", "test"], toxicity=[0.7, 0.49, 0.5], **mentions)
    found = read_layout(_embeddings(tmp_path, 3), table, layout="civilcomments")
    assert found.data.labels.tolist() == [1, 0, 1]
    assert found.views["male"].tolist() == ["male, Toxic", "", ""]
    assert found.views["black"].tolist() == ["black, Toxic", "", ""]
    assert [found.data.group_names[g] for g in found.data.groups] == [
        "male, Toxic",
        "none of them, Not toxic",
        "none of them, Toxic",
    ]


def _reviews(folder: Path) -> Path:
    """Write reviews with the columns of WILDS."""
    return _csv(
        folder,
        "reviews.csv",
        reviewerID=["A1", "A1", "B2", "C3", "D4"],
        asin=list("vwxyz"),
        overall=[1.0, 3.0, 4.0, 5.0, 2.0],
        category=["Books", "Books", "Tools_and_Home_Improvement", "Books", "Books"],
        reviewYear=[2012, 2013, 2014, 2015, 2016],
    )


def test_amazon_drops_three_stars(tmp_path: Path) -> None:
    splits = _csv(tmp_path, "category_subpopulation.csv", split=[0, 0, 1, 2, -1])
    embeddings = _embeddings(tmp_path, 5)
    data = read_layout(embeddings, [_reviews(tmp_path), splits], layout="amazon").data
    assert data.labels.tolist() == [0, 1, 1]
    assert data.splits.tolist() == ["train", "val", "test"]
    np.testing.assert_array_equal(data.embeddings, np.load(embeddings)[[0, 2, 3]])
    assert data.group_names == ("Books", "Tools_and_Home_Improvement")


def test_amazon_by_reviewer_leaves_the_known_reviewers_out(tmp_path: Path) -> None:
    splits = _csv(tmp_path, "user.csv", split=[0, 2, 1, 3, 4])
    data = read_layout(_embeddings(tmp_path, 5), [_reviews(tmp_path), splits], layout="amazon-users").data
    assert data.splits.tolist() == ["train", "val", "test"]
    assert [data.group_names[g] for g in data.groups] == ["A1", "B2", "C3"]


def test_splits_of_another_scheme_are_refused(tmp_path: Path) -> None:
    splits = _csv(tmp_path, "user.csv", split=[0, 2, 1, 3, 4])
    with pytest.raises(DataError, match='"split" holds 3; the layout "amazon" takes 0, 1, 2 and drops -1'):
        read_layout(_embeddings(tmp_path, 5), [_reviews(tmp_path), splits], layout="amazon")


def test_fmow_splits_by_year(tmp_path: Path) -> None:
    table = _csv(
        tmp_path,
        category=["zoo", "airport", "zoo", "zoo", "zoo"],
        split=["train", "val", "test", "train", "seq"],
        timestamp=["2012-12-31T23:59:59Z", "2013-01-01T00:00:00Z", "2016-05-01", "2014-01-01", "2010-01-01"],
        region=["Asia", "Africa", "Asia", "Asia", "Asia"],
    )
    data = read_layout(_embeddings(tmp_path, 5), table, layout="fmow").data
    assert data.splits.tolist() == ["train", "val", "test"]
    assert (data.class_names, data.labels.tolist()) == (("airport", "zoo"), [1, 0, 1])
    assert data.group_names == ("Africa", "Asia")


@pytest.mark.parametrize(
    ("layout", "label", "attribute", "names"),
    [
        ("cifar10-02", "y", "source", ("cat, new", "dog, old")),
        ("living17", "superclass", "subclass", ("new", "old")),
    ],
)
def test_classes_and_subclasses_by_name(
    layout: str, label: str, attribute: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    table = _csv(tmp_path, **{label: ["dog", "cat"], attribute: ["old", "new"], "split": ["train", "test"]})
    data = read_layout(_embeddings(tmp_path, 2), table, layout=layout).data
    assert (data.class_names, data.group_names) == (("cat", "dog"), names)


def test_a_parquet_file_holds_everything(tmp_path: Path) -> None:
    path = tmp_path / "all.parquet"
    frame = pl.DataFrame(
        {"embedding": [[1.0, 2.0], [0.5, 0.0]], "label": ["no", "yes"], "split": ["train", "test"]}
    )
    frame.write_parquet(path)
    data = read_layout(path).data
    assert data.embeddings.tolist() == [[1.0, 2.0], [0.5, 0.0]]
    assert data.groups is None
    frame.with_columns(group=pl.Series(["x", "y"])).write_parquet(path)
    assert read_layout(path).data.group_names == ("x", "y")


def test_class_embeddings_come_from_the_npz_file_or_the_caller(tmp_path: Path) -> None:
    table = _csv(tmp_path, label=["a", "b"], split=["train", "test"])
    np.savez(tmp_path / "e.npz", E=np.eye(2), Q=np.array([[3.0, 4.0], [0.0, 2.0]]))
    own = read_layout(tmp_path / "e.npz", table).data.class_embeddings
    np.testing.assert_allclose(own, [[0.6, 0.8], [0, 1]], rtol=1e-6)
    given = read_layout(tmp_path / "e.npz", table, class_embeddings=np.eye(2)).data.class_embeddings
    np.testing.assert_array_equal(given, np.eye(2))


def test_a_layout_of_ones_own(tmp_path: Path) -> None:
    layout = GroupLayout(name="mine", description="", label="sick", split="fold", attributes=("clinic",))
    table = _csv(tmp_path, sick=["yes", "no"], fold=["train", "test"], clinic=["north", "south"])
    data = read_layout(_embeddings(tmp_path, 2), table, layout=layout).data
    assert data.group_names == ("no, south", "yes, north")


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    two = _embeddings(tmp_path, 2)
    table = _csv(tmp_path, label=["a", "b"], split=["train", "test"])
    with pytest.raises(DataError, match="embeddings alone"):
        read_layout(two)
    with pytest.raises(DataError, match='no column "y"; they have label, split'):
        read_layout(two, table, layout="waterbirds")
    with pytest.raises(ShapeError, match=r"2 embeddings.* but 3 rows"):
        read_layout(two, _csv(tmp_path, "3.csv", label=[1, 2, 3], split=["val"] * 3))
    with pytest.raises(ShapeError, match="1 rows, but the file before 2"):
        read_layout(two, [table, _csv(tmp_path, "1.csv", group=["x"])])
    with pytest.raises(DataError, match='No row has a label and a split that the layout "table" knows'):
        read_layout(two, _csv(tmp_path, "s.csv", label=["a", "b"], split=["one", "two"]))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    table = _csv(tmp_path, label=["a"], split=["train"])
    with pytest.raises(MissingFile, match=r"There is no file .*no\.npy"):
        read_layout(tmp_path / "no.npy", table)
    with pytest.raises(MissingFile, match=r"There is no file .*no\.csv"):
        read_layout(_embeddings(tmp_path, 1), tmp_path / "no.csv")
    for name in ("bad.npy", "bad.parquet"):
        (tmp_path / name).write_bytes(b"this is no such file")
        with pytest.raises(DataError, match="cannot be read as"):
            read_layout(tmp_path / name, table)
    np.savez(tmp_path / "other.npz", z=np.eye(1))
    with pytest.raises(DataError, match=r"has no array embedding or .*; it has z"):
        read_layout(tmp_path / "other.npz", table)
    pl.DataFrame({"label": ["a"]}).write_parquet(tmp_path / "bare.parquet")
    with pytest.raises(DataError, match="has no column embedding"):
        read_layout(tmp_path / "bare.parquet")
    pl.DataFrame({"embedding": [[1.0], [1.0, 2.0]]}).write_parquet(tmp_path / "ragged.parquet")
    with pytest.raises(ShapeError, match="differ in length"):
        read_layout(tmp_path / "ragged.parquet")
