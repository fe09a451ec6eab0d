"""``longwave evaluate``: ask models, fill the predictions table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from longwave.cli._output import Output
from longwave.errors import ClientError

if TYPE_CHECKING:
    import polars as pl

    from longwave.evaluation import EvaluateConfig, Progress
    from longwave.evaluation.engines import Engine

# rows that are averaged share these
GROUPS = ("scenario", "model", "version", "date", "prompt", "perturbation")

Models = Annotated[
    list[str],
    typer.Option(help="checkpoint:FOLDER, hf:NAME, openai:NAME@URL, fake:RULE, ...; repeatable."),
]
Perturbations = Annotated[
    list[str] | None, typer.Option(help="Also under this edit, e.g. typos, or a set such as canonical.")
]
MaxInstances = Annotated[
    int | None,
    typer.Option(help="Evaluate at most so many instances a scenario (the same for all models).", min=1),
]
Prompting = Annotated[
    str, typer.Option(help="own: each scenario's prompt; ama: chains that vote; or a YAML file of chains.")
]
TrainVotes = Annotated[
    int | None,
    typer.Option(help="Vote on so many train rows as well, unlabelled, for the label model.", min=1),
]


def evaluate(  # noqa: PLR0913 (a setting each)
    context: typer.Context,
    model: Models,
    out: Annotated[Path, typer.Option(help="Folder of the results; a killed run continues there.")],
    suite: Annotated[str | None, typer.Option(help="A named list of scenarios, or its YAML file.")] = None,
    scenario: Annotated[
        list[str] | None, typer.Option(help="A scenario's name or YAML file; repeatable.")
    ] = None,
    perturbation: Perturbations = None,
    max_instances: MaxInstances = None,
    trials: Annotated[
        int | None, typer.Option(help="Draws of in-context examples; the suite's number, else 1.", min=1)
    ] = None,
    shots: Annotated[
        int | None, typer.Option(help="In-context examples at most, instead of each scenario's own.", min=0)
    ] = None,
    prompting: Prompting = "own",
    votes: Annotated[int | None, typer.Option(help="Chains a scenario, with ama; 5.", min=1)] = None,
    train_votes: TrainVotes = None,
    seed: Annotated[int, typer.Option(help="Seed of draws and perturbations.")] = 0,
    date: Annotated[
        str | None, typer.Option(help="Day of the answers, YYYY-MM-DD; the folder's, else today.")
    ] = None,
    official: Annotated[
        bool, typer.Option("--official", help="Rows of each scenario's official home, not the sample.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again about rows of the folder that have an error.")
    ] = False,
    max_usd: Annotated[
        float | None, typer.Option(help="Stop before models with a price cost more than this.", min=0)
    ] = None,
    shard: Annotated[str | None, typer.Option(help="Only part i of n, as i/n.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that share the work.", min=1)] = 1,
    engine: Annotated[str, typer.Option(help="Where workers run: local or ray.")] = "local",
    toxicity: Annotated[
        str | None, typer.Option(help="Then score what was written: lexicon, perspective or hf:NAME.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count requests, tokens and price; send nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Evaluate models on scenarios; every answer becomes a row of the predictions table."""
    from longwave.evaluation import EvaluateConfig

    output: Output = context.obj
    config = EvaluateConfig(
        models=tuple(model),
        scenarios=tuple(scenario or ()),
        suite=suite,
        perturbations=tuple(perturbation or ()),
        max_instances=max_instances,
        trials=trials,
        shots=shots,
        prompting=prompting,
        votes=votes,
        train_votes=train_votes,
        seed=seed,
        date=date,
        official=official,
    )
    if dry_run:
        _show_preview(output, config, out, shard, as_json=as_json)
        return
    predictions = _ask(
        output,
        config,
        out,
        shard=shard,
        workers=workers,
        engine=engine,
        retry_failed=retry_failed,
        max_usd=max_usd,
    )
    if toxicity is not None:
        _score_toxicity(output, out, toxicity)
    _show_summary(output, predictions, as_json=as_json)
    output.say(f"Rows in {out}. Next: longwave report {out}")
    _tell_errors(output, predictions)


def _ask(output: Output, config: EvaluateConfig, out: Path, *, engine: str, **how: Any) -> pl.DataFrame:
    """Run an evaluation behind a bar."""
    from longwave.evaluation import launch

    is_fresh = False
    with output.bar("evaluate") as update:

        def on_progress(progress: Progress) -> None:
            nonlocal is_fresh
            is_fresh = is_fresh or progress.remaining_s is not None
            update(progress.done, progress.total, describe_progress(progress))

        predictions = launch(config, out, engine=cast("Engine", engine), on_progress=on_progress, **how)
    if not is_fresh:
        output.say("Every row was there before; nothing was asked.")
    return predictions


def _show_summary(output: Output, predictions: pl.DataFrame, *, as_json: bool) -> None:
    from longwave.metrics import summarize_scores

    summary = summarize_scores(predictions, by=list(GROUPS))
    if as_json:
        output.result_json(summary.to_dicts())
    else:
        output.result_table(*describe_summary(summary, predictions))


def _tell_errors(output: Output, predictions: pl.DataFrame) -> None:
    answered = predictions.filter(~predictions["model"].str.starts_with("floor:"))
    errors = answered["error"].drop_nulls()
    if not len(errors):
        return
    told = f"{len(errors)} of {len(answered)} rows have an error; the commonest: {errors.mode()[0]}"
    if len(errors) == len(answered):
        raise ClientError(told)
    output.say(f"{told} Ask them again with --retry-failed.")


def _show_preview(
    output: Output, config: EvaluateConfig, out: Path, shard: str | None, *, as_json: bool
) -> None:
    from longwave.evaluation import Shard, preview

    found = preview(config, out, shard=Shard.parse(shard or "1/1"))
    if as_json:
        output.result_json(found.to_dicts())
        return
    names = ("model", "scenario", "rows_left", "requests", "tokens_in", "tokens_out_max", "cost_usd_max")
    total = [found[name].sum() for name in names[2:-1]]
    price = found["cost_usd_max"].sum() if found["cost_usd_max"].null_count() == 0 else None
    lines = [*found.select(names).rows(), ("in all", "", *total, price)]
    rows = [(*map(str, line[:2]), *(f"{n:,}" for n in line[2:-1]), _dollars(line[-1])) for line in lines]
    heads = ("model", "scenario", "rows left", "requests", "tokens in", "tokens out at most", "USD at most")
    output.result_table(heads, rows)
    output.say("Nothing was sent. Answers that the folder's cache holds cost nothing. The first prompt:")
    output.say(str(found["first_prompt"].drop_nulls().first() or "none: every row is there"))


def _dollars(price: float | None) -> str:
    return "unknown" if price is None else f"{price:.4f}"


def _score_toxicity(output: Output, out: Path, spec: str) -> None:
    from longwave.metrics import open_classifier, score_toxicity

    classifier = open_classifier(spec)
    count = score_toxicity(out, classifier)
    output.say(f"Toxicity by {classifier.name}: {count} rows scored.")


def describe_progress(progress: Progress) -> str:
    """Say in one line how an evaluation goes: where, failures, rate, cache and cost."""
    left = progress.total - progress.done
    parts = (
        progress.text,
        f"{left / progress.remaining_s:.1f} rows/s" if left and progress.remaining_s else "",
        f"{progress.n_cached} from the cache" if progress.n_cached else "",
        f"{progress.cost_usd:.2f} USD" if progress.cost_usd else "",
    )
    return "  ".join(part for part in parts if part)


def describe_summary(
    summary: pl.DataFrame, predictions: pl.DataFrame
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the summary's table; versions, dates and prompts only where they differ."""
    from longwave.report.measures import measure_of

    several = summary.group_by("scenario", "model").n_unique()
    shown = [
        name for name in GROUPS if name not in ("version", "date", "prompt") or (several[name] > 1).any()
    ]
    measures = {
        key: measure_of(key, predictions.filter(predictions["scenario"] == key))
        for key in summary["scenario"].unique()
    }
    rows = []
    for row in summary.iter_rows(named=True):
        measure = measures[row["scenario"]]
        score = describe_score(row["value"], row["stderr"])
        rows.append(
            (
                *(row[name] or "-" for name in shown),
                f"{measure.name} {measure.arrow}".strip(),
                score,
                str(row["n"]),
            )
        )
    return (*shown, "metric", "mean ± standard error", "n"), rows


def describe_score(value: float | None, stderr: float | None) -> str:
    """Write a score with its standard error, as far as there are any."""
    if value is None:
        return "no score"
    return f"{value:.3f}" if stderr is None else f"{value:.3f} ± {stderr:.3f}"
