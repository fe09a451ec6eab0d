"""Run one training from a configuration file in a process of its own; may be told to kill itself.

Usage: _run_tiny.py CONFIG OUT [KILL_STEP [PLACE]], where PLACE is "row" or "checkpoint".
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch

from longwave.config import load_config
from longwave.training import TrainConfig, checkpoints, train


def main(config: str, out: str, kill_step: str = "0", place: str = "row") -> None:
    torch.set_num_threads(1)

    def die_at_row(row: dict[str, float]) -> None:
        if place == "row" and row["step"] == int(kill_step):
            os.kill(os.getpid(), signal.SIGKILL)

    def die_while_writing(path: Path) -> None:
        if place == "checkpoint" and path.parent.name == f".tmp-step-{int(kill_step):08d}":
            os.kill(os.getpid(), signal.SIGKILL)
        flush(path)

    flush = checkpoints._flush
    checkpoints._flush = die_while_writing
    train(load_config(TrainConfig, Path(config)), out, on_step=die_at_row)


if __name__ == "__main__":
    main(*sys.argv[1:])
