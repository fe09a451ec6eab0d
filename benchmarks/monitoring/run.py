"""Time the analysis of 1,761,417 predictions beside DuckDB and plain polars, and of a stream of 100 million.

    python benchmarks/monitoring/run.py                        # all, about 10 minutes on two busy cores
    python benchmarks/monitoring/run.py --duckdb FOLDER        # DuckDB is read from the folder
    python benchmarks/monitoring/run.py --quick                # few rows and rounds, no stream
    python benchmarks/monitoring/run.py --table FILE           # the tables of a record

DuckDB is no dependency; put it into a folder of its own: pip install --target FOLDER duckdb.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import polars as pl
from peers import BINS, RUN, duckdb_sql, plain_polars
from rounds import DATES, Rounds, make_rounds

from longwave.monitoring import Analysis, analyse
from longwave.monitoring.analysis.counts import BIN_LEVELS

HERE = Path(__file__).parent
CASES = (
    ("one round, APIs compared", 1, "apis"),
    ("two rounds, dates compared", 2, "dates"),
)
STREAMS = (25_000_000, 100_000_000)


def main() -> None:
    options = parse()
    if options.table:
        show(json.loads(options.table.read_text("utf-8")), sys.stdout)
        return
    if options.stream_of is not None:
        stream_once(options.stream_of)
        return
    if options.duckdb:
        sys.path.append(str(options.duckdb))
    record: dict[str, Any] = {"machine": machine(), "commit": options.commit or commit()}
    record["date"] = datetime.now(UTC).strftime("%Y-%m-%d")
    rounds = make_rounds(2, share=0.02 if options.quick else 1.0)
    record["cases"] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, n_dates, pairs in CASES:
            part = rounds if n_dates == 2 else first_round(rounds)
            record["cases"].append(time_case(name, part, pairs, Path(folder) / str(n_dates), options))
    if not options.quick:
        record["streams"] = [stream(rows) for rows in STREAMS]
    options.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1) + "\n"
    (options.out / "analysis.json").write_text(text, "utf-8")
    show(record, sys.stderr if options.json else sys.stdout)
    if options.json:
        sys.stdout.write(text)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--duckdb", type=Path, help="folder that DuckDB was installed into")
    parser.add_argument("--quick", action="store_true", help="few rows and rounds, no stream")
    parser.add_argument("--rounds", type=int, default=9, help="timings of each, interleaved")
    parser.add_argument("--device", choices=("cpu",), default="cpu", help="counting needs no other")
    parser.add_argument("--out", type=Path, default=Path("runs/monitoring"), help="folder of the record")
    parser.add_argument("--json", action="store_true", help="print the record, the tables to stderr")
    parser.add_argument("--commit", help="recorded when git is not at hand")
    parser.add_argument("--table", type=Path, help="show a record and measure nothing")
    parser.add_argument("--stream-of", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def first_round(rounds: Rounds) -> Rounds:
    first = rounds.predictions.filter(pl.col("date").cast(pl.String) == DATES[0]).rechunk()
    return Rounds(predictions=first, labels=rounds.labels, n_real=rounds.n_real)


def time_case(
    name: str, rounds: Rounds, pairs: str, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Time all methods on one set of rows, from memory and from Parquet, in turn."""
    predictions, labels = rounds.write(folder)
    rows, examples = rounds.predictions, rounds.labels
    ways: dict[str, Callable[[], Any]] = {
        "longwave, memory": lambda: analyse(rows, labels=examples, by=["group"], pairs=pairs),
        "longwave, Parquet": lambda: analyse(
            pl.scan_parquet(predictions), labels=pl.read_parquet(labels), by=["group"], pairs=pairs
        ),
        "polars, memory": lambda: plain_polars(rows.lazy(), examples.lazy(), pairs),
        "polars, Parquet": lambda: plain_polars(pl.scan_parquet(predictions), pl.scan_parquet(labels), pairs),
    }
    connection = open_duckdb(predictions, labels)
    if connection is not None:
        ways["duckdb, memory"] = lambda: duckdb_sql(connection, "predictions", "labels", pairs)
        ways["duckdb, Parquet"] = lambda: duckdb_sql(
            connection, f"read_parquet('{predictions}')", f"read_parquet('{labels}')", pairs
        )
    ours = ways["longwave, memory"]()
    for way in [way for way in ways if not way.startswith("longwave")]:
        check(ours, ways[way](), pairs)
    times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    loads = []
    for _ in range(2 if options.quick else options.rounds):
        loads.append(round(os.getloadavg()[0], 1))
        for way, call in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            times[way].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        "name": name,
        "rows": len(rows),
        "real_rows": rounds.n_real,
        "pairs": ours.changes.height,
        "parquet_mb": sum(path.stat().st_size for path in (predictions, labels)) / 1e6,
        "load": loads,
        "seconds": {way: [wall for wall, _ in found] for way, found in times.items()},
        "cpu_seconds": {way: [cpu for _, cpu in found] for way, found in times.items()},
    }


def open_duckdb(predictions: Path, labels: Path) -> Any | None:
    """Return a connection with both tables in memory, keys as enumerations; None without DuckDB."""
    try:
        import duckdb
    except ImportError:
        return None
    connection = duckdb.connect()
    connection.execute("set threads = 2")
    files = {"predictions": predictions, "labels": labels}
    for name in ("dataset", "api", "date", "group"):
        file = labels if name == "group" else predictions
        connection.execute(
            f"create type {name}_name as enum "
            f"(select distinct \"{name}\" from read_parquet('{file}') order by 1)"
        )
    for table, file in files.items():
        names = [*RUN] if table == "predictions" else ["dataset", "group"]
        casts = ", ".join(f'"{name}"::{name}_name as "{name}"' for name in names)
        connection.execute(f"create table {table} as select * replace ({casts}) from read_parquet('{file}')")
    return connection


def check(ours: Analysis, theirs: dict[str, pl.DataFrame], pairs: str) -> None:
    """Hold our figures against another method's; a timing of different answers says nothing."""
    text = pl.col(RUN).cast(pl.String)
    runs = theirs["runs"].with_columns(text).join(ours.runs, on=RUN, suffix="_ours")
    same("accuracy", runs["right"] / runs["n"], runs["accuracy"], len(ours.runs))
    groups = theirs["groups"].with_columns(text, pl.col("group").cast(pl.String))
    joined = groups.join(ours.groups, on=[*RUN, "group"], suffix="_ours")
    same("accuracy of groups", joined["right"] / joined["n"], joined["accuracy"], len(ours.groups))
    for key, part in theirs["confusions"].with_columns(text).group_by(RUN):
        found = np.zeros_like(ours.confusions[key])
        found[part["true_label"].to_numpy(), part["predicted_label"].to_numpy()] = part["n"].to_numpy()
        same("confusions", found.reshape(-1), ours.confusions[key].reshape(-1), found.size)
    bins = theirs["bins"].with_columns(text, gap=(pl.col("confidence") - pl.col("right")).abs())
    error = bins.group_by(RUN).agg(other=pl.col("gap").sum() / pl.col("n").sum())
    compared = error.join(ours.runs.filter(pl.col("ece").is_not_null()), on=RUN)
    same("calibration error", compared["other"], compared["ece"], len(compared), atol=1e-6)
    on = ["dataset", "api"] if pairs == "dates" else ["dataset", "api", "api_after"]
    names = {
        f"api{part}": pl.col(name).str.split("/").list.get(0)
        for part, name in (("", "before"), ("_after", "after"))
    }
    changes = ours.changes if pairs == "dates" else ours.changes.with_columns(**names)
    both = theirs["flips"].with_columns(pl.col(on).cast(pl.String)).join(changes, on=on, suffix="_ours")
    for name in ("right_wrong", "wrong_right", "wrong_same"):
        same(name, both[name] / both["n"], both[f"{name}_ours"], len(ours.changes))


def same(name: str, theirs: Any, ours: Any, n: int, *, atol: float = 1e-12) -> None:
    if len(theirs) != n or not np.allclose(np.asarray(theirs), np.asarray(ours), atol=atol):
        raise SystemExit(f"The methods disagree about {name}; nothing was timed.")


def stream(n_rows: int) -> dict[str, Any]:
    """Write ``n_rows`` of generated rounds to Parquet, and analyse them in a process of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_rows = write_stream(folder, n_rows)
        size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
        words = [sys.executable, str(Path(__file__).resolve()), "--stream-of", str(folder)]
        text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return {"rows": n_rows, "parquet_mb": size / 1e6, **json.loads(text)}


def write_stream(folder: Path, n_rows: int) -> int:
    """Write one file a dataset and API, with as many dates as it takes."""
    first = first_round(make_rounds(1))
    first.labels.write_parquet(folder / "labels.parquet")
    rng, written = np.random.default_rng(1), 0
    n_dates = round(n_rows / len(first.predictions))
    parts = first.predictions.partition_by("dataset", "api", maintain_order=True)
    (folder / "predictions").mkdir()
    for place, part in enumerate(parts):
        days = []
        for day in range(n_dates):
            other = part["predicted_label"].gather(rng.integers(0, len(part), len(part)))
            is_changed = pl.Series(rng.random(len(part)) < 0.02)
            answers = pl.select(
                pl.when(is_changed).then(other).otherwise(part["predicted_label"])
            ).to_series()
            date = f"{20 + day // 336:02d}-{1 + day // 28 % 12:02d}-{1 + day % 28:02d}"
            dated = part.with_columns(predicted_label=answers, date=pl.lit(date).cast(pl.Categorical))
            days.append(dated)
        pl.concat(days).write_parquet(folder / "predictions" / f"{place:03d}.parquet", row_group_size=1 << 19)
        written += sum(map(len, days))
    return written


def stream_once(folder: Path) -> None:
    """Analyse a folder and print seconds and the greatest memory of this process, before and after."""
    labels = pl.read_parquet(folder / "labels.parquet")
    before = peak_mb()
    files = sorted((folder / "predictions").glob("*.parquet"))
    started, cpu = time.perf_counter(), time.process_time()
    found = analyse(pl.scan_parquet(files), labels=labels, by=["group"], pairs="dates")
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - started,
                "cpu_seconds": time.process_time() - cpu,
                "load": os.getloadavg()[0],
                "runs": found.runs.height,
                "pairs": found.changes.height,
                "memory_before_mb": before,
                "memory_peak_mb": peak_mb(),
            }
        )
    )


def peak_mb() -> float:
    """Return the greatest resident memory of this process so far; getrusage tells its parent's too."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3


def show(record: dict[str, Any], out: TextIO) -> None:
    for case in record["cases"]:
        print(
            f"\n{case['name']}: {case['rows']:,} rows, {case['pairs']} pairs, load {case['load']}\n", file=out
        )
        print(
            "| method | median s | least s | greatest s | CPU s |\n| --- | --- | --- | --- | --- |", file=out
        )
        for way, seconds in case["seconds"].items():
            cpu, median = statistics.median(case["cpu_seconds"][way]), statistics.median(seconds)
            print(f"| {way} | {median:.3f} | {min(seconds):.3f} | {max(seconds):.3f} | {cpu:.3f} |", file=out)
    for case in record.get("streams", []):
        print(
            f"\nstream of {case['rows']:,} rows ({case['parquet_mb']:.0f} MB): {case['seconds']:.1f} s, "
            f"{case['cpu_seconds']:.1f} s of CPU, load {case['load']:.1f}, "
            f"{case['memory_before_mb']:.0f} MB before, {case['memory_peak_mb']:.0f} MB at most",
            file=out,
        )


def machine() -> dict[str, object]:
    names = ("numpy", "polars", "duckdb")
    return {
        "device": platform.machine(),
        "cpu_cores": os.cpu_count(),
        "python": platform.python_version(),
        "bins": BINS,
        "levels": BINS * BIN_LEVELS,
        **{name: version(name) for name in names},
    }


def version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit() -> str:
    words = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
