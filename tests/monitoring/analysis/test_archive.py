"""All runs in one pass against loops over rows and `compare`, from memory, in batches and in any order."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from longwave.errors import ConfigError, DataError, TableError
from longwave.monitoring import load_sample
from longwave.monitoring.analysis import analyse, archive
from longwave.monitoring.calibration.measures import calibrate
from longwave.monitoring.comparison.two_runs import compare
from longwave.monitoring.paired.significance import exact_mcnemar, share_change
from longwave.predictions import holm, wilson_interval

KEYS = ["dataset", "api", "date"]
MEASURES = ("mean_confidence", "ece", "ece_equal_mass", "brier", "auroc", "accuracy_at_50", "accuracy_at_80")


def _table(seed, *, sizes=(40, 7), apis=("a", "b"), dates=("20-01-01", "21-01-01", "22-01-01"), k=4):
    """Runs of two datasets, and their labels."""
    rng = np.random.default_rng(seed)
    runs, labels = [], []
    for number, n in enumerate(sizes):
        truth = rng.integers(0, k, n).astype(np.int8)
        name = f"set {number}"
        groups = rng.choice(["x", "y", "z"], n)
        labels.append(pl.DataFrame({"dataset": name, "row": range(n), "true_label": truth, "group": groups}))
        for api in apis:
            for date in dates:
                answers = np.where(rng.random(n) < 0.6, truth, rng.integers(0, k + 1, n)).astype(np.int8)
                columns = {
                    "row": range(n),
                    "predicted_label": answers,
                    "confidence": rng.integers(0, 99, n) / 99,
                }
                runs.append(pl.DataFrame({"dataset": name, "api": api, "date": date, **columns}))
    return pl.concat(runs), pl.concat(labels)


def _joined(rows, labels):
    return rows.join(labels, on=["dataset", "row"], how="left", maintain_order="left")


def _run(found, key):
    return next(row for row in found.runs.iter_rows(named=True) if tuple(row[name] for name in KEYS) == key)


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_every_run_equals_a_loop_over_its_rows(seed):
    rows, labels = _table(seed)
    found = analyse(rows, labels=labels)
    parts = _joined(rows, labels).partition_by(KEYS, as_dict=True)
    assert len(found.runs) == len(parts)
    for key, part in parts.items():
        row = _run(found, key)
        pairs = part.select("true_label", "predicted_label").rows()
        right = [p == y for y, p in pairs]
        share = wilson_interval(sum(right), len(right))
        assert (row["n"], row["accuracy"]) == (len(right), share.estimate)
        assert (row["low"], row["high"]) == pytest.approx((share.low, share.high))
        want = np.zeros_like(found.confusions[key])
        for y, p in pairs:
            want[y, p] += 1
        assert (found.confusions[key] == want).all()


def test_calibration_is_that_of_calibrate():
    rows, labels = _table(1, sizes=(400,))
    found = analyse(rows, labels=labels)
    for key, part in _joined(rows, labels).partition_by(KEYS, as_dict=True).items():
        confidence = part["confidence"].to_numpy()  # on a grid wider than the levels, so nothing is lost
        want = calibrate(confidence, part["predicted_label"].to_numpy() == part["true_label"].to_numpy())
        row = _run(found, key)
        for name in MEASURES:
            assert row[name] == pytest.approx(getattr(want, name), abs=1e-9)


def test_finer_confidences_are_told_apart_nearly(rng):
    confidence = rng.random(5000).astype(np.float32)
    right = rng.random(5000) < confidence
    rows = pl.DataFrame(
        {"api": "a", "row": range(5000), "predicted_label": right.astype(np.int8), "confidence": confidence}
    )
    row = analyse(rows.with_columns(true_label=pl.lit(1))).runs.row(0, named=True)
    want = calibrate(confidence, right)
    assert (row["ece"], row["mean_confidence"]) == pytest.approx((want.ece, want.mean_confidence), abs=1e-6)
    for name in ("ece_equal_mass", "brier", "auroc", "accuracy_at_50", "accuracy_at_90"):
        assert row[name] == pytest.approx(getattr(want, name), abs=1e-3)


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_groups_equal_a_loop(seed):
    rows, labels = _table(seed)
    found = analyse(rows, labels=labels, by=["group", "true_label"]).groups
    joined = _joined(rows, labels)
    for by in ("group", "true_label"):
        want = joined.group_by(*KEYS, by).agg(
            n=pl.len().cast(pl.Int64), accuracy=(pl.col("predicted_label") == pl.col("true_label")).mean()
        )
        got = found.filter(pl.col("by") == by).select(*KEYS, pl.col("group").alias(by), "n", "accuracy")
        assert_frame_equal(got, want.with_columns(pl.col(by).cast(pl.String)), check_row_order=False)


@settings(max_examples=4)
@given(st.integers(0, 10_000))
def test_changes_between_dates_are_those_of_compare(seed):
    rows, labels = _table(seed, sizes=(30,))
    found = analyse(rows, labels=labels).changes
    parts = _joined(rows, labels).partition_by(KEYS, as_dict=True)
    assert len(found) == 4
    for row in found.iter_rows(named=True):
        sides = [parts["set 0", row["api"], row[name]] for name in ("before", "after")]
        want = compare(*sides, confidence_kind="none", n_resamples=5)
        assert row["change"] == pytest.approx(want.change.estimate)
        assert (row["low"], row["high"], row["p_value"]) == pytest.approx(
            (want.change.low, want.change.high, want.change.p_value)
        )
        assert {name: row[name] for name in want.flips.shares()} == pytest.approx(want.flips.shares())
        assert row["overlap"] == pytest.approx(want.overlap.estimate)
        assert row["total_variation"] == pytest.approx(want.shift.total_variation)
        assert row["error_shift"] == pytest.approx(want.shift.error_shift)
    assert found["p_adjusted"].to_list() == pytest.approx(holm(found["p_value"].to_numpy()).tolist())


def test_last_runs_of_all_apis_are_compared():
    rows, labels = _table(5, sizes=(30, 9), apis=("a", "b", "c"))
    found = analyse(rows, labels=labels, pairs="apis").changes
    assert found.select("dataset", "before", "after").rows() == [
        (name, f"{first}/22-01-01", f"{second}/22-01-01")
        for name in ("set 0", "set 1")
        for first, second in (("a", "b"), ("a", "c"), ("b", "c"))
    ]
    parts = _joined(rows, labels).partition_by(KEYS, as_dict=True)
    want = compare(parts["set 1", "a", "22-01-01"], parts["set 1", "c", "22-01-01"], n_resamples=5)
    assert found["change"][4] == pytest.approx(want.change.estimate)


def _assert_same(found, want):
    for name in ("runs", "groups", "changes"):
        assert_frame_equal(getattr(found, name), getattr(want, name), check_row_order=False)
    assert {key: counts.tolist() for key, counts in found.confusions.items()} == {
        key: counts.tolist() for key, counts in want.confusions.items()
    }


def test_truth_beside_the_rows_gives_the_same():
    rows, labels = _table(2)
    want = analyse(rows, labels=labels, by=["group"])
    _assert_same(analyse(_joined(rows, labels), by=["group"]), want)


@pytest.mark.parametrize("batch", [1, 13, 1000])
def test_a_stream_in_batches_gives_the_same(monkeypatch, batch):
    rows, labels = _table(3)
    want = analyse(rows, labels=labels, by=["group"])
    monkeypatch.setattr(archive, "_BATCH", batch)
    monkeypatch.setattr(archive, "_SLICE", 5)
    _assert_same(analyse(rows.lazy(), labels=labels, by=["group"]), want)


def test_a_parquet_file_gives_the_same(tmp_path):
    rows, labels = _table(4)
    rows.with_columns(pl.col(KEYS).cast(pl.Categorical)).write_parquet(
        tmp_path / "rows.parquet", row_group_size=17
    )
    found = analyse(pl.scan_parquet(tmp_path / "rows.parquet"), labels=labels, by=["group"])
    _assert_same(found, analyse(rows, labels=labels, by=["group"]))


@pytest.mark.parametrize("pairs", ["dates", "apis", "none"])
def test_rows_in_any_order_give_the_same(pairs):
    rows, labels = _table(6)
    want = analyse(rows, labels=labels, by=["group"], pairs=pairs)
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=1)
    _assert_same(analyse(shuffled, labels=labels.reverse(), by=["group"], pairs=pairs), want)


def test_text_labels_give_the_same():
    rows, labels = _table(7)
    as_text = pl.col("predicted_label").cast(pl.String)
    found = analyse(
        rows.with_columns(as_text), labels=labels.with_columns(pl.col("true_label").cast(pl.String))
    )
    want = analyse(rows, labels=labels)
    assert_frame_equal(found.runs, want.runs)
    assert_frame_equal(found.changes, want.changes)
    assert set(found.labels) == {"0", "1", "2", "3", "4"}


def test_text_labels_in_batches_share_one_code(monkeypatch):
    monkeypatch.setattr(archive, "_BATCH", 1)
    rows = pl.DataFrame(
        {
            "api": "a",
            "row": [0, 1, 2],
            "predicted_label": ["no", "yes", None],
            "true_label": ["yes", "yes", "no"],
        }
    )
    found = analyse(rows.lazy(), by=["true_label"])
    assert found.runs.select("accuracy", "no_answer").row(0) == pytest.approx((1 / 3, 1 / 3))
    confusion = found.confusions["a",]
    yes, no = (found.labels.index(name) for name in ("yes", "no"))
    assert (confusion[yes, no], confusion[yes, yes], confusion[no, -1]) == (1, 1, 1)
    assert dict(found.groups.select("group", "accuracy").rows()) == {"yes": 0.5, "no": 0.0}


def test_rows_without_truth_prediction_confidence_or_group():
    rows = pl.DataFrame(
        {
            "api": "a",
            "row": [0, 1, 2, 3],
            "predicted_label": [1, None, 1, 0],
            "true_label": [1, 1, None, 0],
            "confidence": [0.75, 0.25, None, None],
            "group": ["x", None, "x", "y"],
        }
    )
    found = analyse(rows, by=["group"])
    row = found.runs.row(0, named=True)
    assert (row["n"], row["n_scored"], row["accuracy"], row["no_answer"]) == (
        4,
        3,
        pytest.approx(2 / 3),
        0.25,
    )
    assert (row["mean_confidence"], row["auroc"]) == (0.5, 1.0)
    assert found.groups.select("group", "n", "accuracy").rows() == [("x", 1, 1.0), ("y", 1, 1.0)]


def test_without_any_truth_only_counts_remain():
    rows = pl.DataFrame({"api": "a", "date": ["1", "2"], "row": [0, 0], "predicted_label": ["x", "y"]})
    found = analyse(rows)
    assert found.runs.select("n", "n_scored", "accuracy").rows() == [(1, 0, None)] * 2
    assert found.changes.select("overlap", "change", "verdict").row(0) == (0.0, None, None)


def test_confidences_outside_0_to_1_leave_a_run_without_calibration():
    rows = pl.DataFrame({"api": "a", "row": [0, 1], "predicted_label": [1, 1], "true_label": [1, 0]})
    found = analyse(rows.with_columns(confidence=pl.Series([0.5, 7.0])))
    assert found.runs.select("accuracy", "ece", "auroc").row(0) == (0.5, None, None)


def test_dates_that_share_some_rows_are_compared_on_them():
    rows = pl.DataFrame(
        {
            "api": "a",
            "date": ["1"] * 3 + ["2"] * 3,
            "row": [0, 1, 2, 1, 2, 5],
            "predicted_label": [0, 0, 0, 1, 0, 1],
        }
    )
    labels = pl.DataFrame({"row": range(6), "true_label": [0, 1, 1, 0, 0, 1]})
    change = analyse(rows, labels=labels).changes.row(0, named=True)
    assert (change["n"], change["wrong_right"], change["wrong_same"]) == (2, 0.5, 0.5)
    want = share_change(0, 0, 1, 1)
    assert (change["change"], change["p_value"]) == (want.estimate, exact_mcnemar(0, 1))
    assert change["total_variation"] == 0.5


def test_the_bundled_tables_have_their_published_accuracies():
    store = load_sample()
    columns = ["task", *KEYS, "row", "predicted_label", "true_label", "confidence"]
    found = analyse(store.table(task="scr", columns=columns), pairs="apis")
    want = store.runs(task="scr").filter(pl.col("n_rows") > 0)
    assert found.runs["accuracy"].round(4).to_list() == pytest.approx(want["accuracy"].to_list(), abs=1e-9)
    assert len(found.changes) == 6 * want["dataset"].n_unique()


@pytest.mark.parametrize("n", [0, 1])
def test_few_rows_are_fine(n):
    rows, labels = _table(8)
    found = analyse(rows.head(n), labels=labels, by=["group"])
    assert (len(found.runs), len(found.groups), len(found.changes)) == (n, n, 0)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda r: r.drop(KEYS), TableError, "none of the columns task, dataset, api, date"),
        (lambda r: r.drop("row"), TableError, 'no column "row"'),
        (lambda r: r.with_columns(row=pl.col("row") + 1000), DataError, "set 0/a/20-01-01 has row 1039, but"),
        (lambda r: r.with_columns(dataset=pl.lit("set 9")), DataError, "its dataset has 0 rows"),
        (lambda r: r.with_columns(predicted_label=pl.lit(["a"])), DataError, "lists of tags"),
        (lambda r: r.with_columns(predicted_label=pl.lit(1.5)), DataError, "labels are of type Float64"),
        (
            lambda r: r.with_columns(predicted_label=pl.lit(-2)),
            DataError,
            "A label is -2; accepted are codes",
        ),
        (lambda r: r.with_columns(predicted_label=pl.lit(5000)), DataError, "A label is 5000"),
        (lambda r: r.reverse().lazy(), DataError, "set 1/b/21-01-01 come too late"),
        (lambda r: r.sort("date", maintain_order=True).lazy(), DataError, "come too late"),
    ],
    ids=["keys", "row", "range", "dataset", "tags", "fractions", "negative", "large", "backwards", "by-date"],
)
def test_rows_that_cannot_be_analysed_are_refused(change, error, text):
    rows, labels = _table(9)
    with pytest.raises(error, match=text):
        analyse(change(rows), labels=labels)


def test_too_many_different_texts_are_refused():
    answers = [f"answer {i}" for i in range(1025)]
    rows = pl.DataFrame({"api": "a", "row": range(1025), "predicted_label": answers})
    with pytest.raises(DataError, match="more than 1024 different labels"):
        analyse(rows)


def test_labels_need_truth_and_groups():
    rows, labels = _table(9)
    with pytest.raises(TableError, match='no column "true_label"'):
        analyse(rows, labels=labels.drop("true_label"))
    with pytest.raises(TableError, match='no column "speaker"'):
        analyse(rows, labels=labels, by=["speaker"])
    with pytest.raises(TableError, match='no column "group"'):
        analyse(rows, by=["group"])


def test_unknown_pairs_are_refused():
    with pytest.raises(ConfigError, match='Unknown pairs "vendors"'):
        analyse(_table(9)[0], pairs="vendors")
