"""Find what changed between two snapshots of a model, for whom, and which API to buy (20 s).

On bundled data: questions about primes and happy numbers, and what four services heard in short recordings.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from longwave.monitoring import (
    Services,
    compare_all,
    cross_validate,
    load_sample,
    pareto,
    select,
    to_predictions,
)
from longwave.report import build_report


def main() -> None:
    """Compare snapshots, look behind the aggregate, choose a service, build the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/monitor"))
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    store = load_sample()

    datasets = ["prime"] if arguments.tiny else ["prime", "counthappy"]
    found = compare_all(store, task="llm", dataset=datasets, by=["true_label"], n_resamples=200)
    shown = [
        "dataset",
        "api",
        "accuracy_before",
        "accuracy_after",
        "change",
        "p_adjusted",
        "overlap",
        "verdict",
    ]
    with pl.Config(tbl_cols=-1, tbl_width_chars=160):
        print(found.table.select(shown))
    for one in found.details:
        print(f"\n{one.before} -> {one.after}")
        for warning in one.warnings:
            print("  " + warning)
        if one.shift is not None:
            print(one.shift.largest(3).select("true_label", "predicted_label", "before", "after"))

    dataset = "digit" if arguments.tiny else "command"
    services = Services.from_store(store, task="scr", dataset=dataset)
    print(pareto(services).select("name", "price", "score", "is_efficient"))
    policy = select(services)
    print(policy.describe())
    savings = cross_validate(services, seeds=2 if arguments.tiny else 5)
    print(f"Against {savings.best} alone {savings.saving.estimate:.0%} are saved on held-out rows.")

    to_predictions(store, arguments.out, task="llm", dataset="prime")
    print(build_report(arguments.out).parent / "monitoring.html")


if __name__ == "__main__":
    main()
