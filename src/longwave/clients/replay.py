"""Replay: the answers of an earlier evaluation instead of the model that gave them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from longwave.clients.base import Client, Request, Result
from longwave.clients.cache import scoped_key
from longwave.clients.cache_file import CacheFile, ModelEntry, cut_at, text_key
from longwave.errors import ConfigError, MissingFile, Refused

__all__ = ["CACHE_NAME", "ReplayClient", "open_replay"]

CACHE_NAME = "requests.sqlite"  # the request cache inside the folder of an evaluation


class ReplayClient:
    """Answers what an evaluation folder holds; anything else is refused.

    Parameters
    ----------
    folder : Path
        Folder of an earlier evaluation, with its request cache.
    model : str, optional
        Whose answers; may be left out when the folder holds those of one model only.

    Raises
    ------
    MissingFile
        If the folder holds no request cache.
    ConfigError
        If the folder holds several models and none is named, or not the one that is named.

    Notes
    -----
    Name, version and window are those of the model, and prompts are fitted with its token counts, so that an
    evaluation with the same settings gives the same rows. The latest version and date of the model are
    replayed.
    """

    def __init__(self, folder: Path, *, model: str | None = None) -> None:
        path = folder / CACHE_NAME
        if not path.is_file():
            raise MissingFile(
                f'No answers to replay: "{path}" does not exist. Name the folder of an evaluation.'
            )
        self.folder = folder
        self._file = CacheFile(path)
        entry = _choose(self._file.models(), folder, model)
        self.name = entry.name
        self.version = entry.version
        self.max_length = entry.max_length
        self._scope = entry.scope

    def close(self) -> None:
        """Close the folder's cache."""
        self._file.close()

    def complete(self, requests: Sequence[Request]) -> list[Result]:
        """Answer from the folder; a request it does not hold gets an error."""
        keys = [scoped_key(self._scope, request.hash(self.name, self.version)) for request in requests]
        found = self._file.find(keys)
        missing = Result(
            error=f'"{self.folder}" holds no answer of "{self.name}" to this request. Evaluate with '
            "the settings of that folder, or ask the model itself."
        )
        return [replace(found[key], is_cached=True) if key in found else missing for key in keys]

    def count_tokens(self, text: str) -> int:
        """Return the model's own count where the folder knows it."""
        if self.max_length is None:
            return len(text.split())
        return int(self._recall(text_key(self.name, self.version, text)))

    def split_text(self, text: str, max_tokens: int) -> list[str]:
        """Return the model's own cut where the folder knows it."""
        if self.max_length is None:
            return [text]
        return cut_at(text, json.loads(self._recall(text_key(self.name, self.version, text, max_tokens))))

    def _recall(self, key: str) -> str:
        value = self._file.find_text(key)
        if value is None:
            raise Refused(
                f'"{self.folder}" does not tell how "{self.name}" reads this text. Evaluate with the '
                "settings of that folder, or ask the model itself."
            )
        return value


def open_replay(rest: str) -> Client:
    """Open ``replay:FOLDER``, or ``replay:MODEL@FOLDER`` where the folder holds several models."""
    model, at, folder = rest.rpartition("@")
    if at and not Path(rest).is_dir():
        return ReplayClient(Path(folder), model=model)
    return ReplayClient(Path(rest))


def _choose(entries: Sequence[ModelEntry], folder: Path, model: str | None) -> ModelEntry:
    names = sorted({entry.name for entry in entries})
    wanted = names if model is None else [name for name in names if name == model]
    if len(wanted) != 1:
        listing = ", ".join(names) or "none"
        raise ConfigError(
            f'"{folder}" holds answers of {len(names)} models ({listing}); one must be named. Write for '
            f"example replay:{names[0] if names else 'MODEL'}@{folder}."
        )
    return [entry for entry in entries if entry.name == wanted[0]][-1]
