"""HellaSwag: the likeliest ending of a situation (arXiv 1905.07830), prompted as in arXiv 2211.09110."""

from __future__ import annotations

from pathlib import Path

from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, read_jsonl

__all__ = ["SCENARIO"]

N_ENDINGS = 4


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    """Read the validation rows; examples are never shown, so the train rows are not fetched."""
    return [_make(row, index) for index, row in enumerate(read_jsonl(folder / "hellaswag_val.jsonl"))]


def _make(row: SourceRow, index: int) -> Instance:
    endings = row.texts("endings")
    if len(endings) != N_ENDINGS:
        raise row.error(f"there are {len(endings)} endings; there must be {N_ENDINGS}")
    right = row.choice("label", range(N_ENDINGS))
    # without a second half, the blank before it stays, as in the published code
    second = row.text("ctx_b")
    text = f"{row.text('activity_label')}: {row.text('ctx_a')} {second[:1].upper()}{second[1:]}"
    return Instance(
        id=f"hellaswag-valid-{index:05d}",
        input=text,
        references=tuple(
            Reference(text=ending, tags=(CORRECT,) if place == right else ())
            for place, ending in enumerate(endings)
        ),
        split="valid",
        group=row.text("source_id").partition("~")[0],
        extra={"activity": row.text("activity_label"), "kind": row.text("split_type")},
    )


SCENARIO = Scenario(
    name="hellaswag",
    version=1,
    description="Choose how an everyday situation goes on",
    task="question answering",
    what="everyday situations from captions of films and from WikiHow",
    who="crowd workers and authors of WikiHow; wrong endings by a machine",
    when="2019",
    language="English",
    source="https://github.com/rowanz/hellaswag",
    licence="MIT",
    prompt=PromptFormat(
        method="multiple_choice_separate",
        input_prefix="",
        input_suffix="",
        output_prefix=" ",
        output_suffix="",
        max_train_instances=0,
        max_tokens=0,
    ),
    main_metric="exact_match",
    eval_splits=("valid",),
    load=_load,
    is_offline=False,
    category="core",
    unmeasured=("bias", "toxicity"),
    official=Official(
        files=(
            SourceFile(
                url="https://github.com/rowanz/hellaswag/raw/master/data/hellaswag_val.jsonl",
                name="hellaswag_val.jsonl",
                sha256="0aa3b88843990f3f10a97b9575c94d7b71fb2205240ba04ae4884d9e9c992588",
            ),
        ),
        parse=_parse,
    ),
)
