"""Draw what run.py found: time against the grid, and errors by data and model, as SVG.

    python benchmarks/operator_learning/plot.py runs/operator_learning --out figures

Needs the extra "plots". Writes ``operator_speed.svg`` and ``operator_accuracy.svg``, those that there are.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import altair as alt

from longwave.report.style import LIGHT, PALETTE_LIGHT, theme

# name in the record, name in the legend; a name keeps its colour on both figures
NAMES = {
    "t1-rfft": "T1, Fourier",
    "t1-dct": "T1, cosines",
    "fno": "FNO",
    "ffno": "FFNO",
    "unet": "U-Net",
    "t1": "T1",
    "t1-moved": "T1, moved samples",
    "fno-moved": "FNO, moved samples",
    "neuraloperator-fno": "FNO of neuraloperator",  # on the figure of speed alone
}
COLOURS = [*PALETTE_LIGHT, PALETTE_LIGHT[7]]
SPEED, ACCURACY = "speed.json", "accuracy.json"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="what run.py wrote")
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, draw in ((SPEED, speed_figure), (ACCURACY, accuracy_figure)):
        if (options.folder / name).is_file():
            path = options.out / f"operator_{name.removesuffix('.json')}.svg"
            draw(json.loads((options.folder / name).read_text("utf-8"))["rows"]).save(path)
            print(path)


def speed_figure(rows: list[dict[str, object]]) -> alt.FacetChart:
    """Draw milliseconds against the grid for models at equal settings: a panel for each mode and part."""
    has_modes = len({row["mode"] for row in rows}) > 1
    parts = {"training step": "train_ms", "inference": "infer_ms"}
    points = [
        {
            "model": NAMES[row["model"]],
            "points": row["n"],
            "ms": row[key],
            "what": f"{part}, {row['mode']}" if has_modes else part,
        }
        for row in rows
        if row["group"] == "equal"
        for part, key in parts.items()
    ]
    panels = list(dict.fromkeys(point["what"] for point in points))
    chart = (
        alt.Chart(alt.InlineData(values=points))
        .mark_line(point=True)
        .encode(
            x=alt.X("points:O", title="points a side"),
            y=alt.Y("ms:Q", title="milliseconds (log scale)", scale=alt.Scale(type="log")),
            color=color(points),
        )
        .properties(width=260, height=220)
    )
    return styled(chart.facet(alt.Facet("what:N", title=None, sort=panels), columns=len(parts)))


def accuracy_figure(rows: list[dict[str, object]]) -> alt.FacetChart:
    """Draw errors with their intervals by data and model, equal epochs beside equal seconds.

    Runs at other learning rates stay in the record; eight colours are all there are.
    """
    points = [
        {
            "model": NAMES[row["model"]],
            "data": row["task"],
            "budget": f"equal {row['budget']}",
            "error": 100 * row["relative_l2"],
            "low": 100 * (row["relative_l2"] - row["half_interval"]),
            "high": 100 * (row["relative_l2"] + row["half_interval"]),
        }
        for row in rows
        if row["model"] in NAMES
    ]
    scale = alt.Scale(type="log", nice=False, padding=10)
    base = alt.Chart().encode(
        y=alt.Y("data:N", title=None),
        yOffset=alt.YOffset("model:N", sort=list(NAMES.values())),
        color=color(points),
    )
    title = "relative L2 error on unseen samples, % (log scale)"
    dots = base.mark_point(filled=True, opacity=1, size=60).encode(
        x=alt.X("error:Q", title=title, scale=scale)
    )
    lines = base.mark_rule().encode(x=alt.X("low:Q", title=title, scale=scale), x2="high:Q")
    layered = alt.layer(lines, dots, data=alt.InlineData(values=points)).properties(width=300, height=240)
    return styled(layered.facet(column=alt.Column("budget:N", title=None)))


def color(points: list[dict[str, object]]) -> alt.Color:
    """Return the colours of the models that are drawn."""
    drawn = {point["model"] for point in points}
    names = {name: colour for name, colour in zip(NAMES.values(), COLOURS, strict=True) if name in drawn}
    scale = alt.Scale(domain=list(names), range=list(names.values()))
    return alt.Color("model:N", scale=scale, title=None)


def styled(chart: alt.FacetChart) -> alt.FacetChart:
    """Give a figure the style of the report on a light page."""
    style = theme() | {"background": LIGHT["page"]}
    return chart.configure(**{key: value for key, value in style.items() if key in ("background", "font")})


if __name__ == "__main__":
    main()
