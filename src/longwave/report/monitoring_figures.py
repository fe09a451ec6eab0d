"""The figure of monitoring: scores by date."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from longwave.report.measures import Measure

__all__ = ["timeline_chart"]


def timeline_chart(
    points: pl.DataFrame, *, models: Sequence[str], measure: Measure
) -> tuple[alt.LayerChart, pl.DataFrame]:
    """Draw the score of every model against the day it was asked.

    Parameters
    ----------
    points : DataFrame
        Columns ``model``, ``date`` (YYYY-MM-DD), ``value``, ``low``, ``high``, ``n`` and ``href``.
    models : sequence of str
        Every model of the page, in the order of the palette.
    measure : Measure
        What the values are.
    """
    drawn = points.filter(pl.col("value").is_not_null()).sort("model", "date")
    floats = [name for name, dtype in drawn.schema.items() if dtype == pl.Float64]
    values = alt.InlineData(values=drawn.with_columns(pl.col(floats).round_sig_figs(6)).to_dicts())
    days = [_day(text) for text in drawn["date"].unique().sort()]
    form = ".1%" if measure.is_share else ".3~r"
    across = alt.X(
        "date:T",
        timeUnit="utcyearmonthdate",
        scale=alt.Scale(type="utc", padding=24),
        axis=alt.Axis(title="day of the answers", format="%Y-%m-%d", values=days, labelOverlap=True),
    )
    scale = alt.Scale(domain=[0, 1]) if measure.is_share else alt.Scale(zero=False, padding=12)
    up = alt.Y(
        "value:Q",
        scale=scale,
        axis=alt.Axis(
            title=measure.unit or measure.name, format=".0%" if measure.is_share else ".3~r", tickCount=6
        ),
    )
    domain = alt.Scale(domain=list(models))
    base = alt.Chart(values).encode(x=across, color=alt.Color("model:N", scale=domain))
    tips = [
        alt.Tooltip("model:N"),
        alt.Tooltip("date:N"),
        alt.Tooltip("value:Q", title=measure.name, format=form),
        alt.Tooltip("low:Q", title="95 % from", format=form),
        alt.Tooltip("high:Q", title="95 % to", format=form),
        alt.Tooltip("n:Q", title="instances"),
    ]
    layers: list[alt.Chart | alt.LayerChart] = [
        base.mark_line(strokeWidth=1.5).encode(y=up),
        base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_point(opacity=1, cursor="pointer").encode(
            y=up, shape=alt.Shape("model:N", scale=domain), tooltip=tips, href="href:N"
        ),
    ]
    figure = alt.LayerChart(layer=layers).properties(
        width="container", height=260, description=f"{measure.name} by the day of the answers"
    )
    return figure, drawn


def _day(text: str) -> alt.DateTime:
    year, month, day = (int(part) for part in text.split("-"))
    return alt.DateTime(year=year, month=month, date=day, utc=True)
