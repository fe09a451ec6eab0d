"""The record of a run: machine, versions and rows as JSON, and the rows as text tables."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODES = ("forward", "forward_backward")
OURS, AGAIN = "ours", "ours again"  # the second measures the drift of the machine

Row = dict[str, Any]  # what is written to JSON


def new_record(device: str, protocol: dict[str, object], commit: str | None) -> dict[str, Any]:
    """Return a record without rows."""
    return {
        "benchmark": "long_conv",
        "machine": machine(device),
        "versions": versions(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit or head(),
        "protocol": protocol,
        "yardsticks": {},
        "rows": [],
    }


def machine(device: str) -> dict[str, object]:
    import torch

    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        return {
            "gpu": card.name,
            "sm_count": card.multi_processor_count,
            "memory_gib": round(card.total_memory / 2**30, 1),
            "driver": _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        }
    return {"processor": _processor(), "cores": os.cpu_count(), "threads": torch.get_num_threads()}


def versions() -> dict[str, str | None]:
    import torch

    from longwave import __version__

    found: dict[str, str | None] = {
        "longwave": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "triton": None,
    }
    with contextlib.suppress(ImportError):
        import triton

        found["triton"] = triton.__version__
    if torch.cuda.is_available():
        found["cudnn"] = str(torch.backends.cudnn.version())
    return found


def head() -> str:
    return _output("git", "rev-parse", "HEAD") or "unknown"


def _output(*command: str) -> str | None:
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE)
        return found.stdout.strip().splitlines()[0]
    return None


def _processor() -> str:
    with contextlib.suppress(OSError):
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def floor_ms(bytes_moved: float, bytes_per_s: float) -> float:
    """Return how long the bytes take at the measured copy bandwidth."""
    return bytes_moved / bytes_per_s * 1e3


def median_ms(row: Row, mode: str) -> float | None:
    timing = row.get(mode)
    return None if timing is None else timing["median_ms"]


def table(rows: Iterable[Row], what: Sequence[str], mode: str, *, is_gated: bool = True) -> str:
    """Return times by length and name, with the ratio to ours in brackets; empty when there are none.

    A name that could not be measured at a length has a dash there.
    """
    chosen = [row for row in rows if row["what"] in what and row.get("is_gated", True) == is_gated]
    names = unique(row["name"] for row in chosen if median_ms(row, mode) is not None and row["name"] != AGAIN)
    if not names:
        return ""
    found = {(row["length"], row["name"]): row for row in chosen}
    lines = [["length", "floor", *names]]
    for length in sorted({row["length"] for row in chosen}):
        cells = [found.get((length, name), {}) for name in names]
        floor = next((row["floor_ms"][mode] for row in cells if row.get("floor_ms")), None)
        base = median_ms(found.get((length, OURS), {}), mode)
        lines.append([str(length), number(floor), *(_cell(row, mode, base) for row in cells)])
    return align(lines)


def _cell(row: Row, mode: str, base: float | None) -> str:
    value = median_ms(row, mode)
    if value is None or base is None or row["name"] == OURS:
        return number(value)
    return f"{number(value)} ({value / base:.2f}x)"


def memory_table(rows: Iterable[Row], mode: str) -> str:
    """Return peak memory above the inputs, in GiB, by length and name."""
    chosen = [row for row in rows if row["what"] == "conv" and row.get("is_gated", True)]
    chosen = [row for row in chosen if mode in row.get("memory_gib", {})]
    names = unique(row["name"] for row in chosen if row["name"] != AGAIN)
    if not names:
        return ""
    found = {(row["length"], row["name"]): row["memory_gib"][mode] for row in chosen}
    lengths = sorted({row["length"] for row in chosen})
    body = [[str(length), *(number(found.get((length, name))) for name in names)] for length in lengths]
    return align([["length", *names], *body])


def error_table(rows: Iterable[Row]) -> str:
    """Return the largest relative error of each result by name, over all lengths."""
    chosen = [row for row in rows if row.get("errors")]
    if not chosen:
        return ""
    results = unique(key for row in chosen for key in row["errors"])
    lines = [["name", *results, "finite"]]
    for name in unique(row["name"] for row in chosen):
        own = [row for row in chosen if row["name"] == name]
        worst = [
            max((row["errors"][key] for row in own if key in row["errors"]), default=None) for key in results
        ]
        is_finite = all(row["is_finite"] for row in own)
        lines.append([name, *("-" if w is None else f"{w:.1e}" for w in worst), "yes" if is_finite else "NO"])
    return align(lines)


def drift(rows: Iterable[Row]) -> str:
    """Return what ours took when measured again over what it took at first, by length."""
    chosen = [row for row in rows if row["what"] == "conv" and row.get("is_gated", True)]
    found = {(row["length"], row["name"]): row for row in chosen}
    lines = [["length", *MODES]]
    for length in sorted({row["length"] for row in chosen if row["name"] == AGAIN}):
        pairs = [
            (median_ms(found.get((length, OURS), {}), mode), median_ms(found[length, AGAIN], mode))
            for mode in MODES
        ]
        lines.append([str(length), *(number(b / a if a and b else None) for a, b in pairs)])
    return align(lines) if len(lines) > 1 else ""


def reasons(rows: Iterable[Row]) -> str:
    """Return a line for every entry that could not be measured, with the lengths it failed at."""
    lengths: dict[str, list[str]] = {}
    for row in rows:
        if row.get("reason"):
            lengths.setdefault(f"{row['what']} {row['name']}: {row['reason']}", []).append(str(row["length"]))
    return "\n".join(f"{text} (L = {', '.join(unique(found))})" for text, found in lengths.items())


def report(record: dict[str, Any]) -> str:
    """Return the tables of a record as text, the times last."""
    return "\n\n".join(f"{title}\n{text}" for title, text in sections(record) if text)


def sections(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield title and text of every part of the report; a text may be empty."""
    rows = record["rows"]
    yield "not measured", reasons(rows)
    found = {key: number(value) for key, value in record["yardsticks"].items()}
    yield "yardsticks", "\n".join(f"{key}  {value}" for key, value in found.items())
    yield "ours measured again after the others: time over the first time", drift(rows)
    yield "largest relative L2 error against float64", error_table(rows)
    for mode in MODES:
        yield f"{mode}: peak memory above the inputs, GiB", memory_table(rows, mode)
    for mode in MODES:
        yield f"short filter, {mode}: ms (times ours)", table(rows, ["short"], mode)
        yield f"Hyena mixer, {mode}: ms (times ours)", table(rows, ["mixer"], mode)
    for mode in MODES:
        title = f"convolution without gates, {mode}: ms (times ours)"
        yield title, table(rows, ["conv"], mode, is_gated=False)
    for mode in MODES:
        title = f"gated convolution and attention, {mode}: ms (times ours)"
        yield title, table(rows, ["conv", "attention"], mode)


def number(value: float | None) -> str:
    """Write three significant digits; a dash for nothing."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def align(lines: Sequence[Sequence[str]]) -> str:
    """Return lines whose columns are aligned to the right, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def markdown(record: dict[str, Any], what: Sequence[str]) -> str:
    """Return forward / forward+backward times in ms of the gated form, as the table of a README."""
    rows = [row for row in record["rows"] if row["what"] in what and row.get("is_gated", True)]
    rows = [row for row in rows if row["name"] != AGAIN]
    names = unique(row["name"] for row in rows if median_ms(row, MODES[0]) is not None)
    found = {(row["length"], row["name"]): row for row in rows}
    lines = [["L (B)", "floor", *names], ["---"] * (len(names) + 2)]
    for length in sorted({row["length"] for row in rows}):
        cells = [found.get((length, name), {}) for name in names]
        first = next(row for row in rows if row["length"] == length)
        floor = first.get("floor_ms", {})
        times = [" / ".join(number(median_ms(row, mode)) for mode in MODES) for row in cells]
        lines.append(
            [f"{length} ({first['batch']})", " / ".join(number(floor.get(mode)) for mode in MODES), *times]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Print the tables of a record: ``records.py FILE.json [--markdown]``."""
    record = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    if "--markdown" not in sys.argv:
        print(report(record))
        return
    for what in (["conv", "attention"], ["mixer"], ["short"]):
        print(markdown(record, what), end="\n\n")


if __name__ == "__main__":
    main()
