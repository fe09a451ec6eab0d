"""The functions of the reference package by their own names: change the import, keep the code."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from longwave.errors import MissingFile
from longwave.monitoring.hapi import downloading
from longwave.monitoring.hapi.reading import read_hapi
from longwave.monitoring.hapi.records import Predictions, TrueLabels
from longwave.monitoring.hapi.store import HapiStore
from longwave.monitoring.store import Names

__all__ = ["config", "download", "get_dataset", "get_labels", "get_predictions", "summary"]


class Config:
    """Where the data lie; ``config.data_dir = FOLDER`` sets it for this process."""

    def __init__(self) -> None:
        self._data_dir: Path | None = None

    def chosen(self) -> Path:
        """Return the folder whether or not data are there."""
        return self._data_dir or downloading.data_dir()

    @property
    def data_dir(self) -> str:
        """The folder that holds ``tasks``; ``HAPI_DATA_DIR`` or ``~/.hapi`` until it is set.

        Raises
        ------
        MissingFile
            If no data are there.
        """
        folder = self.chosen()
        if not (folder / "tasks").is_dir() and not (folder / "manifest.json").is_file():
            raise MissingFile(
                f'"{folder}" holds no HAPI data. Set config.data_dir to the folder that holds "tasks", or '
                "call download()."
            )
        return str(folder)

    @data_dir.setter
    def data_dir(self, folder: Path | str) -> None:
        self._data_dir = Path(folder)
        self._data_dir.mkdir(parents=True, exist_ok=True)


config = Config()


def download(data_dir: Path | str | None = None) -> str:
    """Download the release, 205 MB, unpack it, and return the folder that holds ``tasks``.

    Parameters
    ----------
    data_dir : Path or str, optional
        Default: ``config.data_dir``.

    Raises
    ------
    LongwaveError
        As `download_release` and `read_hapi`.
    """
    folder = Path(data_dir) if data_dir is not None else config.chosen()
    archive = downloading.download_release(folder)
    found = read_hapi(archive)
    if found.folder is None:
        raise MissingFile(f'"{archive}" holds no runs.')
    config.data_dir = str(found.folder)
    return str(found.folder)


def summary() -> pl.DataFrame:
    """Return the table of runs; see `HapiStore.summary`."""
    return _store().summary()


def get_predictions(
    task: Names = None,
    dataset: Names = None,
    api: Names = None,
    date: Names = None,
    include_dataset: bool | None = None,
) -> Predictions:
    """Return predictions by ``task/dataset/api/date``; see `HapiStore.get_predictions`."""
    return _store().get_predictions(task, dataset, api, date, include_dataset)


def get_labels(task: Names = None, dataset: Names = None) -> TrueLabels:
    """Return labels by ``task/dataset``; see `HapiStore.get_labels`."""
    return _store().get_labels(task, dataset)


def get_dataset(name: str) -> pl.DataFrame:
    """Refuse: inputs are in no release; see `HapiStore.get_dataset`."""
    return _store().get_dataset(name)


def _store() -> HapiStore:
    return read_hapi(config.data_dir)
