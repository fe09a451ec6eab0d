"""Draw what run.py found: accuracy against resolution with the same weights, one SVG a study.

    python benchmarks/resolution/plot.py results/cuda.json results/cpu-seed2.json --out figures

Needs the extra "plots". Writes ``resolution_zero-shot.svg`` and ``resolution_omniglot.svg``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import altair as alt

sys.path.insert(0, str(Path(__file__).parent))

from summary import summarise

from longwave.report.style import LIGHT, PALETTE_LIGHT, theme

STUDIES = {"zero-shot": "MNIST, trained at 7 x 7", "omniglot": "Omniglot alphabets, trained at 15 x 15"}
# model and what was done at the test; a name keeps its colour on both figures
NAMES = {
    ("s4nd", False): "S4ND, bandlimit",
    ("s4nd-unlimited", False): "S4ND, no bandlimit",
    ("conv", False): "3 x 3 convolutions",
    ("conv", True): "convolutions, images shrunk first",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("records", nargs="+", type=Path, help="what run.py wrote: resolution.json")
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    records = [json.loads(path.read_text("utf-8")) for path in options.records]
    rows = summarise([run for record in records for run in record["runs"]])
    for study in STUDIES:
        points = drawn(rows, study)
        if points:
            path = options.out / f"resolution_{study}.svg"
            figure(points, STUDIES[study]).save(path)
            print(path)


def drawn(rows: list[dict[str, object]], study: str) -> list[dict[str, object]]:
    """Return the points of a figure: mean, worst and best seed, in percent."""
    coarse = min((row["points"] for row in rows if row["study"] == study), default=None)
    return [
        {
            "model": NAMES[row["model"], is_shrunk],
            "points": row["points"],
            "mean": 100 * row["accuracy"],
            "low": 100 * min(row["accuracies"]),
            "high": 100 * max(row["accuracies"]),
        }
        for row in rows
        for is_shrunk in (False, True)
        if row["study"] == study
        and row["bandlimit_at_test"] == "model"
        and (row["model"], is_shrunk) in NAMES
        and (row["is_shrunk"] == is_shrunk or row["points"] == coarse)  # at the training grid both are one
    ]


def figure(points: list[dict[str, object]], title: str) -> alt.LayerChart:
    """Draw accuracy against points a side; lines are means, bars reach from the worst to the best seed."""
    names = list(NAMES.values())
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X(
            "points:Q",
            title="points a side of the test images (log scale)",
            scale=alt.Scale(type="log", base=2, nice=False, padding=15),
            axis=alt.Axis(values=sorted({point["points"] for point in points})),
        ),
        color=alt.Color(
            "model:N", scale=alt.Scale(domain=names, range=list(PALETTE_LIGHT[: len(names)])), title=None
        ),
    )
    accuracy = alt.Y("mean:Q", title="accuracy on unseen images, %", scale=alt.Scale(domain=[0, 100]))
    bars = base.mark_rule().encode(y="low:Q", y2="high:Q")
    lines = base.mark_line(point=True).encode(y=accuracy)
    style = theme() | {"background": LIGHT["page"]}
    chosen = {key: value for key, value in style.items() if key in ("background", "font")}
    return alt.layer(lines, bars).properties(width=380, height=260, title=title).configure(**chosen)


if __name__ == "__main__":
    main()
