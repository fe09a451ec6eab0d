"""What answering cost, as a table: time, tokens and money by model."""

from __future__ import annotations

from collections.abc import Sequence

from longwave.report.analysis import Analysis
from longwave.report.formats import ABSENT, significant
from longwave.report.leaderboard import system_row
from longwave.report.tables import Cell, Column, Table

__all__ = ["efficiency_table"]

_COSTS = ("latency_s", "p95_s", "tokens_in", "tokens_out", "tokens_per_s", "cost_usd")


def efficiency_table(analysis: Analysis, systems: Sequence[str] | None = None) -> Table | None:
    """Build the table of time, tokens and money by model, of all or of some; None without rows."""
    if not len(analysis.costs):
        return None
    rows = []
    costs = {row["system"]: row for row in analysis.costs.iter_rows(named=True)}
    for row in (costs[system] for system in systems or analysis.ranked if system in costs):
        interval = f"{significant(row['low'])}–{significant(row['high'])}" if row["low"] is not None else ""
        texts = [f"{row['rows']:,}", f"{row['failed']:,}", *(significant(row[name]) for name in _COSTS)]
        href = f"instances/index.html#m-{analysis.systems.index(row['system'])}"
        cells = [
            Cell(text=text, href=href if text != ABSENT else None, below=interval if place == 2 else "")
            for place, text in enumerate(texts)
        ]
        rows.append(system_row(analysis, row["system"], cells))
    columns = [
        Column(text="requests"),
        Column(text="failed", arrow="↓"),
        Column(text="latency", below="s, mean", arrow="↓"),
        Column(text="latency", below="s, 95th percentile", arrow="↓"),
        Column(text="prompt", below="tokens, mean"),
        Column(text="completion", below="tokens, mean"),
        Column(text="throughput", below="tokens/s", arrow="↑"),
        Column(text="cost", below="US$, all", arrow="↓"),
    ]
    caption = (
        "All inputs of all scenarios together. A request answered from a cache counts with its first time."
    )
    return Table(caption=caption, corner="model", columns=columns, rows=rows)
