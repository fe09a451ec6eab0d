"""A whole comparison: its parts agree with each other, and nothing is invented where something lacks."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError
from longwave.monitoring.calibration.drift import calibration_drift
from longwave.monitoring.comparison.two_runs import compare
from longwave.monitoring.paired.significance import paired_change
from longwave.predictions import bootstrap_interval, wilson_interval

FAST = {"n_resamples": 20}


def _runs(rng, n=90, k=3, *, churn=0.3):
    """Two dates of an API on the same rows."""
    truth = rng.integers(0, k, n)
    first = np.where(rng.random(n) < 0.7, truth, rng.integers(0, k, n))
    second = np.where(rng.random(n) < churn, rng.integers(0, k, n), first)
    shared = {"row": range(n), "task": "scr", "dataset": "digit", "api": "ibm_scr"}
    before, after = (
        pl.DataFrame({**shared, "date": date, "predicted_label": labels, "confidence": rng.random(n)})
        for date, labels in (("20-03-29", first), ("22-05-23", second))
    )
    return before.with_columns(
        true_label=pl.Series(truth), group=pl.Series(rng.choice(["young", "old"], n))
    ), after


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(2, 5))
def test_identities_hold_for_any_two_runs(seed, n, k):
    before, after = _runs(np.random.default_rng(seed), n, k)
    found = compare(before, after, by=["true_label"], confidence_kind="none", **FAST)
    change = found.change.estimate
    assert found.shift.change == pytest.approx(change, abs=1e-12)
    assert found.flips.change == pytest.approx(change, abs=1e-12)
    assert (found.groups["weight"] * found.groups["change"]).sum() == pytest.approx(change, abs=1e-12)
    assert found.accuracy_after.estimate - found.accuracy_before.estimate == pytest.approx(change, abs=1e-12)
    assert abs(change) <= found.api_shift + 1e-12


def test_a_run_compared_with_itself_is_steady(rng):
    before, _ = _runs(rng)
    found = compare(before, before, by=["group"], **FAST)
    assert found.verdict == "steady"
    assert (found.change.estimate, found.change.p_value, found.api_shift) == (0.0, 1.0, 0.0)
    assert found.confidence.ks == 0
    assert found.warnings == ()


def test_time_turned_around_turns_the_signs(rng):
    before, after = _runs(rng)
    there, back = compare(before, after, **FAST), compare(after, before, **FAST)
    assert back.change.estimate == -there.change.estimate
    assert back.change.p_value == pytest.approx(there.change.p_value)
    assert (back.shift.matrix == -there.shift.matrix).all()
    assert back.flips.right_wrong == there.flips.wrong_right


def test_parts_are_those_of_the_functions(rng):
    before, after = _runs(rng)
    found = compare(before, after, alpha=0.1, **FAST)
    truth = before["true_label"].to_numpy()
    scores = [(frame["predicted_label"].to_numpy() == truth).astype(float) for frame in (before, after)]
    assert found.change == paired_change(*scores, confidence=0.9)
    assert found.accuracy_before == wilson_interval(int(scores[0].sum()), 90, confidence=0.9)
    pairs = [
        (frame["confidence"].to_numpy(), each) for frame, each in zip((before, after), scores, strict=True)
    ]
    assert found.calibration.equals(calibration_drift(*pairs, confidence=0.9, n_resamples=20))


def test_a_decline_is_seen_and_named():
    rows = range(200)
    before = pl.DataFrame({"row": rows, "predicted_label": [1] * 200, "true_label": [1] * 200})
    after = pl.DataFrame({"row": rows, "predicted_label": [1] * 150 + [0] * 50})
    found = compare(before, after, **FAST)
    assert found.verdict == "declined"
    assert found.flips.shares()["right_wrong"] == 0.25
    assert found.shift.largest()["predicted_label"].to_list() == ["0", "1"]


def test_free_answers_have_no_matrix_but_everything_else(rng):
    before, after = (
        run.with_columns(pl.col("predicted_label").cast(pl.String) + pl.Series(map(str, range(1_200))))
        for run in _runs(rng, 1_200)
    )
    found = compare(before.with_columns(pl.col("true_label").cast(pl.String)), after, **FAST)
    assert found.shift is None
    assert "different labels and answers; a confusion matrix is made of up to 1,000." in found.warnings[-1]
    assert found.flips.change == 0
    assert found.summary()["error_shift"] is None


def test_churn_behind_a_steady_accuracy_is_told():
    rows = range(200)
    truth = [0] * 200
    before = pl.DataFrame({"row": rows, "predicted_label": [0] * 100 + [1] * 100, "true_label": truth})
    after = pl.DataFrame({"row": rows, "predicted_label": [0] * 100 + [2] * 100})
    found = compare(before, after, **FAST)
    assert found.warnings == ("Accuracy moved by +0.0 points, but 50.0 % of the predictions changed.",)
    assert found.shift.error_shift == 0.5


def test_groups_that_pay_for_the_gain_of_others_are_told():
    groups = ["a"] * 100 + ["b"] * 100
    before = pl.DataFrame(
        {
            "row": range(200),
            "predicted_label": [1] * 100 + [0] * 100,
            "true_label": [1] * 200,
            "group": groups,
        }
    )
    after = pl.DataFrame({"row": range(200), "predicted_label": [0] * 60 + [1] * 140})
    found = compare(before, after, by=["group"], **FAST)
    assert found.change.estimate == pytest.approx(0.2)
    assert found.warnings[0] == 'The whole rose (+20.0 points), but group "a" fell by 60.0 points (n = 100).'
    assert found.disparities["group"].changes[0].estimate == pytest.approx(-0.4)


def test_rows_of_one_speaker_are_not_independent():
    speaker = [name for name in "abcd" for _ in range(50)]
    rows, groups = range(200), ["x", "x", "y", "y"] * 50
    before = pl.DataFrame(
        {"row": rows, "predicted_label": [1] * 200, "true_label": [1] * 200, "group": groups}
    )
    after = pl.DataFrame({"row": rows, "predicted_label": [1] * 150 + [0] * 50, "speaker": speaker})
    rows_drawn = compare(before, after, by=["group"], **FAST)
    speakers_drawn = compare(before, after, by=["group"], cluster="speaker", **FAST)
    assert (rows_drawn.verdict, speakers_drawn.verdict) == ("declined", "steady")
    assert speakers_drawn.change.estimate == rows_drawn.change.estimate
    assert (speakers_drawn.groups["p_value"] > rows_drawn.groups["p_value"]).all()
    assert speakers_drawn.disparities["group"].by_date[0].estimate == 0


def test_a_row_without_a_speaker_stands_for_itself(rng):
    before, after = _runs(rng)
    alone = before.with_columns(speaker=pl.lit(None, dtype=pl.String))
    found = compare(alone, after, cluster="speaker", **FAST)
    assert found.change.low == pytest.approx(compare(before, after, **FAST).change.low, abs=0.02)


def test_small_groups_have_no_disparity(rng):
    before, after = _runs(rng, 50)
    assert compare(before, after, by=["group"], **FAST).disparities == {}
    assert set(compare(before, after, by=["group"], n_min=5, **FAST).disparities) == {"group"}


@pytest.mark.parametrize(
    ("kind", "mapping"), [("probability", {None}), ("levels", {"isotonic"}), ("magnitude", {"isotonic"})]
)
def test_confidences_that_are_no_probabilities_are_mapped_and_flagged(rng, kind, mapping):
    before, after = _runs(rng)
    found = compare(before, after, confidence_kind=kind, **FAST)
    assert set(found.calibration["mapping"]) == mapping
    assert any(f'kind "{kind}"' in text for text in found.warnings) == (kind != "probability")


def test_no_answers_are_wrong_and_counted():
    before = pl.DataFrame({"row": range(4), "predicted_label": [10, 10, None, 1], "true_label": [1, 2, 3, 1]})
    after = pl.DataFrame({"row": range(4), "predicted_label": [1, 2, 3, 10]})
    found = compare(before, after, no_answer=10, **FAST)
    assert (found.no_answer_before, found.no_answer_after) == (0.75, 0.25)
    assert found.accuracy_before.estimate == 0.25


def test_tags_are_compared_by_sets(rng):
    pool = [["cat"], ["cat", "dog"], [], ["fox"]]
    truth, first, second = ([pool[i] for i in rng.integers(0, 4, 50)] for _ in range(3))
    kind = pl.List(pl.String)
    before = pl.DataFrame(
        {"row": range(50), "predicted_label": first, "true_label": truth},
        schema_overrides={"predicted_label": kind, "true_label": kind},
    )
    after = pl.DataFrame(
        {"row": range(50), "predicted_label": second}, schema_overrides={"predicted_label": kind}
    )
    found = compare(before, after, **FAST)

    def jaccard(p, y):
        return len(set(p) & set(y)) / len(set(p) | set(y)) if p or y else 1.0

    scores = [jaccard(p, y) for p, y in zip(first, truth, strict=True)]
    assert found.accuracy_before == bootstrap_interval(scores, n_resamples=20)
    assert found.overlap.estimate == pytest.approx(
        np.mean([jaccard(*each) for each in zip(first, second, strict=True)])
    )
    assert found.no_answer_before == pytest.approx(np.mean([not p for p in first]))
    assert found.shift is None
    assert found.label_sets.n == 50


def test_without_truth_what_needs_it_is_none(rng):
    before, after = _runs(rng)
    found = compare(before.drop("true_label"), after, by=["group"], **FAST)
    assert (found.change, found.verdict, found.flips, found.shift) == (None, None, None, None)
    assert (len(found.groups), found.disparities, found.calibration) == (0, {}, None)
    assert found.confidence.overall.n == 90
    assert "No row has a score at both dates" in found.warnings[0]


def test_rows_of_one_run_only_are_told(rng):
    before, after = _runs(rng)
    found = compare(before.head(80), after.tail(85), **FAST)
    assert (found.n, found.only_before, found.only_after) == (75, 5, 10)
    assert found.warnings[0].startswith("Left out, for they are in one run only: 5 rows of the first and 10")


@pytest.mark.parametrize("has_truth", [True, False])
def test_summary_is_flat_and_fits_json(rng, has_truth):
    before, after = _runs(rng)
    before = before if has_truth else before.drop("true_label")
    row = compare(before, after, **FAST).summary()
    again = json.loads(json.dumps(row))
    assert again["before"] == "scr/digit/ibm_scr/20-03-29"
    assert (again["change"] is not None) == has_truth
    assert all(not isinstance(value, dict | list) for value in again.values())


def test_two_apis_are_compared_like_two_dates(rng):
    first, second = _runs(rng)
    found = compare(first, second.with_columns(api=pl.lit("google_scr")), **FAST)
    assert found.after == "scr/digit/google_scr/22-05-23"


def test_one_row_is_enough():
    frame = pl.DataFrame({"row": [0], "predicted_label": [1], "true_label": [1], "confidence": [0.5]})
    assert compare(frame, frame, **FAST).n == 1


def test_seed_decides_what_is_drawn(rng):
    before, after = _runs(rng)
    scores = {"score": pl.Series(rng.random(90))}
    before, after = before.with_columns(**scores), after.with_columns(score=pl.Series(rng.random(90)))
    first, again, other = (compare(before, after, seed=seed, n_resamples=50) for seed in (1, 1, 2))
    assert first.accuracy_before == again.accuracy_before != other.accuracy_before


@pytest.mark.parametrize("alpha", [0.0, 1.0, 5.0])
def test_alpha_outside_0_to_1_is_refused(rng, alpha):
    with pytest.raises(ConfigError, match=f"alpha is {alpha}"):
        compare(*_runs(rng), alpha=alpha)


def test_unequal_datasets_are_refused(rng):
    before, after = _runs(rng)
    with pytest.raises(DataError, match="no row in common"):
        compare(before, after.with_columns(pl.col("row") + 1000))
