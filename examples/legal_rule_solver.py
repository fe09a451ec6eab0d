"""Answer LegalBench's tasks of diversity jurisdiction by the rule itself, without a model (9 s; --tiny: 3 s).

A program that knows the rule shows what a task can reach, and finds labels that break it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from longwave.evaluation import evaluate, summarize_legal_tasks

TASKS = [f"legalbench/diversity_{number}" for number in range(1, 7)]


def main() -> None:
    """Ask the rule, then show its score beside that of the most frequent answer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/legal_rule_solver"))
    parser.add_argument("--tiny", action="store_true", help="20 questions a task")
    options = parser.parse_args()

    rows = evaluate(
        model="rule:diversity", scenarios=TASKS, max_instances=20 if options.tiny else None, out=options.out
    )
    asked = rows.filter(rows["model"] == "rule:diversity")
    print(f"The rule answers {asked['correct'].sum():,} of {len(asked):,} questions rightly.")
    for row in summarize_legal_tasks(options.out).iter_rows(named=True):
        score, majority = (f"{100 * row[name]:.1f} %" for name in ("value", "majority"))
        print(f"{row['task']:12} {score:>8}  (always the commonest answer: {majority})")


if __name__ == "__main__":
    main()
