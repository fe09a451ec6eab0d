"""Draw a record of ``run.py``: time and memory against length, SVG (and PNG with --png).

    python benchmarks/long_conv/plot.py results/cuda.json --out docs/assets

Needs the extra "plots". Writes ``long_conv_time.svg`` and ``long_conv_memory.svg``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import altair as alt

from longwave.report.style import LIGHT, PALETTE_LIGHT, SHAPES, theme

# name in the record, name in the legend; a name keeps its colour and shape on every figure
SERIES = {
    "ours": "Longwave",
    "torch-fft": "torch FFT",
    "torch-fft-compiled": "torch FFT, compiled",
    "flash-fft-conv-bf16": "flash-fft-conv, bf16",
    "flash-fft-conv-fp16": "flash-fft-conv, fp16",
    "cudnn-attention-128": "cuDNN attention, heads of 128",
    "flash-attention-64": "flash attention, heads of 64",
    "torch-fft-half": "torch FFT, fp16",
}
MODES = {"forward": "forward", "forward_backward": "forward and backward"}
FLOOR = "each tensor read and written once"
Points = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("record", type=Path)
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--png", action="store_true", help="write PNG files too, at twice the size")
    options = parser.parse_args()
    record = json.loads(options.record.read_text("utf-8"))
    options.out.mkdir(parents=True, exist_ok=True)
    for name, draw in (("time", time_figure), ("memory", memory_figure)):
        figure, points = draw(record)
        if points:
            path = options.out / f"long_conv_{name}.svg"
            figure.save(path)
            if options.png:
                figure.save(path.with_suffix(".png"), scale_factor=2)
            print(path)


def time_figure(record: dict[str, Any]) -> tuple[alt.Chart, Points]:
    """Return the figure of times and the points on it."""
    per_length = {row["length"]: row["batch"] * row["length"] for row in _rows(record)}
    points = [
        _point(row["name"], mode, row["length"], row[mode]["median_ms"] * 2**18 / per_length[row["length"]])
        for row in _rows(record)
        for mode in MODES
        if mode in row
    ]
    floors: dict[tuple[int, str], float] = {}
    for row in _rows(record):
        for mode, floor in row.get("floor_ms", {}).items():
            floors[row["length"], mode] = floor * 2**18 / per_length[row["length"]]
    points += [
        {"length": length, "mode": MODES[mode], "name": FLOOR, "value": value}
        for (length, mode), value in sorted(floors.items())
    ]
    return _figure(points, "Time of 262,144 tokens, ms (log)"), points


def memory_figure(record: dict[str, Any]) -> tuple[alt.Chart, Points]:
    """Return the figure of peak memory and the points on it."""
    points = [
        _point(row["name"], mode, row["length"], value)
        for row in _rows(record)
        for mode, value in row.get("memory_gib", {}).items()
        if value > 0
    ]
    return _figure(points, "Peak memory above the inputs, GiB (log)"), points


def _rows(record: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for row in record["rows"]:
        if row["what"] in ("conv", "attention") and row.get("is_gated", True) and row["name"] in SERIES:
            yield row


def _point(name: str, mode: str, length: int, value: float) -> dict[str, Any]:
    return {"length": length, "mode": MODES[mode], "name": SERIES[name], "value": value}


def _figure(points: Points, title: str) -> alt.Chart:
    """Return two panels side by side on one scale: forward, and forward with backward."""
    panels = [
        _panel(
            [point for point in points if point["mode"] == mode], points, title if first else None
        ).properties(width=330, height=320, title=mode.capitalize())
        for mode, first in zip(MODES.values(), (True, False), strict=True)
    ]
    figure = alt.hconcat(*panels, spacing=24)
    settings = theme() | {"background": LIGHT["page"]}
    settings["legend"] |= {"columnPadding": 40}  # a reader's font may be wider than the one measured with
    return figure.configure(**settings).configure_title(
        fontSize=13, fontWeight="normal", color=LIGHT["ink"], anchor="start"
    )


def _panel(points: Points, everything: Points, title: str | None) -> alt.LayerChart:
    """Return one panel; its scales cover the points of both."""
    names = [name for name in SERIES.values() if any(point["name"] == name for point in everything)]
    places = [list(SERIES.values()).index(name) for name in names]
    x, y = _axes(everything, title)
    color = alt.Color(
        "name:N", scale=alt.Scale(domain=names, range=[PALETTE_LIGHT[place] for place in places])
    )
    shape = alt.Shape("name:N", scale=alt.Scale(domain=names, range=[SHAPES[place] for place in places]))
    measured = [point for point in points if point["name"] != FLOOR]
    measured.sort(key=lambda point: point["name"] == SERIES["ours"])  # drawn last, so nothing hides it
    base = alt.Chart(alt.Data(values=measured)).encode(x=x, y=y, color=color)
    layers = [
        base.mark_line(strokeWidth=1.5),
        base.mark_point(filled=True, size=45, opacity=1).encode(shape=shape),
    ]
    floors = [point for point in points if point["name"] == FLOOR]
    if floors:
        floor = alt.Chart(alt.Data(values=floors)).encode(x=x, y=y)
        layers.append(floor.mark_line(strokeDash=[4, 3], color=LIGHT["soft"]))
        label = alt.Chart(alt.Data(values=floors[:1])).encode(x=x, y=y, text="name:N")
        layers.append(label.mark_text(align="left", dx=2, dy=11))
    return alt.layer(*layers)


def _axes(points: Points, title: str | None) -> tuple[alt.X, alt.Y]:
    """Return logarithmic axes over all points: lengths in powers of four, values in 1, 2, 5, 10 ..."""
    lengths = sorted({point["length"] for point in points})
    values = [point["value"] for point in points]
    low, high = min(values) / 1.7, max(values) * 1.2
    steps = [digit * 10.0**power for power in range(-6, 8) for digit in (1, 2, 5)]
    x = alt.X(
        "length:Q",
        title="Length, steps (log)",
        scale=alt.Scale(type="log", base=2, domain=[lengths[0] / 1.15, lengths[-1] * 1.15]),
        axis=alt.Axis(
            values=[length for length in lengths if length.bit_length() % 2 == lengths[0].bit_length() % 2],
            labelExpr="datum.value >= 1048576 ? datum.value / 1048576 + 'M' : datum.value / 1024 + 'K'",
        ),
    )
    y = alt.Y(
        "value:Q",
        title=title,
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(values=[step for step in steps if low <= step <= high], format="~g"),
    )
    return x, y


if __name__ == "__main__":
    main()
