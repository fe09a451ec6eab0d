"""The figure of accuracies draws what it is given."""

from __future__ import annotations

import polars as pl

from longwave.report.figures import vega_lite
from longwave.report.image_figures import AS_IT_IS, SHRUNK, resolution_chart


def points() -> pl.DataFrame:
    rows = [
        ("s4nd", 28, AS_IT_IS, 0.5),
        ("s4nd", 7, AS_IT_IS, 0.75),
        ("s4nd", 28, SHRUNK, 0.75),
        ("conv", 7, AS_IT_IS, None),
    ]
    frame = pl.DataFrame(rows, schema=["system", "points", "way", "value"], orient="row")
    return frame.with_columns(
        low=pl.col("value") - 0.125, high=pl.col("value") + 0.125, n=100, href=pl.lit("x.html")
    )


def test_points_with_a_value_are_drawn_in_order() -> None:
    figure, drawn = resolution_chart(points(), systems=["conv", "s4nd"])
    assert drawn.select("points", "way").rows() == [(7, AS_IT_IS), (28, AS_IT_IS), (28, SHRUNK)]
    spec = vega_lite(figure)
    assert list(spec["datasets"].values()) == [drawn.to_dicts()]
    assert spec["layer"][0]["encoding"]["x"]["axis"]["values"] == [7, 28]
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"] == [0, 1]


def test_systems_keep_their_place_in_the_palette() -> None:
    spec = vega_lite(resolution_chart(points(), systems=["conv", "s4nd"])[0])
    assert spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == ["conv", "s4nd"]


def test_the_floor_is_a_line_of_its_own() -> None:
    without, _ = resolution_chart(points(), systems=["s4nd"])
    figure, _ = resolution_chart(points(), systems=["s4nd"], floor=0.1)
    layers = vega_lite(figure)["layer"]
    assert len(layers) == len(vega_lite(without)["layer"]) + 1
    assert [{"floor": 0.1}] in vega_lite(figure)["datasets"].values()
