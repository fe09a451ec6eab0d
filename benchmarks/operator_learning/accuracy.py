"""Train every model on every data set at equal epochs, then at the seconds FNO took; resumable run by run."""

from __future__ import annotations

import gc
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from longwave.config import write_json
from longwave.data.pde import FieldPairs
from longwave.recipes.operators import operator_run
from longwave.training import (
    FieldDataConfig,
    TrainConfig,
    build_model,
    load_fields,
    load_operator,
    pick_device,
    train,
)
from longwave.training.fields import sample_errors
from models import trained_models

RESULT = "accuracy.json"
TASKS = ("navier_stokes_1e-3", "navier_stokes_1e-4", "darcy")
MOVED = "-moved"  # in every update each sample is moved by a symmetry of the equation, all it has
RATES = {"": 1e-3, "-lr3": 3e-3, "-lr10": 1e-2}  # of learning; the first is the published one
KINDS = ("fno", "t1", "t1-rfft", "t1-dct", "ffno", "unet")  # FNO first: its seconds are everybody's budget
VARIANTS = tuple(rate + moved for moved in ("", MOVED) for rate in RATES)
MODELS = tuple(kind + variant for variant in VARIANTS for kind in KINDS)
DEFAULT = ("fno", f"fno{MOVED}", "t1", f"t1{MOVED}", "ffno", "unet")
MOST_EPOCHS = 20.0  # times those of the run with equal epochs


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training run of the study."""

    task: str
    model: str
    budget: str  # "epochs" or "seconds"
    seed: int

    @property
    def name(self) -> str:
        return f"{self.task}-{self.model}-{self.budget}-seed{self.seed}"

    @property
    def kind(self) -> str:
        return self.model.removesuffix(MOVED).removesuffix(self.rate)

    @property
    def is_moved(self) -> bool:
        return self.model.endswith(MOVED)

    @property
    def rate(self) -> str:
        named = self.model.removesuffix(MOVED)
        return next((rate for rate in RATES if rate and named.endswith(rate)), "")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is trained, and on what."""

    out: Path
    device: str
    scale: str
    n_train: int
    n_test: int
    epochs: int
    batch_size: int
    ends_at: float
    data_seed: int = 0
    tasks: tuple[str, ...] = TASKS
    models: tuple[str, ...] = DEFAULT
    seeds: tuple[int, ...] = (0, 1, 2)
    budgets: tuple[str, ...] = ("epochs", "seconds")


def make_data(plan: Plan) -> dict[str, float]:
    """Simulate what is missing, or read what is there; return the seconds, task by task."""
    seconds = {}
    for task in plan.tasks:
        if time.time() < plan.ends_at:
            started = time.perf_counter()
            load_fields(field_data(task, plan), pick_device(plan.device))
            seconds[task] = round(time.perf_counter() - started, 2)
    return seconds


def missing_cells(plan: Plan) -> list[Cell]:
    """Return the runs without a result, in their order."""
    return [cell for cell in cells(plan) if not (plan.out / cell.name / RESULT).is_file()]


def run_in_turn(plan: Plan, todo: list[Cell], *, done: Callable[[], None]) -> None:
    """Run cells one after the other until the time is up; ``done`` is called after each."""
    for cell in todo:
        if time.time() < plan.ends_at:
            run_cell(cell, plan)
            done()


def cells(plan: Plan) -> Iterator[Cell]:
    """Yield the runs, so that what is done when the time is up is a whole comparison as often as possible."""
    for seed in plan.seeds:
        for budget in plan.budgets:
            for task in plan.tasks:
                for model in plan.models:
                    cell = Cell(task=task, model=model, budget=budget, seed=seed)
                    if is_possible(cell):
                        yield cell


def is_possible(cell: Cell) -> bool:
    """Tell whether there is such a run: cosines cannot follow a torus, and FNO's seconds are its own."""
    cannot_move = cell.model.startswith("t1-dct") and cell.is_moved and cell.task != "darcy"
    is_again = cell.budget == "seconds" and cell.kind == "fno" and cell.model != "fno"
    return not cannot_move and not is_again


def is_ready(cell: Cell, plan: Plan) -> bool:
    """Tell whether the runs are finished that set a cell's budget."""
    return all(path.is_file() for path in _paces(cell, plan)) if cell.budget == "seconds" else True


def _paces(cell: Cell, plan: Plan) -> list[Path]:
    """Return the results with a model's own pace and with FNO's seconds."""
    return [
        plan.out / replace(cell, model=model, budget="epochs").name / RESULT for model in (cell.model, "fno")
    ]


def read_results(out: Path) -> list[dict[str, object]]:
    """Return the results of all runs in a folder."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(out.glob(f"*/{RESULT}"))]


def _seconds(path: Path, plan: Plan) -> float:
    """Return what a run took: on a CPU processor time, which others on the machine hardly change."""
    result = json.loads(path.read_text("utf-8"))
    return float((result["processor_s"] if plan.device == "cpu" else None) or result["training_s"])


def field_data(task: str, plan: Plan) -> FieldDataConfig:
    """Return the data of a task: the same for all models and seeds."""
    sizes: dict[str, object] = {"n_train": plan.n_train, "n_test": plan.n_test, "seed": plan.data_seed}
    if plan.scale == "tiny":
        sizes["resolution"] = 32 if task != "darcy" else 21
        sizes["options"] = {} if task == "darcy" else {"horizon": 1.0}
    return FieldDataConfig(equation=task, folder=str(plan.out / "data"), **sizes)


def configure(cell: Cell, plan: Plan) -> TrainConfig:
    """Return the run of a cell that is ready."""
    data = field_data(cell.task, plan)
    n = data.simulation().resolution
    models = trained_models((n, n), plan.scale, is_periodic=cell.task != "darcy")
    epochs = float(plan.epochs)
    if cell.budget == "seconds":
        pace, budget_s = (_seconds(path, plan) for path in _paces(cell, plan))
        epochs = min(plan.epochs * budget_s / pace, plan.epochs * MOST_EPOCHS)
    if cell.is_moved:
        data = replace(data, symmetries="auto")
    config = operator_run(
        models[cell.kind],
        data,
        epochs=max(1, round(epochs)),
        batch_size=plan.batch_size,
        lr=RATES[cell.rate],
        seed=cell.seed,
    )
    return replace(
        config,
        device=plan.device,
        eval_every=config.steps,
        checkpoint_every=max(1, config.steps // 4),
        log_every=max(1, config.steps // 20),
    )


def run_cell(cell: Cell, plan: Plan) -> None:
    """Train one model, or go on with it; write its result when it is finished."""
    if not is_ready(cell, plan):
        return
    folder, config = plan.out / cell.name, configure(cell, plan)
    if (cell.budget, cell.model) == ("seconds", "fno"):  # its own budget: the same run
        same = plan.out / replace(cell, budget="epochs").name / RESULT
        write_json(folder / RESULT, {**json.loads(same.read_text("utf-8")), "budget": "seconds"})
        return

    def look_at_the_clock(row: dict[str, float]) -> None:
        if time.time() > plan.ends_at and row["step"] < config.steps:
            raise KeyboardInterrupt  # the run saves, and goes on next time

    started = time.process_time()
    try:
        trained = train(config, folder, on_step=look_at_the_clock)
    except KeyboardInterrupt:
        if time.time() < plan.ends_at:
            raise  # somebody else asked to stop
        print(f"{cell.name}: time is up", file=sys.stderr, flush=True)
        return
    device, processor_s = pick_device(plan.device), time.process_time() - started
    operator, about = load_operator(folder, device)
    data = load_fields(config.fields, device)
    l2, l1 = sample_errors(operator, data.test, 50, device)
    coarse = data.at_resolution(coarser(data.sizes[0]))
    result = {
        **vars(cell),
        "scale": plan.scale,
        "relative_l2": float(l2.mean()),
        "relative_l1": float(l1.mean()),
        "half_interval": 1.96 * float(l2.std(ddof=1)) / math.sqrt(len(l2)),
        "errors": [float(f"{value:.5g}") for value in l2],
        "train_relative_l2": trained.evaluation["train_relative_l2"],
        "floor_mean_field": trained.evaluation["floor_mean_field"],
        "irreducible_loss": about.irreducible_loss,
        "coarse_points": coarse.sizes[0],
        "coarse_relative_l2": mean_error(operator, coarse.test, device),
        "steps": config.steps,
        "epochs": round(config.steps * config.batch_size / plan.n_train),
        "training_s": trained.elapsed_s,
        "processor_s": None if trained.resumed_from else round(processor_s, 1),
        "parameters": sum(p.numel() for p in build_model(about.model).parameters()),
        "n_train": plan.n_train,
        "n_test": plan.n_test,
        "batch_size": plan.batch_size,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
    }
    write_json(folder / RESULT, result)
    print(
        f"{cell.name}: {100 * result['relative_l2']:.3f} % after {result['epochs']} epochs, "
        f"{trained.elapsed_s:.1f} s",
        file=sys.stderr,
        flush=True,
    )
    gc.collect()


def mean_error(operator: torch.nn.Module, pairs: FieldPairs, device: torch.device) -> float | None:
    """Return the error on another grid; None where the model cannot read it."""
    try:
        return float(sample_errors(operator, pairs, 50, device)[0].mean())
    except ValueError:
        return None


def coarser(points: int) -> int:
    """Return a coarser grid: two thirds of an even one, else the largest divisor (17 of 85)."""
    if points % 2 == 0:
        return points * 2 // 3
    return next(n for n in range(points // 2, 0, -1) if points % n == 0)


def summarise(results: list[dict[str, object]]) -> dict[str, object]:
    """Put seeds together, and tell T1's error in its best basis as a share of FNO's over tasks."""
    rows = []
    keys = sorted({(r["budget"], r["task"], r["model"]) for r in results})
    for budget, task, model in keys:
        runs = [r for r in results if (r["budget"], r["task"], r["model"]) == (budget, task, model)]
        means = np.array([r["relative_l2"] for r in runs])
        rows.append(
            {
                "budget": budget,
                "task": task,
                "model": model,
                "seeds": len(runs),
                "relative_l2": float(means.mean()),
                "seed_deviation": float(means.std(ddof=1)) if len(runs) > 1 else None,
                "half_interval": float(np.mean([r["half_interval"] for r in runs])),
                "epochs": float(np.mean([r["epochs"] for r in runs])),
                "training_s": float(np.mean([r["training_s"] for r in runs])),
                "processor_s": float(np.mean([r["processor_s"] or r["training_s"] for r in runs])),
                "parameters": runs[0]["parameters"],
                "irreducible_loss": runs[0]["irreducible_loss"],
                "floor_mean_field": runs[0]["floor_mean_field"],
            }
        )
    return {"rows": rows, "ratios": list(ratios(rows))}


def ratios(rows: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Yield T1's error over FNO's, task by task and their geometric mean, for each budget and variant.

    Of several bases the best counts. FNO's error as a variant is that at equal epochs, whatever the budget.
    """
    found = {(r["budget"], r["task"], r["model"]): float(r["relative_l2"]) for r in rows}
    for budget in sorted({budget for budget, _, _ in found}):
        for variant in VARIANTS:
            shares = {}
            for task in sorted({task for _, task, _ in found}):
                ours = [found.get((budget, task, f"t1{basis}{variant}")) for basis in ("", "-dct", "-rfft")]
                fno = found.get(("epochs" if variant else budget, task, f"fno{variant}"))
                best = min((error for error in ours if error is not None), default=None)
                if best is not None and fno is not None:
                    shares[task] = best / fno
            if shares:
                mean = math.exp(sum(math.log(value) for value in shares.values()) / len(shares))
                yield {"budget": budget, "variant": variant, "tasks": shares, "geometric_mean": mean}
