"""``longwave adapt``: fit, evaluate, compare and embed, end to end on small data."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.adapters import EmbeddingDataset, load_adapter, make_groups, read_groups
from longwave.adapters.embeddings import Floats
from longwave.predictions import read_predictions

Longwave = Callable[..., object]
COUNTS = {"train": (60, 20, 8, 32), "val": (10, 10, 6, 6), "test": (20, 20, 10, 10)}
FEW = ("descent.epochs=2", "contrast.positives=16", "contrast.negatives=16")
CHEAP = "zero-shot,erm,dfr-train"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingDataset:
    """Write a small data set to ``toy.npz`` in an empty folder, and make that the current one."""
    monkeypatch.chdir(tmp_path)
    made = make_groups(0, width=16, counts=COUNTS)
    made.save("toy.npz")
    return made


def test_list_names_methods_data_and_layouts(longwave: Longwave) -> None:
    found = longwave("adapt", "list", "--json").json
    assert {row["kind"] for row in found} == {"method", "data", "layout"}
    assert {"contrastive", "captionbirds", "waterbirds"} <= {row["name"] for row in found}
    needing = [row["name"] for row in found if row["description"].endswith("Needs training groups.")]
    assert needing == ["group-dro", "dfr-train"]
    assert "captionbirds" in longwave("adapt", "list").out


def test_a_fitted_adapter_is_saved_and_evaluated(longwave: Longwave, data: EmbeddingDataset) -> None:
    ran = longwave(
        "adapt", "fit", "--data", "toy.npz", "--out", "fit", *FEW, "--seed", "3", "--device", "cpu"
    )
    assert (ran.code, ran.out.startswith("fit: contrastive fitted in ")) == (0, True), ran.err
    assert "Next: longwave adapt evaluate fit --data toy.npz" in ran.err
    told = longwave("adapt", "evaluate", "fit", "--data", "toy.npz", "--json", "--out", "rows").json
    test = data.part("test")
    right = load_adapter("fit").predict(test.embeddings) == test.labels
    by_group = {data.group_names[g]: right[test.groups == g].mean() for g in range(4)}
    assert told["average"] == pytest.approx(right.mean())
    assert told["worst"]["accuracy"] == pytest.approx(min(by_group.values()))
    assert {line["group"]: line["n_train"] for line in told["lines"]} == dict(
        zip(data.group_names, COUNTS["train"], strict=True)
    )
    assert (told["method"], told["seed"]) == ("contrastive", 3)
    rows = read_predictions("rows")
    assert (len(rows), set(rows["model"]), set(rows["trial"])) == (60, {"contrastive"}, {3})
    shown = longwave("adapt", "evaluate", "fit", "--data", "toy.npz", "--split", "val")
    assert "worst group " in shown.out
    assert "class 1, attribute 0" in shown.out
    assert "cosine between groups of one class" in shown.out


def test_an_adapter_saved_by_python_is_called_by_its_class(
    longwave: Longwave, data: EmbeddingDataset
) -> None:
    longwave("adapt", "fit", "--data", "toy.npz", "--out", "fit", "--method", "zero-shot")
    Path("fit/run.json").unlink()
    assert longwave("adapt", "evaluate", "fit", "--data", "toy.npz", "--json").json["method"] == "ZeroShot"


def test_methods_stand_beside_each_other(longwave: Longwave, data: EmbeddingDataset) -> None:
    words = ("adapt", "compare", "--data", "toy.npz", "--method", CHEAP, "--seeds", "2", "--out", "out", *FEW)
    ran = longwave(*words, "--groups")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["zero-shot", "erm", "dfr-train"]
    assert "±" in lines[2]
    assert ran.out.count("in training") == 3
    rows = read_predictions("out")
    assert len(rows) == 3 * 2 * 60
    assert set(rows["scenario"]) == {"groups:toy"}
    found = longwave(*words, "--json").json
    for one in found:
        own = rows.filter(pl.col("model") == one["method"])
        assert one["average"]["mean"] == pytest.approx(own["correct"].mean())
        worst = own.group_by("trial", "group").agg(pl.col("correct").mean())
        means = worst.group_by("trial").agg(pl.col("correct").min())["correct"]
        assert one["worst"]["mean"] == pytest.approx(means.mean())
        assert one["worst"]["deviation"] == pytest.approx(means.std())
    assert longwave("report", "out").code == 0


def test_what_is_finished_is_left_alone(
    longwave: Longwave, data: EmbeddingDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("adapt", "compare", "--data", "toy.npz", "--method", "zero-shot,erm", "--out", "out", *FEW)
    first = longwave(*words, "--seeds", "1", "--json").json
    fitted: list[str] = []
    original = _fit_dataset()

    def spy(method: object, data: EmbeddingDataset) -> float:
        fitted.append(repr(method))
        return original(method, data)

    monkeypatch.setattr("longwave.adapters.answers.fit_dataset", spy)
    assert longwave(*words, "--seeds", "1", "--json").json == first
    assert fitted == []
    longwave(*words, "--seeds", "2")
    assert len(fitted) == 2
    longwave(*words[:-3], "descent.epochs=1", "--seeds", "1")
    assert len(fitted) == 3  # zero-shot has no epochs
    assert len(read_predictions("out")) == 60 * 5


def _fit_dataset() -> Callable[..., float]:
    from longwave.adapters import answers

    return answers.fit_dataset


def test_all_methods_leave_out_those_without_groups(longwave: Longwave, data: EmbeddingDataset) -> None:
    bare = EmbeddingDataset(
        embeddings=data.embeddings,
        labels=data.labels,
        splits=data.splits,
        class_names=data.class_names,
        class_embeddings=data.class_embeddings,
    )
    bare.save("bare.npz")
    ran = longwave("adapt", "compare", "--data", "bare.npz", "--method", "dfr-train", "--out", "x")
    assert (ran.code, "learns from groups, but the data have none" in ran.err) == (2, True)
    from longwave.cli._adapt_compare import _chosen
    from longwave.cli._adapt_data import open_data
    from longwave.cli._output import Output

    names = _chosen(Output(is_quiet=True), "all", open_data("bare.npz", None, None)[1])
    assert "contrastive" in names
    assert not {"group-dro", "dfr-train"} & set(names)


def test_overlapping_groups_of_civilcomments(longwave: Longwave, data: EmbeddingDataset) -> None:
    n = len(data.labels)
    mentions = {
        name: [float((i // (place + 2)) % 2) for i in range(n)]
        for place, name in enumerate(
            ["male", "female", "LGBTQ", "christian", "muslim", "other_religions", "black", "white"]
        )
    }
    table = {"toxicity": [float(y) for y in data.labels], "split": data.splits.tolist(), **mentions}
    pl.DataFrame(table).write_csv("meta.csv")
    np.savez("e.npz", E=data.embeddings, Q=data.class_embeddings)
    words = ("--data", "e.npz", "--metadata", "meta.csv", "--layout", "civilcomments")
    ran = longwave(
        "adapt", "compare", *words, "--method", "zero-shot", "--seeds", "1", "--out", "out", "--json"
    )
    assert ran.code == 0, ran.err
    lines = ran.json[0]["reports"][0]["lines"]
    rows = read_predictions("out")
    views = rows.filter(pl.col("scenario") != "groups:e")
    assert {line["group"]: line["n"] for line in lines} == dict(views.group_by("group").len().iter_rows())
    assert ran.json[0]["average"]["mean"] == rows.filter(pl.col("scenario") == "groups:e")["correct"].mean()
    longwave("adapt", "fit", *words, "--method", "zero-shot", "--out", "fit")
    told = longwave("adapt", "evaluate", "fit", *words, "--json").json
    assert told["worst"] == ran.json[0]["reports"][0]["worst"]


class Lengths:
    """An encoder of two numbers: letters and vowels."""

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        return np.array([[len(text), 1 + sum(text.count(v) for v in "aeiou")] for text in texts], np.float32)

    def encode_images(self, paths: Sequence[Path]) -> Floats:
        return self.encode_texts([path.stem for path in paths])


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Open `Lengths` whatever encoder is named, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("longwave.adapters.encoders.open_encoder", lambda *_, **__: Lengths())


@pytest.mark.usefixtures("fake")
def test_embedded_texts_are_a_data_set(longwave: Longwave) -> None:
    pl.DataFrame(
        {"body": ["aa", "bbb", "cc"], "label": [0, 1, 0], "split": ["train", "train", "test"]}
    ).write_csv("t.csv")
    ran = longwave(
        *("adapt", "embed", "t.csv", "--encoder", "hf:x", "--out", "e.npz", "--column", "text=body"),
        *("--class", "1=toxic words", "--template", "text with {}", "--json"),
    )
    assert ran.code == 0, ran.err
    assert ran.json == {
        "out": "e.npz",
        "embeddings": 3,
        "width": 2,
        "classes": ["0", "toxic words"],
        "prompts": ["text with {}"],
    }
    data = read_groups("e.npz")
    assert data.embeddings.tolist() == [[2, 3], [3, 1], [2, 1]]
    want = np.array([[len("text with 0"), 3], [len("text with toxic words"), 6]], dtype=float)
    np.testing.assert_allclose(
        data.class_embeddings, want / np.linalg.norm(want, axis=1, keepdims=True), rtol=1e-6
    )


@pytest.mark.usefixtures("fake")
def test_embedded_lines_have_no_labels(longwave: Longwave) -> None:
    Path("t.txt").write_text("one\ntwo\n", "utf-8")
    ran = longwave("adapt", "embed", "t.txt", "--encoder", "hf:x", "--out", "e.npz")
    assert (ran.code, ran.out) == (0, "e.npz: 2 embeddings of width 2, no labels\n")


@pytest.mark.usefixtures("fake")
def test_embedded_images_take_prompts_of_a_layout(longwave: Longwave) -> None:
    for name in ("train/land_bird/a.png", "test/water/e.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    words = ("adapt", "embed", ".", "--encoder", "hf:x", "--out", "e.npz", "--layout", "waterbirds")
    ran = longwave(*words, "--json")
    assert ran.json["prompts"] == ["This is a picture of a {}."]
    assert longwave(*words, "--no-prompts", "--json").json["prompts"] == []
    assert read_groups("e.npz").class_embeddings is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("compare", "--data", "captionbird", "--out", "x"), 'Did you mean "captionbirds"'),
        (("compare", "--data", "nowhere.npz", "--out", "x"), "There is no file nowhere.npz"),
        (("compare", "--data", "toy.npz", "--method", "erm,jt", "--out", "x"), 'Did you mean "jtt"'),
        (("compare", "--data", "toy.npz", "--method", ",", "--out", "x"), "name a method"),
        (("fit", "--data", "toy.npz", "--out", "x", "descent.epoch=1"), 'did you mean "epochs"'),
        (("evaluate", "nowhere", "--data", "toy.npz"), "There is no adapter.json in nowhere"),
        (
            ("embed", "x.txt", "--encoder", "hf:x", "--out", "e.npz", "--class", "a"),
            "There is no file or folder",
        ),
    ],
)
def test_mistakes_are_told_in_a_line(
    words: tuple[str, ...], says: str, longwave: Longwave, data: EmbeddingDataset
) -> None:
    ran = longwave("adapt", *words)
    assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
    assert says.lower() in ran.err.lower()


@pytest.mark.usefixtures("fake")
def test_a_pair_that_is_none_is_told(longwave: Longwave) -> None:
    Path("t.txt").write_text("one\n", "utf-8")
    ran = longwave("adapt", "embed", "t.txt", "--encoder", "hf:x", "--out", "e.npz", "--class", "toxic")
    assert (ran.code, '--class "toxic" is no pair' in ran.err) == (2, True)


def test_json_of_the_fit_is_one_document(longwave: Longwave, data: EmbeddingDataset) -> None:
    ran = longwave("adapt", "fit", "--data", "toy.npz", "--out", "fit", *FEW, "--method", "erm", "--json")
    assert ran.json["chosen"]["best_epoch_"] in (0, 1, 2)
    assert json.loads(Path("fit/run.json").read_text("utf-8"))["config"]["method"] == "erm"
