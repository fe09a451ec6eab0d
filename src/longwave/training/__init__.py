"""Train language models: a plain loop with exact resume, checkpoints, schedules and many processes."""

from longwave.training.config import OptimConfig, TrainConfig
from longwave.training.distributed import pick_device
from longwave.training.loop import train
from longwave.training.run_folder import TrainResult, load_trained
from longwave.training.schedules import warmup_cosine
from longwave.training.speed import measure_step_s
from longwave.training.writers import JsonLinesWriter, TensorBoardWriter, Writer

__all__ = [
    "JsonLinesWriter",
    "OptimConfig",
    "TensorBoardWriter",
    "TrainConfig",
    "TrainResult",
    "Writer",
    "load_trained",
    "measure_step_s",
    "pick_device",
    "train",
    "warmup_cosine",
]
