"""Read what Inspect wrote: ``.eval`` logs (ZIP archives of JSON) and ``.json`` logs, of format version 2.

Logs of whole samples (one member a sample) and of samples in pieces are read, finished ones and those of a
run that was killed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from longwave.config import config_hash
from longwave.errors import DataError, MissingFile
from longwave.interchange._archive import Archive
from longwave.interchange._documents import (
    Json,
    as_map,
    clean,
    map_in,
    maps_in,
    number,
    read_json,
    text,
    whole,
)
from longwave.interchange._inspect_samples import Log, add_sample
from longwave.interchange.rows import Part, unknown
from longwave.interchange.sources import Imported, Source, read_sources

__all__ = ["find_inspect", "read_inspect"]

TOOL = "inspect"
HEADER, START, SUMMARIES = "header.json", "_journal/start.json", "summaries.json"
METADATA = "/metadata.json"
# ids may hold slashes, so that only the end of a name tells what it is
_MEMBER = re.compile(r"(?P<prefix>samples/.+_epoch_\d+)(?P<shell>/sample)?\.json", re.DOTALL)
_PIECE = re.compile(
    r"(?P<prefix>samples/.+_epoch_\d+)/(?P<kind>messages|attachments)/(?P<place>\d{1,18})\.json", re.DOTALL
)
_LONGEST_ARGUMENTS = 60


def read_inspect(path: Path | str, *, metric: str | None = None, date: str | None = None) -> Imported:
    """Read logs of Inspect.

    Parameters
    ----------
    path : Path or str
        A ``.eval`` or ``.json`` log, or a folder with any number of them; newer ones are read first, so that
        of a log and its repetition on the same day the repetition is kept.
    metric : str, optional
        Scorer for the ``score`` column, ``scorer.key`` for a value of a scorer with several; default: the
        headline of the log, else its first scorer.
    date : str, optional
        Day of the answers, YYYY-MM-DD, where a log does not say.

    Returns
    -------
    Imported

    Raises
    ------
    MissingFile
        If the path does not exist or holds no log.
    DataError
        If a log is damaged or not in Inspect's form; the message names it and the member.

    Notes
    -----
    The task ``mmlu`` of version 2 becomes the scenario ``inspect:mmlu@2``; arguments that were passed to it
    follow its name. Epoch 1 is trial 0. Grades C, I, P and N become 1, 0, 0.5 and 0.
    """
    return read_sources(TOOL, find_inspect(Path(path), metric=metric, date=date))


def find_inspect(path: Path, *, metric: str | None = None, date: str | None = None) -> list[Source]:
    """List the logs of a path; arguments and errors as `read_inspect`."""
    if path.is_file():
        return [_source(path, path.parent, metric, date)]
    if not path.is_dir():
        raise MissingFile(f'No file or folder "{path}". Name a log or the folder of --log-dir.')
    logs = [found for found in path.rglob("*.eval") if found.is_file()]
    logs += [found for found in path.rglob("*.json") if found.is_file() and _looks_like_log(found)]
    if not logs:
        raise MissingFile(f'"{path}" holds no log of Inspect (.eval or .json). Name a log or its folder.')
    newest_first = sorted(logs, key=lambda found: (found.name, found.as_posix()), reverse=True)
    return [_source(found, path, metric, date) for found in newest_first]


def _looks_like_log(path: Path) -> bool:
    """Tell a log from the other JSON files of its folder: it begins with its version and status."""
    with path.open("rb") as file:
        start = file.read(200)
    return b'"version"' in start and (b'"status"' in start or b'"eval"' in start)


def _source(path: Path, folder: Path, metric: str | None, date: str | None) -> Source:
    read = _read_document if path.suffix == ".json" else _read_archive
    return Source(
        tool=TOOL,
        name=path.relative_to(folder).as_posix(),
        files=(path,),
        options={"metric": metric or "", "date": date or ""},
        read=lambda part: read(path, part, metric, date),
    )


def _read_document(path: Path, part: Part, metric: str | None, date: str | None) -> None:
    where = f'"{path}"'
    document = as_map(read_json(path), where)
    if not isinstance(document.get("eval"), dict):
        raise DataError(f'{where} has no "eval" and is no log of Inspect. Leave it out.')
    samples = [
        (f"{where}, sample {index}", sample)
        for index, sample in enumerate(maps_in(document, "samples", where))
    ]
    _add(part, document, samples, where, metric, date)


def _read_archive(path: Path, part: Part, metric: str | None, date: str | None) -> None:
    where = f'"{path}"'
    with Archive(path) as archive:
        name = next((each for each in (HEADER, START) if each in archive), None)
        if name is None:
            raise DataError(
                f'{where} holds neither "{HEADER}" nor "{START}" and is no log of Inspect. Leave it out.'
            )
        part.skip("logs of runs that did not end", name == START)
        header = as_map(archive.read_json(name), f'{where}, member "{name}"')
        samples = list(_read_samples(archive, where))
        if not samples and SUMMARIES in archive:
            part.skip("logs without samples (rows are made from their summaries)")
            found = {"summaries": archive.read_json(SUMMARIES)}
            samples = [(where, each) for each in maps_in(found, "summaries", where)]
        _add(part, header, samples, where, metric, date)


def _read_samples(archive: Archive, where: str) -> Iterator[tuple[str, Json]]:
    """Yield the samples with their places, without their events, which are most of them."""
    pieces = _list_pieces(archive.names)
    for name in archive.names:
        found = _MEMBER.fullmatch(name)
        if found is None:
            continue
        place = f'{where}, member "{name}"'
        sample = as_map(archive.read_json(name), place)
        if found["shell"]:
            sample = {**sample, **_read_pieces(archive, found["prefix"], pieces)}
        yield place, {key: value for key, value in sample.items() if key != "events"}


def _list_pieces(names: Iterable[str]) -> dict[tuple[str, str], dict[int, str]]:
    """Index the pieces of samples: by sample and kind, then by the place of their first item."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    for name in names:
        piece = _PIECE.fullmatch(name)
        if piece is not None:
            found.setdefault((piece["prefix"], piece["kind"]), {})[int(piece["place"])] = name
    return found


def _read_pieces(archive: Archive, prefix: str, pieces: dict[tuple[str, str], dict[int, str]]) -> Json:
    """Read what a sample in pieces keeps outside its shell; attachments are numbered from 0."""
    found: Json = {}
    if prefix + METADATA in archive:
        found["metadata"] = archive.read_json(prefix + METADATA)
    for kind in ("messages", "attachments"):
        items: list[object] = []
        for _, name in sorted(pieces.get((prefix, kind), {}).items()):
            piece = archive.read_json(name)
            items += piece if isinstance(piece, list) else []
        if items:
            found[kind] = items if kind == "messages" else {str(i): item for i, item in enumerate(items)}
    return found


def _add(
    part: Part,
    header: Json,
    samples: list[tuple[str, Json]],
    where: str,
    metric: str | None,
    date: str | None,
) -> None:
    spec = map_in(header, "eval", where)
    results = map_in(header, "results", where)
    main = metric or _headline(header, results, where)
    log = _describe(header, spec, [sample for _, sample in samples], where, main, date)
    part.about["name"] = text(spec.get("task")) or ""
    part.about["tool_version"] = text(map_in(spec, "packages", where).get("inspect_ai")) or ""
    part.about["status"] = text(header.get("status")) or ""
    _read_totals(part, results, where)
    for place, sample in samples:
        add_sample(part, log, sample, place)


def _describe(
    header: Json, spec: Json, samples: Iterable[Json], where: str, main: str | None, date: str | None
) -> Log:
    """Say what all rows of a log share."""
    plan = map_in(header, "plan", where)
    steps = maps_in(plan, "steps", where)
    solvers = "+".join(text(step.get("solver")) or "?" for step in steps) or "no-solver"
    settings = [steps, plan.get("config"), spec.get("model_generate_config"), spec.get("solver_args")]
    model = text(spec.get("model"))
    return Log(
        scenario=f"{TOOL}:{_task_name(spec, where)}@{text(spec.get('task_version')) or '0'}",
        model=unknown(model),
        version=_version(samples, model or "", where),
        date=(text(spec.get("created")) or "")[:10] or unknown(date),
        prompt=f"{solvers[:_LONGEST_ARGUMENTS]}-{config_hash(*settings)[:6]}",
        main=main,
        accuracies=_accuracies(header, spec, where),
        settings={
            **map_in(plan, "config", where),
            **map_in(spec, "model_generate_config", where),
        },
    )


def _task_name(spec: Json, where: str) -> str:
    """Return the task with the arguments that were passed, a hash of them where they are long."""
    passed = map_in(spec, "task_args_passed", where)
    given = clean(",".join(f"{key}={value}" for key, value in sorted(passed.items())))
    name = text(spec.get("task")) or "unnamed"
    if not given:
        return name
    return f"{name}:{given if len(given) <= _LONGEST_ARGUMENTS else config_hash(passed)[:8]}"


def _version(samples: Iterable[Json], model: str, where: str) -> str:
    """Return the name under which the provider answered, where it says more than the one that was asked."""
    names = Counter(text(map_in(sample, "output", where).get("model")) or "" for sample in samples)
    others = [
        name for name, _ in names.most_common() if name and name != model and name != model.partition("/")[2]
    ]
    return unknown(others[0] if others else None)


def _headline(header: Json, results: Json, where: str) -> str | None:
    """Return the main score: the headline, else that of the first scorer."""
    headline = map_in(results, "headline", where)
    scores = maps_in(results, "scores", where)
    scorer = text(headline.get("scorer")) or next((text(each.get("scorer")) for each in scores), None)
    score = text(headline.get("score")) or next((text(each.get("name")) for each in scores), None)
    if scorer is None:
        listed = maps_in(map_in(header, "eval", where), "scorers", where)
        old = map_in(results, "scorer", where)
        return next((text(each.get("name")) for each in (*listed, old) if each), None)
    return scorer if score in (None, scorer) else f"{scorer}.{score}"


def _accuracies(header: Json, spec: Json, where: str) -> frozenset[str]:
    """Return the scores whose numbers the task averages to an accuracy."""
    found: set[str] = set()
    for scorer in maps_in(spec, "scorers", where):
        name, metrics = text(scorer.get("name")) or "", scorer.get("metrics")
        if isinstance(metrics, dict):
            found |= {f"{name}.{key}" for key, listed in metrics.items() if _names_accuracy(listed)}
        elif _names_accuracy(metrics):
            found.add(name)
    for score in maps_in(map_in(header, "results", where), "scores", where):
        if "accuracy" in map_in(score, "metrics", where):
            given, key = text(score.get("scorer")) or "", text(score.get("name")) or ""
            found.add(given if given == key else f"{given}.{key}")
    return frozenset(found)


def _names_accuracy(metrics: object) -> bool:
    listed = metrics if isinstance(metrics, list) else []
    names = [text(each.get("name")) or "" for each in listed if isinstance(each, dict)]
    return any(name.rpartition("/")[2] == "accuracy" for name in names)


def _read_totals(part: Part, results: Json, where: str) -> None:
    """Keep Inspect's own figures; those of epochs are reduced first, which averages do not do."""
    for score in maps_in(results, "scores", where):
        for name, metric in map_in(score, "metrics", where).items():
            value = number(metric.get("value")) if isinstance(metric, dict) else None
            if value is not None and math.isfinite(value):
                part.reported[f"{text(score.get('name'))},{name}"] = value
    planned, done = whole(results.get("total_samples")), whole(results.get("logged_samples"))
    if planned is not None and done is not None:
        part.skip("samples that were planned and not run", max(planned - done, 0))
