"""One process's part in a training run: build or restore, update, measure, validate, save, finish."""

from __future__ import annotations

import logging
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from longwave.config import write_json
from longwave.data import TaskDataConfig
from longwave.errors import ConfigError
from longwave.training.checkpoints import Progress, collect, read_newest, restore, write_checkpoint
from longwave.training.config import TrainConfig
from longwave.training.data import Batch, Setting, TrainingData
from longwave.training.distributed import Workers, spread_model, sync_only_if
from longwave.training.field_data import FieldDataConfig
from longwave.training.fields import open_fields
from longwave.training.image_data import ImageDataConfig
from longwave.training.images import open_images
from longwave.training.models import ask_to_recompute, build_model, check_model
from longwave.training.optim import build_optimizer, clip_gradients, set_rates
from longwave.training.run_folder import CHECKPOINTS, METRICS, MODEL, RESULT, TrainResult, result_values
from longwave.training.tasks import open_task
from longwave.training.text import open_text
from longwave.training.writers import JsonLinesWriter, Row, TensorBoardWriter, Writer, cut_rows, read_rows

__all__ = ["Session", "open_data"]

logger = logging.getLogger(__name__)

WHEN = ("step", "elapsed_s")  # and what a run counts: every row of an evaluation begins with them


def open_data(config: TrainConfig, out: Path, workers: Workers) -> TrainingData:
    """Make the run's data ready and check that the model fits it.

    Raises
    ------
    ConfigError
        If the model cannot be built, which is found out before any data are read, or does not fit the data.
    DataError
        If there is too little text.
    """
    if isinstance(config.data, FieldDataConfig):
        return open_fields(config, out, workers)
    if isinstance(config.data, ImageDataConfig):
        return open_images(config, out, workers)
    check_model(config.language_model)
    if isinstance(config.data, TaskDataConfig):
        return open_task(config)
    return open_text(config, out, workers)


@dataclass(frozen=True, kw_only=True)
class _Update:
    """What an update leaves behind for its row; tensors stay on the device until they are asked for."""

    step: int
    loss: Tensor
    norm: Tensor
    rate: float
    batch: Batch


class Session:
    """Model, optimiser, data and files of a run, in one process.

    Parameters
    ----------
    config : TrainConfig
    out : Path
    workers : Workers
    data : TrainingData
    run_hash : str
        Carried by the checkpoints.

    Attributes
    ----------
    resumed_from : int
        Step of the checkpoint that was restored, 0 if there was none.
    """

    def __init__(
        self, config: TrainConfig, out: Path, workers: Workers, data: TrainingData, run_hash: str
    ) -> None:
        self.config, self.out, self.workers, self.data, self.run_hash = config, out, workers, data, run_hash
        self.model = build_model(data.model, seed=config.seed)
        if config.gradient_checkpointing:
            ask_to_recompute(self.model)
        self.model.train()
        learner = spread_model(data.learner(self.model), workers, config)
        self.learner = cast(nn.Module, torch.compile(learner)) if config.compile else learner
        self.optimizer = build_optimizer(self.model, config.optim)
        self.autocast = torch.autocast(
            workers.device.type, dtype=torch.bfloat16, enabled=config.precision == "bfloat16"
        )
        self.resumed_from, elapsed_s = self._restore()
        self.clock = _Clock(workers.device, elapsed_s, self.resumed_from * data.units_per_step)
        self.writers = _open_writers(config, out, self.resumed_from) if workers.is_first else []
        self._last: _Update | None = None

    def update(self, step: int) -> None:
        """Do one update of the weights; steps count from 1."""
        self.clock.run()
        config, workers = self.config, self.workers
        torch.manual_seed(_mix_seed(config.seed, step, workers.rank))
        self.data.start_step(step - 1, self.model)
        rate = set_rates(self.optimizer, config.optim, *config.schedule_place(step - 1))
        batch = self.data.batch(step - 1, config.batch_size, workers)
        parts = batch.split(config.accumulation)
        loss = torch.zeros((), device=workers.device)
        for number, part in enumerate(parts, start=1):
            with sync_only_if(number == len(parts), self.learner):
                with self.autocast:
                    partial = self.data.loss(self.learner, part) / len(parts)
                torch.autograd.backward(partial)
            loss += partial.detach()
        norm = clip_gradients(self.model.parameters(), config.optim.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._last = _Update(step=step, loss=loss, norm=norm, rate=rate, batch=batch)

    def measure(self) -> Row:
        """Return the row of the update just done."""
        last = self._finite_update()
        losses = self.data.measure(float(last.loss), last.batch, self.workers)
        units = last.step * self.data.units_per_step
        elapsed_s = self.clock.pause()
        return {
            "step": last.step,
            self.data.unit: units,
            **losses,
            "lr": last.rate,
            "grad_norm": float(last.norm),
            f"{self.data.unit}_per_s": round(self.clock.rate(units), 1),
            "memory_mb": round(_memory_mb(self.workers.device), 1),
            "elapsed_s": round(elapsed_s, 3),
        }

    def evaluate(self) -> Row:
        """Return the row of an evaluation after the update just done; empty when nothing was held out."""
        last = self._finite_update()
        elapsed_s = self.clock.pause()
        config = self.config
        batch_size = max(1, config.batch_size // config.accumulation // self.workers.world)
        setting = Setting(workers=self.workers, autocast=self.autocast, batch_size=batch_size)
        found = self.data.evaluate(self.model, setting)
        for name, value in found.items():
            _check_finite(name.replace("_", " "), value, last.step)
        if not found:
            return {}
        return {
            "step": last.step,
            self.data.unit: last.step * self.data.units_per_step,
            "elapsed_s": round(elapsed_s, 3),
            **found,
        }

    def save(self) -> None:
        """Write a checkpoint after the update just done."""
        step = self._finite_update().step
        elapsed_s = self.clock.pause()
        weights, moments = collect(self.model, self.optimizer)
        if not self.workers.is_first:
            return
        progress = Progress(
            step=step,
            windows=step * self.config.batch_size,
            elapsed_s=elapsed_s,
            seed=self.config.seed,
            run_hash=self.run_hash,
        )
        write_checkpoint(
            self.out / CHECKPOINTS, progress, weights, moments, keep=self.config.keep_checkpoints
        )

    def finish(self) -> TrainResult:
        """Export the model and write the result."""
        rows = [row for row in read_rows(self.out / METRICS) if "loss" not in row]  # those of evaluations
        last = {key: value for key, value in (rows or [{}])[-1].items() if key not in (*WHEN, self.data.unit)}
        units = {self.data.unit: self.config.steps * self.data.units_per_step}
        result = TrainResult(
            folder=self.out,
            step=self.config.steps,
            tokens=units.get("tokens", 0),
            samples=units.get("samples", 0),
            elapsed_s=self.clock.pause(),
            validation_loss=last.get("validation_loss"),
            validation_bits_per_byte=last.get("validation_bits_per_byte"),
            evaluation=last,
            resumed_from=self.resumed_from,
        )
        weights, _ = collect(self.model, self.optimizer)
        if self.workers.is_first:
            whole = build_model(self.data.model)  # the trained one may be sharded
            whole.load_state_dict(weights)
            whole.save_pretrained(self.out / MODEL)
            self.data.save(self.out / MODEL)
            write_json(self.out / RESULT, result_values(result))
        self.workers.wait()
        return result

    def close(self) -> None:
        """Close the metrics files."""
        for writer in self.writers:
            writer.close()

    def _restore(self) -> tuple[int, float]:
        """Restore the newest checkpoint; returns its step and training time."""
        checkpoint = read_newest(self.out / CHECKPOINTS, self.run_hash) if self.workers.is_first else None
        self.workers.wait()  # the first sets damaged ones aside, the others then read the same one
        if not self.workers.is_first:
            checkpoint = read_newest(self.out / CHECKPOINTS, self.run_hash)
        self.workers.wait()  # nobody may write before everybody has read
        if checkpoint is None:
            return 0, 0.0
        restore(self.model, self.optimizer, checkpoint)
        logger.info('Resuming the run in "%s" at step %d.', self.out, checkpoint.progress.step)
        return checkpoint.progress.step, checkpoint.progress.elapsed_s

    def _finite_update(self) -> _Update:
        last = self._last
        if last is None:
            raise RuntimeError("Nothing was updated in this session yet; call update first.")
        for name, value in (("loss", float(last.loss)), ("gradient norm", float(last.norm))):
            _check_finite(name, value, last.step)
        return last


def _check_finite(name: str, value: float, step: int) -> None:
    if not math.isfinite(value):
        raise ConfigError(
            f"The {name} became {value} at step {step}; training cannot go on. Lower optim.lr, raise "
            f"optim.warmup_fraction or set optim.clip, and start in a new folder."
        )


class _Clock:
    """Seconds of training; stands still in validation and while files are written."""

    def __init__(self, device: torch.device, elapsed_s: float, units: int) -> None:
        self._device = device
        self._elapsed_s = elapsed_s
        self._since: float | None = None
        self._mark = (units, elapsed_s)

    def run(self) -> None:
        if self._since is None:
            self._since = time.perf_counter()

    def pause(self) -> float:
        """Stop after pending work on the device is done; returns the total."""
        if self._since is not None:
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)
            self._elapsed_s += time.perf_counter() - self._since
            self._since = None
        return self._elapsed_s

    def rate(self, units: int) -> float:
        """Units per second since the last call; the clock must stand."""
        before, then = self._mark
        self._mark = (units, self._elapsed_s)
        return (units - before) / max(self._elapsed_s - then, 1e-9)


def _open_writers(config: TrainConfig, out: Path, step: int) -> list[Writer]:
    extra: list[Writer] = []
    if config.tensorboard:
        extra.append(TensorBoardWriter(out / "tensorboard", first_step=step + 1))
    cut_rows(out / METRICS, step)
    return [JsonLinesWriter(out / METRICS), *extra]


def _mix_seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def _memory_mb(device: torch.device) -> float:
    """Return the most memory used so far, of the GPU or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
