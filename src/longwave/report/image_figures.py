"""The figure of classified images: accuracy against resolution."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

__all__ = ["AS_IT_IS", "SHRUNK", "resolution_chart"]

AS_IT_IS, SHRUNK = "as it is", "shrunk to the training grid"
_GREY = "#7d8590"


def resolution_chart(
    points: pl.DataFrame, *, systems: Sequence[str], floor: float | None = None
) -> tuple[alt.LayerChart, pl.DataFrame]:
    """Draw the accuracy of every system against the points of the test image, solid as it is, dashed shrunk.

    Parameters
    ----------
    points : DataFrame
        Columns ``system``, ``points`` (of the first axis), ``way`` (``AS_IT_IS`` or ``SHRUNK``), ``value``,
        ``low``, ``high``, ``n`` and ``href``.
    systems : sequence of str
        Every system of the report, in the order of the palette.
    floor : float, optional
        Accuracy of guessing; drawn as a grey line.
    """
    drawn = points.filter(pl.col("value").is_not_null()).sort("system", "way", "points")
    sizes = drawn["points"].unique().sort().to_list()
    floats = [name for name, dtype in drawn.schema.items() if dtype == pl.Float64]
    values = alt.InlineData(values=drawn.with_columns(pl.col(floats).round_sig_figs(6)).to_dicts())
    share = alt.Scale(domain=[0, 1])
    across = alt.X(
        "points:Q",
        scale=alt.Scale(type="log", base=2, nice=False, padding=16),
        axis=alt.Axis(title="points a side of the test image (log scale)", values=sizes, format="d"),
    )
    up = alt.Y("value:Q", scale=share, axis=alt.Axis(title="accuracy", format=".0%", tickCount=6))
    domain = alt.Scale(domain=list(systems))
    dash = alt.StrokeDash(
        "way:N",
        scale=alt.Scale(domain=[AS_IT_IS, SHRUNK], range=[[1, 0], [4, 4]]),
        legend=alt.Legend(orient="bottom", symbolType="stroke", symbolStrokeColor=_GREY, symbolSize=300),
    )
    base = alt.Chart(values).encode(x=across, color=alt.Color("system:N", scale=domain))
    tips = [
        alt.Tooltip("system:N", title="model"),
        alt.Tooltip("points:Q", title="points a side"),
        alt.Tooltip("way:N", title="image"),
        alt.Tooltip("value:Q", title="accuracy", format=".1%"),
        alt.Tooltip("low:Q", title="95 % from", format=".1%"),
        alt.Tooltip("high:Q", title="95 % to", format=".1%"),
        alt.Tooltip("n:Q", title="images"),
    ]
    layers: list[alt.Chart | alt.LayerChart] = [
        base.mark_line(strokeWidth=1.5).encode(y=up, strokeDash=dash),
        base.mark_rule(strokeWidth=1).encode(y=alt.Y("low:Q", scale=share), y2="high:Q"),
        base.mark_point(opacity=1, size=45, cursor="pointer").encode(
            y=up, shape=alt.Shape("system:N", scale=domain), tooltip=tips, href="href:N"
        ),
    ]
    if floor is not None:
        line = alt.Chart(alt.InlineData(values=[{"floor": floor}])).mark_rule(strokeWidth=1.5, color=_GREY)
        layers.append(line.encode(y=alt.Y("floor:Q", scale=share)))
    figure = alt.LayerChart(layer=layers).properties(
        width="container", height=300, description="accuracy against the points of the test image"
    )
    return figure, drawn
