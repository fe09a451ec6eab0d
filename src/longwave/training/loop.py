"""The training loop: plain torch, deterministic on the CPU, resumable at any moment.

What is unusual about it

* nothing random has a state: windows and dropout of a step are functions of ``(seed, step)``, so a resumed
  run repeats an uninterrupted one bit for bit on the CPU;
* ``metrics.jsonl`` is cut back to the checkpoint on resume, so it looks as if nothing had happened;
* Ctrl-C and SIGTERM wait for the end of the step and leave a checkpoint;
* ``elapsed_s`` counts training only, so that runs compare at equal time; validation and checkpoints are
  apart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import torch

from longwave.training.config import TrainConfig
from longwave.training.distributed import Workers, join_workers
from longwave.training.interrupts import StopRequest, delay_interrupts
from longwave.training.run_folder import TrainResult, check_run, open_run
from longwave.training.session import Session, open_data
from longwave.training.writers import Row

__all__ = ["train"]

logger = logging.getLogger(__name__)

OnStep = Callable[[Row], None]


def train(config: TrainConfig, out: Path | str, *, on_step: OnStep | None = None) -> TrainResult:
    """Train a model, or take up a run where it was interrupted.

    Parameters
    ----------
    config : TrainConfig
    out : Path
        Folder of the run; ``run.json``, ``metrics.jsonl``, ``checkpoints/`` and, at the end, ``model/`` go
        there.
    on_step : callable, optional
        Gets every row of ``metrics.jsonl`` as it is written (first process only), for a progress line.

    Returns
    -------
    TrainResult
        Of a run that was finished before, at once.

    Raises
    ------
    ConfigError
        If the folder holds a run with another configuration, or the configuration does not fit the data, or
        the loss becomes infinite.
    MissingFile, DataError, MissingExtra
        If the text cannot be used.
    CheckpointError
        If there are checkpoints and none can be used.
    StorageError
        If the disk is full; the last checkpoint stays.
    KeyboardInterrupt
        On Ctrl-C or SIGTERM, after a checkpoint was written.
    """
    out = Path(out)
    finished = check_run(out, config)
    if finished is not None:
        logger.info('The run in "%s" is finished (%d steps); nothing to do.', out, finished.step)
        return finished
    with join_workers(config) as workers:
        return _train(config, out, workers, on_step)


def _train(config: TrainConfig, out: Path, workers: Workers, on_step: OnStep | None) -> TrainResult:
    """Train as one of the processes of a run; what it used is free again when it returns."""
    data = open_data(config, out, workers)
    run_hash = open_run(out, config, data.hash, write=workers.is_first)
    workers.wait()
    devices = [workers.device] if workers.device.type == "cuda" else []
    with torch.random.fork_rng(devices), delay_interrupts() as stop:
        session = Session(config, out, workers, data, run_hash)
        try:
            _run(session, stop, on_step)
            return session.finish()
        finally:
            session.close()


def _run(session: Session, stop: StopRequest, on_step: OnStep | None) -> None:
    """Update, report, validate and save until the steps are done or somebody asks to stop."""
    config = session.config
    for step in range(session.resumed_from + 1, config.steps + 1):
        is_last = step == config.steps
        session.update(step)
        if is_last or step == 1 or step % config.log_every == 0:
            _report(session.measure(), session, stop, on_step)
        if is_last or step % config.eval_every == 0:
            _report(session.evaluate(), session, stop, on_step)
        should_stop = _is_stop_agreed(session, stop, step)
        if is_last or should_stop or step % config.checkpoint_every == 0:
            session.save()
        if should_stop and not is_last:
            raise KeyboardInterrupt


def _report(row: Row, session: Session, stop: StopRequest, on_step: OnStep | None) -> None:
    if not row:
        return
    for writer in session.writers:
        writer.log(int(row["step"]), {key: value for key, value in row.items() if key != "step"})
    if on_step is not None and session.workers.is_first:
        try:
            on_step(row)
        except KeyboardInterrupt:  # outside the main thread, or raised by the caller
            stop.is_made = True


def _is_stop_agreed(session: Session, stop: StopRequest, step: int) -> bool:
    """Whether to stop here; many processes agree at log steps only, since asking costs time."""
    if session.workers.world == 1:
        return stop.is_made
    if step % session.config.log_every:
        return False
    return session.workers.sum(float(stop.is_made))[0] > 0
