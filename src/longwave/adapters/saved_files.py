"""The two files of a saved adapter: facts in JSON, arrays in safetensors; nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from longwave.config import replacing, write_json
from longwave.errors import CheckpointError, MissingFile

__all__ = ["SCHEMA", "read_files", "write_files"]

SCHEMA = 1
FACTS, ARRAYS = "adapter.json", "adapter.safetensors"

Arrays = Mapping[str, NDArray[np.generic]]


def write_files(folder: Path | str, facts: Mapping[str, object], arrays: Arrays) -> None:
    """Write both files, each whole or not at all; the folder is made when missing.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    folder = Path(folder)
    with replacing(folder / ARRAYS, SafetensorError) as temporary:
        save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, temporary)
    write_json(folder / FACTS, {"schema": SCHEMA, **facts})


def read_files(folder: Path | str) -> tuple[dict[str, object], dict[str, NDArray[np.generic]]]:
    """Return the facts and arrays of a saved adapter.

    Raises
    ------
    MissingFile
        If one of the two files is not there.
    CheckpointError
        If one is damaged, or written by a later version of Longwave.
    """
    folder = Path(folder)
    for name in (FACTS, ARRAYS):
        if not (folder / name).is_file():
            raise MissingFile(f"There is no {name} in {folder}. Name a folder that an adapter was saved to.")
    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
        arrays = load_file(folder / ARRAYS)
    except (OSError, ValueError, TypeError, RecursionError, SafetensorError) as error:
        raise CheckpointError(f"The adapter in {folder} is damaged ({error}). Save it again.") from error
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        found = facts.get("schema") if isinstance(facts, dict) else None
        raise CheckpointError(
            f"The adapter in {folder} has schema {found}; this version reads {SCHEMA}. Update Longwave."
        )
    return facts, arrays
