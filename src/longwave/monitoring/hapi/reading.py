"""Open HAPI data whatever form it has: an archive, a folder of the release, or columns."""

from __future__ import annotations

from pathlib import Path

from longwave.errors import MissingFile
from longwave.monitoring.hapi.archive import LARGEST, unpack
from longwave.monitoring.hapi.columnar import MANIFEST
from longwave.monitoring.hapi.downloading import data_dir
from longwave.monitoring.hapi.store import HapiStore
from longwave.monitoring.store import DateStatus

__all__ = ["read_hapi"]

_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")
_DEEPEST = 3  # folders of an archive above "tasks"


def read_hapi(
    path: Path | str | None = None,
    *,
    unpack_to: Path | str | None = None,
    date_status: DateStatus | None = None,
    largest: int = LARGEST,
) -> HapiStore:
    """Open HAPI data.

    Parameters
    ----------
    path : Path or str, optional
        A folder that holds ``tasks`` as released, a folder that `HapiStore.save` wrote, or the archive of the
        release. Default: the reference package's folder, ``HAPI_DATA_DIR`` or ``~/.hapi``.
    unpack_to : Path or str, optional
        Where an archive is unpacked, once; default: beside it, under its name.
    date_status : {"confirmed", "not_later_than", "model_snapshot", "unknown"}, optional
        How far the dates of a released layout can be trusted, where you know better. Otherwise: language
        models carry the date of a snapshot; 20-10-21 and 21-02-17 are days on which tables were published;
        any other date is a day of collection.
    largest : int
        Most bytes that an archive may unpack to.

    Returns
    -------
    HapiStore
        ``notes`` tells what is partial or missing.

    Raises
    ------
    MissingFile
        If there is nothing.
    DataError
        If an archive is damaged, too large, or would write elsewhere; or the table of runs is damaged. A
        run's own file is read when a table asks for it, and its faults are told then; see
        `HapiStore.problems`.
    UnknownName
        If there is a task that is not one of HAPI's.
    StorageError
        If an archive cannot be unpacked.

    Notes
    -----
    JSON is parsed anew for every table. `HapiStore.save` writes columns, which take less space and are read
    piece by piece.
    """
    source = Path(path) if path is not None else data_dir()
    if source.is_file():
        stem = next((source.name.removesuffix(end) for end in _SUFFIXES if source.name.endswith(end)), None)
        beside = source.with_name(stem if stem is not None else source.name + ".unpacked")
        source = unpack(source, Path(unpack_to) if unpack_to is not None else beside, largest=largest)
    if not source.is_dir():
        raise MissingFile(
            f'No file or folder "{source}". Get the release with: longwave monitor import --download, or use '
            "the bundled sample: load_sample()."
        )
    return HapiStore.open(_root_in(source), date_status=date_status)


def _root_in(folder: Path) -> Path:
    """Find the folder that holds the runs; an archive may have folders above it."""
    if (folder / MANIFEST).is_file() or (folder / "meta.csv").is_file():
        return folder
    for depth in range(_DEEPEST):
        for tasks in sorted(folder.glob("*/" * depth + "tasks")):
            if tasks.is_dir():
                return tasks.parent
        for manifest in sorted(folder.glob("*/" * depth + MANIFEST)):
            return manifest.parent
    return folder
