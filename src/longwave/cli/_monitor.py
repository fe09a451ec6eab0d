"""``longwave monitor``: what changed in a model that is bought, for whom, and which one to buy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longwave.cli import _monitor_choose, _monitor_collect, _monitor_compare, _monitor_probe
from longwave.cli._monitor_store import SAMPLE, Apis, Dataset, Dates, Json, PromptOf, Source, Task, open_store
from longwave.cli._output import Output

if TYPE_CHECKING:
    from longwave.monitoring import RunStore

app = typer.Typer(rich_markup_mode=None)
MB = 1_000_000


@app.command("import")
def import_(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder of the store, or of the tables.")],
    path: Annotated[
        str | None, typer.Argument(help='An archive of HAPI, its folder, or "sample".', show_default=False)
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the release first, 205 MB, into OUT.")
    ] = False,
    as_predictions: Annotated[
        bool, typer.Option("--as-predictions", help="Write rows of the predictions table instead of a store.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every file or run before anything is written.")
    ] = False,
    task: Task = None,
    dataset: Dataset = None,
    api: Apis = None,
    date: Dates = None,
    as_json: Json = False,
) -> None:
    """Import HAPI data as a store or as a predictions table.

    The source is the archive of the release, a folder of its form, or a store. Task, dataset, API and
    date choose among the rows of --as-predictions; a store holds everything.
    """
    from longwave.monitoring import load_sample, read_hapi, to_predictions

    output: Output = context.obj
    if (path is None) == (not download):
        raise typer.BadParameter("give a path or --download, and not both.")
    store = load_sample() if path == SAMPLE else read_hapi(path or _download(output, out))
    for note in store.notes:
        output.say(note)
    if verify:
        output.say(f"{store.verify():,} files or runs are as they should be.")
    if as_predictions:
        count = to_predictions(store, out, task=task, dataset=dataset, api=api, date=date)
        found: dict[str, Any] = {"out": str(out), "rows": count, "notes": list(store.notes)}
        line, following = f"{count:,} rows of the predictions table", f"longwave report {out}"
    else:
        store.save(out)
        count = len(store.runs())
        found = {"out": str(out), "runs": count, "notes": list(store.notes)}
        line, following = f"{count:,} runs", f"longwave monitor list {out}"
    if as_json:
        output.result_json(found)
    else:
        output.result(f"{line} in {out}")
    output.say(f"Next: {following}")


@app.command("list")
def list_(
    context: typer.Context,
    source: Source,
    task: Task = None,
    dataset: Dataset = None,
    api: Apis = None,
    date: Dates = None,
    prompt: PromptOf = None,
    as_json: Json = False,
) -> None:
    """List runs with their accuracy and price.

    A run is what one API said of one dataset at one date.
    """
    output: Output = context.obj
    store = open_store(source, prompt=prompt)
    runs = store.runs(task=task, dataset=dataset, api=api, date=date)
    if as_json:
        output.result_json(runs.drop("run").to_dicts())
        return
    output.result_table(*describe_runs(store, runs.to_dicts()))
    for note in store.notes:
        output.say(note)


def describe_runs(
    store: RunStore, runs: list[dict[str, Any]]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the table of runs; of runs without rows the published accuracy is shown."""
    import polars as pl

    means: dict[int, float | None] = {}
    for kind in {run["kind"] for run in runs if run["n_rows"]}:
        tasks = sorted({str(run["task"]) for run in runs if run["kind"] == kind and run["n_rows"]})
        scores = store.table(task=tasks, columns=["run", "score"])
        means |= dict(scores.group_by("run").agg(pl.col("score").mean()).collect().iter_rows())
    heads = (
        "task",
        "dataset",
        "api",
        "date",
        "of the date",
        "rows",
        "accuracy",
        "USD / 10,000",
        "confidence",
    )
    rows = []
    for run in runs:
        mean, published = means.get(run["run"]), run["accuracy"]
        accuracy = "-" if mean is None else f"{mean:.4f}"
        if not run["n_rows"] and published is not None:
            accuracy = f"{published:.4f} (published)"
        count = f"{run['n_rows']:,}" if run["n_rows"] else "listed only"
        if 0 < run["n_rows"] < run["n_examples"]:
            count += f" of {run['n_examples']:,}"
        rows.append(
            (
                *(str(run[name]) for name in ("task", "dataset", "api", "date")),
                str(run["date_status"]).replace("_", " "),
                count,
                accuracy,
                "-" if run["cost_per_10k"] is None else f"{run['cost_per_10k']:g}",
                str(run["confidence_kind"]),
            )
        )
    return heads, rows


def _download(output: Output, out: Path) -> Path:
    from longwave.monitoring.hapi import download_release

    with output.bar("download (MB)") as update:
        return download_release(
            out, on_progress=lambda done, total: update(done // MB, (total or done) // MB, "")
        )


app.command("compare")(_monitor_compare.compare)
app.command("probe")(_monitor_probe.probe)
app.command("select")(_monitor_choose.select)
app.command("collect")(_monitor_collect.collect)
