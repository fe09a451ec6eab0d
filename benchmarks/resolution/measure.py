"""Train one model of a study, or go on with it, and write what it answers at every resolution."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import torch
from studies import LIMITED, STUDIES, UNLIMITED, Cell, Plan, configure

from longwave.config import load_config, write_json
from longwave.training import TrainConfig, train
from longwave.training.image_answers import ImageAnswers, answer_images
from longwave.training.image_sources import describe_images
from longwave.training.tasks import wilson_bounds

RESULT = "resolution.json"


def run_cell(cell: Cell, plan: Plan, out: Path, ends_at: float) -> None:
    """Train; write the result when the run is finished."""
    folder, config = out / cell.name, configure(cell, plan)

    def look_at_the_clock(row: dict[str, float]) -> None:
        if time.time() > ends_at and row["step"] < config.steps:
            raise KeyboardInterrupt  # the run saves, and goes on next time

    try:
        trained = train(config, folder, on_step=look_at_the_clock)
    except KeyboardInterrupt:
        if time.time() < ends_at:
            raise  # somebody else asked to stop
        print(f"{cell.name}: time is up", file=sys.stderr, flush=True)
        return
    rows = answers_of(cell, folder, config)
    result = {
        **vars(cell),
        "answers": rows,
        "train_accuracy": trained.evaluation["train_accuracy"],
        "floor_majority": trained.evaluation["floor_majority"],
        "training_s": trained.elapsed_s,
        "steps": config.steps,
        "batch_size": config.batch_size,
        "data": Path(config.images.source).name,
        "n_train": n_train(folder),
        "settings": list(plan.settings),
        **machine(plan.device),
    }
    write_json(folder / RESULT, result)
    told = ", ".join(f"{100 * row['accuracy']:.1f} % at {row['points']}" for row in rows)
    print(f"{cell.name}: {told}; {trained.elapsed_s:.1f} s", file=sys.stderr, flush=True)


def answers_of(cell: Cell, folder: Path, config: TrainConfig) -> list[dict[str, object]]:
    """Return the accuracies at all resolutions, on shrunk images as well, and with the other bandlimit."""
    limits = {"model": "model"}
    if cell.study in ("zero-shot", "omniglot") and cell.model in (LIMITED, UNLIMITED):
        rate = config.images.rate
        limits |= {"none": "none"} if cell.model == LIMITED else {f"{1 / rate:.3g}": 1 / rate}
    rows: list[dict[str, object]] = []
    for shown, limit in limits.items():
        found = answer_images(
            folder,
            STUDIES[cell.study].resolutions,
            bandlimit=limit,
            shrink=shown == "model",
            device=config.device,
        )
        rows.extend(row_of(answers, shown) for answers in found)
    return rows


def row_of(found: ImageAnswers, limit: str) -> dict[str, object]:
    n = len(found.labels)
    low, high = wilson_bounds(found.accuracy, n)
    return {
        "points": found.resolution[0],
        "is_shrunk": found.is_shrunk,
        "bandlimit_at_test": limit,
        "accuracy": found.accuracy,
        "low": low,
        "high": high,
        "n": n,
        "parameters": found.parameters,
        "run": found.run,
    }


def n_train(folder: Path) -> int:
    """Return the samples that a run was trained on."""
    return describe_images(load_config(TrainConfig, folder / "run.json").images).n_train


def machine(device: str) -> dict[str, str]:
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "torch": torch.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def read_results(out: Path) -> list[dict[str, object]]:
    """Return the results of all finished runs in a folder."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(out.glob(f"*/{RESULT}"))]
