"""Print what run.py found as tables for a page, from one record or several: runs of other seeds, times.

python benchmarks/resolution/tables.py results/cuda.json results/cpu-seed2.json results/cpu-speed.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from studies import STUDIES
from summary import Row, goals, summarise

ACROSS = ("zero-shot", "omniglot")  # shown at several resolutions


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("records", nargs="+", type=Path)
    options = parser.parse_args()
    records = [json.loads(path.read_text("utf-8")) for path in options.records]
    runs = [run for record in records for run in record.get("runs", [])]
    speeds = [record for record in (r.get("speed") or r for r in records) if "layer" in record]
    rows = summarise(runs)
    for part in ACROSS:
        print_table(across(rows, part))
    print_table(at_one(rows))
    print_table(reached(goals(rows, speeds[0] if speeds else None)))


def across(rows: Sequence[Row], part: str) -> Iterator[list[str]]:
    """Yield a study's table: a row for every model and way of testing, a column for every resolution."""
    yield [part, "bandlimit at test", *(f"at {n}" for n in STUDIES[part].resolutions)]
    kinds = dict.fromkeys(
        (r["model"], r["bandlimit_at_test"], r["is_shrunk"]) for r in rows if r["study"] == part
    )
    for model, limit, is_shrunk in kinds:
        cells = {
            row["points"]: shown(row)
            for row in rows
            if (row["study"], row["model"], row["bandlimit_at_test"], row["is_shrunk"])
            == (part, model, limit, is_shrunk)
        }
        name = f"{model}, images shrunk first" if is_shrunk else str(model)
        told = "" if limit == "model" else str(limit)
        yield [name, told, *(cells.get(n, "") for n in STUDIES[part].resolutions)]


def at_one(rows: Sequence[Row]) -> Iterator[list[str]]:
    """Yield the table of the studies that are shown at one resolution."""
    yield ["study", "model", "weights", "accuracy, %", "95 %"]
    for row in rows:
        if row["study"] not in ACROSS:
            bounds = f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"
            yield [str(row["study"]), str(row["model"]), f"{row['parameters']:,}", shown(row), bounds]


def reached(listed: Sequence[Row]) -> Iterator[list[str]]:
    """Yield goals, what was found, and whether it is enough."""
    yield ["goal", "found", "wanted", ""]
    for row in listed:
        yield [
            str(row["goal"]),
            f"{row['found']:g}",
            str(row["wanted"]),
            "met" if row["is_met"] else "missed",
        ]


def shown(row: Row) -> str:
    """Return the mean in percent, and the seeds in brackets if there are several."""
    seeds = ", ".join(f"{100 * one:.1f}" for one in row["accuracies"])
    return f"{100 * row['accuracy']:.1f}" + (f" ({seeds})" if len(row["accuracies"]) > 1 else "")


def print_table(rows: Iterator[list[str]]) -> None:
    """Print a table of Markdown; nothing if it has a head alone."""
    head, *body = rows
    if body:
        for cells in (head, ["---"] * len(head), *body):
            print(f"| {' | '.join(cells)} |")
        print()


if __name__ == "__main__":
    main()
