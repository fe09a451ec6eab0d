"""Turn the answers of a folder of runs into the predictions table and its instances."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl

from longwave.config import config_hash, load_config
from longwave.data import TaskData, prepare_task
from longwave.data.synthetic import AssociativeRecall
from longwave.errors import DataError
from longwave.predictions import append_side, write_predictions
from longwave.training import TrainConfig

ANSWERS = "answers.npz"
SHOWN = 60  # tokens of a sequence's end that the report shows


def write_table(out: Path, results: list[dict[str, object]]) -> None:
    """Write the table in ``out`` anew from the runs below it."""
    for name in ("predictions", "instances"):
        shutil.rmtree(out / name, ignore_errors=True)
    listed = set()
    for result in results:
        folder = out / f"{result['mixer']}-L{result['length']}-V{result['vocab_size']}-seed{result['seed']}"
        config = load_config(TrainConfig, folder / "run.json")
        data = prepare_task(config.task)
        if data.hash != result["data_hash"]:
            raise DataError(
                f'The sequences of "{folder}" cannot be drawn again: their hash is {data.hash}, and was '
                f"{result['data_hash']} when the run ended. Collect with the version that trained."
            )
        predicted = np.load(folder / ANSWERS)["predicted"]
        where = {
            "scenario": f"recall-L{result['length']}-V{result['vocab_size']}",
            "date": str(result["date"]),
            "trial": int(result["seed"]),
            "group": f"V={result['vocab_size']}",
            "run": str(result["run"]),
        }
        write_predictions(
            out, answer_rows(data, predicted, str(result["mixer"]), f"{config.steps} steps", where)
        )
        if data.hash not in listed:
            write_predictions(out, pl.concat(floor_frames(data, where), how="diagonal"))
            append_side(out, "instances", instances(data, where))
        listed.add(data.hash)


def answer_rows(
    data: TaskData, predicted: np.ndarray, model: str, version: str, where: dict[str, object]
) -> pl.DataFrame:
    """Return one row per test sequence."""
    names = token_names(data)
    right = predicted[:, 0] == data.test.answers[:, 0]
    return base_rows(data, model, version, where).with_columns(
        prediction=pl.Series([names[token] for token in predicted[:, 0]]),
        correct=pl.Series(right),
        score=pl.Series(right.astype(np.float64)),
    )


def floor_frames(data: TaskData, where: dict[str, object]) -> list[pl.DataFrame]:
    """Return the floors as predictions: a guess, and the value that is most frequent in the prompt."""
    names = token_names(data)
    values = data.test.tokens[:, 1:-3:2]
    most = np.array([np.bincount(row).argmax() for row in values])
    right = most == data.test.answers[:, 0]
    guess = base_rows(data, "floor:random", "1", where).with_columns(score=pl.lit(data.floors["uniform"]))
    majority = base_rows(data, "floor:majority value", "1", where).with_columns(
        prediction=pl.Series([names[token] for token in most]),
        correct=pl.Series(right),
        score=pl.Series(right.astype(np.float64)),
    )
    return [guess, majority]


def base_rows(data: TaskData, model: str, version: str, where: dict[str, object]) -> pl.DataFrame:
    names = token_names(data)
    fixed = {**where, "model": model, "version": version, "prompt": "tokens", "split": "test"}
    return pl.DataFrame(
        {
            "instance": [f"{where['trial']}-{i}" for i in range(len(data.test))],
            "input_hash": [config_hash(row.tobytes().hex()) for row in data.test.inputs],
            "label": [names[token] for token in data.test.answers[:, 0]],
        }
    ).with_columns(
        pl.lit(None, pl.String).alias("perturbation"),
        **{name: pl.lit(value) for name, value in fixed.items()},
    )


def instances(data: TaskData, where: dict[str, object]) -> pl.DataFrame:
    """Return what the report shows of each test sequence."""
    names, task = token_names(data), recall(data)
    values = [names[token] for token in range(task.n_symbols, task.n_symbols + task.n_values)]
    ends = [" ".join(names[token] for token in row[-SHOWN:]) for row in data.test.inputs]
    lead = "… " if data.test.inputs.shape[1] > SHOWN else ""
    return pl.DataFrame(
        {
            "scenario": where["scenario"],
            "instance": [f"{where['trial']}-{i}" for i in range(len(data.test))],
            "split": "test",
            "group": where["group"],
            "input": [lead + end for end in ends],
            "references": [values] * len(data.test),
            "correct_references": [[int(token) - task.n_symbols] for token in data.test.answers[:, 0]],
        }
    ).with_columns(pl.lit(None, pl.String).alias("perturbation"))


def token_names(data: TaskData) -> list[str]:
    """Return how each token is written: keys, values, the mark and the no-op."""
    task = recall(data)
    keys = [f"k{i}" for i in range(task.n_symbols)]
    return [*keys, *(f"v{i}" for i in range(task.n_values)), "=>", "."]


def recall(data: TaskData) -> AssociativeRecall:
    if not isinstance(data.task, AssociativeRecall):
        raise DataError(f"{data.task} is no associative recall. Collect a folder of this benchmark.")
    return data.task
