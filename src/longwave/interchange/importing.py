"""Write the results of another harness into a folder of Longwave's own tables."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import polars as pl

from longwave.config import config_hash, write_json
from longwave.errors import ConfigError, StorageError, UnknownName
from longwave.interchange.helm import find_helm
from longwave.interchange.inspect_log import find_inspect
from longwave.interchange.lm_eval import find_lm_eval
from longwave.interchange.rows import Part
from longwave.interchange.sources import SIDE_KEYS, ImportSummary, Source
from longwave.predictions import KEY, append_side, finish_run, read_predictions, write_predictions

__all__ = ["KINDS", "Kind", "Listener", "import_results"]

Kind = Literal["helm", "lm-eval", "inspect"]
Listener = Callable[[int, int, str], None]

BATCH_ROWS = 20_000  # written together at least, so that a suite of small runs is no heap of small files
RECORDS = "imports"  # one record a run, beside the tables
_OTHER_RUN = "rows whose key the folder has from another run (those are kept)"


class _Finder(Protocol):
    def __call__(self, path: Path, /, *, metric: str | None, date: str | None) -> list[Source]: ...


KINDS: dict[str, _Finder] = {"helm": find_helm, "lm-eval": find_lm_eval, "inspect": find_inspect}


def import_results(
    kind: Kind,
    path: Path | str,
    out: Path | str,
    *,
    metric: str | None = None,
    date: str | None = None,
    on_progress: Listener | None = None,
) -> ImportSummary:
    """Import results of another harness into a folder that holds Longwave's tables, or is new.

    Parameters
    ----------
    kind : {"helm", "lm-eval", "inspect"}
        Who wrote them.
    path : Path or str
        A run, a log, or a folder of them; see `read_helm`, `read_lm_eval`, `read_inspect`.
    out : Path or str
        Folder of the tables; results that are there stay.
    metric : str, optional
        For the ``score`` column, as the other tool names it; default: the main metric of each task.
    date : str, optional
        Day of the answers, YYYY-MM-DD, where the files do not say.
    on_progress : callable, optional
        ``(done, total, name)`` after each run.

    Returns
    -------
    ImportSummary

    Raises
    ------
    UnknownName
        If there is no such kind.
    ConfigError
        If the date is no day.
    MissingFile
        If there is nothing to import.
    DataError
        If a file is damaged; what was imported before stays, and the same command goes on when it is mended
        or gone.
    StorageError
        If the folder cannot be written.

    Notes
    -----
    The ``run`` column is a hash of the files, so that importing them again changes nothing and a suite that
    has grown is taken up where it was. A run appears whole or not at all: side tables are written before
    predictions, and these in one piece, small runs together. ``imports/RUN.json`` keeps where a run is from,
    what was left out, and the figures of the other tool itself, for comparison.

    Do not import into one folder from two processes at once.
    """
    if kind not in KINDS:
        raise UnknownName("kind of results", kind, KINDS)
    _check_date(date)
    sources = KINDS[kind](Path(path), metric=metric, date=date)
    writer = _Writer(Path(out))
    try:
        for count, source in enumerate(sources, start=1):
            writer.take(source)
            if on_progress is not None:
                on_progress(count, len(sources), source.name)
    finally:
        writer.flush()  # a damaged file does not undo what came before it
    return writer.summary(kind)


class _Writer:
    """Writes runs into a folder, each once, and counts; small runs are written together."""

    def __init__(self, out: Path) -> None:
        self.out = out
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f'Cannot make the folder "{out}": {error}. Choose another one.') from error
        there = read_predictions(out).select(*KEY, "run")
        parts = there.select(KEY).partition_by("scenario", as_dict=True)
        self._known = {str(name): keys for (name,), keys in parts.items()}
        self._runs = set(there["run"].drop_nulls().unique())
        self._unchanged = 0
        self._taken: list[str] = []
        self._skipped: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._waiting: list[tuple[str, dict[str, pl.DataFrame], dict[str, object]]] = []

    def take(self, source: Source) -> None:
        """Read a run, unless the folder holds it, and write it when enough wait."""
        run = source.hash()
        if run in self._runs:
            self._unchanged += 1
            return
        part = source.part(run)
        frames = part.frames()
        new = self._new_rows(frames["predictions"])
        part.skip(_OTHER_RUN, len(part) - len(new))
        frames["predictions"] = new
        frames["scores"] = frames["scores"].join(
            new.select(KEY), on=KEY, how="semi", nulls_equal=True, maintain_order="left"
        )
        if not len(new):  # nothing refers to the rest
            frames = {name: frame.clear() for name, frame in frames.items()}
        self._runs.add(run)
        self._skipped += part.skipped
        self._waiting.append((run, frames, _record(source, part, len(new))))
        if sum(len(each["predictions"]) for _, each, _ in self._waiting) >= BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what waits: predictions last, for a row in the table says that all of it is there."""
        if not self._waiting:
            return
        runs = [run for run, _, _ in self._waiting]
        frames = {
            name: pl.concat([each[name] for _, each, _ in self._waiting]) for name in self._waiting[0][1]
        }
        for name, key in SIDE_KEYS.items():
            frames[name] = frames[name].unique(key, keep="first", maintain_order=True)
        batch = config_hash(*runs)
        append_side(self.out, "instances", frames["instances"], run=batch)
        append_side(self.out, "requests", frames["requests"], run=batch)
        append_side(self.out, "scores", frames["scores"], run=batch)
        write_predictions(self.out, frames["predictions"], run=batch, is_known_new=True)
        finish_run(self.out, batch)
        for run, _, record in self._waiting:
            write_json(self.out / RECORDS / f"{run}.json", record)
        self._taken += [run for run, each, _ in self._waiting if len(each["predictions"])]
        self._counts.update({name: len(frame) for name, frame in frames.items()})
        self._waiting = []

    def _new_rows(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows whose keys the folder does not hold, and remember them."""
        parts = [rows.clear()]
        for (name,), each in rows.partition_by("scenario", as_dict=True).items():
            known = self._known.get(str(name), rows.clear().select(KEY))
            new = each.join(known, on=KEY, how="anti", nulls_equal=True, maintain_order="left")
            self._known[str(name)] = pl.concat([known, new.select(KEY)])
            parts.append(new)
        return pl.concat(parts)

    def summary(self, kind: str) -> ImportSummary:
        """Return what was taken and what was left."""
        return ImportSummary(
            tool=kind,
            runs=tuple(self._taken),
            unchanged=self._unchanged,
            rows=self._counts["predictions"],
            requests=self._counts["requests"],
            instances=self._counts["instances"],
            scores=self._counts["scores"],
            skipped=dict(self._skipped),
        )


def _record(source: Source, part: Part, n_rows: int) -> dict[str, object]:
    return {
        "tool": source.tool,
        "source": source.name,
        "run": part.run,
        "rows": n_rows,
        "skipped": dict(part.skipped),
        "about": part.about,
        "reported": part.reported,
    }


def _check_date(date: str | None) -> None:
    if date is None:
        return
    try:
        is_day = datetime.date.fromisoformat(date).isoformat() == date
    except ValueError:
        is_day = False
    if not is_day:
        raise ConfigError(f'The date is "{date}"; write YYYY-MM-DD, for example 2023-11-17.')
