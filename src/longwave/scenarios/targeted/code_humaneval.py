"""HumanEval: complete Python functions (arXiv 2107.03374), prompted as in arXiv 2211.09110.

A completion is right when the tests in ``extra["test"]`` pass for the function ``extra["entry_point"]``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.reading import SourceRow, read_jsonl
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

ARCHIVE = "HumanEval.jsonl.gz"


def _parse(folder: Path) -> list[Instance]:
    return [_instance(row, number) for number, row in enumerate(read_jsonl(folder / ARCHIVE))]


def _instance(row: SourceRow, number: int) -> Instance:
    return Instance(
        id=f"code_humaneval-test-{number:05d}",
        input=row.text("prompt"),
        references=(Reference(text=row.text("canonical_solution"), tags=(CORRECT,)),),
        split="test",
        extra={name: row.text(name) for name in ("task_id", "entry_point", "test")},
    )


SCENARIO = Scenario(
    name="code_humaneval",
    version=1,
    description="Complete a Python function so that its tests pass",
    task="code completion",
    what="programming exercises",
    who="contractors of OpenAI",
    when="2021",
    language="Python and English",
    source="https://github.com/openai/human-eval",
    licence="MIT",
    prompt=PromptFormat(
        method="generation",
        input_prefix="",
        input_suffix="",
        output_prefix="",
        output_suffix="",
        max_train_instances=0,
        max_tokens=600,
        temperature=0.2,
        stop=("\nclass", "\ndef", "\nif", "\nprint"),
    ),
    main_metric="pass_at_1",
    eval_splits=("test",),
    load=partial(read_sample, "code_humaneval"),
    category="reasoning",
    official=Official(
        files=(
            SourceFile(
                url=f"https://raw.githubusercontent.com/openai/human-eval/master/data/{ARCHIVE}",
                name=ARCHIVE,
                sha256="b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
            ),
        ),
        parse=_parse,
    ),
)
