"""``longwave adapt compare``: methods beside each other over seeds, every prediction in the table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from longwave.cli._adapt_data import (
    GROUP_HEADS,
    Data,
    Device,
    Json,
    Layout,
    Metadata,
    Settings,
    describe_spread,
    group_rows,
    mean_and_deviation,
    open_data,
    training_counts,
)
from longwave.cli._output import Output

if TYPE_CHECKING:
    import polars as pl

    from longwave.adapters import Adapter
    from longwave.adapters.comparison import AdaptConfig, MethodSummary
    from longwave.adapters.group_report import GroupSpread
    from longwave.adapters.wilds import LayoutData

HEADS = ("method", "worst %", "average %", "weighted %", "gap, points", "10th percentile %", "seeds")


@dataclass(frozen=True, kw_only=True)
class _Study:
    """What is compared, and where it goes."""

    name: str
    found: LayoutData
    config: AdaptConfig
    methods: list[str]
    seeds: range
    out: Path
    device: str


def compare(
    context: typer.Context,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the results.")],
    settings: Settings = None,
    method: Annotated[str, typer.Option(help='Names, comma between them, or "all".')] = "all",
    seeds: Annotated[int, typer.Option(help="How many seeds, from 0 on.", min=1)] = 3,
    groups: Annotated[bool, typer.Option("--groups", help="Also show every group of every method.")] = False,
    metadata: Metadata = None,
    layout: Layout = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Fit methods with several seeds and put their worst groups, averages and gaps beside each other.

    Every test point becomes a row of the predictions table, so that the report compares methods by paired
    tests. What is finished is left alone; the same command continues.
    """
    from longwave.adapters.comparison import AdaptConfig
    from longwave.config import apply_overrides

    output: Output = context.obj
    name, found = open_data(data, metadata, layout)
    study = _Study(
        name=name,
        found=found,
        config=apply_overrides(AdaptConfig(data=name), settings or ()),
        methods=_chosen(output, method, found),
        seeds=range(seeds),
        out=out,
        device=device,
    )
    versions = _run(output, study)
    summaries = _summaries(study, versions)
    spreads = _spreads(study, versions)
    if as_json:
        output.result_json([_plain(one, *spreads[one.method]) for one in summaries])
        return
    output.result_table(HEADS, [_cells(one) for one in summaries])
    for one in summaries if groups else ():
        output.result(f"\n{one.method}, seed {one.seeds[0]}: {describe_spread(*spreads[one.method])}")
        output.result_table(GROUP_HEADS, group_rows(one.reports[0]))
    output.say(f"Rows in {out}. Next: longwave report {out}")


def _chosen(output: Output, wanted: str, found: LayoutData) -> list[str]:
    """Return the methods' names; of all, those that need groups only where the data have some."""
    from longwave.adapters import METHODS, make_method
    from longwave.adapters.answers import needs_training_groups

    if wanted != "all":
        names = list(dict.fromkeys(part.strip() for part in wanted.split(",") if part.strip()))
        if not names:
            raise typer.BadParameter('name a method, several with commas between them, or "all".')
        for name in names:
            make_method(name)  # says which names there are
        return names
    names = list(METHODS)
    if found.data.groups is None:
        left = [name for name in names if needs_training_groups(make_method(name))]
        output.say(f"The data have no groups: {', '.join(left)} are left out, and groups are classes.")
        names = [name for name in names if name not in left]
    return names


def _run(output: Output, study: _Study) -> dict[str, str]:
    """Fit what is missing, write its rows, and return the version of every method."""
    from longwave.adapters.answers import answer_groups, fit_dataset, version_of
    from longwave.config import read_run_record, write_run_record
    from longwave.evaluation.adapted import is_adapted_recorded, record_adapted

    n = len(study.found.data.part("test").labels)
    versions: dict[str, str] = {}
    cells = [(method, seed) for method in study.methods for seed in study.seeds]
    with output.bar("methods and seeds") as update:
        for done, (method, seed) in enumerate(cells):
            update(done, len(cells), f"{method}, seed {seed}")
            config = replace(study.config, method=method)
            adapter = config.make(seed=seed, device=study.device)
            if method not in versions:
                versions[method] = version_of(adapter, study.found.data)
            version = versions[method]
            folder = _folder(study, method, seed, version)
            is_done = read_run_record(folder) is not None and is_adapted_recorded(  # the record comes last
                study.out, data=study.name, model=method, version=version, seed=seed, n=n
            )
            if not is_done:
                fit_dataset(adapter, study.found.data)
                adapter.save(folder)
                answers = answer_groups(
                    adapter,
                    study.found.data,
                    data_name=study.name,
                    name=method,
                    seed=seed,
                    views=study.found.views,
                )
                rows = record_adapted(study.out, answers)
                _keep_map(study, adapter, rows.head(n))
                write_run_record(folder, kind="adapter", config=config, seed=seed)
        update(len(cells), len(cells))
    return versions


def _keep_map(study: _Study, adapter: Adapter, rows: pl.DataFrame) -> None:
    """Keep what the report draws of the groups, before and after."""
    from longwave.adapters.maps import map_groups
    from longwave.evaluation.adapted_maps import write_group_map

    part = study.found.data.part("test")
    groups = part.labels if part.groups is None else part.groups
    after = adapter.transform(part.embeddings)
    write_group_map(study.out, rows, map_groups(part.embeddings, after, part.labels, groups))


def _summaries(study: _Study, versions: dict[str, str]) -> list[MethodSummary]:
    import polars as pl

    from longwave.adapters.comparison import summarize_methods
    from longwave.evaluation.adapted import adapted_scenario
    from longwave.predictions import read_predictions

    rows = read_predictions(study.out).filter(
        pl.col("version").is_in(list(versions.values())), pl.col("trial").is_in(list(study.seeds))
    )
    rows = rows.unique(
        ["scenario", "instance", "model", "version", "trial"], keep="last", maintain_order=True
    )
    views = [adapted_scenario(study.name, view) for view in study.found.views]
    return summarize_methods(
        rows.filter(pl.col("scenario") == adapted_scenario(study.name)),
        methods=study.methods,
        training=training_counts(study.found),
        overlapping=rows.filter(pl.col("scenario").is_in(views)) if views else None,
    )


def _spreads(study: _Study, versions: dict[str, str]) -> dict[str, tuple[GroupSpread, GroupSpread]]:
    """Measure how the groups of the test points lay and lie, by the first seed of every method."""
    from longwave.adapters import load_adapter
    from longwave.adapters.group_report import spread_groups

    part = study.found.data.part("test")
    groups = part.labels if part.groups is None else part.groups
    before = spread_groups(part.embeddings, part.labels, groups)
    found = {}
    for method in study.methods:
        folder = _folder(study, method, study.seeds[0], versions[method])
        after = load_adapter(folder, device=study.device).transform(part.embeddings)
        found[method] = before, spread_groups(after, part.labels, groups)
    return found


def _plain(one: MethodSummary, before: GroupSpread, after: GroupSpread) -> dict[str, object]:
    return {**asdict(one), "before": asdict(before), "after": asdict(after)}


def _folder(study: _Study, method: str, seed: int, version: str) -> Path:
    return study.out / "adapters" / f"{study.name}-{method}-seed{seed}-{version[:8]}"


def _cells(one: MethodSummary) -> tuple[str, ...]:
    return (
        one.method,
        mean_and_deviation(one.worst),
        mean_and_deviation(one.average),
        mean_and_deviation(one.adjusted_average),
        mean_and_deviation(one.gap_pp, 1.0),
        mean_and_deviation(one.percentile_10),
        str(len(one.seeds)),
    )
