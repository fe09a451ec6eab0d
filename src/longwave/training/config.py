"""Configuration of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeVar

from longwave.data import TaskDataConfig, TextDataConfig
from longwave.errors import ConfigError
from longwave.models import LanguageModelConfig
from longwave.training.field_data import FieldDataConfig
from longwave.training.image_data import ImageDataConfig
from longwave.training.models import ClassifierModelConfig, FieldModelConfig, ModelConfig

__all__ = ["OptimConfig", "TrainConfig"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """AdamW and its learning rate schedule; the defaults are those of Hyena's runs on the Pile.

    Parameters
    ----------
    lr : float
        Peak learning rate; groups with a rate of their own follow the same schedule.
    betas : tuple of float
        Decay of AdamW's running means of the gradient and of its square.
    eps : float
        Added to the root of the latter before dividing.
    weight_decay : float
        Share of a weight taken off per step, times the learning rate; embedding, norms, biases and what
        mixers exempt are not decayed.
    clip : float
        Largest norm of the gradient; 0 does not clip.
    warmup_fraction : float
        Share of the schedule in which the rate rises linearly to its peak.
    schedule : {"cosine", "linear", "step"}
        How the rate falls after its peak: along half a cosine, evenly, or in steps of equal length.
    final_lr_fraction : float
        Where it ends, as a share of the peak.
    decay : float
        What each step of ``"step"`` multiplies the rate by, until it is at its end: 0.5 down to 1/16 makes
        five steps.
    schedule_steps : int, optional
        Length of the schedule; default: the run's ``steps``. Set it to train on later with more ``steps``.

    References
    ----------
    Appendix A.2 of arXiv 2302.10866.
    """

    lr: float = 6e-4
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0
    warmup_fraction: float = 0.01
    schedule: Literal["cosine", "linear", "step"] = "cosine"
    final_lr_fraction: float = 0.1
    decay: float = 0.5
    schedule_steps: int | None = None

    def __post_init__(self) -> None:
        _require("lr", self.lr, self.lr > 0, "a number above 0")
        _require("betas", self.betas, all(0 <= b < 1 for b in self.betas), "two numbers from 0 to below 1")
        _require("eps", self.eps, self.eps > 0, "a number above 0")
        for name in ("weight_decay", "clip"):
            _require(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")
        for name in ("warmup_fraction", "final_lr_fraction"):
            _require(name, getattr(self, name), 0 <= getattr(self, name) <= 1, "a share from 0 to 1")
        _require("decay", self.decay, 0 < self.decay < 1, "a share between 0 and 1")
        if self.schedule == "step":
            final = self.final_lr_fraction
            _require("final_lr_fraction", final, final > 0, "a share above 0 where the schedule has steps")
        if self.schedule_steps is not None:
            _require("schedule_steps", self.schedule_steps, self.schedule_steps >= 1, "1 or more")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides the result of a training run.

    Parameters
    ----------
    model : LanguageModelConfig, FieldModelConfig or ClassifierModelConfig
        With text, ``max_length`` is also the length of the training windows. In a file, models of fields and
        classifiers of images or clips name their ``kind``.
    data : TextDataConfig, TaskDataConfig, FieldDataConfig or ImageDataConfig
        The text and its tokenizer, a task and how many sequences of it, the fields of an equation, or images
        or clips.
    optim : OptimConfig
        Optimiser and learning rate schedule.
    steps : int
        Updates of the weights.
    batch_size : int
        Windows, sequences or samples per update, over all processes and micro-batches together.
    accumulation : int
        Micro-batches per update: less memory, the same result up to rounding.
    seed : int
        Seeds weights, order of the data and dropout.
    device : str
        ``"auto"`` (a GPU if there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
    precision : {"float32", "bfloat16"}
        ``"bfloat16"`` computes under autocast; weights stay in float32.
    compile : bool
        Compile the model with ``torch.compile``.
    gradient_checkpointing : bool
        Recompute blocks in the backward pass: much less memory for about a third more time.
    distributed : {"none", "ddp", "fsdp"}
        Copies of the model (``"ddp"``) or shards of it (``"fsdp"``) over the processes of ``torchrun``.
    log_every : int
        Steps between rows of ``metrics.jsonl``; a row holds the loss of its own step.
    eval_every : int
        Steps between evaluations on what was held out; there is one at the end in any case.
    validation_windows : int
        Windows per validation at most, spread evenly over the validation text.
    checkpoint_every : int
        Steps between checkpoints.
    keep_checkpoints : int
        Newest checkpoints to keep; at least 2, so that a damaged one can be fallen back from.
    tensorboard : bool
        Write TensorBoard files beside ``metrics.jsonl`` (extra ``track``).
    """

    model: ModelConfig
    data: TextDataConfig | TaskDataConfig | FieldDataConfig | ImageDataConfig = field(
        default_factory=TextDataConfig
    )
    optim: OptimConfig = field(default_factory=OptimConfig)
    steps: int
    batch_size: int = 16
    accumulation: int = 1
    seed: int = 0
    device: str = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    gradient_checkpointing: bool = False
    distributed: Literal["none", "ddp", "fsdp"] = "none"
    log_every: int = 10
    eval_every: int = 100
    validation_windows: int = 128
    checkpoint_every: int = 200
    keep_checkpoints: int = 2
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulation", "log_every", "eval_every", "validation_windows"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "1 or more")
        _require("checkpoint_every", self.checkpoint_every, self.checkpoint_every >= 1, "1 or more")
        _require("keep_checkpoints", self.keep_checkpoints, self.keep_checkpoints >= 2, "2 or more")
        _require("seed", self.seed, 0 <= self.seed < 1 << 64, "0 to 2^64 - 1")
        if self.batch_size % self.accumulation:
            raise ConfigError(
                f"batch_size is {self.batch_size}, which accumulation {self.accumulation} does not divide. "
                f"Make batch_size a multiple of it."
            )
        if isinstance(self.data, ImageDataConfig):
            stages = self.data.stages_of(self.steps)
            if self.optim.schedule_steps is not None and any(stage.restart for stage in stages[1:]):
                raise ConfigError(
                    f"optim.schedule_steps is {self.optim.schedule_steps}, but a stage of data begins the "
                    "schedule anew. Leave one of the two out."
                )

    @property
    def schedule_steps(self) -> int:
        """Length of the learning rate schedule in steps."""
        return self.steps if self.optim.schedule_steps is None else self.optim.schedule_steps

    def schedule_place(self, step: int) -> tuple[int, int]:
        """Return the place of a step, from 0, in the schedule of the learning rate, and its length."""
        if isinstance(self.data, ImageDataConfig) and any(stage.restart for stage in self.data.stages):
            place = self.data.place(step, self.steps)
            return place.step, place.steps
        return step, self.schedule_steps

    @property
    def tokens_per_step(self) -> int:
        """Tokens that one update learns from."""
        return self.batch_size * self.seq_len

    @property
    def seq_len(self) -> int:
        """Tokens the model reads of a window or sequence."""
        is_task = isinstance(self.data, TaskDataConfig)
        return self.task.build().seq_len if is_task else self.language_model.max_length

    @property
    def language_model(self) -> LanguageModelConfig:
        """The language model to train; an error for a run of another model."""
        return _expect("model", self.model, LanguageModelConfig, "a language model")

    @property
    def field_model(self) -> FieldModelConfig:
        """The model of fields to train; an error for a run of another model."""
        if isinstance(self.model, FieldModelConfig):
            return self.model
        raise ConfigError(
            f'"model" is a {type(self.model).__name__}; this needs a model of fields. Set model.kind to '
            '"t1", "t1-plus", "fno", "ffno" or "unet".'
        )

    @property
    def image_model(self) -> ClassifierModelConfig:
        """The classifier of images or clips to train; an error for a run of another model."""
        if isinstance(self.model, ClassifierModelConfig):
            return self.model
        raise ConfigError(
            f'"model" is a {type(self.model).__name__}; this needs a classifier. Set model.kind to "image", '
            'or to "video" for clips.'
        )

    @property
    def fields(self) -> FieldDataConfig:
        """The fields to train on; an error for a run on text or a task."""
        return _expect("data", self.data, FieldDataConfig, "fields")

    @property
    def images(self) -> ImageDataConfig:
        """The images or clips to train on; an error for a run on anything else."""
        return _expect("data", self.data, ImageDataConfig, "images")

    @property
    def text(self) -> TextDataConfig:
        """The text to train on; an error for a run on a task."""
        return _expect("data", self.data, TextDataConfig, "text")

    @property
    def task(self) -> TaskDataConfig:
        """The task to train on; an error for a run on text."""
        return _expect("data", self.data, TaskDataConfig, "a task")


def _expect(key: str, part: object, cls: type[T], wanted: str) -> T:
    if isinstance(part, cls):
        return part
    raise ConfigError(
        f'"{key}" is a {type(part).__name__}; this needs {wanted}, a {cls.__name__}. Use another run.'
    )


def _require(name: str, value: object, holds: bool, accepted: str) -> None:
    if not holds:
        raise ConfigError(f'"{name}" is {value}; accepted is {accepted}. Change it.')
