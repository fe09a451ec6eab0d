"""Fetch the rows of scenarios from their official homes, once, and check that they stay what they were."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from longwave.errors import DataError, StorageError
from longwave.scenarios.base import Instance, Official, Scenario, SourceFile

__all__ = ["cache_folder", "fetch_official", "load_official"]

logger = logging.getLogger(__name__)

CHECKSUMS = "checksums.json"  # by address, of a scenario's files as they were at the first download
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
    """Fetch the official files of a scenario that are not there yet, check all, and return their folder.

    A file that another scenario in the cache fetched from the same address is linked instead.
    """
    official = _official(scenario)
    is_cache = folder is None
    folder = folder or cache_folder() / scenario.key
    known = _read_checksums(folder)
    missing = [file for file in official.files if not (folder / file.name).is_file()]
    if is_cache:
        missing = [file for file in missing if not _borrow(file, folder, known)]
    if missing and official.notice:
        logger.warning("%s: %s", scenario.key, official.notice)
    for file in missing:
        _download(scenario, file, folder)
    found = {file.url: _sha256(folder / file.name) for file in official.files}
    for file in official.files:
        _check(folder, file, found[file.url], file.sha256 or known.get(file.url, found[file.url]))
    if not found.items() <= _read_checksums(folder).items():
        _remember(folder, {**known, **found}, is_ours=bool(missing))
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


def _check(folder: Path, file: SourceFile, found: str, wanted: str) -> None:
    if found == wanted:
        return
    change = "" if file.sha256 else f'; delete "{CHECKSUMS}" beside it to accept that'
    raise DataError(
        f'"{folder / file.name}" has the SHA-256 {found}; accepted is {wanted}. Delete the file to fetch it '
        f"again; if it stays so, its source {file.url} has changed{change}."
    )


def _remember(folder: Path, checksums: dict[str, str], *, is_ours: bool) -> None:
    """Keep checksums; a folder that others filled may be one we cannot write to."""
    try:
        _write(folder / CHECKSUMS, [json.dumps(checksums, indent=2, sort_keys=True).encode()])
    except StorageError:
        if is_ours:
            raise
        logger.debug("no checksums are kept in %s", folder, exc_info=True)


def _borrow(file: SourceFile, folder: Path, known: dict[str, str]) -> bool:
    """Link a file that another scenario fetched from the same address, with its checksum; tell whether."""
    for path in sorted(folder.parent.glob(f"*/{CHECKSUMS}")):
        checksum = _read_checksums(path.parent).get(file.url) if path.parent != folder else None
        if checksum is None or not (path.parent / file.name).is_file():
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / file.name).hardlink_to(path.parent / file.name)
        except OSError:  # a file system without links
            return False
        logger.info("%s is the one that %s fetched", file.name, path.parent.name)
        known.setdefault(file.url, checksum)
        return True
    return False


def _download(scenario: Scenario, file: SourceFile, folder: Path) -> None:
    import httpx  # late: most evaluations fetch nothing, and it takes longer to load than all scenarios

    logger.info("%s: fetching %s", scenario.key, file.url)
    # the file itself: many servers call a .gz file an encoding, and httpx would undo it
    settings = {"Accept-Encoding": "identity"}
    try:
        with httpx.stream(
            "GET", file.url, headers=settings, follow_redirects=True, timeout=TIMEOUT_S
        ) as response:
            response.raise_for_status()
            _write(folder / file.name, response.iter_raw())
    except httpx.HTTPError as error:
        raise DataError(
            f'The rows of "{scenario.key}" could not be fetched from {file.url}: '
            f"{str(error) or type(error).__name__}. Try again with a network, or put the file into "
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
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise DataError(
            f'"{path}" holds {found!r}; it must be an object of addresses and checksums. Delete it.'
        )
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
