"""Compare T1 with FNO, FFNO and a U-Net: speed of a training step and of inference, and accuracy.

    python benchmarks/operator_learning/run.py --peers FOLDER          # CPU: speed, one thread
    python benchmarks/operator_learning/run.py --parts accuracy        # CPU: 200 samples, some hours
    python benchmarks/operator_learning/run.py --device cuda           # GPU: both, 1000 samples
    python benchmarks/operator_learning/run.py --tiny                  # a rehearsal of a minute

``--peers`` is a folder with neuraloperator in it, kept out of every environment:

    pip install --target FOLDER --no-deps neuraloperator==2.0.0 tensorly tensorly-torch opt-einsum

Everything is resumable: parts that are finished are left alone, and the run that ``--time-limit`` stopped
goes on from its checkpoint. Nothing but torch, numpy, scipy, pydantic, PyYAML and safetensors is needed.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from accuracy import (
    DEFAULT,
    MODELS,
    TASKS,
    Plan,
    make_data,
    missing_cells,
    read_results,
    run_in_turn,
    summarise,
)
from side_by_side import run_side_by_side
from speed import MODES_OF_GPU, PEER, time_cpu, time_gpu

from longwave.config import write_json

PARTS = ("speed", "accuracy")
SPEED, ACCURACY = "speed.json", "accuracy.json"
FOREVER = 1e9


def main() -> int:
    options = parse()
    started = time.time()
    ends_at = started + options.time_limit
    machine = describe(options.device)
    report: dict[str, object] = {"machine": machine}
    if "speed" in options.parts:
        report["speed"] = speed_part(options, machine, ends_at)
    if "accuracy" in options.parts:
        report["accuracy"] = accuracy_part(options, machine, ends_at)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/operator_learning"), help="folder of all that is made"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], help="a GPU if there is one")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="default: speed, on a GPU accuracy too")
    parser.add_argument("--peers", type=Path, help="folder with neuraloperator in it, for the speed on a CPU")
    parser.add_argument(
        "--modes", nargs="+", choices=MODES_OF_GPU, default=list(MODES_OF_GPU), help="on a GPU"
    )
    parser.add_argument("--scale", choices=["paper", "small"], help="models; paper on a GPU, small on a CPU")
    parser.add_argument("--epochs", type=int, help="of the runs with equal epochs; 100 on a GPU, 50 on a CPU")
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--n-train", type=int, help="1000 on a GPU, 200 on a CPU")
    parser.add_argument("--n-test", type=int, help="200 on a GPU, 40 on a CPU")
    parser.add_argument("--data-seed", type=int, default=0, help="of the samples; runs have --seeds")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(DEFAULT))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--budgets", nargs="+", choices=["epochs", "seconds"], default=["epochs", "seconds"])
    parser.add_argument(
        "--time-limit", type=float, default=FOREVER, help="stop after so many seconds; resumable"
    )
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each a process; 6 on a GPU")
    parser.add_argument(
        "--merge", nargs="+", type=Path, default=[], help="put accuracy.json of others together"
    )
    parser.add_argument("--collect", action="store_true", help="train nothing, tell what there is")
    parser.add_argument("--tiny", "--quick", action="store_true", help="a rehearsal")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    is_gpu = options.device == "cuda"
    if options.parts is None:
        options.parts = list(PARTS) if is_gpu or options.tiny else ["speed"]
    if options.tiny:
        options.scale, options.epochs, options.n_train, options.n_test = "tiny", 2, 20, 10
        options.seeds, options.batch_size = [0], 10
    defaults = {
        "scale": ("small", "paper"), "epochs": (50, 100), "n_train": (200, 1000), "n_test": (40, 200)
    }  # fmt: skip
    for name, values in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, values[is_gpu])
    return options


def plan_of(options: argparse.Namespace, ends_at: float) -> Plan:
    return Plan(
        out=options.out,
        device=options.device,
        scale=options.scale,
        n_train=options.n_train,
        n_test=options.n_test,
        epochs=options.epochs,
        data_seed=options.data_seed,
        batch_size=options.batch_size,
        ends_at=ends_at,
        tasks=tuple(options.tasks),
        models=tuple(options.models),
        seeds=tuple(options.seeds),
        budgets=tuple(options.budgets),
    )


def accuracy_part(options: argparse.Namespace, machine: dict[str, str], ends_at: float) -> dict[str, object]:
    """Train what is missing; what is known is written down after every run."""
    earlier = [json.loads(path.read_text("utf-8")) for path in options.merge]
    about: dict[str, object] = {"machine": earlier[0]["machine"] if earlier else machine, "data_s": {}}
    for record in [*earlier, read_record(options.out)]:
        about["data_s"] = {**record.get("data_s", {}), **about["data_s"]}

    def write() -> dict[str, object]:
        runs = once([run for record in earlier for run in record["runs"]] + read_results(options.out))
        summary = {**about, **summarise(runs), "runs": [{**run, "errors": None} for run in runs]}
        write_json(options.out / ACCURACY, summary)
        return summary

    if not (options.collect or options.merge):
        plan = plan_of(options, ends_at)
        about["data_s"] = {**make_data(plan), **about["data_s"]}  # of the first call, which makes them
        todo = missing_cells(plan)
        if options.jobs == 1:
            run_in_turn(plan, todo, done=write)
        else:
            run_side_by_side(plan, todo, options.jobs, done=write)
    return write()


def once(runs: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return every run once: records of one folder, written at two times, have runs in common."""
    return list(
        {tuple(run[key] for key in ("task", "model", "budget", "seed")): run for run in runs}.values()
    )


def read_record(out: Path) -> dict[str, object]:
    """Return what an earlier call wrote down."""
    path = out / ACCURACY
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def speed_part(options: argparse.Namespace, machine: dict[str, str], ends_at: float) -> dict[str, object]:
    """Time, unless the folder has the times already."""
    path = options.out / SPEED
    if path.is_file():
        return json.loads(path.read_text("utf-8"))
    if options.device == "cuda":
        rows = time_gpu(is_tiny=options.tiny, modes=options.modes, ends_at=ends_at)
    else:
        rows = time_cpu(options.peers, is_tiny=options.tiny)
    found = {"machine": machine, "rows": rows, "ratios": speed_ratios(rows)}
    write_json(path, found)
    return found


def speed_ratios(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return how many times as long each model takes as T1 in each basis."""
    pairs = [
        (ours, other)
        for ours in rows
        for other in rows
        if all(ours[key] == other[key] for key in ("group", "n", "mode"))
        and str(ours["model"]).startswith("t1")
        and not str(other["model"]).startswith("t1")
    ]
    return [
        {
            "group": ours["group"],
            "n": ours["n"],
            "mode": ours["mode"],
            "t1": ours["model"],
            "against": other["model"],
            "train": round(other["train_ms"] / ours["train_ms"], 2),
            "infer": round(other["infer_ms"] / ours["infer_ms"], 2),
        }
        for ours, other in pairs
    ]


def describe(device: str) -> dict[str, str]:
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else cpu_name(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def show(report: dict[str, object]) -> None:
    """Print ratios of times and errors."""
    speed = report.get("speed")
    if speed:
        print("group   grid  mode      T1       against             step x  inference x")
        for row in speed["ratios"]:
            print(
                f"{row['group']:7} {row['n']:4}  {row['mode']:8}  {row['t1']:8} {row['against']:18} "
                f"{row['train']:7.2f} {row['infer']:12.2f}"
            )
        if all(row["against"] != PEER for row in speed["ratios"]):
            print(f"(without {PEER}: no --peers)")
    accuracy = report.get("accuracy")
    if accuracy:
        print(
            "budget   data                model          seeds  relative L2 %     +-  epochs  seconds  "
            "processor s  modes lose %"
        )
        for row in accuracy["rows"]:
            lost = row["irreducible_loss"]
            print(
                f"{row['budget']:8} {row['task']:19} {row['model']:14} {row['seeds']:5}  "
                f"{100 * row['relative_l2']:13.3f} {100 * row['half_interval']:6.3f} {row['epochs']:7.0f} "
                f"{row['training_s']:8.1f} {row['processor_s']:12.1f}  "
                f"{'' if lost is None else f'{100 * lost:.3f}'}"
            )
        for row in accuracy["ratios"]:
            print(
                f"T1's error over FNO's at equal {row['budget']}, {row['variant'] or 'as published'}: "
                f"{row['geometric_mean']:.3f}"
            )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
