"""Fetch the rows of scenarios from their official homes, once, and check that they stay what they were."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import httpx

from longwave.errors import DataError, StorageError
from longwave.scenarios.base import Instance, Official, Scenario, SourceFile

__all__ = ["cache_folder", "fetch_official", "load_official"]

logger = logging.getLogger(__name__)

CHECKSUMS = "checksums.json"  # of the files in a scenario's folder, as they were at the first download
TIMEOUT_S = 60.0


def load_official(scenario: Scenario, *, folder: Path | None = None) -> list[Instance]:
    """Read the instances of a scenario from its official files, which are fetched when they are not there.

    Parameters
    ----------
    scenario : Scenario
    folder : Path, optional
        Where the files lie or go; default: the scenario's folder in ``cache_folder()``.

    Raises
    ------
    DataError
        If the scenario has no official home, a download fails, a checksum differs, or a file is not in the
        form it should have.
    StorageError
        If the cache cannot be written.
    """
    return _official(scenario).parse(fetch_official(scenario, folder=folder))


def fetch_official(scenario: Scenario, *, folder: Path | None = None) -> Path:
    """Fetch the official files of a scenario that are not there yet, check all, and return their folder."""
    official = _official(scenario)
    folder = folder or cache_folder() / scenario.key
    known = _read_checksums(folder)
    missing = [file for file in official.files if not (folder / file.name).is_file()]
    if missing and official.notice:
        logger.warning("%s: %s", scenario.key, official.notice)
    for file in missing:
        _download(scenario, file, folder)
    for file in official.files:
        found = _sha256(folder / file.name)
        wanted = file.sha256 or known.setdefault(file.name, found)
        if found != wanted:
            raise DataError(
                f'"{folder / file.name}" has the SHA-256 {found}; accepted is {wanted}. Delete the file to '
                f"fetch it again; if it stays so, its source {file.url} has changed."
            )
    if missing:
        _write(folder / CHECKSUMS, [json.dumps(known, indent=2, sort_keys=True).encode()])
    return folder


def cache_folder() -> Path:
    """Return the folder of fetched files: ``longwave/scenarios`` in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "longwave" / "scenarios"


def _official(scenario: Scenario) -> Official:
    if scenario.official is None:
        raise DataError(
            f'The scenario "{scenario.key}" has no official home to fetch from. Use the rows it comes with.'
        )
    return scenario.official


def _download(scenario: Scenario, file: SourceFile, folder: Path) -> None:
    logger.info("%s: fetching %s", scenario.key, file.url)
    try:
        with httpx.stream("GET", file.url, follow_redirects=True, timeout=TIMEOUT_S) as response:
            response.raise_for_status()
            _write(folder / file.name, response.iter_bytes())
    except httpx.HTTPError as error:
        raise DataError(
            f'The rows of "{scenario.key}" could not be fetched from {file.url}: '
            f"{error or type(error).__name__}. Try again with a network, or put the file into "
            f'"{folder}" as "{file.name}".'
        ) from error


def _write(path: Path, content: Iterable[bytes]) -> None:
    """Write a file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".tmp-", delete=False) as file:
            try:
                file.writelines(content)
            except BaseException:
                Path(file.name).unlink()
                raise
        Path(file.name).replace(path)
    except OSError as error:
        raise StorageError(
            f'"{path}" could not be written: {error}. Make room, or set XDG_CACHE_HOME to another folder.'
        ) from error


def _read_checksums(folder: Path) -> dict[str, str]:
    path = folder / CHECKSUMS
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f'"{path}" is not JSON: {error}. Delete it.') from error
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
