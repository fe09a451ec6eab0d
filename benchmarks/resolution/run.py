"""Train at a coarse resolution and test at a fine one: S4ND and its bandlimit against convolutions.

    python benchmarks/resolution/run.py --plan                          # what would run, and for how long
    python benchmarks/resolution/run.py --jobs 2                        # CPU: all studies, hours
    python benchmarks/resolution/run.py --device cuda --jobs 14         # GPU: runs side by side
    python benchmarks/resolution/run.py --device cuda --parts speed     # alone, or times mean nothing
    python benchmarks/resolution/run.py --quick                         # a rehearsal

Every study, model and seed is a training run in a folder and a process of its own, ``--jobs`` at a time, the
first seed of everything first. What is finished is left alone, and the runs that ``--time-limit`` stopped go
on from their checkpoints. Nothing but torch, numpy, pydantic, PyYAML and safetensors is needed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from measure import RESULT, machine, read_results, run_cell
from speed import CPU, GPU, QUICK, time_convnext, time_layer, time_steps
from studies import STUDIES, Cell, Plan, cells, configure
from summary import goals, summarise

from longwave.config import write_json

SPEED, PARTIAL, SUMMARY = "speed.json", "speed-unfinished.json", "resolution.json"
PARTS = ("speed", *STUDIES)
FOREVER = 1e9
GRACE_S = 60.0  # for runs to save after the time is up
STEP_MS = {  # of one run alone, to plan with until there are finished ones; a GPU waits for Python
    "cuda": {"zero-shot": 20, "omniglot": 20, "full": 28, "progressive": 28, "video": 35},
    "cpu": {"zero-shot": 70, "omniglot": 250, "full": 1500, "progressive": 600, "video": 2000},
}


def main() -> int:
    options = parse()
    wanted = list(cells([part for part in options.parts if part != "speed"], options.models, options.seeds))
    if options.one is not None:
        torch.set_num_threads(options.threads)
        cell = next(cell for cell in wanted if cell.name == options.one)
        run_cell(cell, plan_of(options), options.out, options.ends_at)
        return 0
    if options.plan:
        show_plan(wanted, options)
        return 0
    failed = [] if options.collect else run_all(options, wanted)
    results = read_results(options.out)
    path = options.out / SPEED
    speed = json.loads(path.read_text("utf-8")) if path.is_file() else None
    rows = summarise(results)
    report = {"rows": rows, "goals": goals(rows, speed), "speed": speed, "runs": results}
    write_json(options.out / SUMMARY, report)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    if failed:
        print(f"{len(failed)} runs failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/resolution"), help="folder of all that is made"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], help="a GPU if there is one")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--models", nargs="+", help="of the studies; all when left out")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--data", default="mnist", help="npz file of digits; the bundled 4000 when left out")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads a run")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="over all configurations")
    parser.add_argument("--no-compile", action="store_true", help="time no compiled networks")
    parser.add_argument("--time-limit", type=float, default=FOREVER, help="stop after so many seconds")
    parser.add_argument("--plan", action="store_true", help="print the runs and estimated seconds")
    parser.add_argument("--collect", action="store_true", help="train nothing, tell what there is")
    parser.add_argument("--tiny", "--quick", dest="quick", action="store_true", help="a rehearsal, one seed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--ends-at", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    known = {model for study in STUDIES.values() for model in study.models}
    unknown = sorted(set(options.models or ()) - known)
    if unknown:
        parser.error(f"unknown models: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    options.device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    options.seeds = options.seeds[:1] if options.quick else options.seeds
    options.ends_at = options.ends_at or time.time() + options.time_limit
    return options


def plan_of(options: argparse.Namespace) -> Plan:
    return Plan(device=options.device, data=options.data, is_quick=options.quick, settings=tuple(options.set))


def run_all(options: argparse.Namespace, wanted: list[Cell]) -> list[str]:
    """Time, then train what is missing, some at a time; returns the names of the runs that failed."""
    options.out.mkdir(parents=True, exist_ok=True)
    if "speed" in options.parts and not (options.out / SPEED).is_file():
        time_all(options)
    waiting = [cell for cell in wanted if not (options.out / cell.name / RESULT).is_file()]
    running: dict[str, subprocess.Popen[bytes]] = {}
    failed = []
    try:
        while waiting or running:
            if time.time() > options.ends_at:
                waiting.clear()  # those that run look at the clock themselves
            while waiting and len(running) < options.jobs:
                cell = waiting.pop(0)
                running[cell.name] = start(cell, options)
            time.sleep(0.1)
            for name in [name for name, child in running.items() if child.poll() is not None]:
                if running.pop(name).returncode:
                    failed.append(name)
                told = last_line(options.out / name / "log.txt")
                print(f"{told} ({len(waiting) + len(running)} to go)", file=sys.stderr, flush=True)
    except KeyboardInterrupt:  # the terminal has told the runs as well
        for child in running.values():
            child.wait(GRACE_S)
        raise
    return failed


def start(cell: Cell, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Start the process of a run."""
    folder = options.out / cell.name
    folder.mkdir(parents=True, exist_ok=True)
    words = [*sys.argv[1:], "--one", cell.name, "--ends-at", str(options.ends_at)]
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen([sys.executable, __file__, *words], stdout=log, stderr=log, env=os.environ)


def last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
    return lines[-1] if lines else f"{log.parent.name} ended without a word"


def time_all(options: argparse.Namespace) -> None:
    """Time everything alone, in this process, on one thread of a CPU; write what is known after each part."""
    if options.device == "cpu":
        torch.set_num_threads(1)
    sizes = QUICK if options.quick else GPU if options.device == "cuda" else CPU
    path = options.out / PARTIAL
    found: dict[str, object] = {
        "machine": {**machine(options.device), "python": platform.python_version(), "cpu": cpu_name()}
    }
    for name, measure in (("layer", time_layer), ("steps", time_steps)):
        found[name] = measure(options.device, sizes)
        write_json(path, found)
    if options.device == "cuda" or options.quick:
        found["convnext"] = rows = []
        has_compile = not options.no_compile and options.device == "cuda"
        for row in time_convnext(options.device, sizes, has_compile=has_compile, ends_at=options.ends_at):
            rows.append(row)
            write_json(path, found)
    path.rename(options.out / SPEED)


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def show_plan(wanted: list[Cell], options: argparse.Namespace) -> None:
    """Print the runs and their estimated seconds, at the pace of finished runs of the kind if there are."""
    paces: dict[tuple[object, object], float] = {}
    for result in read_results(options.out):
        paces[result["study"], result["model"]] = result["training_s"] / result["steps"]
    total = 0.0
    for cell in wanted:
        steps = configure(cell, plan_of(options)).steps
        pace = paces.get((cell.study, cell.model), STEP_MS[options.device][cell.study] / 1e3)
        is_done = (options.out / cell.name / RESULT).is_file()
        total += 0 if is_done else steps * pace
        print(f"{cell.name:40} {steps:5} steps  {'done' if is_done else f'{steps * pace:6.0f} s'}")
    print(f"{total:.0f} s one after the other, {total / options.jobs:.0f} s with {options.jobs} at a time "
          "that do not slow each other down")  # fmt: skip


def show(report: dict[str, object]) -> None:
    """Print accuracies, times and goals."""
    if report["rows"]:
        print(
            "study        model             points  at test       accuracy %  95 %           seeds   weights"
        )
    for row in report["rows"]:
        print(
            f"{row['study']:12} {row['model']:17} {row['points']:6}  {how_tested(row):12}  "
            f"{100 * row['accuracy']:10.1f}  {100 * row['low']:5.1f} to {100 * row['high']:5.1f}  "
            f"{len(row['seeds']):5}  {row['parameters']:8}"
        )
    show_speed(report["speed"] or {})
    for row in report["goals"]:
        print(f"{'met   ' if row['is_met'] else 'missed'} {row['goal']}: {row['found']} ({row['wanted']})")


def how_tested(row: dict[str, object]) -> str:
    """Say what was done to images or kernels before the test."""
    limit = str(row["bandlimit_at_test"])
    names = {"model": "", "none": "no bandlimit"}
    return "shrunk" if row["is_shrunk"] else names.get(limit, f"limit {limit}")


def show_speed(speed: dict[str, object]) -> None:
    for row in speed["layer"]["rows"] if speed else ():
        print(f"layer, forward and backward, {row['route']:9} {row['ms']:9.2f} ms {row['range_ms']}")
    for group in speed.get("steps", []):
        for row in group["rows"]:
            print(
                f"update of {group['model']:5} batch {group['batch']:5} at {row['points']:3} points "
                f"{row['ms']:9.2f} ms  {row['flops'] / 1e9:8.3f} GFLOP"
            )
    for row in speed.get("convnext", []):
        told = row.get("error") or (
            f"training {row['train_images_per_s']:8.1f} images/s, inference {row['infer_images_per_s']:8.1f}"
        )
        print(f"{row['model']:20} {row['layout']:14} {row['mode']:9} {told}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
