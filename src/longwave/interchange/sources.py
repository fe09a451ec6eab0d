"""The runs of another harness: where each is from, and the account of what was taken and what was not."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl

from longwave.config import config_hash
from longwave.errors import DataError
from longwave.interchange.rows import Part
from longwave.predictions import KEY

__all__ = ["SIDE_KEYS", "ImportSummary", "Imported", "Reader", "Source", "read_sources"]

FORMAT = 1  # goes into the hash of a run; raise it when the same files become other rows
# what tells the rows of the side tables apart
SIDE_KEYS = {
    "requests": ["request_hash"],
    "instances": ["scenario", "instance", "perturbation"],
    "scores": [*KEY, "metric"],
}
_CHUNK = 2**20


@dataclass(frozen=True, kw_only=True)
class ImportSummary:
    """What an import took and what it left.

    Parameters
    ----------
    tool : str
        ``"helm"``, ``"lm-eval"`` or ``"inspect"``.
    runs : tuple of str
        Hashes of the runs that were taken; the ``run`` column.
    unchanged : int
        Runs that were in the folder before, from the same files.
    rows, requests, instances, scores : int
        Rows of the four tables that were made.
    skipped : dict of str to int
        What could not be mapped, by reason.
    """

    tool: str
    runs: tuple[str, ...] = ()
    unchanged: int = 0
    rows: int = 0
    requests: int = 0
    instances: int = 0
    scores: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {**asdict(self), "runs": list(self.runs)}


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The tables that files of another harness became.

    Parameters
    ----------
    predictions, requests, instances, scores : DataFrame
        Columns of ``SCHEMA``, ``REQUESTS``, ``INSTANCES``, ``SCORES``.
    summary : ImportSummary
    """

    predictions: pl.DataFrame
    requests: pl.DataFrame
    instances: pl.DataFrame
    scores: pl.DataFrame
    summary: ImportSummary


Reader = Callable[[Part], None]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One run of another harness: its files, and what reads them.

    Parameters
    ----------
    tool : str
    name : str
        For messages and records; relative to what was imported, so that it says nothing about the machine.
    files : tuple of Path
        All that the rows depend on.
    options : dict of str to str
        Whatever else they depend on.
    read : callable
        Fills a `Part`.
    """

    tool: str
    name: str
    files: tuple[Path, ...]
    options: dict[str, str]
    read: Reader

    def hash(self) -> str:
        """Hash what the rows depend on; equal hashes mean equal rows."""
        digests = [_sha256(path) for path in self.files]
        return config_hash({"tool": self.tool, "format": FORMAT, "files": digests, "options": self.options})

    def part(self, run: str) -> Part:
        """Read the files.

        Raises
        ------
        DataError
            If one is damaged; the message names it.
        """
        part = Part(run)
        try:
            self.read(part)
        except RecursionError as error:  # what was read may be too deep to be written
            raise DataError(f'"{self.name}" is nested too deeply. Mend it or leave it out.') from error
        return part


def read_sources(tool: str, sources: Iterable[Source]) -> Imported:
    """Read runs into one set of tables; of equal keys in two runs the first is kept and the rest counted."""
    frames: dict[str, list[pl.DataFrame]] = {}
    runs: list[str] = []
    skipped: Counter[str] = Counter()
    for part in _new_parts(sources):
        runs.append(part.run)
        skipped += part.skipped
        for name, frame in part.frames().items():
            frames.setdefault(name, []).append(frame)
    empty = Part("").frames()
    tables = {name: pl.concat([empty[name], *frames.get(name, [])]) for name in empty}
    keys = {"predictions": list(KEY), **SIDE_KEYS}
    whole = {
        name: frame.unique(keys[name], keep="first", maintain_order=True) for name, frame in tables.items()
    }
    twice = len(tables["predictions"]) - len(whole["predictions"])
    if twice:
        skipped["rows whose key another run has (the first is kept)"] += twice
    counts = {name: len(frame) for name, frame in whole.items()}
    summary = ImportSummary(
        tool=tool,
        runs=tuple(runs),
        rows=counts["predictions"],
        requests=counts["requests"],
        instances=counts["instances"],
        scores=counts["scores"],
        skipped=dict(skipped),
    )
    return Imported(**whole, summary=summary)


def _new_parts(sources: Iterable[Source]) -> Iterator[Part]:
    seen: set[str] = set()
    for source in sources:
        run = source.hash()
        if run not in seen:
            seen.add(run)
            yield source.part(run)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_CHUNK):
                digest.update(block)
    except OSError as error:
        raise DataError(f'"{path}" cannot be read: {error}. Mend it or leave it out.') from error
    return digest.hexdigest()
