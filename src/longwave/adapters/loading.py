"""From a folder back to the method that was saved there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from longwave.adapters.base import Adapter
from longwave.adapters.contrastive import ContrastiveAdapter, ContrastiveConfig
from longwave.adapters.descent import DescentConfig
from longwave.adapters.dfr import DFR
from longwave.adapters.erm import ERMAdapter
from longwave.adapters.group_dro import GroupDRO
from longwave.adapters.jtt import JTT
from longwave.adapters.linear import LinearProbe
from longwave.adapters.network import AdapterConfig
from longwave.adapters.saved_files import read_files
from longwave.adapters.wise import WiSE
from longwave.adapters.zero_shot import ZeroShot
from longwave.errors import CheckpointError, ConfigError

__all__ = ["load_adapter"]

_METHODS: Mapping[str, type[Adapter]] = {
    cls.__name__: cls
    for cls in (ZeroShot, LinearProbe, WiSE, ERMAdapter, ContrastiveAdapter, GroupDRO, DFR, JTT)
}
_CONFIGS = {"network": AdapterConfig, "descent": DescentConfig, "contrast": ContrastiveConfig}


def load_adapter(folder: Path | str, *, device: str | None = None) -> Adapter:
    """Load what `Adapter.save` wrote; predictions are those of the saved model.

    Parameters
    ----------
    folder : Path or str
    device : str, optional
        Where it computes; default: as it was configured.

    Raises
    ------
    MissingFile
        If there is no saved adapter.
    CheckpointError
        If its files are damaged, do not fit together or are of a later version.
    ConfigError
        If the device is not there.
    """
    facts, arrays = read_files(folder)
    try:
        method = _METHODS[str(facts["method"])]
        params = {name: _param(name, value) for name, value in _table(facts["params"]).items()}
        if device is not None and "device" in params:
            params["device"] = device
        adapter = method(**params)
        adapter._restore(_learned(facts["learned"]), arrays)
        _try(adapter)
    except ConfigError as error:
        raise ConfigError(f"The adapter in {folder} cannot be used: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, MemoryError) as error:
        raise CheckpointError(
            f"The adapter in {folder} does not fit together ({error!r}). Save it again."
        ) from error
    return adapter


def _try(adapter: Adapter) -> None:
    """Find out whether arrays and facts fit together: one point must get a number for each class."""
    width = adapter.class_embeddings_.shape[1]
    if type(adapter.n_features_in_) is not int or adapter.n_features_in_ != width:
        raise ValueError(
            f"class embeddings have width {width} and n_features_in_ is {adapter.n_features_in_}"
        )
    point = np.ones((1, width), dtype=np.float32)
    with np.errstate(all="ignore"):
        logits = adapter._logits(point)
    if logits.shape != (1, len(adapter.classes_)) or np.isnan(logits).any():
        raise ValueError(f"one point gets {logits} for {len(adapter.classes_)} classes")


def _learned(value: object) -> dict[str, object]:
    """Return what was learned; names are those of learned values and nothing else of the class."""
    found = _table(value)
    wrong = next((name for name in found if name.startswith("_") or not name.endswith("_")), None)
    if wrong is not None:
        raise TypeError(f'"{wrong}" is no learned value')
    return found


def _param(name: str, value: object) -> object:
    """Turn one argument of a constructor from JSON into what it was."""
    if name in _CONFIGS and value is not None:
        return _CONFIGS[name](**_table(value))
    return tuple(value) if isinstance(value, list) else value


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"expected names with values, found {value!r}")
    return value
