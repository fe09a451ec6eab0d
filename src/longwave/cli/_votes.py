"""``longwave votes``: aggregate prompt variants, and tell how good votes and aggregates are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from longwave.cli._output import Output

if TYPE_CHECKING:
    import polars as pl

    from longwave.evaluation import VoteFigures

HEADS = ("scenario", "model", "prompt", "value", "95 % interval", "n", "abstained", "against", "points")


def votes(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of an evaluation with --prompting ama.")],
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="majority, label-model, dawid-skene, triplet, ...; repeatable; default: the first two."
        ),
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(help="A prompt that votes; repeatable; default: ama-1, ama-2, ...")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the label model.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Aggregate the votes of a folder into one answer an instance; each becomes a row of its own."""
    from longwave.evaluation import aggregate_votes, summarize_votes

    output: Output = context.obj
    for name in method or ("majority", "label-model"):
        rows = aggregate_votes(folder, method=name, prompts=prompt, seed=seed)
        output.say(f"{name}: {len(rows)} rows")
    summary = summarize_votes(folder, prompts=prompt)
    if as_json:
        frames = {name: getattr(summary, name).to_dicts() for name in ("accuracy", "differences", "pairs")}
        output.result_json(frames)
        return
    output.result_table(HEADS, describe_votes(summary))
    _say_agreement(output, summary.pairs)
    _say_unlabelled(output, summary.accuracy)
    output.say(f"Rows in {folder}. Next: longwave report {folder}")


def describe_votes(summary: VoteFigures) -> list[tuple[str, ...]]:
    """Return the rows of the table: every prompt, and behind an aggregate each comparison on a line."""
    rows = []
    for row in summary.accuracy.iter_rows(named=True):
        compared = summary.differences.filter(
            *(
                summary.differences[name] == row[name]
                for name in ("scenario", "model", "version", "date", "prompt")
            )
        )
        first = (
            row["scenario"],
            row["model"],
            row["prompt"],
            "-" if row["value"] is None else f"{row['value']:.3f}",
            "-" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}",
            str(row["n"]),
            "-" if row["abstained"] is None else f"{row['abstained']:.0%}",
        )
        tests = [_describe_test(test) for test in compared.iter_rows(named=True)] or [("", "")]
        rows += [(*(first if place == 0 else ("",) * 7), *test) for place, test in enumerate(tests)]
    return rows


def _describe_test(test: dict[str, float | str]) -> tuple[str, str]:
    shown = "{difference_pp:+.1f} ({low_pp:+.1f} to {high_pp:+.1f}), p = {p_holm:.3f}"
    return str(test["baseline"]), shown.format(**test)


def _say_agreement(output: Output, pairs: pl.DataFrame) -> None:
    if len(pairs):
        agree, alike = pairs["agreement"].mean(), pairs["error_overlap"].mean()
        output.say(
            f"Two prompts agree on {_percent(agree)} of the instances on which both vote, and share "
            f"{_percent(alike)} of their errors."
        )


def _say_unlabelled(output: Output, accuracy: pl.DataFrame) -> None:
    """Tell of the train rows by whose votes the methods learned too."""
    voters = accuracy.group_by("scenario", "model", "version", "date").max()
    for row in voters.filter(voters["n_unlabelled"] > 0).sort("scenario", "model").iter_rows(named=True):
        output.say(
            f"{row['scenario']}, {row['model']}: learned from the votes on {row['n_unlabelled']:,} train "
            "rows, too, without their labels."
        )


def _percent(value: object) -> str:
    return f"{value:.0%}" if isinstance(value, float) else "none"
