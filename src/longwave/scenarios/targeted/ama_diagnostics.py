"""The four skills that chains of prompts ask of a model: 400 rows of arXiv 2210.02441, its appendix.

A prompt is given whole, demonstrations included. The higher the mean over the four, the more the chains of
the paper gained over few-shot prompts.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import partial
from importlib.resources import files

from longwave.errors import UnknownName
from longwave.scenarios.base import Instance, PromptFormat, Reference, Scenario
from longwave.scenarios.families import ScenarioFamily
from longwave.scenarios.references import right_answers

__all__ = ["AMA_DIAGNOSTICS"]

FAMILY = "ama-diagnostics"
# tasks of the rows, what the model does, main metric, tokens of a reply at most, where it ends
SKILLS = {
    "extraction": (("extraction",), "Copy what is asked for from a text", "token_f1_bags", 80, "\n"),
    "question-generation": (
        ("question_generation",),
        "Turn a statement into a question",
        "rouge_l",
        50,
        "\n",
    ),
    "selection": (("selection_easy", "selection_hard"), "Choose from a list", "valid_choice", 30, "\n"),
    "text-generation": (("text_generation",), "List two more alternatives", "two_alternatives", 50, "\n\n"),
}
# the sets of demonstrations, by how their prompts begin: groups
SETS = {
    "Rewrite the statement as a question about the @placeholder": "placeholder",
    "Convert statement to a question": "wh-",
    "Rewrite the statment as a yes/no question": "yes or no",
    "Extract the sentence that contains the entity": "sentence",
    "Wiki Bio": "field",
    "Select the correct category": "category",
    "Select one choice from the passage": "choice",
    "Output a list of unique alternatives": "alternatives",
}


def _load(skill: str) -> list[Instance]:
    tasks = SKILLS[skill][0]
    packed = (files("longwave") / "samples" / "ama" / "diagnostics.jsonl.gz").read_bytes()
    rows = (json.loads(line) for line in gzip.decompress(packed).decode("utf-8").splitlines())
    return [_make(row) for row in rows if row["task"] in tasks]


def _make(row: Mapping[str, object]) -> Instance:
    text, output = str(row["input"]), row["output"]
    extra: dict[str, object] = {"task": row["task"]}
    if row["task"] == "text_generation":
        extra["given"] = text.rstrip().rpartition("\n")[2].removeprefix("-").strip()
    return Instance(
        id=str(row["id"]),
        input=text,
        references=_references(output, row["labels"]),
        split="test",
        group=next((name for start, name in SETS.items() if text.strip().startswith(start)), None),
        extra=extra,
    )


def _references(output: object, labels: object) -> tuple[Reference, ...]:
    """List the replies that count as right: for a choice all that may be chosen, the expected one first."""
    first = output if isinstance(output, list) else [output] if output is not None else []
    more = labels if isinstance(labels, list) else []
    return right_answers(str(text).strip() for text in (*first, *more))


def _scenario(skill: str) -> Scenario:
    _, description, metric, max_tokens, stop = SKILLS[skill]
    return Scenario(
        name=f"{FAMILY}/{skill}",
        version=1,
        description=description,
        task="diagnostics of prompting",
        what="sentences of news, biographies, lists of categories",
        who="?",
        when="before 2022",
        language="English",
        source="https://github.com/HazyResearch/ama_prompting",
        licence="Apache-2.0",
        prompt=PromptFormat(
            method="generation",
            input_prefix="",
            input_suffix="",
            output_prefix="",
            max_train_instances=0,
            max_tokens=max_tokens,
            stop=(stop,),
        ),
        main_metric=metric,
        eval_splits=("test",),
        load=partial(_load, skill),
    )


def _open(member: str) -> Scenario:
    name, _, version = member.partition("@")
    if name not in SKILLS or version not in ("", "1"):
        raise UnknownName("scenario", f"{FAMILY}/{member}", _members())
    return _scenario(name)


def _members() -> list[str]:
    return [f"{FAMILY}/{skill}@1" for skill in SKILLS]


AMA_DIAGNOSTICS = ScenarioFamily(name=FAMILY, members=_members, open=_open)
