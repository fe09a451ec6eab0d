"""Figures: what is drawn is what was given; the palette and the links hold."""

from __future__ import annotations

import builtins
import json
from pathlib import Path

import polars as pl
import pytest

from longwave.errors import ConfigError, MissingExtra, StorageError
from longwave.report import Measure, save_figure, score_chart, selective_chart, training_chart, vega_lite
from longwave.report.figures import line_chart, reliability_diagram
from longwave.report.reading import CURVES

SHARE = Measure(name="accuracy", is_share=True, is_lower_better=False)
LOSS = Measure(name="bits per byte", is_share=False, is_lower_better=True, unit="bits/byte")
SYSTEMS = ("attention", "hyena", "third")


@pytest.fixture
def estimates() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "scenario": ["s", "s", "t"],
            "system": ["attention", "hyena", "hyena"],
            "value": [0.25, 0.5, None],
            "low": [0.2, 0.4, None],
            "high": [0.3, 0.6, None],
            "n": [10, 10, 0],
            "href": ["a.html", "b.html", "c.html"],
        }
    )


def values_in(spec: object) -> list[dict[str, object]]:
    """Collect every row of data in a specification."""
    if isinstance(spec, list):
        return [row for part in spec for row in values_in(part)]
    if not isinstance(spec, dict):
        return []
    rows = spec["values"] if isinstance(spec.get("values"), list) else []
    sets = [row for part in spec.get("datasets", {}).values() for row in part]
    return [*rows, *sets, *(row for key in ("data", "layer") for row in values_in(spec.get(key)))]


def scales(spec: dict[str, object], channel: str) -> list[dict[str, object]]:
    layers = spec["layer"]
    assert isinstance(layers, list)
    found = [layer["encoding"][channel] for layer in layers if channel in layer.get("encoding", {})]
    return [one["scale"] for one in found if "scale" in one]


@pytest.mark.parametrize("category", ["scenario", "system"])
def test_score_chart_draws_the_rows_that_have_a_value(estimates: pl.DataFrame, category: str) -> None:
    figure, drawn = score_chart(estimates, category=category, systems=SYSTEMS, measure=SHARE)
    assert drawn["value"].to_list() == [0.25, 0.5]
    assert {row["href"] for row in values_in(vega_lite(figure))} == {"a.html", "b.html"}


def test_models_keep_their_colour_when_others_are_missing(estimates: pl.DataFrame) -> None:
    alone, _ = score_chart(estimates.tail(2), category="scenario", systems=SYSTEMS, measure=SHARE)
    assert all(scale["domain"] == list(SYSTEMS) for scale in scales(vega_lite(alone), "color"))


@pytest.mark.parametrize(("measure", "is_whole"), [(SHARE, True), (LOSS, False)], ids=["share", "loss"])
def test_shares_are_drawn_from_nought_to_one(
    estimates: pl.DataFrame, measure: Measure, is_whole: bool
) -> None:
    figure, _ = score_chart(estimates, category="scenario", systems=SYSTEMS, measure=measure)
    assert all((scale.get("domain") == [0, 1]) == is_whole for scale in scales(vega_lite(figure), "x"))


def test_axis_says_when_lower_is_better(estimates: pl.DataFrame) -> None:
    figure, _ = score_chart(estimates, category="scenario", systems=SYSTEMS, measure=LOSS)
    assert "bits/byte (lower is better)" in json.dumps(vega_lite(figure))


@pytest.mark.parametrize("category", ["scenario", "system"])
def test_floors_are_drawn_beside_the_scores(estimates: pl.DataFrame, category: str) -> None:
    floors = pl.DataFrame({"scenario": ["s"], "floor": ["majority"], "value": [0.55]})
    figure, _ = score_chart(estimates, category=category, systems=SYSTEMS, measure=SHARE, floors=floors)
    assert {"scenario": "s", "floor": "majority", "value": 0.55} in values_in(vega_lite(figure))


def test_reliability_diagram_draws_bins_and_diagonal() -> None:
    bins = pl.DataFrame(
        {"system": ["hyena"], "confidence": [0.7], "accuracy": [0.6], "low": [0.4], "high": [0.8], "n": [12]}
    )
    figure, drawn = reliability_diagram(bins, systems=SYSTEMS)
    values = values_in(vega_lite(figure))
    assert drawn.equals(bins)
    assert {"confidence": 1, "accuracy": 1} in values
    assert any(row.get("n") == 12 for row in values)


def test_selective_chart_draws_the_curve() -> None:
    curve = pl.DataFrame(
        {"system": ["hyena"] * 2, "coverage": [0.5, 1.0], "accuracy": [0.9, 0.7], "n": [5, 10]}
    )
    figure, _ = selective_chart(curve, systems=SYSTEMS)
    assert [row["accuracy"] for row in values_in(vega_lite(figure))] == [0.9, 0.7]


def curves(n: int) -> pl.DataFrame:
    rows = [
        {
            "model": "hyena",
            "split": split,
            "step": step,
            "tokens": step * 100,
            "elapsed_s": step / 10,
            "bits_per_byte": 2 + 6 / step,
        }
        for split in ("training", "validation")
        for step in range(1, n + 1)
    ]
    return pl.DataFrame(rows, schema=CURVES)


@pytest.mark.parametrize("against", ["tokens", "elapsed_s"])
def test_training_chart_draws_short_curves_as_they_are(against: str) -> None:
    _, drawn = training_chart(curves(50), against=against, systems=SYSTEMS)
    assert drawn.filter(pl.col("split") == "training")["bits_per_byte"].to_list() == [
        2 + 6 / step for step in range(1, 51)
    ]


def test_long_curves_are_thinned_to_means_that_keep_their_total() -> None:
    _, drawn = training_chart(curves(3000), against="tokens", systems=SYSTEMS)
    training = drawn.filter(pl.col("split") == "training")
    assert len(training) == 300
    assert training["bits_per_byte"].mean() == pytest.approx(curves(3000)["bits_per_byte"].mean())


def test_a_curve_without_times_is_not_drawn_against_time() -> None:
    _, drawn = training_chart(curves(5).with_columns(elapsed_s=None), against="elapsed_s", systems=SYSTEMS)
    assert not len(drawn)


def test_equal_frames_give_equal_specifications(estimates: pl.DataFrame) -> None:
    specs = [
        vega_lite(score_chart(estimates, category="scenario", systems=SYSTEMS, measure=SHARE)[0])
        for _ in range(2)
    ]
    assert json.dumps(specs[0]) == json.dumps(specs[1])


def test_specification_has_a_style_only_when_asked(estimates: pl.DataFrame) -> None:
    figure, _ = score_chart(estimates, category="scenario", systems=SYSTEMS, measure=SHARE)
    assert "config" not in vega_lite(figure)
    assert vega_lite(figure, dark=True)["config"] != vega_lite(figure, dark=False)["config"]


@pytest.mark.parametrize(("suffix", "start"), [(".svg", b"<svg"), (".pdf", b"%PDF"), (".png", b"\x89PNG")])
@pytest.mark.extra("plots")
def test_figures_are_saved_for_paper(
    estimates: pl.DataFrame, tmp_path: Path, suffix: str, start: bytes
) -> None:
    figure, _ = score_chart(estimates, category="scenario", systems=SYSTEMS, measure=SHARE)
    save_figure(figure, tmp_path / f"figure{suffix}", columns=2)
    assert (tmp_path / f"figure{suffix}").read_bytes().startswith(start)


def test_saving_without_the_converter_names_the_extra(
    estimates: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name == "vl_convert":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    figure, _ = score_chart(estimates, category="scenario", systems=SYSTEMS, measure=SHARE)
    with pytest.raises(MissingExtra, match=r"longwave\[plots\]"):
        save_figure(figure, tmp_path / "figure.svg")


def test_saving_into_nowhere_is_a_storage_error(estimates: pl.DataFrame, tmp_path: Path) -> None:
    figure, _ = score_chart(estimates, category="scenario", systems=SYSTEMS, measure=SHARE)
    with pytest.raises(StorageError, match="Choose another place"):
        save_figure(figure, tmp_path / "missing" / "figure.svg")


@pytest.mark.parametrize(
    ("name", "columns"),
    [("a.svg", 3), ("a.svg", 0), ("a.jpg", 1), ("a", 1)],
    ids=["three", "none", "jpg", "bare"],
)
def test_figures_are_saved_in_known_widths_and_kinds_only(
    estimates: pl.DataFrame, tmp_path: Path, name: str, columns: int
) -> None:
    figure, _ = score_chart(estimates, category="scenario", systems=SYSTEMS, measure=SHARE)
    with pytest.raises(ConfigError, match=r"1 and 2 columns.*\.pdf, \.svg or \.png"):
        save_figure(figure, tmp_path / name, columns=columns)
    assert not list(tmp_path.iterdir())


def test_floors_of_scenarios_that_are_not_drawn_are_left_out(estimates: pl.DataFrame) -> None:
    floors = pl.DataFrame({"scenario": ["s", "elsewhere"], "floor": ["random"] * 2, "value": [0.1, 0.9]})
    figure, _ = score_chart(estimates, category="scenario", systems=SYSTEMS, measure=SHARE, floors=floors)
    assert [row["value"] for row in values_in(vega_lite(figure)) if "floor" in row] == [0.1]


@pytest.mark.parametrize("kept", ["elsewhere", None], ids=["other", "none"])
def test_no_floor_to_draw_adds_no_layer(estimates: pl.DataFrame, kept: str | None) -> None:
    floors = pl.DataFrame({"scenario": ["elsewhere"], "floor": ["random"], "value": [0.9]})
    given = floors.filter(scenario=kept) if kept else floors.clear()
    figure, _ = score_chart(estimates, category="scenario", systems=SYSTEMS, measure=SHARE, floors=given)
    assert len(vega_lite(figure)["layer"]) == 2  # type: ignore[arg-type]


def test_lines_stand_on_log_axes_with_intervals_and_a_dashed_reference() -> None:
    frame = pl.DataFrame(
        {
            "system": ["a", "a", "truth", "truth"],
            "points": [16, 32, 16, 32],
            "value": [0.2, 0.1, 0.02, 0.01],
            "low": [0.1, 0.05, 0.02, 0.01],
            "high": [0.3, 0.2, 0.02, 0.01],
        }
    )
    figure, _ = line_chart(
        frame, x=("points", "points"), y=("value", "error"), systems=["a"], reference="truth"
    )
    spec = vega_lite(figure)
    marks = [layer["mark"] for layer in spec["layer"]]
    assert [mark["type"] for mark in marks] == ["line", "rule", "point", "line"]
    assert "strokeDash" in marks[-1]
    assert all(layer["encoding"]["x"]["scale"]["type"] == "log" for layer in spec["layer"])
