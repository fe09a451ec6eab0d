"""The figures: one function each, frame in, (figure, frame that was drawn) out.

A column ``href``, where a frame has one, is where a click on the mark leads. Systems keep their place in
the palette because every function is given all of them, in one order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import altair as alt
import polars as pl

from longwave.errors import ConfigError, MissingExtra, StorageError
from longwave.report.legends import name_drawn
from longwave.report.measures import Measure
from longwave.report.style import theme

__all__ = [
    "Figure",
    "line_chart",
    "reliability_diagram",
    "save_figure",
    "score_chart",
    "selective_chart",
    "training_chart",
    "vega_lite",
]

Figure = alt.LayerChart
_WIDTHS = {1: 3.3, 2: 6.9}  # inches of one and two columns of a paper
_ROW = 17  # pixels of one interval
_LONGEST_CURVE = 300  # points of one training curve


def score_chart(
    estimates: pl.DataFrame,
    *,
    category: str,
    systems: Sequence[str],
    measure: Measure,
    floors: pl.DataFrame | None = None,
) -> tuple[Figure, pl.DataFrame]:
    """Draw scores with their 95 % intervals, one row for each system within each category.

    Parameters
    ----------
    estimates : DataFrame
        Columns ``system``, ``value``, ``low``, ``high``, ``n``, the category's, and optionally ``href``.
    category : str
        Column of the vertical axis: ``"scenario"``, ``"input_name"``, ``"group"``, or ``"system"`` itself.
    systems : sequence of str
        Every system of the report, in the order of the palette.
    measure : Measure
        What the values are.
    floors : DataFrame, optional
        Columns ``value`` and ``floor``, and the category's where it is not ``"system"``; drawn as grey lines.
    """
    drawn = estimates.filter(pl.col("value").is_not_null())
    title = measure.unit or measure.name
    title = f"{title} ({measure.direction})" if measure.is_lower_better else title
    scale = alt.Scale(domain=[0, 1]) if measure.is_share else alt.Scale(zero=False, padding=12)
    axis = alt.Axis(format=".0%" if measure.is_share else ".3~r", title=title, tickCount=6)
    form = ".1%" if measure.is_share else ".3~r"
    order = drawn[category].unique(maintain_order=True).to_list()
    y = alt.Y(f"{category}:N", title=None, sort=order)
    base = alt.Chart(_values(drawn)).encode(y=y, color=_color(systems, with_legend=category != "system"))
    if category != "system":
        base = base.encode(
            yOffset=alt.YOffset("system:N", sort=list(systems), scale=alt.Scale(paddingInner=0.3))
        )
    tips = [
        *(
            []
            if category == "system"
            else [alt.Tooltip(f"{category}:N", title=category.removesuffix("_name"))]
        ),
        alt.Tooltip("system:N", title="model"),
        alt.Tooltip("value:Q", title=measure.name, format=form),
        alt.Tooltip("low:Q", title="95 % from", format=form),
        alt.Tooltip("high:Q", title="95 % to", format=form),
        alt.Tooltip("n:Q", title="instances"),
    ]
    points = base.mark_point(cursor="pointer", opacity=1).encode(
        x=alt.X("value:Q", scale=scale, axis=axis),
        shape=_shape(systems, with_legend=category != "system"),
        tooltip=tips,
        **_href(drawn),
    )
    rules = base.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q")
    layers = [*_floor_layers(floors, category, order, form), rules, points]
    height = len(order) * (_ROW * (drawn["system"].n_unique() if category != "system" else 1) + 12)
    described = f"{measure.name} with 95 % intervals by {category.removesuffix('_name')}"
    return _layered(layers, height=max(height, 60), description=described), drawn


def _floor_layers(
    floors: pl.DataFrame | None, category: str, order: Sequence[str], form: str
) -> list[alt.Chart | alt.LayerChart]:
    if floors is None or not len(floors):
        return []
    tips = [alt.Tooltip("floor:N"), alt.Tooltip("value:Q", format=form)]
    if category == "system":
        lines = (
            alt.Chart(_values(floors))
            .mark_rule(strokeDash=[4, 3], color="#7d8590")
            .encode(x="value:Q", tooltip=tips)
        )
        return [lines]
    kept = floors.filter(pl.col(category).is_in(list(order)))
    line = "M0,-1L0,1"
    ticks = alt.Chart(_values(kept)).mark_point(
        shape=line, size=900, stroke="#7d8590", strokeWidth=1.5, opacity=1
    )
    return (
        [ticks.encode(x="value:Q", y=alt.Y(f"{category}:N", sort=list(order)), tooltip=tips)]
        if len(kept)
        else []
    )


def reliability_diagram(bins: pl.DataFrame, *, systems: Sequence[str]) -> tuple[Figure, pl.DataFrame]:
    """Draw accuracy against confidence, bin by bin, beside the diagonal of perfect calibration.

    Parameters
    ----------
    bins : DataFrame
        Columns ``system``, ``confidence`` and ``accuracy`` (means of the bin), ``low`` and ``high`` (95 %
        interval of the accuracy), ``n``, and optionally ``href``.
    systems : sequence of str
    """
    share = alt.Scale(domain=[0, 1])
    x = alt.X(
        "confidence:Q",
        scale=share,
        axis=alt.Axis(format=".0%", title="mean confidence of the bin", tickCount=6),
    )
    y = alt.Y(
        "accuracy:Q", scale=share, axis=alt.Axis(format=".0%", title="accuracy of the bin", tickCount=6)
    )
    diagonal = (
        alt.Chart(alt.InlineData(values=[{"confidence": 0, "accuracy": 0}, {"confidence": 1, "accuracy": 1}]))
        .mark_line(strokeDash=[4, 3], color="#7d8590", strokeWidth=1)
        .encode(x=x, y=y)
    )
    base = alt.Chart(_values(bins)).encode(x=x, color=_color(systems))
    tips = [
        alt.Tooltip("system:N", title="model"),
        alt.Tooltip("confidence:Q", format=".1%"),
        alt.Tooltip("accuracy:Q", format=".1%"),
        alt.Tooltip("low:Q", title="95 % from", format=".1%"),
        alt.Tooltip("high:Q", title="95 % to", format=".1%"),
        alt.Tooltip("n:Q", title="instances"),
    ]
    intervals = base.mark_rule(strokeWidth=1, opacity=0.5).encode(y=alt.Y("low:Q", scale=share), y2="high:Q")
    lines = base.mark_line(strokeWidth=1.5).encode(y=y)
    points = base.mark_point(cursor="pointer", opacity=1).encode(
        y=y, shape=_shape(systems), tooltip=tips, **_href(bins)
    )
    figure = _layered(
        [diagonal, intervals, lines, points],
        height=280,
        description="reliability diagram: accuracy against confidence",
    )
    return figure, bins


def selective_chart(coverage: pl.DataFrame, *, systems: Sequence[str]) -> tuple[Figure, pl.DataFrame]:
    """Draw the accuracy on the instances a model is most confident in, against their share of all.

    Parameters
    ----------
    coverage : DataFrame
        Columns ``system``, ``coverage``, ``accuracy``, ``n``, and optionally ``href``.
    systems : sequence of str
    """
    share = alt.Scale(domain=[0, 1])
    base = alt.Chart(_values(coverage)).encode(
        x=alt.X(
            "coverage:Q",
            scale=share,
            axis=alt.Axis(format=".0%", title="share answered, most confident first", tickCount=6),
        ),
        y=alt.Y(
            "accuracy:Q", scale=share, axis=alt.Axis(format=".0%", title="accuracy on these", tickCount=6)
        ),
        color=_color(systems),
    )
    tips = [
        alt.Tooltip("system:N", title="model"),
        alt.Tooltip("coverage:Q", format=".0%"),
        alt.Tooltip("accuracy:Q", format=".1%"),
        alt.Tooltip("n:Q", title="instances"),
    ]
    points = base.mark_point(cursor="pointer", opacity=1, size=40).encode(
        shape=_shape(systems), tooltip=tips, **_href(coverage)
    )
    described = "selective accuracy: accuracy against the share of instances answered"
    return _layered([base.mark_line(strokeWidth=1.5), points], height=280, description=described), coverage


def training_chart(
    curves: pl.DataFrame, *, against: str, systems: Sequence[str]
) -> tuple[Figure, pl.DataFrame]:
    """Draw training and validation loss against tokens or time.

    Parameters
    ----------
    curves : DataFrame
        Columns ``model``, ``split``, ``step``, ``tokens``, ``elapsed_s``, ``bits_per_byte``.
    against : {"tokens", "elapsed_s"}
    systems : sequence of str
        Every name of the palette, in its order.

    Notes
    -----
    A training curve longer than 300 points is drawn as means over neighbouring points; the frame that comes
    back holds these means.
    """
    # a loss of nought or less has no place on a log scale, and would take all others with it
    known = curves.filter(pl.col(against).is_not_null(), pl.col("bits_per_byte") > 0)
    drawn = _thinned(known).rename({"model": "system"})
    title, form = ("tokens seen", "~s") if against == "tokens" else ("training time in seconds", ",.3~r")
    losses = drawn["bits_per_byte"].to_list() or [1.0, 8.0]
    y = alt.Y(
        "bits_per_byte:Q",
        scale=alt.Scale(type="log", domain=[min(losses), max(losses)], nice=False, padding=6),
        axis=alt.Axis(title="bits per byte (log scale)", format=".3~r", tickCount=6),
    )
    base = alt.Chart(_values(drawn)).encode(
        x=alt.X(f"{against}:Q", axis=alt.Axis(title=title, format=form, tickCount=6)),
        y=y,
        color=_color(systems),
    )
    training = base.transform_filter("datum.split === 'training'").mark_line(strokeWidth=1, opacity=0.45)
    validation = base.transform_filter("datum.split === 'validation'")
    tips = [
        alt.Tooltip("system:N", title="model"),
        alt.Tooltip("step:Q", format=","),
        alt.Tooltip("tokens:Q", format=","),
        alt.Tooltip("elapsed_s:Q", title="seconds", format=".3~r"),
        alt.Tooltip("bits_per_byte:Q", title="validation bits per byte", format=".3~r"),
    ]
    layers = [
        training,
        validation.mark_line(strokeWidth=2),
        validation.mark_point(opacity=1, size=40).encode(shape=_shape(systems), tooltip=tips),
    ]
    return _layered(layers, height=280, description=f"bits per byte against {title}"), drawn


def line_chart(
    points: pl.DataFrame,
    *,
    x: tuple[str, str],
    y: tuple[str, str],
    systems: Sequence[str],
    reference: str | None = None,
) -> tuple[Figure, pl.DataFrame]:
    """Draw a line for each system on logarithmic axes.

    Parameters
    ----------
    points : DataFrame
        Columns ``system``, those of the axes, above 0, and optionally ``low``, ``high`` and ``href``.
    x, y : tuple of str
        Column and title of each axis.
    systems : sequence of str
        Every system of the report, in the order of the palette.
    reference : str, optional
        A name in ``system`` that is no system; drawn dashed and grey.
    """
    scale = alt.Scale(type="log", nice=False, padding=8)
    across = alt.X(f"{x[0]}:Q", scale=scale, axis=_log_axis(x[1]))
    up = alt.Y(f"{y[0]}:Q", scale=scale, axis=_log_axis(y[1]))
    drawn = points.filter(pl.col("system") != reference) if reference else points
    base = alt.Chart(_values(drawn)).encode(x=across, y=up, color=_color(systems))
    tips = [alt.Tooltip("system:N", title="model"), f"{x[0]}:Q", alt.Tooltip(f"{y[0]}:Q", format=".3~r")]
    layers: list[alt.Chart | alt.LayerChart] = [base.mark_line(strokeWidth=1.5)]
    if "low" in drawn.columns:
        layers.append(base.mark_rule(strokeWidth=1).encode(y="low:Q", y2="high:Q"))
    marks = base.mark_point(opacity=1, size=40, cursor="pointer" if "href" in drawn.columns else "default")
    layers.append(marks.encode(shape=_shape(systems), tooltip=tips, **_href(drawn)))
    if reference:
        dashed = alt.Chart(_values(points.filter(pl.col("system") == reference))).encode(x=across, y=up)
        layers.append(dashed.mark_line(strokeDash=[5, 4], strokeWidth=2, color="#7d8590"))
    return _layered(layers, height=280, description=f"{y[1]} against {x[1]}"), points


def vega_lite(figure: Figure, *, dark: bool | None = None) -> dict[str, object]:
    """Return the Vega-Lite specification of a figure.

    Parameters
    ----------
    figure : LayerChart
    dark : bool, optional
        Adds the configuration of the light or the dark style; without it the page does so when it draws.
    """
    spec = figure.to_dict()
    spec.pop("$schema", None)  # the bundled library draws it, whichever version of the schema Altair writes
    spec.pop("config", None)
    name_drawn(spec)
    if dark is not None:
        spec["config"] = theme(dark=dark)
    return spec


def save_figure(figure: Figure, path: Path, *, columns: int = 1) -> None:
    """Save a figure for paper as PDF, SVG or PNG, one or two columns wide (3.3 or 6.9 inches).

    Raises
    ------
    ConfigError
        If the columns are neither 1 nor 2, or the name ends otherwise.
    MissingExtra
        If vl-convert is not installed.
    StorageError
        If the file cannot be written.
    """
    kind = path.suffix.lower()
    if columns not in _WIDTHS or kind not in (".pdf", ".svg", ".png"):
        raise ConfigError(
            f'Cannot save "{path.name}" {columns} columns wide. Accepted are 1 and 2 columns and files that '
            "end in .pdf, .svg or .png. Change the one or the other."
        )
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtra("Saving a figure", "plots") from error
    spec = vega_lite(figure, dark=False) | {"width": round(_WIDTHS[columns] * 72)}
    try:
        if kind == ".svg":
            path.write_text(vl_convert.vegalite_to_svg(spec), "utf-8")
        else:
            convert = vl_convert.vegalite_to_pdf if kind == ".pdf" else vl_convert.vegalite_to_png
            path.write_bytes(convert(spec))
    except OSError as error:
        raise StorageError(f'Cannot write "{path}": {error}. Choose another place.') from error


def _values(frame: pl.DataFrame) -> alt.InlineData:
    """Inline a frame as plain values, floats rounded to six digits to keep pages small."""
    floats = [name for name, dtype in frame.schema.items() if dtype == pl.Float64]
    return alt.InlineData(values=frame.with_columns(pl.col(floats).round_sig_figs(6)).to_dicts())


def _color(systems: Sequence[str], *, with_legend: bool = True) -> alt.Color:
    legend = alt.Undefined if with_legend else None
    return alt.Color("system:N", scale=alt.Scale(domain=list(systems)), legend=legend)


def _shape(systems: Sequence[str], *, with_legend: bool = True) -> alt.Shape:
    legend = alt.Undefined if with_legend else None
    return alt.Shape("system:N", scale=alt.Scale(domain=list(systems)), legend=legend)


def _log_axis(title: str) -> alt.Axis:
    return alt.Axis(title=title, format=".2~g", tickCount=6)


def _href(frame: pl.DataFrame) -> Mapping[str, alt.Href]:
    return {"href": alt.Href("href:N")} if "href" in frame.columns else {}


def _layered(layers: Sequence[alt.Chart | alt.LayerChart], *, height: int, description: str) -> Figure:
    return alt.LayerChart(layer=list(layers)).properties(
        width="container", height=height, description=description
    )


def _thinned(curves: pl.DataFrame) -> pl.DataFrame:
    length = pl.len().over("model", "split")
    bucket = (pl.int_range(pl.len()).over("model", "split") * _LONGEST_CURVE) // pl.max_horizontal(
        length, pl.lit(_LONGEST_CURVE)
    )
    means = [pl.col(name).mean() for name in ("tokens", "elapsed_s", "bits_per_byte")]
    return (
        curves.with_columns(bucket=bucket)
        .group_by("model", "split", "bucket", maintain_order=True)
        .agg(pl.col("step").last(), *means)
        .drop("bucket")
        .select(curves.columns)
    )
