"""Several processes give the losses of one; configuration and environment must agree."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from longwave.config import to_dict, write_json
from longwave.errors import ConfigError
from longwave.models.pde import FNOConfig
from longwave.training import ImageStage, TrainConfig, load_trained, train
from longwave.training.distributed import Workers, join_workers
from longwave.training.fields import open_fields

Change = Callable[..., TrainConfig]
Curve = Callable[[Path], list[dict[str, float]]]
ALONE = Workers(rank=0, world=1, device=torch.device("cpu"))
SCRIPT = Path(__file__).with_name("_run_tiny.py")


def torchrun(config: TrainConfig, out: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    write_json(out.with_suffix(".json"), to_dict(config))
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        str(SCRIPT),
    ]
    return subprocess.run(
        [*command, str(out.with_suffix(".json")), str(out), *extra],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def losses(rows: list[dict[str, float]]) -> list[float]:
    return [row.get("loss", row.get("validation_loss")) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_two_processes_killed_and_resumed_give_the_losses_of_one(
    kind: str, change: Change, curve: Curve, tmp_path: Path
) -> None:
    keys = {"model_dropout": 0.0, "accumulation": 2}
    config = change(distributed=kind, **keys)
    assert torchrun(config, tmp_path / "two", "7").returncode != 0
    assert (tmp_path / "two" / "checkpoints" / "step-00000006").is_dir()
    done = torchrun(config, tmp_path / "two")
    assert done.returncode == 0, done.stderr
    train(change(**keys), tmp_path / "one")
    assert losses(curve(tmp_path / "two")) == pytest.approx(losses(curve(tmp_path / "one")), rel=1e-4)
    norms = [[row["grad_norm"] for row in curve(tmp_path / name) if "loss" in row] for name in ("two", "one")]
    assert norms[0] == pytest.approx(norms[1], rel=1e-3)
    two, one = (load_trained(tmp_path / name)[0].embedding.weight for name in ("two", "one"))
    torch.testing.assert_close(two, one, rtol=1e-2, atol=1e-4)


def test_one_process_sums_alone() -> None:
    workers = Workers(rank=0, world=1, device=torch.device("cpu"))
    workers.wait()
    assert (workers.sum(1.5, 2.0), workers.is_first) == ([1.5, 2.0], True)


def test_torchrun_without_the_setting_is_refused(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match='torchrun started 2 processes, but distributed is "none"'):
        train(config, tmp_path / "out")


def test_the_setting_without_torchrun_is_refused(change: Change, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='distributed is "ddp", but this is a single process'):
        train(change(distributed="ddp"), tmp_path / "out")


def test_a_batch_that_cannot_be_split_is_refused(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ConfigError, match="Make it a multiple of 6"):
        train(change(distributed="ddp", accumulation=2), tmp_path / "out")


@pytest.mark.parametrize(
    ("device", "message"),
    [("gpu9", 'device is "gpu9"; accepted are'), ("cuda:0", "torch sees no GPU")],
    ids=["unknown", "absent"],
)
def test_a_device_that_does_not_exist_is_named(
    device: str, message: str, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=message), join_workers(change(device=device)):
        pass


def test_auto_takes_the_cpu_without_a_gpu(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with join_workers(change(device="auto")) as workers:
        assert workers.device.type == "cpu"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["t1", "fno"])
def test_operators_on_two_processes_have_the_losses_of_one(
    model: str, field_run: TrainConfig, fno: FNOConfig, curve: Curve, tmp_path: Path
) -> None:
    config = replace(field_run, model=fno if model == "fno" else field_run.model, accumulation=2)
    done = torchrun(replace(config, distributed="ddp"), tmp_path / "two")
    assert done.returncode == 0, done.stderr
    train(config, tmp_path / "one")
    two, one = (
        [row.get("loss", row.get("test_relative_l2")) for row in curve(tmp_path / name)]
        for name in ("two", "one")
    )
    assert two == pytest.approx(one, rel=1e-3)


@pytest.mark.slow
def test_classifiers_on_two_processes_have_the_losses_of_one_through_stages(
    image_run: TrainConfig, curve: Curve, tmp_path: Path
) -> None:
    stages = (ImageStage(rate=4.0, steps=4, bandlimit=0.25), ImageStage(rate=2.0, steps=4, restart=True))
    trunk = replace(image_run.image_model.trunk, dropout=0.0)
    config = replace(
        image_run,
        model=replace(image_run.image_model, trunk=trunk),
        data=replace(image_run.images, rate=1.0, stages=stages),
        accumulation=2,
    )
    done = torchrun(replace(config, distributed="ddp"), tmp_path / "two")
    assert done.returncode == 0, done.stderr
    train(config, tmp_path / "one")
    two, one = (
        [row.get("loss", row.get("test_accuracy")) for row in curve(tmp_path / name)]
        for name in ("two", "one")
    )
    assert two == pytest.approx(one, rel=1e-3)


def test_shards_of_operators_are_refused(field_run: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='accepted with models of fields are "none" and "ddp"'):
        open_fields(replace(field_run, distributed="fsdp"), tmp_path, ALONE)
