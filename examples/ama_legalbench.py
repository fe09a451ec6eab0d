"""Ask legal questions by chains, also with typing errors, and compare by class of reasoning (5 s).

The model is made up: it knows the answers, and errs more under some chains and under typing errors.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import polars as pl

from longwave.clients import Completion, FakeClient, Request
from longwave.evaluation import aggregate_votes, evaluate, summarize_irac
from longwave.scenarios import get_scenario

TASKS = ("hearsay", "personal_jurisdiction", "proa", "overruling")


class UnevenLawyer(FakeClient):
    """Finds the case that a prompt is about by its words."""

    def __init__(self) -> None:
        super().__init__(self.reply, name="uneven-lawyer")
        rows = [row for task in TASKS for row in get_scenario(f"legalbench/{task}").load()]
        self.cases = [(set(row.input.lower().split()), row.label or "") for row in rows]

    def reply(self, request: Request) -> Completion:
        """Repeat a statement as a question, or answer it."""
        shown, _, last = request.prompt.strip().rpartition("\n\n")  # demonstrations, and what is asked
        if request.prompt.startswith("Turn each statement"):
            return Completion(text=f" {last.partition(': ')[2].rpartition(chr(10))[0]}", logprob=-0.1)
        words = set(last.split())
        known, label = max(self.cases, key=lambda case: len(case[0] & {word.lower() for word in words}))
        typed_well = len(known & {word.lower() for word in words}) / len(known)
        skill = (0.9, 0.65, 0.65, 0.85, 0.6)[draw(shown) % 5] - 0.3 * (1 - typed_well)
        right = draw(shown + " ".join(sorted(known))) % 1000 < 1000 * skill
        return Completion(text=f" {label if right else {'Yes': 'No', 'No': 'Yes'}[label]}", logprob=-0.2)


def draw(text: str) -> int:
    """Return a number that the text decides."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def main() -> None:
    """Ask, aggregate, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/ama-legalbench"))
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()

    evaluate(
        model=UnevenLawyer(),
        scenarios=[f"legalbench/{task}" for task in TASKS],
        perturbations=["typos", "mild-mix"],
        prompting="ama",
        votes=5,
        max_instances=8 if arguments.tiny else 50,
        out=arguments.out,
    )
    for method in ("majority", "label-model"):
        aggregate_votes(arguments.out, method=method)
    table = summarize_irac(arguments.out, labels=("Yes", "No"))  # longwave legal report OUT --yes-no
    shown = ("irac", "prompt", "value", "low", "high", "worst", "majority", "n_tasks", "n")
    with pl.Config(tbl_rows=40, tbl_cols=-1, float_precision=3):
        print(table.select(shown))


if __name__ == "__main__":
    main()
