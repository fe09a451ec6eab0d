"""Settings of a run on fields that a user changes: short spelling, and a model that follows its data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

from longwave.config import apply_overrides
from longwave.errors import ConfigError
from longwave.recipes.operators import epochs_of, fit_to_fields, set_epochs
from longwave.training import FieldDataConfig, TrainConfig

__all__ = ["apply_to_fields"]

FILES = (".mat", ".h5", ".hdf5")
SOURCES = ("data", "data.equation", "data.file")
_OWN = {field.name for field in dataclasses.fields(FieldDataConfig)}


def apply_to_fields(config: TrainConfig, settings: Sequence[str]) -> TrainConfig:
    """Apply settings to a run on fields; see ``apply_settings``."""
    named = [(entry.partition("=")[0].strip(), entry) for entry in settings]
    sources = [_value(entry) for key, entry in named if key in SOURCES and _value(entry)]
    passes = [_number(_value(entry)) for key, entry in named if key == "epochs"]
    plain = [
        _spell_option(entry) for key, entry in named if key not in (*SOURCES, "epochs") or not _value(entry)
    ]
    before = epochs_of(config)
    changed = config if not sources else dataclasses.replace(config, data=_from(config.fields, sources[-1]))
    changed = apply_overrides(
        changed, [entry for entry in plain if entry.startswith(("data.", "batch_size="))]
    )
    if changed.data != config.data:
        changed = fit_to_fields(changed)
    if passes or epochs_of(changed) != before:
        changed = set_epochs(changed, passes[-1] if passes else before)
    return apply_overrides(changed, plain)


def _from(data: FieldDataConfig, source: str) -> FieldDataConfig:
    """Return the data of another file or equation, without the options of the one before."""
    is_file = Path(source).suffix.lower() in FILES
    return FieldDataConfig(
        equation=None if is_file else source,
        file=source if is_file else None,
        folder=data.folder,
        normalize=data.normalize,
        goal=data.goal,
    )


def _value(entry: str) -> str:
    return entry.partition("=")[2].strip()


def _number(text: str) -> float:
    try:
        epochs = float(text)
    except ValueError:
        epochs = 0.0
    if not 0 < epochs < math.inf:
        raise ConfigError(f'"epochs" is "{text}"; accepted is a number above 0, such as epochs=100.')
    return epochs


def _spell_option(entry: str) -> str:
    """Write the options of an equation or a file in full."""
    part, _, rest = entry.partition(".")
    name = rest.partition("=")[0].partition(".")[0].strip()
    return f"data.options.{rest}" if part == "data" and name and name not in _OWN else entry
