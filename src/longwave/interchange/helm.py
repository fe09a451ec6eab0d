"""Read what HELM wrote: run folders of the paper's releases (0.1) and of later ones (0.2 to 0.5).

A run folder holds ``scenario_state.json`` (every request and its answer), ``per_instance_stats.json`` (the
metrics of every answer), ``run_spec.json`` (what was run) and ``stats.json`` (means). Of these the first is
needed; without the second there are no scores.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from longwave.config import config_hash
from longwave.errors import MissingFile
from longwave.interchange._documents import Json, as_map, clean, map_in, maps_in, number, read_json, text
from longwave.interchange._helm_names import IGNORED_STATS, is_accuracy, main_metric, metric_name
from longwave.interchange._helm_states import Asked, Key, Run, Stats, group_states, key_of
from longwave.interchange.rows import Part, unknown
from longwave.interchange.sources import Imported, Source, read_sources

__all__ = ["find_helm", "read_helm"]

TOOL = "helm"
STATES = "scenario_state.json"
STATS = "per_instance_stats.json"
SPEC = "run_spec.json"
TOTALS = "stats.json"

_RUN_NAME = re.compile(r"[^:,]*")
# parts of an adapter that are no variant of the prompt
_NOT_PROMPT = frozenset({"method", "model", "model_deployment", "max_eval_instances", "max_train_instances"})
_NOT_PROMPT |= {"num_train_trials", "num_trials", "eval_splits"}
_TIMES = frozenset(
    {"inference_runtime", "num_prompt_tokens", "num_output_tokens", "max_prob", "predicted_index"}
)
_LATEST = 253402300799  # 9999-12-31 in seconds


def read_helm(folder: Path | str, *, metric: str | None = None, date: str | None = None) -> Imported:
    """Read one run of HELM, a suite, or any folder with runs in it.

    Parameters
    ----------
    folder : Path or str
    metric : str, optional
        HELM's name of the statistic for the ``score`` column; default: the main metric of the scenario.
    date : str, optional
        Day of the answers, YYYY-MM-DD, where the files do not say.

    Returns
    -------
    Imported

    Raises
    ------
    MissingFile
        If the folder does not exist or holds no run.
    DataError
        If a file is damaged or not in HELM's form; the message names it.

    Notes
    -----
    The scenario ``boolq`` becomes ``helm:boolq@0``: HELM states no version, and draws, prompts and metrics
    are its own. Parameters of a scenario (``subject=anatomy``) become the ``group`` and stand before the ids
    of its instances. HELM counts an unanswered request as wrong; such rows keep HELM's score beside their
    error.
    """
    return read_sources(TOOL, find_helm(Path(folder), metric=metric, date=date))


def find_helm(folder: Path, *, metric: str | None = None, date: str | None = None) -> list[Source]:
    """List the runs of a folder; arguments and errors as `read_helm`."""
    if not folder.is_dir():
        raise MissingFile(f'No folder "{folder}". Name a run, a suite or the output folder of helm-run.')
    runs = sorted(path.parent for path in folder.rglob(STATES) if path.is_file())
    if not runs:
        raise MissingFile(
            f'"{folder}" holds no run of HELM: there is no "{STATES}" in it. Name a run, a suite or the '
            "output folder of helm-run."
        )
    return [_source(run, folder, metric, date) for run in runs]


def _source(run: Path, folder: Path, metric: str | None, date: str | None) -> Source:
    name = run.relative_to(folder).as_posix() if run != folder else run.resolve().name
    there = [each for each in (STATES, STATS, SPEC, TOTALS) if (run / each).is_file()]
    return Source(
        tool=TOOL,
        name=name,
        files=tuple(run / each for each in there),
        options={"metric": metric or "", "date": date or "", "name": "" if SPEC in there else name},
        read=lambda part: _read_run(run, part, metric, date),
    )


def _read_run(folder: Path, part: Part, metric: str | None, date: str | None) -> None:
    where = f'"{folder / STATES}"'
    document = as_map(read_json(folder / STATES), where)
    states = maps_in(document, "request_states", where)
    spec = _read_map(folder / SPEC, part)
    adapter = map_in(spec, "adapter_spec", f'"{folder / SPEC}"') or map_in(document, "adapter_spec", where)
    name = text(spec.get("name")) or clean(folder.resolve().name)
    run = _describe(spec, adapter, states, name, where, date)
    stats = _read_stats(folder / STATS, part)
    there = {each for found in stats.values() for each in found.means}
    main = metric or main_metric(_scenario_of(name), run.method, there)
    part.about["name"] = name
    _read_totals(folder / TOTALS, part)
    for asked in group_states(states, where):
        _add(part, run, asked, stats.get(asked.key, Stats()), main)
    part.judge(main is not None and is_accuracy(main))


def _add(part: Part, run: Run, asked: Asked, stats: Stats, main: str | None) -> None:
    means = dict(stats.means)
    if run.method == "language_modeling" and means.get("num_bytes") and "logprob" in means:
        means.setdefault("bits_per_byte", -means["logprob"] / (means["num_bytes"] * math.log(2)))
        main = main or "bits_per_byte"
    part.skip(f'rows without a score (HELM wrote no "{main or "main metric"}" for them)', main not in means)
    others = means.keys() - IGNORED_STATS - _TIMES - {main}
    asked.add_to(
        part, run, stats, means.get(main or ""), {metric_name(name): means[name] for name in sorted(others)}
    )


def _describe(
    spec: Json, adapter: Json, states: Sequence[Json], name: str, where: str, date: str | None
) -> Run:
    """Say what all rows of a run share; ``scenario`` is the name of ``scenario_spec`` in older releases."""
    scenario = map_in(spec, "scenario_spec", where) or map_in(spec, "scenario", where)
    given = map_in(scenario, "args", where)
    values = clean(",".join(f"{key}={text(value) or value}" for key, value in sorted(given.items())))
    method = text(adapter.get("method")) or "generation"
    rest = {key: value for key, value in adapter.items() if key not in _NOT_PROMPT}
    shots = text(adapter.get("max_train_instances")) or "0"
    model = text(adapter.get("model"))
    deployment = text(adapter.get("model_deployment"))
    return Run(
        scenario=f"{TOOL}:{_scenario_of(name)}@0",
        model=unknown(model),
        version=unknown(deployment if deployment != model else None),
        date=_day(states, where) or unknown(date),
        prompt=f"{method}-{shots}-shot-{config_hash(rest)[:6]}",
        prefix=f"{values}/" if values else "",
        group=values or None,
        method=method,
        has_logprobs=_has_logprobs(states, where),
        where=where,
    )


def _scenario_of(name: str) -> str:
    found = _RUN_NAME.match(name)
    return (found[0] if found else "") or "unnamed"


def _day(states: Sequence[Json], where: str) -> str | None:
    """Return the day of the first request, in UTC."""
    times = [number(map_in(state, "result", where).get("request_datetime")) for state in states]
    known = [time for time in times if time is not None and 0 < time <= _LATEST]
    return datetime.datetime.fromtimestamp(min(known), datetime.UTC).date().isoformat() if known else None


def _has_logprobs(states: Sequence[Json], where: str) -> bool:
    """Tell whether the model gave any; where it gives none, HELM writes zeros."""
    return any(
        (number(completion.get("logprob")) or 0.0) < 0
        for state in states
        for completion in maps_in(map_in(state, "result", where), "completions", where)
    )


def _read_map(path: Path, part: Part) -> Json:
    if not path.is_file():
        part.skip(f"runs without {path.name}")
        return {}
    return as_map(read_json(path), f'"{path}"')


def _read_stats(path: Path, part: Part) -> dict[Key, Stats]:
    """Read the metrics of every answer; several entries of one answer are joined."""
    found: dict[Key, Stats] = {}
    if not path.is_file():
        part.skip(f"runs without {path.name} (their rows have no score)")
        return found
    where = f'"{path}"'
    entries = maps_in({"entries": read_json(path)}, "entries", where)
    for entry in entries:
        stats = found.setdefault(key_of(entry, entry, where), Stats())
        for name, mean, total in _values(entry, where):
            stats.means[name] = mean
            stats.sums[name] = total
    return found


def _values(entry: Json, where: str) -> Iterator[tuple[str, float, float]]:
    """Yield name, mean and sum of each statistic that has a value."""
    for stat in maps_in(entry, "stats", where):
        name = text(map_in(stat, "name", where).get("name"))
        mean, total = number(stat.get("mean")), number(stat.get("sum"))
        if name and mean is not None:
            yield name, mean, mean if total is None else total


def _read_totals(path: Path, part: Part) -> None:
    """Keep HELM's own means over the original inputs, by split."""
    if not path.is_file():
        return
    where = f'"{path}"'
    for stat in maps_in({"stats": read_json(path)}, "stats", where):
        name = map_in(stat, "name", where)
        mean = number(stat.get("mean"))
        if mean is not None and not name.get("perturbation") and not name.get("sub_split"):
            part.reported[f"{text(name.get('name'))},{text(name.get('split')) or 'all'}"] = mean
