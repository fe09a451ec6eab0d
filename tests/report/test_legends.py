"""A legend names the models that its chart draws, and each keeps its colour."""

from __future__ import annotations

import polars as pl

from longwave.report.figures import score_chart, vega_lite
from longwave.report.legends import name_drawn
from longwave.report.measures import Measure

SYSTEMS = ["a", "b", "c"]


def encodings(systems: list[str]) -> list[dict[str, object]]:
    frame = pl.DataFrame(
        {"scenario": ["s"] * len(systems), "system": systems, "value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    )
    measure = Measure(name="accuracy", is_share=True, is_lower_better=False)
    spec = vega_lite(score_chart(frame, category="scenario", systems=SYSTEMS, measure=measure)[0])
    found = [
        one["encoding"][name]
        for one in spec["layer"]
        for name in ("color", "shape")
        if name in one["encoding"]
    ]  # type: ignore[attr-defined]
    return [one for one in found if "scale" in one]


def test_a_legend_names_what_is_drawn() -> None:
    found = encodings(["c", "a"])
    assert found
    assert all(one["legend"]["values"] == ["a", "c"] for one in found)  # type: ignore[index]
    assert all(one["scale"]["domain"] == SYSTEMS for one in found)  # type: ignore[index]


def test_a_chart_of_all_models_is_left_alone() -> None:
    assert all("legend" not in one for one in encodings(SYSTEMS))


def test_a_channel_without_a_legend_stays_without() -> None:
    spec: dict[str, object] = {
        "data": {"values": [{"system": "a"}]},
        "encoding": {"color": {"scale": {"domain": SYSTEMS}, "legend": None}, "shape": {"field": "system"}},
    }
    name_drawn(spec)
    assert spec["encoding"] == {
        "color": {"scale": {"domain": SYSTEMS}, "legend": None},
        "shape": {"field": "system"},
    }
