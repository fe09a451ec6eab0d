"""Train operators on associative recall and tell how often they answer right on sequences they have not seen.

    python benchmarks/recall/run.py --out runs/recall --lengths 2048 --vocab-sizes 10 20 30 40 --jobs 20

Every combination of mixer, length, vocabulary and seed is a training run in a folder and a process of its
own, ``--jobs`` at a time; runs that are finished are left alone, interrupted ones go on. At the end the
answers become a predictions table in ``--out``, for ``longwave report``. A machine without the library of
tables trains with ``--train-only``; ``--collect`` makes the table later, elsewhere, from the folder.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from longwave.config import read_run_record, write_json
from longwave.data import prepare_task
from longwave.errors import MissingFile
from longwave.models import count_parameters
from longwave.recipes import recall_paper, recall_small
from longwave.recipes.synthetic import FILTERS, MIXERS
from longwave.training import TrainConfig, answer_examples, load_model, pick_device, train

RESULT, ANSWERS = "recall.json", "answers.npz"
GRACE_S = 60.0  # for a run to save and answer after the time is up
DEFAULT = ("hyena", "h3", "attention", "long-conv", "s4d")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training run of the study."""

    mixer: str
    length: int
    vocab_size: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.mixer}-L{self.length}-V{self.vocab_size}-seed{self.seed}"


def main() -> int:
    options = parse()
    cells = [
        Cell(mixer=mixer, length=length, vocab_size=vocab_size, seed=seed)
        for seed, length, vocab_size, mixer in itertools.product(
            options.seeds, options.lengths, options.vocab_sizes, options.mixers
        )
    ]
    if options.one is not None:
        torch.set_num_threads(options.threads)
        run_cell(next(cell for cell in cells if cell.name == options.one), options)
        return 0
    if not options.collect:
        failed = run_all(cells, options)
        if failed:
            print(f"{len(failed)} runs failed: {', '.join(failed)}", file=sys.stderr)
    results = [json.loads(path.read_text("utf-8")) for path in sorted(options.out.glob(f"*/{RESULT}"))]
    write_json(options.out / "results.json", results)
    if not options.train_only:
        from table import write_table

        write_table(options.out, results)
    show(results, as_json=options.json)
    return 0 if results else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/recall"), help="folder of runs and table")
    parser.add_argument("--mixers", nargs="+", default=list(DEFAULT), help=f"of: {', '.join(variants())}")
    parser.add_argument("--lengths", nargs="+", type=int, default=[2048])
    parser.add_argument("--vocab-sizes", nargs="+", type=int, default=[10, 20, 30, 40])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads a run")
    parser.add_argument("--device", default="auto", help="cpu, cuda, ...; runs take turns on several GPUs")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--compile", action="store_true", help="compile the models")
    parser.add_argument(
        "--small", action="store_true", help="2000 steps at lr 2e-3, not the paper's settings"
    )
    parser.add_argument("--steps", type=int, help="updates; the recipe's when left out")
    parser.add_argument("--lr", type=float, help="peak learning rate; the recipe's when left out")
    parser.add_argument("--budget-s", type=float, help="stop training after so long; what is there counts")
    parser.add_argument("--train-only", action="store_true", help="no table")
    parser.add_argument("--collect", action="store_true", help="no training")
    parser.add_argument("--quick", action="store_true", help="a rehearsal of minutes on a CPU")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--ends-at", type=float, default=float("inf"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = sorted(set(options.mixers) - set(variants()))
    if unknown:
        parser.error(f"unknown mixers: {', '.join(unknown)}; known: {', '.join(variants())}")
    if options.quick:
        options.small, options.lengths, options.vocab_sizes = True, [64], [10]
        options.mixers = [name for name in options.mixers if name in ("hyena", "attention")]
        options.steps = options.steps or 400
    return options


def variants() -> dict[str, tuple[str, dict[str, object]]]:
    """Return what can be compared: mixer and options by name."""
    plain = {name: (name, settings) for name, settings in MIXERS.items()}
    return plain | {name: ("hyena", settings) for name, settings in FILTERS.items()}


def configure(cell: Cell, options: argparse.Namespace) -> TrainConfig:
    mixer, settings = variants()[cell.mixer]
    config = recall_paper(
        mixer, length=cell.length, vocab_size=cell.vocab_size, mixer_options=settings, seed=cell.seed
    )
    if options.small:
        small = recall_small(mixer, seed=cell.seed)
        config = replace(config, optim=small.optim, steps=small.steps)
    steps = options.steps or config.steps
    optim = config.optim if options.lr is None else replace(config.optim, lr=options.lr)
    return replace(
        config,
        optim=optim,
        steps=steps,
        device=options.device,
        precision=options.precision,
        compile=options.compile,
        eval_every=max(1, steps // 20),
        checkpoint_every=max(1, steps // 10),
    )


def run_all(cells: list[Cell], options: argparse.Namespace) -> list[str]:
    """Run every cell that is not finished, some at a time; returns the names of those that failed."""
    waiting = [cell for cell in cells if not is_finished(options.out / cell.name)]
    devices = spread(options.device)
    if options.budget_s:
        options.ends_at = time.time() + options.budget_s
    running: dict[str, subprocess.Popen[bytes]] = {}
    failed = []
    try:
        while waiting or running:
            if time.time() > options.ends_at:
                waiting.clear()  # those that run look at the clock themselves
            while waiting and len(running) < options.jobs:
                cell = waiting.pop(0)
                running[cell.name] = start(cell, devices[len(waiting) % len(devices)], options)
            time.sleep(0.2)
            for name in [name for name, child in running.items() if child.poll() is not None]:
                if running.pop(name).returncode:
                    failed.append(name)
                print(f"{name} ended, {len(waiting) + len(running)} to go", file=sys.stderr, flush=True)
    except KeyboardInterrupt:  # the terminal has told the runs as well
        for child in running.values():
            child.wait(GRACE_S)
        raise
    return failed


def start(cell: Cell, device: str, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    folder = options.out / cell.name
    folder.mkdir(parents=True, exist_ok=True)
    words = [*sys.argv[1:], "--one", cell.name, "--device", device, "--ends-at", str(options.ends_at)]
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen([sys.executable, __file__, *words], stdout=log, stderr=log)


def spread(device: str) -> list[str]:
    """Return the devices that runs take turns on."""
    chosen = pick_device(device)
    count = torch.cuda.device_count() if chosen.type == "cuda" and device in ("auto", "cuda") else 0
    return [f"cuda:{i}" for i in range(count)] or [str(chosen)]


def is_finished(folder: Path) -> bool:
    path = folder / RESULT
    return path.is_file() and json.loads(path.read_text("utf-8"))["is_finished"]


def run_cell(cell: Cell, options: argparse.Namespace) -> None:
    """Train one model, or go on with it, and write what it answers on the test sequences."""
    folder = options.out / cell.name
    config = configure(cell, options)

    def report(row: dict[str, float]) -> None:
        if "test_accuracy" in row:
            print(json.dumps(row), flush=True)
        if time.time() > options.ends_at:
            raise KeyboardInterrupt  # the run saves, and answers with what it has learned

    is_done = False
    try:
        train(config, folder, on_step=report)
        is_done = True
    except KeyboardInterrupt:
        print("stopped", flush=True)
    device = pick_device(config.device)
    try:
        model, step = load_model(folder, device)
    except MissingFile:
        return  # before the first step
    data = prepare_task(config.task)
    predicted, nats = answer_examples(
        model,
        data.test,
        batch_size=config.batch_size,
        device=device,
        autocast=torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"),
    )
    record = read_run_record(folder)
    np.savez_compressed(folder / ANSWERS, predicted=predicted, nats=nats)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    curve = [[row["step"], row["test_accuracy"]] for row in rows if "test_accuracy" in row]
    result = {
        "mixer": cell.mixer,
        "length": cell.length,
        "vocab_size": cell.vocab_size,
        "seed": cell.seed,
        "accuracy": float((predicted == data.test.answers).all(axis=1).mean()),
        "n_test": len(data.test),
        "floors": data.floors,
        "steps": config.steps if step is None else step,
        "is_finished": is_done,
        "training_s": max(row["elapsed_s"] for row in rows),
        "parameters": count_parameters(config.model),
        "curve": curve,
        "data_hash": data.hash,
        "run": record.hash if record else "",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
    }
    write_json(folder / RESULT, result)


def show(results: list[dict[str, object]], *, as_json: bool) -> None:
    """Print accuracies over seeds, with floors."""
    rows = list(summarise(results))
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    print(
        "mixer        length  vocab  seeds  accuracy %  95 % interval  floor: guess  floor: majority  steps"
    )
    for row in rows:
        print(
            f"{row['mixer']:12} {row['length']:6}  {row['vocab_size']:5}  {row['seeds']:5}  "
            f"{100 * row['accuracy']:10.1f}  {100 * row['low']:6.1f}-{100 * row['high']:<6.1f} "
            f"{100 * row['uniform']:13.1f}  {100 * row['majority_value']:15.1f}  {row['steps']}"
        )


def summarise(results: list[dict[str, object]]) -> Iterator[dict[str, float | str]]:
    """Put the seeds of each cell together; n of the interval is the test sequences of all of them."""
    from longwave.training.tasks import wilson_bounds

    def key(row: dict[str, object]) -> tuple[int, int, str]:
        return int(row["length"]), int(row["vocab_size"]), str(row["mixer"])

    for (length, vocab_size, mixer), group in itertools.groupby(sorted(results, key=key), key):
        runs = list(group)
        accuracy = float(np.mean([run["accuracy"] for run in runs]))
        low, high = wilson_bounds(accuracy, sum(run["n_test"] for run in runs))
        yield {
            "mixer": mixer,
            "length": length,
            "vocab_size": vocab_size,
            "seeds": len(runs),
            "accuracy": accuracy,
            "low": low,
            "high": high,
            **{name: float(np.mean([run["floors"][name] for run in runs])) for name in runs[0]["floors"]},
            "steps": min(run["steps"] for run in runs),
        }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
