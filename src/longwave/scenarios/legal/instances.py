"""From a row of LegalBench to an instance: the filled question, and the answers to choose from."""

from __future__ import annotations

from collections.abc import Mapping

from longwave.scenarios.base import Instance, Reference
from longwave.scenarios.legal.rows import LegalRow
from longwave.scenarios.legal.tasks import LegalTask
from longwave.scenarios.legal.templates import fill_template, slots_of
from longwave.scenarios.references import options, right_answers

__all__ = ["make_instance"]


def make_instance(
    task: LegalTask, query: str, row: LegalRow, *, more: Mapping[str, object] | None = None
) -> Instance:
    """Make the instance of a row.

    Parameters
    ----------
    task : LegalTask
    query : str
        The part of the template with its slots; filled it is the input.
    row : LegalRow
    more : mapping, optional
        Further entries of ``extra``, beside the task and the columns that no prompt shows.
    """
    shown = set(slots_of(query))
    hidden = {name: value for name, value in row.inputs.items() if name not in shown}
    return Instance(
        id=row.id,
        input=fill_template(query, row.inputs),
        references=_references(task, row.answer),
        split="test",
        group=row.inputs.get("slice"),
        extra={"legal_task": task.name, **hidden, **(more or {})},
    )


def _references(task: LegalTask, answer: str) -> tuple[Reference, ...]:
    """List the labels of a choice with the right one; an answer that is no known label is one more."""
    if task.measure != "balanced_accuracy":
        return right_answers([answer])
    labels = task.labels if answer in task.labels else (*task.labels, answer)
    return options(labels, answer)
