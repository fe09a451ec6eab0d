"""Read what lm-evaluation-harness wrote: ``results_*.json`` and one ``samples_*.jsonl`` a task.

The samples need ``--log_samples``; without them there are means only, and nothing to import.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from longwave.config import config_hash
from longwave.errors import MissingFile
from longwave.interchange._documents import (
    Json,
    as_map,
    clean,
    list_in,
    map_in,
    maps_in,
    number,
    parse_json,
    read_json,
    read_lines,
    text,
    whole,
)
from longwave.interchange._lm_eval_samples import Task, add_sample
from longwave.interchange.rows import Part, unknown
from longwave.interchange.sources import Imported, Source, read_sources

__all__ = ["find_lm_eval", "read_lm_eval"]

TOOL = "lm-eval"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(?:\.\d+)?")  # the end of both kinds of names
_SAMPLES = re.compile(r"samples_(?P<task>.+?)(?:_\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(?:\.\d+)?)?\.jsonl")
_LATEST = 253402300799  # 9999-12-31 in seconds


def read_lm_eval(path: Path | str, *, metric: str | None = None, date: str | None = None) -> Imported:
    """Read results of lm-evaluation-harness.

    Parameters
    ----------
    path : Path or str
        A ``results_*.json``, a ``samples_*.jsonl``, or a folder with any number of them.
    metric : str, optional
        For the ``score`` column; default: the first metric of each task.
    date : str, optional
        Day of the answers, YYYY-MM-DD, where the files do not say.

    Returns
    -------
    Imported

    Raises
    ------
    MissingFile
        If the path does not exist, or there are no samples (run with ``--log_samples``).
    DataError
        If a file is damaged or not in the harness's form; the message names it and the line.

    Notes
    -----
    The task ``arc_easy`` of version 1 becomes the scenario ``lm-eval:arc_easy@1``. Each filter gives rows of
    its own, whose ``prompt`` ends with ``+`` and its name.
    """
    return read_sources(TOOL, find_lm_eval(Path(path), metric=metric, date=date))


def find_lm_eval(path: Path, *, metric: str | None = None, date: str | None = None) -> list[Source]:
    """List the samples files of a path; arguments and errors as `read_lm_eval`."""
    if path.is_dir():
        samples = sorted(found for found in path.rglob("samples_*.jsonl") if found.is_file())
    elif not path.is_file():
        raise MissingFile(f'No file or folder "{path}". Name what --output_path of lm_eval wrote.')
    elif path.suffix == ".jsonl":
        samples = [path]
    else:
        samples = [
            found for found in sorted(path.parent.glob("samples_*.jsonl")) if _stamp(found) == _stamp(path)
        ]
    if not samples:
        raise MissingFile(
            f'"{path}" has no "samples_*.jsonl" with it, and means alone make no rows. Run lm_eval with '
            "--log_samples."
        )
    folder = path if path.is_dir() else path.parent
    return [_source(found, _results_of(found), folder, metric, date) for found in samples]


def _stamp(path: Path) -> str:
    found = _DAY.search(path.name)
    return found[0] if found else ""


def _results_of(samples: Path) -> Path | None:
    """Return the results that were written with a samples file: in its folder, with its time."""
    found = [path for path in sorted(samples.parent.glob("*.json")) if _stamp(path) == _stamp(samples)]
    return found[0] if found else None


def _source(
    samples: Path, results: Path | None, folder: Path, metric: str | None, date: str | None
) -> Source:
    return Source(
        tool=TOOL,
        name=samples.relative_to(folder).as_posix(),
        files=(samples,) if results is None else (samples, results),
        options={"metric": metric or "", "date": date or "", "name": samples.name},
        read=lambda part: _read_task(samples, results, part, metric, date),
    )


def _read_task(samples: Path, results: Path | None, part: Part, metric: str | None, date: str | None) -> None:
    where = f'"{results or samples}"'
    document = as_map(read_json(results), where) if results is not None else {}
    part.skip("tasks without results_*.json (model and date are guessed from names)", not document)
    found = _SAMPLES.fullmatch(samples.name)
    name = clean(found["task"] if found else samples.stem)
    rows = list(_read_samples(samples))
    task = _describe(document, name, samples, rows, where, metric, date)
    part.about["name"] = name
    part.about["tool_version"] = text(document.get("lm_eval_version")) or ""
    _read_totals(document, name, part, where)
    for place, sample in rows:
        add_sample(part, task, sample, place)
    better = map_in(map_in(document, "higher_is_better", where), name, where)
    part.judge(better.get(task.metric) is not False and part.all_binary())


def _read_samples(path: Path) -> Iterator[tuple[str, Json]]:
    """Yield the samples with their places; the first releases wrote one list instead of lines."""
    for place, line in read_lines(path):
        if line.lstrip()[:1] == b"[":
            whole_file = {"samples": read_json(path)}
            for index, sample in enumerate(maps_in(whole_file, "samples", f'"{path}"')):
                yield f'"{path}", sample {index}', sample
            return
        yield place, as_map(parse_json(line, place), place)


def _describe(
    document: Json,
    name: str,
    samples: Path,
    rows: Sequence[tuple[str, Json]],
    where: str,
    metric: str | None,
    date: str | None,
) -> Task:
    """Say what all rows of a task share."""
    config = map_in(map_in(document, "configs", where), name, where)
    given = map_in(document, "config", where)
    first = rows[0][1] if rows else {}
    kind = text(config.get("output_type")) or _kind_of(first)
    shots = whole(map_in(document, "n-shot", where).get(name)) or whole(config.get("num_fewshot")) or 0
    named = [text(each.get("metric")) for each in maps_in(config, "metric_list", where)]
    there = [text(each) or "" for each in list_in(first, "metrics", where)]
    # a perplexity of one text averages to nothing, its bits do
    first_choice = ("bits_per_byte",) if kind == "loglikelihood_rolling" else ()
    usual = next((each for each in (*first_choice, *named, *there) if each and each in first), None)
    chat = [document.get("chat_template_sha"), document.get("system_instruction_sha")]
    variant = f"-{config_hash(*map(str, chat))[:6]}" if any(chat) else ""
    return Task(
        scenario=f"{TOOL}:{name}@{_version(map_in(document, 'versions', where).get(name))}",
        model=unknown(_model(document, given) or _sanitized(samples)),
        version=unknown(text(given.get("model_sha")) or text(given.get("model_revision"))),
        date=_day(document, samples) or unknown(date),
        prompt=f"{kind}-{shots}-shot{variant}",
        split="valid" if config.get("validation_split") and not config.get("test_split") else "test",
        kind=kind,
        shots=shots,
        delimiter=text(config.get("fewshot_delimiter")) or "\n\n",
        metric=metric or usual or "acc",
        has_unconditional="acc_mutual_info" in (*named, *there),
    )


def _kind_of(sample: Json) -> str:
    """Guess the output type where the task's configuration is missing."""
    resps = sample.get("filtered_resps") or sample.get("resps")
    answers = resps if isinstance(resps, list) else []
    if answers and isinstance(answers[0], list):
        return "multiple_choice" if len(answers) > 1 else "loglikelihood"
    return "loglikelihood_rolling" if answers and number(answers[0]) is not None else "generate_until"


def _version(value: object) -> str:
    found = number(value)
    return "0" if found is None else f"{found:g}"


def _model(document: Json, given: Json) -> str | None:
    """Return the model's name; older results hold it in their arguments only."""
    arguments = given.get("model_args")
    if isinstance(arguments, dict):
        pretrained = text(arguments.get("pretrained")) or text(arguments.get("model"))
    else:
        pairs = dict(pair.partition("=")[::2] for pair in (text(arguments) or "").split(","))
        pretrained = pairs.get("pretrained") or pairs.get("model")
    return text(document.get("model_name")) or pretrained or text(given.get("model"))


def _sanitized(samples: Path) -> str:
    """Return the model's name from its folder, where "/" became "__"."""
    return clean(samples.resolve().parent.name.replace("__", "/"))


def _day(document: Json, samples: Path) -> str | None:
    time = number(document.get("date"))
    if time is not None and 0 < time <= _LATEST:
        return datetime.datetime.fromtimestamp(time, datetime.UTC).date().isoformat()
    return _stamp(samples)[:10] or None


def _read_totals(document: Json, name: str, part: Part, where: str) -> None:
    """Keep the harness's own means."""
    for key, value in map_in(map_in(document, "results", where), name, where).items():
        found = number(value)
        if "," in key and "_stderr" not in key and found is not None:
            part.reported[key] = found
