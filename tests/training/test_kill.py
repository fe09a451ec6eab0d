"""A process killed with SIGKILL leaves a folder from which the run continues bit for bit."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from longwave.config import to_dict, write_json
from longwave.training import TrainConfig, train

SCRIPT = Path(__file__).with_name("_run_tiny.py")


@pytest.fixture
def one_thread() -> object:
    """Compute as the killed process does: sums may depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("place", ["row", "checkpoint"])
def test_a_killed_run_repeats_the_uninterrupted_one(
    place: str,
    change: Callable[..., TrainConfig],
    curve: Callable[[Path], object],
    rng: np.random.Generator,
    tmp_path: Path,
) -> None:
    config = change(steps=24)
    step = int(rng.integers(4, 24)) if place == "row" else 3 * int(rng.integers(2, 8))
    write_json(tmp_path / "config.json", to_dict(config))
    killed = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "config.json", tmp_path / "out", str(step), place], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert train(config, tmp_path / "out").resumed_from == (step - 1) // 3 * 3
    train(config, tmp_path / "whole")
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")
