"""What is read of a folder: only votes' columns, model by model, and what is wrong with a file is named."""

from __future__ import annotations

import polars as pl
import pytest

from longwave.errors import DataError, MissingFile, TableError, UnknownName
from longwave.evaluation import aggregate_votes, summarize_votes
from longwave.evaluation.vote_rows import read_inputs, read_votes
from longwave.predictions import INSTANCES, SCHEMA, append_side, read_predictions, write_predictions

KEY = {"scenario": "boolq@1", "model": "m", "version": "1", "date": "2025-01-01", "trial": 0}
LABELS = ("Yes", "No", "Yes", "No")


def write(folder, prompts, *, options=("Yes", "No"), **more):
    """Write a table from ``{prompt: predictions}`` with the labels above."""
    rows = [
        {
            **KEY,
            "instance": f"i{place}",
            "prompt": prompt,
            "prediction": text,
            "label": label,
            "split": "test",
        }
        | {"score": float(text == label), **more}
        for prompt, given in prompts.items()
        for place, (text, label) in enumerate(zip(given, LABELS, strict=False))
    ]
    write_predictions(folder, pl.DataFrame(rows, schema=SCHEMA))
    known = [
        {"scenario": "boolq@1", "instance": f"i{place}", "references": list(options)}
        | {"correct_references": [options.index(label)], "perturbation": more.get("perturbation")}
        for place, label in enumerate(LABELS)
    ]
    append_side(folder, "instances", pl.DataFrame(known, schema=INSTANCES))
    return folder


def only(folder, **which):
    (found,) = read_votes(folder, **which)
    return found


def test_models_come_sorted_with_their_own_prompts(tmp_path):
    write(tmp_path, {"ama-2": LABELS, "ama-10": LABELS, "own": LABELS}, model="b")
    write(tmp_path, {"ama-1": LABELS, "majority": LABELS}, model="a")
    write(tmp_path, {"own": LABELS}, model="silent")
    found = [(votes.voter["model"], votes.prompts) for votes in read_votes(tmp_path)]
    assert found == [("a", ("ama-1",)), ("b", ("ama-2", "ama-10"))]


def test_only_the_columns_of_votes_are_read(tmp_path):
    votes = only(write(tmp_path, {"ama-1": LABELS}))
    assert set(votes.rows.columns) == {
        *("instance", "perturbation", "prompt", "split", "prediction", "label", "score")
    }
    assert set(votes.instances.columns) == {"instance", "perturbation", "references", "correct_references"}


def test_other_trials_and_scenarios_are_left_out(tmp_path):
    write(tmp_path, {"ama-1": LABELS})
    write(tmp_path, {"ama-1": ("No",) * 4}, trial=1)
    assert only(tmp_path).originals.votes.tolist() == [[0], [1], [0], [1]]


def test_a_code_of_a_copy_means_what_it_means_of_the_original(tmp_path):
    write(tmp_path, {"ama-1": LABELS})
    write(tmp_path, {"ama-1": LABELS}, options=("No", "Yes"), perturbation="typos")
    votes = only(tmp_path)
    assert votes.perturbations == ["typos"]
    assert votes.copies("typos").classes == votes.originals.classes == ("Yes", "No")
    assert votes.copies("typos").votes.tolist() == votes.originals.votes.tolist()


def test_unlabelled_train_rows_are_votes_and_not_scored(tmp_path):
    write(tmp_path, {"ama-1": LABELS})
    extra = {**KEY, "instance": "t0", "prompt": "ama-1", "prediction": "No", "split": "train"}
    write_predictions(tmp_path, pl.DataFrame([extra], schema=SCHEMA))
    more = {"scenario": "boolq@1", "instance": "t0", "references": ["No", "Yes"], "correct_references": [0]}
    append_side(tmp_path, "instances", pl.DataFrame([more], schema=INSTANCES))
    votes = only(tmp_path)
    assert votes.originals.instances == ("i0", "i1", "i2", "i3", "t0")
    assert votes.scored.instances == ("i0", "i1", "i2", "i3")
    assert votes.originals.votes[-1].tolist() == [1]


def test_of_instances_that_were_written_twice_the_last_counts(tmp_path):
    write(tmp_path, {"ama-1": LABELS})
    again = {"scenario": "boolq@1", "instance": "i0", "references": ["x"], "correct_references": [0]}
    append_side(tmp_path, "instances", pl.DataFrame([again], schema=INSTANCES))
    rows = read_inputs(tmp_path, "boolq@1", ("references",))
    assert rows.filter(pl.col("instance") == "i0")["references"].to_list() == [["x"]]
    assert len(rows) == 4


def test_a_prompt_that_no_row_has_is_told(tmp_path):
    write(tmp_path, {"ama-1": LABELS, "ama-2": LABELS})
    with pytest.raises(UnknownName, match=r'Unknown prompt "ama2"\. Did you mean "ama-2"'):
        only(tmp_path, prompts=["ama-1", "ama2"])
    assert only(tmp_path, prompts=["ama-2", "ama-1", "ama-2"]).prompts == ("ama-2", "ama-1")


def test_a_folder_without_votes_and_no_folder_are_told(tmp_path):
    with pytest.raises(MissingFile, match="No folder"):
        only(tmp_path / "none")
    with pytest.raises(DataError, match=r"holds no votes\. Fill it with: longwave evaluate"):
        only(tmp_path)
    with pytest.raises(DataError, match="holds no votes"):
        only(write(tmp_path, {"own": LABELS}))


def test_votes_on_copies_alone_are_told(tmp_path):
    write(tmp_path, {"ama-1": LABELS}, perturbation="typos")
    with pytest.raises(DataError, match=r'no votes of "m" on the originals of "boolq@1", but on perturbed'):
        summarize_votes(tmp_path)


def test_a_damaged_shard_is_named(tmp_path):
    write(tmp_path, {"ama-1": LABELS})
    bad = tmp_path / "predictions" / "part-00000009-0badbeef.parquet"
    bad.write_bytes(b"PAR1 and no more")
    with pytest.raises(TableError, match=r"0badbeef\.parquet\" cannot be read as Parquet.*delete this file"):
        summarize_votes(tmp_path)


def test_a_shard_that_ends_early_is_named(tmp_path):
    write(tmp_path, {f"ama-{n}": LABELS for n in range(1, 5)})
    (shard,) = (tmp_path / "predictions").glob("*.parquet")
    data = bytearray(shard.read_bytes())
    data[4:200] = bytes(196)  # the end, which tells what is where, stays
    shard.write_bytes(data)
    with pytest.raises(TableError, match=shard.name):
        summarize_votes(tmp_path)


def test_a_shard_of_another_program_is_brought_into_the_tables_form(tmp_path):
    write(tmp_path, {"ama-1": LABELS})
    rows = read_predictions(tmp_path).drop("latency_s", "cost_usd").with_columns(prompt=pl.lit("ama-2"))
    rows.write_parquet(tmp_path / "predictions" / "part-export.parquet")
    assert only(tmp_path).prompts == ("ama-1", "ama-2")


def test_scores_that_are_nan_are_refused_and_confidences_not_looked_at(tmp_path):
    write(tmp_path, {"ama-1": LABELS, "ama-2": LABELS})
    rows, nan = read_predictions(tmp_path), pl.lit(float("nan"))
    (shard,) = (tmp_path / "predictions").glob("*.parquet")
    rows.with_columns(confidence=nan).write_parquet(shard)
    assert summarize_votes(tmp_path).accuracy["value"].to_list() == [1, 1, 1]
    rows.with_columns(score=nan).write_parquet(shard)
    with pytest.raises(TableError, match='"score" of predictions is NaN in row 0'):
        summarize_votes(tmp_path)


@pytest.mark.parametrize("method", ["majority", "label-model", "dawid-skene", "triplet"])
@pytest.mark.parametrize(
    "prompts",
    [
        pytest.param({"ama-1": LABELS}, id="one"),
        pytest.param({"ama-1": LABELS, "ama-2": ("No",) * 4}, id="two"),
        pytest.param({f"ama-{n}": (None,) * 4 for n in range(1, 4)}, id="silent"),
        pytest.param({f"ama-{n}": ("Yes",) * 4 for n in range(1, 4)}, id="constant"),
        pytest.param({f"ama-{n}": LABELS for n in range(1, 4)}, id="copies"),
        pytest.param({f"ama-{n}": ("maybe", "", "Yes.", "no") for n in range(1, 4)}, id="outside"),
    ],
)
def test_odd_votes_have_an_aggregate_or_none(tmp_path, method, prompts, caplog):
    write(tmp_path, prompts)
    rows = aggregate_votes(tmp_path, method=method)
    assert len(rows) == 4
    assert set(rows["prediction"].drop_nulls()) <= {"Yes", "No"}
    assert rows["confidence"].drop_nulls().is_between(0, 1).all()
    if method == "majority" and prompts["ama-1"][0] is None:
        assert rows["prediction"].null_count() == rows["confidence"].null_count() == 4
    assert summarize_votes(tmp_path).accuracy.filter(pl.col("prompt") == method)["n"].item() == 4


def test_without_instances_answers_are_free(tmp_path):
    write(tmp_path, {"ama-1": LABELS, "ama-2": LABELS})
    for path in (tmp_path / "instances").iterdir():
        path.unlink()
    votes = only(tmp_path)
    assert votes.originals.kind == "answers"
    assert aggregate_votes(tmp_path, method="majority")["score"].to_list() == [0, 0, 0, 0]
