"""Train models on text, tasks, fields and images: a plain loop with exact resume and many processes."""

from longwave.training.classifiers import ClassifierRecord, TrainedClassifier
from longwave.training.config import OptimConfig, TrainConfig
from longwave.training.data import Batch, Setting, TrainingData
from longwave.training.distributed import pick_device
from longwave.training.field_data import FieldDataConfig, load_fields
from longwave.training.image_data import ImageDataConfig, ImageStage
from longwave.training.image_sources import load_images
from longwave.training.loop import train
from longwave.training.models import build_model
from longwave.training.operators import ChannelScale, Operator, OperatorRecord
from longwave.training.run_folder import TrainResult, load_classifier, load_model, load_operator, load_trained
from longwave.training.schedules import warmup_cosine, warmup_linear, warmup_steps_down
from longwave.training.speed import measure_step_s
from longwave.training.tasks import answer_examples
from longwave.training.writers import JsonLinesWriter, TensorBoardWriter, Writer

__all__ = [
    "Batch",
    "ChannelScale",
    "ClassifierRecord",
    "FieldDataConfig",
    "ImageDataConfig",
    "ImageStage",
    "JsonLinesWriter",
    "Operator",
    "OperatorRecord",
    "OptimConfig",
    "Setting",
    "TensorBoardWriter",
    "TrainConfig",
    "TrainResult",
    "TrainedClassifier",
    "TrainingData",
    "Writer",
    "answer_examples",
    "build_model",
    "load_classifier",
    "load_fields",
    "load_images",
    "load_model",
    "load_operator",
    "load_trained",
    "measure_step_s",
    "pick_device",
    "train",
    "warmup_cosine",
    "warmup_linear",
    "warmup_steps_down",
]
