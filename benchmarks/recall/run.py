"""Train operators on associative recall and tell how often they answer right on sequences they have not seen.

    python benchmarks/recall/run.py --out runs/recall --lengths 2048 --vocab-sizes 10 20 30 40 --jobs 20

Every combination of mixer, length, vocabulary and seed is a training run in a folder and a process of its
own, ``--jobs`` at a time; runs that are finished are left alone, interrupted ones go on. At the end the
answers become a predictions table in ``--out``, for ``longwave report``. A machine without the library of
tables trains with ``--train-only``; ``--collect`` makes the table later, elsewhere, from the folder.

``--one NAME`` trains a single combination in this process, or in those of ``torchrun``, over several GPUs:

    torchrun --nproc-per-node 4 benchmarks/recall/run.py --lengths 131072 --vocab-sizes 30 --mixers hyena \\
        --one hyena-L131072-V30-seed0
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
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
from longwave.errors import ConfigError, MissingFile
from longwave.models import count_parameters
from longwave.recipes import fit_to_task, induction, recall_h3, recall_paper, recall_small
from longwave.recipes.synthetic import FILTERS, MIXERS
from longwave.training import TrainConfig, answer_examples, load_model, pick_device, train

RESULT, ANSWERS = "recall.json", "answers.npz"
GRACE_S = 60.0  # for a run to save and answer after the time is up
DEFAULT = ("hyena", "h3", "attention", "long-conv", "s4d")
RECIPES = {"paper": recall_paper, "small": recall_small, "h3": recall_h3, "induction": induction}


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
        run_cell(one_of(cells, options.one), options)
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
    parser.add_argument("--device", default="auto", help="cpu, cuda, ...; runs spread over several GPUs")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--compile", action="store_true", help="compile the models")
    parser.add_argument(
        "--recipe", choices=list(RECIPES), default="paper", help="settings; small: 2000 steps at lr 2e-3"
    )
    parser.add_argument("--steps", type=int, help="updates; the recipe's when left out")
    parser.add_argument("--lr", type=float, help="peak learning rate; the recipe's when left out")
    parser.add_argument("--batch-size", type=int, help="sequences an update; the recipe's when left out")
    parser.add_argument("--evaluations", type=int, default=20, help="points of a curve")
    parser.add_argument("--budget-s", type=float, help="stop training after so long; what is there counts")
    parser.add_argument("--train-only", action="store_true", help="no table")
    parser.add_argument("--collect", action="store_true", help="no training")
    parser.add_argument("--quick", action="store_true", help="a rehearsal of minutes on a CPU")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", metavar="NAME", help="train this combination only, here and without a table")
    parser.add_argument("--ends-at", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = sorted(set(options.mixers) - set(variants()))
    if unknown:
        parser.error(f"unknown mixers: {', '.join(unknown)}; known: {', '.join(variants())}")
    if options.ends_at is None:
        options.ends_at = time.time() + options.budget_s if options.budget_s else float("inf")
    if options.quick:
        options.recipe, options.lengths, options.vocab_sizes = "small", [64], [10]
        options.mixers = [name for name in options.mixers if name in ("hyena", "attention")]
        options.steps = options.steps or 400
    return options


def variants() -> dict[str, tuple[str, dict[str, object]]]:
    """Return what can be compared: mixer and options by name."""
    plain = {name: (name, settings) for name, settings in MIXERS.items()}
    filters = {name: ("hyena", settings) for name, settings in FILTERS.items()}
    return plain | filters | {"attention-1-head": ("attention", {"n_heads": 1})}


def one_of(cells: list[Cell], name: str) -> Cell:
    names = [cell.name for cell in cells]
    if name not in names:
        raise ConfigError(f'"{name}" is none of the runs asked for: {", ".join(names)}. Name one of them.')
    return cells[names.index(name)]


def configure(cell: Cell, options: argparse.Namespace) -> TrainConfig:
    """Return the settings of the recipe with mixer, sizes and seed of the cell."""
    mixer, settings = variants()[cell.mixer]
    config = RECIPES[options.recipe](mixer, seed=cell.seed)
    sizes = {"vocab_size": cell.vocab_size, "length": cell.length}
    config = fit_to_task(
        replace(
            config,
            data=replace(config.task, options=sizes),
            model=replace(config.model, mixer_options=settings),
        )
    )
    steps = options.steps or config.steps
    optim = config.optim if options.lr is None else replace(config.optim, lr=options.lr)
    return replace(
        config,
        optim=optim,
        steps=steps,
        batch_size=options.batch_size or config.batch_size,
        device=options.device,
        precision=options.precision,
        compile=options.compile,
        distributed="ddp" if "WORLD_SIZE" in os.environ else "none",  # torchrun sets it
        eval_every=max(1, steps // options.evaluations),
        checkpoint_every=max(1, steps // 10),
    )


def run_all(cells: list[Cell], options: argparse.Namespace) -> list[str]:
    """Run every cell that is not finished, some at a time; returns the names of those that failed."""
    waiting = [cell for cell in cells if not is_finished(options.out / cell.name)]
    gpus = list_gpus(options.device)
    running: dict[str, subprocess.Popen[bytes]] = {}
    place: dict[str, str] = {}
    failed = []
    try:
        while waiting or running:
            if time.time() > options.ends_at:
                waiting.clear()  # those that run look at the clock themselves
            while waiting and len(running) < options.jobs:
                cell = waiting.pop(0)
                busy = [place[name] for name in running]
                place[cell.name] = min(gpus, key=busy.count)
                running[cell.name] = start(cell, place[cell.name], options)
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


def start(cell: Cell, gpu: str, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Start the process of a run; which GPU it sees is not part of its configuration."""
    folder = options.out / cell.name
    folder.mkdir(parents=True, exist_ok=True)
    words = [*sys.argv[1:], "--one", cell.name, "--ends-at", str(options.ends_at)]
    seen = {"CUDA_VISIBLE_DEVICES": gpu} if gpu else {}
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, __file__, *words], stdout=log, stderr=log, env=os.environ | seen
        )


def list_gpus(device: str) -> list[str]:
    """Return the GPUs that runs spread over, as CUDA_VISIBLE_DEVICES names them; one empty name for none."""
    if device not in ("auto", "cuda") or pick_device(device).type != "cuda":
        return [""]
    here = os.environ.get("CUDA_VISIBLE_DEVICES")
    return here.split(",") if here else [str(i) for i in range(torch.cuda.device_count())]


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
    if int(os.environ.get("RANK", "0")):
        return  # the first process answers
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
    speeds = [row["tokens_per_s"] for row in rows if "tokens_per_s" in row]
    result = {
        "mixer": cell.mixer,
        "length": cell.length,
        "vocab_size": cell.vocab_size,
        "seed": cell.seed,
        "recipe": options.recipe,
        "accuracy": float((predicted == data.test.answers).all(axis=1).mean()),
        "n_test": len(data.test),
        "floors": data.floors,
        "steps": config.steps if step is None else step,
        "steps_planned": config.steps,
        "batch_size": config.batch_size,
        "lr": config.optim.lr,
        "is_finished": is_done,
        "training_s": max(row["elapsed_s"] for row in rows),
        "step_ms": 1e3 * config.tokens_per_step / float(np.median(speeds)),
        "memory_mb": max(row.get("memory_mb", 0.0) for row in rows),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
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
            f"{100 * row['uniform']:13.1f}  {100 * row['majority']:15.1f}  {row['steps']}"
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
            "uniform": float(np.mean([run["floors"]["uniform"] for run in runs])),
            "majority": float(np.mean([prompt_floor(run["floors"]) for run in runs])),
            "steps": min(run["steps"] for run in runs),
        }


def prompt_floor(floors: dict[str, float]) -> float:
    """Return the accuracy of "what is most frequent in the prompt": a value, or any symbol."""
    return floors["majority_value"] if "majority_value" in floors else floors["majority_symbol"]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
