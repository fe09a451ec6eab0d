"""The folder of a training run: whose it is, what is in it, and how to get the trained model out.

``run.json`` (resolved configuration, seed, hashes), ``metrics.jsonl``, ``tokenizer.json``, ``tokens/``,
``checkpoints/``, and when the run is finished ``model/`` and ``result.json``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch

from longwave.config import config_hash, load_config, read_run_record, to_dict, write_run_record
from longwave.data import Tokenizer, load_tokenizer
from longwave.errors import CheckpointError, ConfigError, DataError, MissingFile
from longwave.models import LanguageModel
from longwave.models.images import Classifier
from longwave.training.checkpoints import read_newest
from longwave.training.classifiers import (
    ClassifierRecord,
    TrainedClassifier,
    model_at,
    read_classifier_record,
)
from longwave.training.config import TrainConfig
from longwave.training.field_data import FieldDataConfig
from longwave.training.image_data import ImageDataConfig
from longwave.training.models import Model, ModelConfig, build_model, load_saved
from longwave.training.operators import Operator, OperatorRecord, read_operator_record

__all__ = [
    "CHECKPOINTS",
    "METRICS",
    "MODEL",
    "RESULT",
    "TrainResult",
    "check_run",
    "lasting_settings",
    "load_any",
    "load_classifier",
    "load_model",
    "load_operator",
    "load_trained",
    "open_run",
]

KIND = "train"
METRICS = "metrics.jsonl"
CHECKPOINTS = "checkpoints"
MODEL = "model"
RESULT = "result.json"
BEFORE = {"schedule": "cosine", "decay": 0.5}  # settings of optim that runs of earlier versions lack
FREE_KEYS = frozenset(
    {"checkpoint_every", "keep_checkpoints", "tensorboard", "data.folder"}
)  # no influence on any number


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What a finished run says about itself.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    step : int
        Updates done.
    tokens, samples : int
        What they learned from: tokens of sequences, or samples of fields or images; the other is 0.
    elapsed_s : float
        Seconds of training over all sessions, validation and checkpoints apart.
    validation_loss, validation_bits_per_byte : float, optional
        Of the last validation; None without validation text.
    evaluation : dict of str to float
        The last evaluation as ``metrics.jsonl`` has it: for text the two above, for a task accuracies,
        their interval and floors, for fields relative errors, for images accuracies.
    resumed_from : int
        Step at which this call took the run up; 0 for a fresh one.
    was_finished : bool
        Whether the run had been finished before, so that nothing was done.
    """

    folder: Path
    step: int
    tokens: int
    samples: int = 0
    elapsed_s: float
    validation_loss: float | None
    validation_bits_per_byte: float | None
    evaluation: dict[str, float] = field(default_factory=dict)
    resumed_from: int = 0
    was_finished: bool = False


def check_run(out: Path, config: TrainConfig) -> TrainResult | None:
    """Refuse a folder that holds another run; return the result if the run is finished.

    Raises
    ------
    ConfigError
        If the folder holds a run with another configuration; the message lists the keys that differ.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f'"{out}" is a file. Name a folder for the run.')
    record = read_run_record(out)
    if record is None:
        return None
    if record.kind != KIND:
        raise ConfigError(
            f'"{out}" holds a run of kind "{record.kind}", not "{KIND}". Choose another folder.'
        )
    wanted, before = to_dict(config), _with_defaults(record.config)
    differing = sorted(_differences(before, wanted))
    if "steps" in differing and _may_extend(before, config):
        differing.remove("steps")
    if differing:
        there, here = dict(_flatten(before)), dict(_flatten(wanted))
        told = "; ".join(
            f"{key} is {json.dumps(there.get(key))} there and {json.dumps(here.get(key))} here"
            for key in differing
        )
        hint = (
            " More steps change the learning rate of every step, unless optim.schedule_steps fixes it from "
            "the start."
            if "steps" in differing
            else ""
        )
        raise ConfigError(
            f'"{out}" holds a run with another configuration: {told}.{hint} Choose another folder, or the '
            f"same configuration to resume."
        )
    return _read_result(out, config)


def open_run(out: Path, config: TrainConfig, data_hash: str, *, write: bool) -> str:
    """Record configuration and data in ``run.json`` and return the hash that checkpoints carry.

    Raises
    ------
    DataError
        If the run began with other text.
    StorageError
        If the folder cannot be written.
    """
    record = read_run_record(out)
    if record is not None and record.data_hash != data_hash:
        raise DataError(
            f'The data of the run in "{out}" has changed since it began (hash {record.data_hash} then, '
            f"{data_hash} now). Restore the data, or choose another folder."
        )
    if write:
        write_run_record(out, kind=KIND, config=config, seed=config.seed, data_hash=data_hash)
    return config_hash(lasting_settings(config, "steps"), data_hash)


def lasting_settings(config: TrainConfig, *others: str) -> dict[str, object]:
    """Return the settings that decide what a run learns, but for some others.

    Settings of later versions are left out where they stand for what earlier versions did.
    """
    kept = {key: value for key, value in to_dict(config).items() if key not in FREE_KEYS | {*others}}
    if isinstance(config.data, FieldDataConfig):
        cast(dict[str, object], kept["data"]).pop("folder")
    optim = cast(dict[str, object], kept["optim"])
    for key, value in BEFORE.items():
        if optim[key] == value:
            optim.pop(key)
    return {**kept, "schedule_steps": config.schedule_steps}


def load_trained(folder: Path | str, device: str | torch.device = "cpu") -> tuple[LanguageModel, Tokenizer]:
    """Load model and tokenizer of a run on text; of an unfinished one, as of its newest checkpoint.

    Parameters
    ----------
    folder : Path or str
        The folder of a run, or its ``model`` folder.
    device : str or torch.device

    Raises
    ------
    MissingFile
        If there is no trained model, or it was trained on a task and has no tokenizer.
    CheckpointError
        If it is damaged.
    """
    folder = Path(folder)
    model, _ = load_model(folder, device)
    finished = folder / MODEL
    place = finished if (finished / "config.json").is_file() else folder
    try:
        return model, load_tokenizer(place)
    except MissingFile as error:
        raise MissingFile(
            f"{error} A model trained on a task, such as recall, has none and reads token ids: load it with "
            "longwave.training.load_model."
        ) from error


def load_model(folder: Path | str, device: str | torch.device = "cpu") -> tuple[LanguageModel, int | None]:
    """Load the language model of a run and the step it is of; None for the end of a finished run.

    Parameters
    ----------
    folder : Path or str
        The folder of a run, or its ``model`` folder.
    device : str or torch.device

    Raises
    ------
    MissingFile
        If there is no trained model.
    CheckpointError
        If it is damaged, or no language model.
    """
    model, step = load_any(folder, device)
    if isinstance(model, LanguageModel):
        return model, step
    raise CheckpointError(
        f'"{folder}" holds a {type(model).__name__}, not a language model. Load it with '
        f"longwave.training.{'load_classifier' if isinstance(model, Classifier) else 'load_operator'}."
    )


def load_any(folder: Path | str, device: str | torch.device = "cpu") -> tuple[Model, int | None]:
    """Load the model of a run, whatever it is, and the step it is of; see ``load_model``."""
    folder = Path(folder)
    for place in (folder / MODEL, folder):
        if (place / "config.json").is_file():
            return load_saved(place, device), None
    record = read_run_record(folder)
    newest = read_newest(folder / CHECKPOINTS) if record is not None else None
    if record is None or newest is None:
        raise MissingFile(
            f'No trained model in "{folder}". Name the folder of a training run, or its model folder.'
        )
    config = load_config(TrainConfig, record.config)
    model = build_model(_settled(folder, config, newest.progress.step))
    try:
        model.load_state_dict(dict(newest.model))
    except RuntimeError as error:
        raise CheckpointError(
            f'The newest checkpoint in "{folder}" does not fit its run.json: {error}. Restore a copy.'
        ) from error
    return model.to(device).eval(), newest.progress.step


def load_operator(folder: Path | str, device: str | torch.device = "cpu") -> tuple[Operator, OperatorRecord]:
    """Load what a run on fields has learned, and what it says about its data.

    Parameters
    ----------
    folder : Path or str
        The folder of a run, finished or not, or its ``model`` folder.
    device : str or torch.device

    Returns
    -------
    operator : Operator
        Maps fields to fields in the units of the data, in evaluation mode.
    record : OperatorRecord

    Raises
    ------
    MissingFile
        If there is no trained model of fields.
    CheckpointError
        If it is damaged.
    """
    folder = Path(folder)
    record = read_operator_record(folder)
    model, _ = load_any(folder, device)
    if isinstance(model, LanguageModel | Classifier):
        raise CheckpointError(
            f'"{folder}" holds a {type(model).__name__}, not a model of fields. Restore a copy.'
        )
    return Operator(model, record.inputs, record.targets).to(device).eval(), record


def load_classifier(
    folder: Path | str, device: str | torch.device = "cpu"
) -> tuple[TrainedClassifier, ClassifierRecord]:
    """Load what a run on images or clips has learned, and what it says about its data.

    Parameters
    ----------
    folder : Path or str
        The folder of a run, finished or not, or its ``model`` folder.
    device : str or torch.device

    Returns
    -------
    classifier : TrainedClassifier
        Maps images of any resolution to logits, in evaluation mode.
    record : ClassifierRecord

    Raises
    ------
    MissingFile
        If there is no trained classifier.
    CheckpointError
        If it is damaged.
    """
    folder = Path(folder)
    record = read_classifier_record(folder)
    model, _ = load_any(folder, device)
    if not isinstance(model, Classifier):
        raise CheckpointError(f'"{folder}" holds a {type(model).__name__}, not a classifier. Restore a copy.')
    return TrainedClassifier(model, record.scale, record.sizes).to(device).eval(), record


def _settled(folder: Path, config: TrainConfig, step: int) -> ModelConfig:
    """Return the model of an unfinished run as it was after a step."""
    if isinstance(config.data, FieldDataConfig):
        return read_operator_record(folder).model
    return model_at(config, step - 1) if isinstance(config.data, ImageDataConfig) else config.model


def _with_defaults(recorded: Mapping[str, object]) -> Mapping[str, object]:
    """Fill in the settings that there were not when the run began."""
    try:
        return to_dict(load_config(TrainConfig, recorded))
    except ConfigError:
        return recorded  # its differences will be told


def _may_extend(before: Mapping[str, object], config: TrainConfig) -> bool:
    """More steps leave the steps already done as they are only if the schedule does not depend on them."""
    steps = before.get("steps")
    return config.optim.schedule_steps is not None and isinstance(steps, int) and config.steps > steps


def _read_result(out: Path, config: TrainConfig) -> TrainResult | None:
    path = out / RESULT
    if not path.is_file() or not (out / MODEL / "config.json").is_file():
        return None
    try:
        values = json.loads(path.read_text("utf-8"))
        result = TrainResult(**values | {"folder": out, "was_finished": True})
        return result if result.step >= config.steps else None
    except (OSError, TypeError, ValueError, RecursionError):
        return None  # rewritten from checkpoint and metrics


def _differences(before: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    """Yield the dotted keys whose values differ, apart from those that change no number."""
    flat_before, flat_now = dict(_flatten(before)), dict(_flatten(now))
    for key in flat_before.keys() | flat_now.keys():
        if key not in FREE_KEYS and flat_before.get(key) != flat_now.get(key):
            yield key


def _flatten(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def result_values(result: TrainResult) -> dict[str, object]:
    """Turn a result into what ``result.json`` holds."""
    values = dataclasses.asdict(result)
    return {key: value for key, value in values.items() if key not in ("folder", "was_finished")}
