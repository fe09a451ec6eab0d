"""Commands killed with SIGKILL at random moments and started again: they end as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from longwave.adapters import make_groups
from longwave.predictions import KEY, read_predictions, read_side
from longwave.samples import sample_path

MAIN = "from longwave.cli import main; main()"
TIMES = {"tokens_per_s", "samples_per_s", "memory_mb", "elapsed_s", "seconds", "created"}
KILLS = 3
PATIENCE_S = 120.0

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="kills processes by signals")]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A command that writes into ``out``, and what must be the same in the end."""

    name: str
    words: Callable[[Path, Path], Sequence[object]]  # of the folder with inputs and of the output
    prepare: Callable[[Path], object]
    result: Callable[[Path], object]
    group: bool = True  # kill all processes of the command, or the first alone


def start(words: Sequence[object], folder: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "CI": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *map(str, words)],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(words: Sequence[object], folder: Path) -> float:
    """Run a command to its end and return how long it took."""
    began = time.monotonic()
    with start(words, folder) as process:
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors.decode()[-2000:]
    return time.monotonic() - began


def kill_after(words: Sequence[object], folder: Path, seconds: float, *, group: bool) -> bool:
    """Start a command and kill it; tell whether it was still running."""
    with start(words, folder) as process:
        try:
            process.communicate(timeout=seconds)
            return False
        except subprocess.TimeoutExpired:
            (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
            if not group:  # workers are left alone for a moment, as after a kill of the first process
                process.wait()
                time.sleep(0.3)
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return True


def plain(value: object) -> object:
    """Leave out of JSON what depends on the speed of the machine."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items() if key not in TIMES}
    return [plain(part) for part in value] if isinstance(value, list) else value


def json_files(folder: Path, pattern: str) -> dict[str, object]:
    return {
        path.relative_to(folder).as_posix(): plain(json.loads(path.read_text("utf-8")))
        for path in sorted(folder.glob(pattern))
    }


def rows_of(out: Path) -> object:
    """Return all tables, without what is measured, in the order of their keys."""
    rows = read_predictions(out).drop("latency_s").sort(KEY, nulls_last=False)
    side = {name: read_side(out, name) for name in ("requests", "instances", "scores")}
    return rows.rows(), {name: sorted(map(repr, table.rows())) for name, table in side.items()}


def tables_and_records(out: Path) -> object:
    return (
        rows_of(out),
        json_files(out, "run.json"),
        json_files(out, "runs/*.json"),
        json_files(out, "rounds/*.json"),
    )


def trained(out: Path) -> object:
    metrics = [plain(json.loads(line)) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]
    # the order of names in the file's head differs between two processes
    weights = {
        name: value.tobytes() for name, value in load_file(out / "model" / "model.safetensors").items()
    }
    return metrics, weights, json_files(out, "*.json")


def compared(out: Path) -> object:
    """Return the rows, and the adapters with all that says how they were made."""
    rows = read_predictions(out).drop("latency_s", "run").sort(KEY, nulls_last=False).rows()
    arrays = {
        (path.parent.name, name): value.tobytes()
        for path in sorted(out.glob("adapters/*/adapter.safetensors"))
        for name, value in load_file(path).items()
    }
    return (
        rows,
        arrays,
        json_files(out, "adapters/*/*.json"),
        sorted(p.name for p in out.glob("group_maps/*")),
    )


def write_text(folder: Path) -> None:
    (folder / "a.txt").write_text(sample_path("books/train.txt").read_text("utf-8")[:20_000], "utf-8")
    run = {
        "model": {"vocab_size": 257, "d_model": 16, "n_layers": 2, "max_length": 64, "mixer": "long-conv"},
        "data": {"path": str(folder / "a.txt"), "validation_fraction": 0.1},
        "steps": 60,
        "batch_size": 4,
        "device": "cpu",
        "log_every": 1,
        "eval_every": 20,
        "checkpoint_every": 7,
    }
    (folder / "run.yaml").write_text(json.dumps(run), "utf-8")


def write_job(folder: Path) -> None:
    for day in ("2026-01-01", "2026-02-01"):
        job = {
            "models": ["fake:first"],
            "scenarios": ["boolq", "openbookqa", "blimp"],
            "max_instances": 60,
            "alarms": ["flips > 3%"],
        }
        for out in ("whole", "cut"):
            (folder / f"{out}-{day}.yaml").write_text(json.dumps({**job, "date": day, "out": out}), "utf-8")
    for out in ("whole", "cut"):
        finish(("monitor", "collect", f"{out}-2026-01-01.yaml"), folder)


def write_groups(folder: Path) -> None:
    counts = {"train": (60, 20, 8, 32), "val": (10, 10, 6, 6), "test": (20, 20, 10, 10)}
    made = make_groups(0, width=16, counts=counts)
    made.save(folder / "toy.npz")


def evaluate(*more: object) -> Callable[[Path, Path], Sequence[object]]:
    return lambda _, out: (
        "evaluate",
        "--model",
        "fake:first",
        "--scenario",
        "boolq",
        "--scenario",
        "blimp",
        "--scenario",
        "openbookqa",
        "--perturbation",
        "lowercase",
        "--max-instances",
        "80",
        "--trials",
        "2",
        "--date",
        "2026-01-01",
        "--out",
        out,
        *more,
    )


CASES = (
    Case(
        name="train",
        words=lambda folder, out: ("train", folder / "run.yaml", "--out", out),
        prepare=write_text,
        result=trained,
    ),
    Case(name="evaluate", words=evaluate(), prepare=lambda _: None, result=tables_and_records),
    Case(
        name="evaluate-workers",
        words=evaluate("--workers", "2"),
        prepare=lambda _: None,
        result=tables_and_records,
    ),
    Case(
        name="evaluate-first-process",
        words=evaluate("--workers", "2"),
        prepare=lambda _: None,
        result=tables_and_records,
        group=False,
    ),
    Case(
        name="collect",
        words=lambda _, out: ("monitor", "collect", f"{out.name}-2026-02-01.yaml"),
        prepare=write_job,
        result=tables_and_records,
    ),
    Case(
        name="compare",
        prepare=write_groups,
        result=compared,
        words=lambda _, out: (
            "adapt",
            "compare",
            "--data",
            "toy.npz",
            "--method",
            "zero-shot,erm,dfr-train,contrastive",
            "--seeds",
            "2",
            "--out",
            out,
            "--device",
            "cpu",
            "descent.epochs=3",
            "contrast.positives=16",
            "contrast.negatives=16",
        ),
    ),
)


@pytest.mark.parametrize("seed", range(int(os.environ.get("LONGWAVE_KILL_SEEDS", "1"))))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_command_killed_at_random_moments_ends_as_the_whole_one(
    case: Case, seed: int, tmp_path: Path
) -> None:
    rng = random.Random(f"{case.name} {seed}")
    case.prepare(tmp_path)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    seconds = finish(case.words(tmp_path, whole), tmp_path)
    kills = [
        kill_after(case.words(tmp_path, cut), tmp_path, rng.uniform(0.3, 1.0) * seconds, group=case.group)
        for _ in range(KILLS)
    ]
    finish(case.words(tmp_path, cut), tmp_path)
    assert any(kills)
    assert case.result(cut) == case.result(whole)
    left = [path for path in cut.rglob("*") if ".tmp" in path.name]
    assert left == [], "half-written files are left"
