"""A sample of LegalBench: tasks of four classes of reasoning, and a program that knows one of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from longwave.quickstart.stages import Figures, Lesson, Observer, percent
from longwave.quickstart.twins import twin_models

__all__ = ["ask_legal_questions", "teach_legal"]

INSTANCES_PER_MINUTE = 4
SOLVED = "diversity_1"
TASKS = ("corporate_lobbying", SOLVED, "overruling", "proa")  # issue, conclusion, rhetorical, interpretation
SOLVER = "rule:diversity"


def ask_legal_questions(
    out: Path, names: Sequence[str], *, seed: int, minutes: float, observer: Observer
) -> Figures:
    """Ask the twins and the program, by the prompts that LegalBench publishes."""
    from longwave.evaluation import evaluate, summarize_legal_tasks

    asked = {
        SOLVER: (SOLVED,),
        **dict.fromkeys(twin_models(out, names), TASKS),
    }
    for model, tasks in asked.items():
        evaluate(
            model=model,
            scenarios=[f"legalbench/{task}" for task in tasks],
            max_instances=max(4, round(minutes * INSTANCES_PER_MINUTE)),
            seed=seed,
            out=out,
            on_progress=lambda progress: observer.progress(progress.done, progress.total, progress.text),
        )
    scored = summarize_legal_tasks(out).select("model", "task", "value", "outside", "majority", "n")
    return {"tasks": scored.to_dicts()}


def teach_legal(figures: Figures, names: Sequence[str]) -> Lesson:
    """Say how often a label was named at all, and what an answer that is right looks like."""
    own = [row for row in figures["tasks"] if row["model"] in names]
    n = sum(row["n"] for row in own)
    named = sum(round((1 - row["outside"]) * row["n"]) for row in own)
    score = sum(row["value"] for row in own) / len(own)
    floor = sum(row["majority"] for row in own) / len(own)
    solved = next(row for row in figures["tasks"] if row["model"] == SOLVER)
    return Lesson(
        stage="legal",
        page="taxonomy.html",
        text=f"LegalBench, {len(TASKS)} tasks: the twins name a label in {named} of {n} answers and score "
        f"{percent(score)} on average (always the most frequent label: {percent(floor)}); a program that "
        f"reads the facts scores {percent(solved['value'])} on {SOLVED}.",
    )
