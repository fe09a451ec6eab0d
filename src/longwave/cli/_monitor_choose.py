"""``longwave monitor select``: which API to buy, or which one to ask first and when to ask another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longwave.cli._monitor_store import Apis, Json, PromptOf, Source, open_store
from longwave.cli._output import Output

if TYPE_CHECKING:
    import polars as pl

    from longwave.monitoring import Savings
    from longwave.predictions import Interval

CURVE = 12  # budgets of the curve


def select(
    context: typer.Context,
    source: Source,
    task: Annotated[str, typer.Option(help="Task, such as scr; own for a table of one's own.")],
    dataset: Annotated[str, typer.Option(help="Dataset, or scenario of a table.")],
    api: Apis = None,
    date: Annotated[
        str | None, typer.Option(help="Runs of this date; the latest of each API when left out.")
    ] = None,
    budget_usd: Annotated[
        float | None, typer.Option(help="US dollars for 10,000 instances at most.", min=0)
    ] = None,
    match_best: Annotated[
        bool,
        typer.Option(
            "--match-best", help="The cheapest that is as good as the best single API; the default."
        ),
    ] = False,
    price: Annotated[
        list[str] | None,
        typer.Option(help="API=USD for 10,000 calls, where it differs or is missing; repeatable."),
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Write the policy there as JSON.")] = None,
    prompt: PromptOf = None,
    as_json: Json = False,
) -> None:
    """Select which API to buy, or when to ask which.

    From recorded answers comes a policy in words, what it costs and how good it is. The curve shows the
    score for every budget on rows that the policy was not made from; the saving is measured on held-out
    halves.
    """
    from longwave.monitoring import Services, budget_curve, cross_validate, pareto
    from longwave.monitoring import select as find_policy

    output: Output = context.obj
    if budget_usd is not None and match_best:
        raise typer.BadParameter("--budget-usd and --match-best are two aims; give one.")
    store = open_store(source, prompt=prompt)
    services = Services.from_store(
        store, task=task, dataset=dataset, apis=api, date=date, prices=read_prices(price or [])
    )
    policy = find_policy(services, budget=budget_usd)
    output.say(f"{services.n_rows:,} rows, {len(services.names)} services; measuring on held-out halves ...")
    curve = budget_curve(services, n_points=CURVE)
    savings = None if budget_usd is not None else cross_validate(services)
    table = pareto(services)
    words = policy.describe(_names_of_codes(task, dataset))
    if save is not None:
        save.write_text(policy.to_json() + "\n", "utf-8")
        output.say(f"Policy in {save}")
    if as_json:
        output.result_json(describe_json(words, policy.to_json(), table, curve, savings))
        return
    output.result(words)
    if savings is not None:
        output.result(describe_savings(savings))
    output.result("\nServices")
    output.result_table(*describe_services(table))
    output.result("\nScore by budget")
    output.result_table(*describe_curve(curve))


def read_prices(entries: Sequence[str]) -> dict[str, float]:
    """Read ``API=USD``."""
    found = {}
    for entry in entries:
        name, equals, text = entry.rpartition("=")
        try:
            found[name] = float(text)
        except ValueError as error:
            raise typer.BadParameter(f'"{entry}" is no price; write API=USD, for example a=2.5.') from error
        if not equals or not name:
            raise typer.BadParameter(f'"{entry}" is no price; write API=USD, for example a=2.5.')
    return found


def describe_savings(savings: Savings) -> str:
    """Say what the policy saves on rows it has not seen."""
    saved, difference = savings.saving, savings.difference_pp
    return (
        f"Against {savings.best} alone, on held-out halves: {100 * saved.estimate:.1f} % of the price saved "
        f"({_bounds(saved, 100, 1)}), score {difference.estimate:+.2f} points ({_bounds(difference, 1, 2)}). "
        f"For the same price: {savings.gain_pp.estimate:+.2f} points ({_bounds(savings.gain_pp, 1, 2)})."
    )


def describe_services(table: pl.DataFrame) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the table of single services."""
    has_groups = bool(table["worst_group"].is_not_null().any())
    rows = [
        (
            *(str(row["name"]), f"{row['price']:g}", f"{row['score']:.4f}"),
            f"{row['low']:.4f} to {row['high']:.4f}",
            *([f"{row['worst_group']} {row['worst_group_score']:.4f}"] if has_groups else []),
            "no other is better and cheaper" if row["is_efficient"] else f"beaten by {row['beaten_by']}",
        )
        for row in table.iter_rows(named=True)
    ]
    worst = ("worst group",) if has_groups else ()
    return ("service", "USD / 10,000", "score", "95 % interval", *worst, "worth it"), rows


def describe_curve(curve: pl.DataFrame) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the curve."""
    rows: list[tuple[str, ...]] = [
        (
            *(f"{row['budget']:.2f}", f"{row['held_out']:.4f}", f"{row['low']:.4f} to {row['high']:.4f}"),
            *(f"{row['single']:.4f}", f"{100 * (row['held_out'] - row['single']):+.2f}"),
        )
        for row in curve.iter_rows(named=True)
    ]
    return ("USD / 10,000", "policy, held out", "95 % interval", "best single API", "points"), rows


def describe_json(
    words: str, policy: str, table: pl.DataFrame, curve: pl.DataFrame, savings: Savings | None
) -> dict[str, Any]:
    """Return everything as plain values."""
    import json

    found: dict[str, Any] = {
        "description": words,
        "policy": json.loads(policy),
        "services": table.to_dicts(),
        "curve": curve.to_dicts(),
    }
    if savings is not None:
        found["savings"] = {
            "against": savings.best,
            **{name: vars(getattr(savings, name)) for name in ("saving", "difference_pp", "gain_pp")},
        }
    return found


def _bounds(interval: Interval, scale: float, digits: int) -> str:
    return f"{scale * interval.low:.{digits}f} to {scale * interval.high:.{digits}f}"


def _names_of_codes(task: str, dataset: str) -> Mapping[str | int | None, str]:
    """Return what the codes of an archive's labels are called; nothing for labels that are texts."""
    from longwave.monitoring import label_space
    from longwave.monitoring.hapi import list_tasks

    if task not in list_tasks():
        return {}
    space = label_space(task, dataset)
    return dict(enumerate(space.names)) if space.kind == "class" else {}
