"""What figures draw, against numbers computed from the rows in plain Python, scipy and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from longwave.report import training_chart
from longwave.report.analysis import Analysis, analyse
from longwave.report.calibration import calibrate, coverage_curve, reliability_bins
from longwave.report.charts import calibration_charts, curve_charts, overview_charts, perturbation_chart
from longwave.report.charts import score_chart as score_chart_of
from longwave.report.reading import CURVES, read_results

Row = dict[str, object]
Rows = Callable[..., pl.DataFrame]
Drawn = Callable[[object], list[Row]]

MODELS = ("m a", "m&b=c#d%2", "ü/ñ")
PAIRS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.50001, 0.9, 1.0]), st.booleans()),
    min_size=1,
    max_size=60,
)


def confident(pairs: list[tuple[float, bool]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "scenario": ["s"] * len(pairs),
            "system": ["m"] * len(pairs),
            "instance": [f"i{place:03}" for place in range(len(pairs))],
            "confidence": [sure for sure, _ in pairs],
            "correct": [right for _, right in pairs],
        }
    )


def every_row(analysis: Analysis) -> pl.DataFrame:
    return pl.concat([analysis.part(name).rows for name in analysis.scenarios])


@pytest.mark.parametrize("model", MODELS)
def test_the_drawn_interval_of_right_and_wrong_is_wilsons(
    mixed: Analysis, drawn_rows: Drawn, model: str
) -> None:
    chart = score_chart_of(mixed, "boolq@1")
    assert chart is not None
    drawn = next(row for row in drawn_rows(chart.spec) if row.get("system") == model)
    scores = [
        row["score"]
        for row in every_row(mixed).iter_rows(named=True)
        if (row["scenario"], row["model"], row["perturbation"]) == ("boolq@1", model, None)
        and row["score"] is not None
    ]
    oracle = stats.binomtest(int(sum(scores)), len(scores)).proportion_ci(method="wilson")
    assert drawn["n"] == len(scores)
    assert (drawn["low"], drawn["high"]) == pytest.approx(oracle, rel=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_the_drawn_interval_of_averaged_prompts_agrees_with_scipys_bootstrap(
    mixed: Analysis, drawn_rows: Drawn, model: str
) -> None:
    chart = score_chart_of(mixed, "local@1")
    assert chart is not None
    drawn = next(row for row in drawn_rows(chart.spec) if row.get("system") == model)
    kept: dict[str, list[float]] = {}
    for row in every_row(mixed).iter_rows(named=True):
        if row["scenario"] == "local@1" and row["model"] == model and row["score"] is not None:
            kept.setdefault(row["instance"], []).append(row["score"])
    means = [fmean(one) for one in kept.values()]
    oracle = stats.bootstrap((means,), np.mean, n_resamples=4000, method="percentile", rng=1)
    assert (drawn["low"], drawn["high"]) == pytest.approx(oracle.confidence_interval, abs=0.03)


def test_inputs_are_drawn_original_first_with_all_their_rows(mixed: Analysis, drawn_rows: Drawn) -> None:
    chart = perturbation_chart(mixed, "boolq@1")
    assert chart is not None
    drawn = {(row["input_name"], row["system"]): row["n"] for row in drawn_rows(chart.spec) if "n" in row}
    counted: dict[tuple[object, object], int] = {}
    for row in every_row(mixed).iter_rows(named=True):
        if row["scenario"] == "boolq@1" and not row["is_floor"] and row["score"] is not None:
            key = (row["perturbation"] or "original", row["model"])
            counted[key] = counted.get(key, 0) + 1
    assert drawn == counted
    assert list(dict.fromkeys(name for name, _ in drawn)) == ["original", "a&b=c", "typos"]


def test_scores_without_a_common_unit_are_drawn_apart(mixed: Analysis, drawn_rows: Drawn) -> None:
    scenarios = [
        {row["scenario"] for row in drawn_rows(chart.spec) if "href" in row}
        for chart in overview_charts(mixed)
    ]
    assert sorted(map(sorted, scenarios)) == [["books@1"], ["boolq@1", "local@1"], ["guess@1"]]


def test_floors_drawn_on_the_first_page_are_the_higher_ones(mixed: Analysis, drawn_rows: Drawn) -> None:
    chart = next(one for one in overview_charts(mixed) if "floors" in one.caption)
    drawn = [row for row in drawn_rows(chart.spec) if "floor" in row]
    values = []
    for model in ("floor:random", "floor:majority"):
        part = (
            every_row(mixed).filter(scenario="boolq@1", model=model).filter(pl.col("perturbation").is_null())
        )
        values.append(fmean(part["score"].drop_nulls().to_list()))
    assert [row["value"] for row in drawn] == pytest.approx([max(values)], rel=1e-5)


@given(PAIRS)
def test_bins_cut_the_rows_without_loss_or_overlap(pairs: list[tuple[float, bool]]) -> None:
    bins = reliability_bins(confident(pairs))
    inside = [[p for p in pairs if row["least"] <= p[0] <= row["most"]] for row in bins.rows(named=True)]
    assert sum(map(len, inside)) == len(pairs)
    assert bins["n"].to_list() == [len(one) for one in inside]
    assert bins["accuracy"].to_list() == pytest.approx([fmean(right for _, right in one) for one in inside])
    assert bins["confidence"].to_list() == pytest.approx([fmean(sure for sure, _ in one) for one in inside])


@given(PAIRS)
def test_bins_have_wilsons_interval(pairs: list[tuple[float, bool]]) -> None:
    bins = reliability_bins(confident(pairs))
    oracles = [
        stats.binomtest(round(accuracy * n), n).proportion_ci(method="wilson")
        for n, accuracy in bins.select("n", "accuracy").rows()
    ]
    found = bins.select("low", "high").to_numpy()
    assert found == pytest.approx(np.array([[one.low, one.high] for one in oracles]), abs=1e-12)


@given(PAIRS, st.randoms(use_true_random=False))
def test_calibration_does_not_depend_on_the_order_of_rows(
    pairs: list[tuple[float, bool]], random: object
) -> None:
    frame = confident(pairs)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=random.randrange(2**32))  # type: ignore[attr-defined]
    assert calibrate(frame).equals(calibrate(shuffled))


@given(PAIRS)
def test_selective_accuracy_is_the_expected_accuracy_of_the_most_confident(
    pairs: list[tuple[float, bool]],
) -> None:
    """Answers of equal confidence are equally likely to be kept."""
    ordered = sorted((sure for sure, _ in pairs), reverse=True)
    expected = []
    for step in range(1, 21):
        n = -(-step * len(pairs) // 20)
        least = ordered[n - 1]
        above = [right for sure, right in pairs if sure > least]
        tied = [right for sure, right in pairs if sure == least]
        expected.append((sum(above) + (n - len(above)) * fmean(tied)) / n)
    assert coverage_curve(confident(pairs))["accuracy"].to_list() == pytest.approx(expected)


@given(PAIRS)
def test_coverage_rises_to_all_rows_as_the_confidence_falls(pairs: list[tuple[float, bool]]) -> None:
    curve = coverage_curve(confident(pairs))
    assert curve["n"].is_sorted()
    assert curve["least"].is_sorted(descending=True)
    assert curve["n"][-1] == len(pairs)


def test_ten_full_bins_give_scikit_learns_calibration_curve(rng: np.random.Generator) -> None:
    calibration = pytest.importorskip("sklearn.calibration")
    sure = rng.permutation(np.linspace(0.005, 0.995, 200))
    right = rng.random(200) < sure
    bins = reliability_bins(confident(list(zip(sure.tolist(), right.tolist(), strict=True))))
    accuracy, confidence = calibration.calibration_curve(right, sure, n_bins=10, strategy="quantile")
    assert bins["accuracy"].to_list() == pytest.approx(accuracy)
    assert bins["confidence"].to_list() == pytest.approx(confidence)


@pytest.mark.parametrize("scenario", ["boolq@1", "local@1"])
def test_calibration_charts_draw_confident_originals_only(
    mixed: Analysis, drawn_rows: Drawn, scenario: str
) -> None:
    reliability, selective = calibration_charts(mixed, scenario)
    counted: dict[object, int] = {}
    for row in every_row(mixed).iter_rows(named=True):
        is_drawn = row["scenario"] == scenario and row["perturbation"] is None and not row["is_floor"]
        if is_drawn and row["confidence"] is not None:
            counted[row["model"]] = counted.get(row["model"], 0) + 1
    bins = {(row["system"], row["bin"]): row["n"] for row in drawn_rows(reliability.spec) if "bin" in row}
    sums = {model: sum(int(str(n)) for (name, _), n in bins.items() if name == model) for model in counted}
    assert sums == counted
    last = {row["system"]: row["n"] for row in drawn_rows(selective.spec) if row.get("coverage") == 1}
    assert last == counted


def log(values: list[float], split: str = "training") -> pl.DataFrame:
    rows = [("m", split, step, 100 * step, step / 8, value) for step, value in enumerate(values, 1)]
    return pl.DataFrame(rows, schema=CURVES, orient="row")


@settings(max_examples=40)
@given(st.lists(st.floats(0.01, 50), min_size=1, max_size=700))
def test_a_thinned_curve_has_the_means_of_neighbours(values: list[float]) -> None:
    _, drawn = training_chart(log(values), against="tokens", systems=["m"])
    places = np.arange(len(values)) * 300 // max(len(values), 300)
    parts = [np.array(values)[places == place] for place in np.unique(places)]
    assert drawn["bits_per_byte"].to_list() == pytest.approx([float(part.mean()) for part in parts])
    assert drawn["step"].to_list() == np.cumsum([len(part) for part in parts]).tolist()


@pytest.mark.parametrize("loss", [0.0, -0.5], ids=["nought", "negative"])
def test_a_loss_without_a_logarithm_is_not_drawn(loss: float) -> None:
    figure, drawn = training_chart(log([4.0, 2.0, loss]), against="tokens", systems=["m"])
    assert drawn["bits_per_byte"].to_list() == [4.0, 2.0]
    assert figure.to_dict()["layer"][0]["encoding"]["y"]["scale"]["domain"] == [2.0, 4.0]


def test_a_log_of_nothing_but_noughts_is_drawn_empty() -> None:
    _, drawn = training_chart(log([0.0, 0.0]), against="tokens", systems=["m"])
    assert not len(drawn)


@pytest.mark.parametrize("model", ["attention", "hyena"])
def test_curves_draw_every_evaluation_of_the_log(plain_folder: Path, drawn_rows: Drawn, model: str) -> None:
    chart = curve_charts(analyse(read_results(plain_folder)))[0]
    held_out = {
        row["step"]: row["bits_per_byte"]
        for row in drawn_rows(chart.spec)
        if row.get("system") == model and row["split"] == "validation"
    }
    assert held_out == pytest.approx({step: 2.1 + 6 / step for step in (10, 20, 30, 40)}, rel=1e-5)
    heads = [row.head.below for row in chart.table.rows if row.head.text == model]
    assert heads == ["held-out text"] * 3 + ["last training batch", "held-out text"]
