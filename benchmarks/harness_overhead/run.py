"""Time whole evaluations with a model that answers at once, so that what is timed is the harness.

    python benchmarks/harness_overhead/run.py --longwave ENV/bin/python \\
        --peers inspect=ENV/bin/python lm-eval=ENV/bin/python crfm-helm=ENV/bin/python
    python benchmarks/harness_overhead/run.py --quick

Every entry is a process from its start to its end: a first run, one that finds all answers in the cache, one
that finds everything finished, and the help. Harnesses take turns, so that other work on the machine hits all
of them. Beside: packages and bytes of each environment, bytes of the results, and larger sizes for Longwave
alone. Progress goes to stderr, the table to stdout; the record is a JSON file.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from harnesses import PEERS, Harness, count_bytes, longwave
from installs import measure_install
from processes import Run, run
from questions import make_questions, write_questions

HERE = Path(__file__).parent
SECOND_MODEL = "fake:random"
CASES = ("fresh", "cached", "again", "help")


def main() -> int:
    options = parse()
    harnesses = [longwave(options.longwave), *(PEERS[name](python) for name, python in options.peers.items())]
    record: dict[str, object] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": options.commit or commit(),
        "machine": machine(),
        "count": options.sizes[0],
        "repeats": options.repeats,
    }
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        record["harnesses"] = time_all(harnesses, Path(work), options)
        record["large"] = [time_large(harnesses[0], size, Path(work), options) for size in options.sizes[1:]]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(json.dumps(record, indent=1) if options.json else report(record), flush=True)
    say(f"record: {options.out}")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", nargs="+", type=int, help="questions; the first for all, others for Longwave"
    )
    parser.add_argument("--repeats", type=int, help="of every entry, after a warm-up")
    parser.add_argument(
        "--longwave", type=Path, default=Path(sys.executable), help="Python of an environment with Longwave"
    )
    parser.add_argument(
        "--peers", nargs="*", default=[], metavar="NAME=PYTHON", help=f"others: {', '.join(PEERS)}"
    )
    parser.add_argument("--device", choices=["cpu"], default="cpu", help="nothing here needs another")
    parser.add_argument("--quick", action="store_true", help="200 questions, twice")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/harness_overhead"), help="JSON file or its folder"
    )
    parser.add_argument("--work", type=Path, help="where results of the runs are written and removed")
    parser.add_argument("--json", action="store_true", help="print the record")
    parser.add_argument("--commit", help="recorded when git is not at hand")
    options = parser.parse_args()
    options.sizes = options.sizes or ([200] if options.quick else [1000, 100_000])
    options.repeats = options.repeats or (2 if options.quick else 5)
    options.out = options.out if options.out.suffix == ".json" else options.out / "cpu.json"
    peers = dict(item.partition("=")[::2] for item in options.peers)
    if unknown := [name for name, python in peers.items() if name not in PEERS or not Path(python).is_file()]:
        parser.error(f"--peers {unknown[0]}: write NAME=PYTHON, NAME of {', '.join(PEERS)}, PYTHON a file")
    options.longwave = options.longwave.absolute()
    options.peers = {name: Path(python).absolute() for name, python in peers.items()}
    return options


def time_all(
    harnesses: list[Harness], work: Path, options: argparse.Namespace
) -> dict[str, dict[str, object]]:
    """Time every case of every harness, one harness after the other, again and again."""
    questions = make_questions(options.sizes[0])
    runs: dict[str, dict[str, list[Run]]] = {each.name: {case: [] for case in CASES} for each in harnesses}
    for each in harnesses:
        for case in ("fresh", "again"):
            write_questions(work / each.name / case, questions)
    for repeat in range(options.repeats + 1):
        for each in harnesses:
            found = time_once(each, work / each.name, options.sizes[0], is_first=repeat == 0)
            say(f"{'warm-up' if repeat == 0 else repeat} {each.name}: {describe(found)}")
            if repeat:
                for case, one in found.items():
                    runs[each.name][case].append(one)
    return {
        each.name: summarise(each, runs[each.name], work / each.name, options.sizes[0]) for each in harnesses
    }


def time_once(harness: Harness, folder: Path, count: int, *, is_first: bool) -> dict[str, Run]:
    """Time each case once; the first time the cache is filled before."""
    fresh, again = folder / "fresh", folder / "again"

    def timed(place: Path, *words: str) -> Run:
        return start(harness, place, count, *words)

    harness.forget(fresh, cache=True)
    found = {"fresh": timed(fresh)}
    if is_first:
        timed(again, *harness.cache_words)
    harness.forget(again, cache=False)
    found["cached"] = timed(again, *harness.cache_words)
    if harness.again_words is not None:
        found["again"] = timed(again, *harness.cache_words, *harness.again_words)
    found["help"] = run(harness.help, fresh, env=harness.environment(fresh), log=fresh / "help.txt")
    return found


def start(harness: Harness, folder: Path, count: int, *words: str) -> Run:
    """Run a harness and check that it has answered: one that fails is fast."""
    found = run([*harness.start, *words], folder, env=harness.environment(folder), log=folder / "log.txt")
    answered = harness.count_answers(folder)
    if answered != count:
        raise RuntimeError(
            f"{harness.name} answered {answered} of {count} questions, see {folder / 'log.txt'}"
        )
    return found


def summarise(harness: Harness, runs: dict[str, list[Run]], folder: Path, count: int) -> dict[str, object]:
    install = measure_install(harness.python)
    found: dict[str, object] = {
        "version": install["versions"].get(harness.package)
        or install["versions"].get(harness.package.replace("-", "_")),
        "cases": {case: summarise_case(each) for case, each in runs.items() if each},
        "install": install,
        "result_bytes": count_bytes(folder / "fresh", harness.results) / count,
        "cache_bytes": count_bytes(folder / "again", harness.cache) / count,
    }
    found["per_s"] = count / found["cases"]["fresh"]["seconds"]
    if harness.name == "longwave":
        found["second_model_bytes"] = second_model(harness, folder / "fresh", count) / count
    return found


def summarise_case(runs: list[Run]) -> dict[str, object]:
    """Return medians, and how far the slowest is from the fastest."""
    seconds = [each.seconds for each in runs]
    return {
        "seconds": statistics.median(seconds),
        "fastest_s": min(seconds),
        "slowest_s": max(seconds),
        "cpu_s": statistics.median(each.cpu_s for each in runs),
        "peak_mb": statistics.median(each.peak_mb for each in runs),
        "runs": [each.to_dict() for each in runs],
    }


def second_model(harness: Harness, folder: Path, count: int) -> int:
    """Return the bytes that another model adds to a folder."""
    other = longwave(harness.python, SECOND_MODEL)
    names = (*harness.results, *harness.cache)
    before = count_bytes(folder, names)
    start(other, folder, 2 * count)
    return count_bytes(folder, names) - before


def time_large(harness: Harness, count: int, work: Path, options: argparse.Namespace) -> dict[str, object]:
    """Time a larger evaluation, and its rerun, at most three times."""
    folder = work / str(count)
    write_questions(folder, make_questions(count))
    fresh, again = [], []
    for _ in range(min(options.repeats, 3)):
        harness.forget(folder, cache=True)
        fresh.append(start(harness, folder, count))
        again.append(start(harness, folder, count))
        say(f"{count} questions: {describe({'fresh': fresh[-1], 'again': again[-1]})}")
    return {
        "count": count,
        "cases": {"fresh": summarise_case(fresh), "again": summarise_case(again)},
        "result_bytes": count_bytes(folder, harness.results) / count,
        "cache_bytes": count_bytes(folder, harness.cache) / count,
    }


def describe(found: dict[str, Run]) -> str:
    return ", ".join(f"{case} {each.seconds:.2f} s ({each.peak_mb:.0f} MB)" for case, each in found.items())


def report(record: dict[str, object]) -> str:
    """Write the record as tables in Markdown."""
    count = record["count"]
    heads = (
        "harness",
        "version",
        "fresh",
        "per s",
        *CASES[1:],
        "packages",
        "MB",
        "bytes",
        "cached bytes",
    )
    lines = [
        f"{count} questions, {record['repeats']} times: s on the clock (fastest to slowest), of work",
        "",
        f"| {' | '.join(heads)} |",
        f"|{' --- |' * len(heads)}",
    ]
    for name, found in record["harnesses"].items():
        cells = [cell(found["cases"].get(case)) for case in CASES]
        install = found["install"]
        figures = (install["packages"], install["mb"], found["result_bytes"], found["cache_bytes"])
        rates = (name, found["version"], cells[0], f"{found['per_s']:.0f}", *cells[1:])
        row = (*rates, *(f"{figure:.0f}" for figure in figures))
        lines.append(f"| {' | '.join(row)} |")
    for large in record["large"]:
        fresh = large["cases"]["fresh"]
        lines += [
            "",
            f"{large['count']} questions: {cell(fresh)}, {fresh['peak_mb']:.0f} MB; again "
            f"{cell(large['cases']['again'])}; {large['result_bytes']:.0f} bytes an instance and "
            f"{large['cache_bytes']:.0f} of the cache",
        ]
    return "\n".join(lines)


def cell(case: dict[str, float] | None) -> str:
    if case is None:
        return "-"
    return f"{case['seconds']:.2f} ({case['fastest_s']:.2f} to {case['slowest_s']:.2f}), {case['cpu_s']:.2f}"


def machine() -> dict[str, object]:
    return {
        "cpu_cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load": [round(each, 2) for each in os.getloadavg()],
    }


def commit() -> str:
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            check=True,
            cwd=HERE,
        ).stdout.strip()
    return "unknown"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
