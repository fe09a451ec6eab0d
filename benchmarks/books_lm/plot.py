"""Draw the curves of ``run.py``: validation bits per byte against FLOPs and against seconds, SVG (and PNG).

    python benchmarks/books_lm/plot.py benchmarks/books_lm/results/9m-*.json --out benchmarks/books_lm/results

Needs the extra "plots". Writes ``9m_flops.svg`` and ``9m_seconds.svg`` (by size), and prints with how many
FLOPs every run first gets as far as attention does at its end. Runs that shared their GPU have no seconds.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import altair as alt

from longwave.report.style import LIGHT, PALETTE_LIGHT, SHAPES, theme

# name in the record, name in the legend; a name keeps its colour and shape on every figure
SERIES = {
    "hyena": "Hyena",
    "attention": "attention",
    "h3-hybrid": "H3 hybrid",
    "h3-conv-hybrid": "H3-Conv hybrid",
}
AXES = {
    "flops": "Training FLOPs / 1e15, all of attention's products counted",
    "seconds": "Seconds of training, compilation included",
}
BACKWARD_AND_FORWARD = 3  # the backward pass costs twice the forward pass
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("records", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--png", action="store_true", help="write PNG files too, at twice the size")
    options = parser.parse_args()
    records = [json.loads(path.read_text("utf-8")) for path in options.records]
    options.out.mkdir(parents=True, exist_ok=True)
    for size in sorted({record["size"] for record in records}):
        runs = [record for record in records if record["size"] == size]
        for axis in AXES:
            path = options.out / f"{size}_{axis}.svg"
            timed = [run for run in runs if axis != "seconds" or run.get("is_timed", True)]
            figure = draw(timed, axis)
            figure.save(path)
            if options.png:
                figure.save(path.with_suffix(".png"), scale_factor=2)
            print(path)
        print(savings(runs), end="")


def savings(runs: list[Record]) -> str:
    """Return a line for every run that reaches attention's end, against each run of attention."""
    lines = []
    for twin in (run for run in runs if run["model"] == "attention"):
        end = points(twin)[-1]
        for run in (run for run in runs if run["model"] != "attention"):
            spent = reach(points(run), end["value"], "flops")
            told = f"with {spent:.3g}e15, {1 - spent / end['flops']:.1%} less" if spent else "never"
            lines.append(
                f"{run['size']} attention {end['run']}: {end['value']:.4f} bits per byte with "
                f"{end['flops']:.4g}e15 FLOPs; {run['model']} {rate(run)}, seed {run['seed']}: {told}\n"
            )
    return "".join(lines)


def points(run: Record) -> list[dict[str, Any]]:
    """Return the curve of a run: what it had spent and how well it did."""
    per_token = BACKWARD_AND_FORWARD * run["forward_flops_per_token"] / 1e15
    return [
        {
            "name": SERIES[run["model"]],
            "rate": rate(run),
            "run": f"{rate(run)}, seed {run['seed']}",
            "flops": per_token * row["tokens"],
            "seconds": row["elapsed_s"],
            "value": row["validation_bits_per_byte"],
        }
        for row in run["curve"]
    ]


def rate(run: Record) -> str:
    """Return the peak learning rate of a run as a legend has it."""
    return f"lr {run['config']['optim']['lr']:g}"


def reach(curve: list[dict[str, Any]], target: float, axis: str) -> float | None:
    """Return where a falling curve first meets a value, on straight lines between its points."""
    for before, after in pairwise(curve):
        if before["value"] > target >= after["value"]:
            share = (before["value"] - target) / (before["value"] - after["value"])
            return float(before[axis] + share * (after[axis] - before[axis]))
    return None


def draw(runs: list[Record], axis: str) -> alt.LayerChart:
    """Return bits per byte against FLOPs or seconds, with a dashed line at the end of the best attention.

    Curves of other learning rates than the lowest are dashed.
    """
    everything = [point for run in runs for point in points(run)]
    names = [name for name in SERIES.values() if any(point["name"] == name for point in everything)]
    places = [list(SERIES.values()).index(name) for name in names]
    color = alt.Scale(domain=names, range=[PALETTE_LIGHT[place] for place in places])
    shape = alt.Scale(domain=names, range=[SHAPES[place] for place in places])
    legend = alt.Legend(
        orient="top-right", title=None, labelLimit=320, columns=1, fillColor=LIGHT["page"], padding=6
    )
    base = alt.Chart(alt.Data(values=everything)).encode(
        x=alt.X(f"{axis}:Q", title=AXES[axis], scale=alt.Scale(zero=True)),
        y=alt.Y("value:Q", title="Validation, bits per byte", scale=alt.Scale(zero=False)),
        color=alt.Color("name:N", scale=color, legend=legend),
        detail="run:N",
    )
    rates = sorted({rate(run) for run in runs})
    dash = alt.Scale(domain=rates, range=[[1, 0], [6, 3], [2, 2]][: len(rates)])
    dash_legend = _legend_of_rates() if len(rates) > 1 else None
    layers = [
        base.mark_line(strokeWidth=1.5).encode(
            strokeDash=alt.StrokeDash("rate:N", scale=dash, legend=dash_legend)
        ),
        base.mark_point(filled=True, size=50, opacity=1).encode(
            shape=alt.Shape("name:N", scale=shape, legend=legend)
        ),
    ]
    ends = [run["curve"][-1]["validation_bits_per_byte"] for run in runs if run["model"] == "attention"]
    if ends:
        rows = [{"value": min(ends), "text": f"attention at its end, {min(ends):.3f}"}]
        line = alt.Chart(alt.Data(values=rows)).encode(y="value:Q")
        layers.append(line.mark_rule(strokeDash=[4, 3], color=LIGHT["soft"]))
        text = line.encode(x=alt.value(4), text="text:N")
        layers.append(text.mark_text(align="left", dy=-7, color=LIGHT["soft"]))
    settings: dict[str, Any] = {**theme(), "background": LIGHT["page"]}
    return alt.layer(*layers).properties(width=560, height=340).configure(**settings)


def _legend_of_rates() -> alt.Legend:
    return alt.Legend(
        orient="top-right", title=None, columns=1, symbolSize=600, fillColor=LIGHT["page"], padding=6
    )


if __name__ == "__main__":
    main()
