"""BBQ: questions that invite a stereotype (arXiv 2110.08193), prompted as in arXiv 2211.09110.

Options stand in the order of the data set and carry a tag: ``target`` names the group of the stereotype,
``non-target`` the other person, ``unknown`` neither. The source tells groups and not tags, in spellings
that differ; where exactly one of the two persons belongs to the group of the stereotype both are tagged,
else neither. In the six categories of the bundled sample, whose files were read whole, that leaves no item
without tags.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from longwave.scenarios.base import (
    CORRECT,
    Instance,
    Official,
    PromptFormat,
    Reference,
    Scenario,
    SourceFile,
)
from longwave.scenarios.reading import SourceRow, read_jsonl
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO", "option_tags"]

HOME = "https://raw.githubusercontent.com/nyu-mll/BBQ/bea11bd97d79217245b5871acd247b9d6eb24598/data"
CATEGORIES = {
    "Age": "46e805b3fc2d8cbd26eeb8e8430d98cf7b2dc9c83574ff3674e8ce4f0fca2a60",
    "Disability_status": "375d40d9b71f056150264445ec189b13934998f3f49a1e311aa7578eb3b45e5f",
    "Gender_identity": None,
    "Nationality": "a583e74666aec0341ded8aa3983e7cad694eb24de72c254d28b2df3035720090",
    "Physical_appearance": "e48d7e13508565f4801574e611043470c25c95a0a62af3699cb5ee7cb02608fb",
    "Race_ethnicity": None,
    "Race_x_SES": None,
    "Race_x_gender": None,
    "Religion": "cb9555f9f3454a52cd2df85956b59bd7fcca5aa922c8527693b1164d08417616",
    "SES": None,
    "Sexual_orientation": "2c71036b9e7584fe589c42aef32c1a42bc01b9a5e9b1b8704342630cdb08cefd",
}
TEST_ROWS = 1000  # HELM evaluates so many of 58,492, drawn from all categories together
UNKNOWN = "unknown"
POOR = "lowses"  # of race crossed with income, only the poor of the group are the target
WOMEN, MEN = frozenset({"f", "woman", "girl", "female"}), frozenset({"m", "man", "boy", "male"})


def option_tags(answers: Sequence[Sequence[str]], groups: Sequence[str]) -> list[str | None]:
    """Tell which option is the target of the stereotype, which the other person, and which "unknown".

    Parameters
    ----------
    answers : sequence of sequence of str
        For each option its name and its group, as the source's ``answer_info``.
    groups : sequence of str
        Groups of the stereotype, as the source's ``stereotyped_groups``.

    Returns
    -------
    list of str or None
        None for both persons where they cannot be told apart.

    Examples
    --------
    >>> option_tags([["grandson", "nonOld"], ["grandfather", "old"], ["Not known", "unknown"]], ["old"])
    ['non-target', 'target', 'unknown']
    """
    persons = [place for place, answer in enumerate(answers) if UNKNOWN not in map(_plain, answer)]
    tags: list[str | None] = [UNKNOWN] * len(answers)
    for place in persons:
        tags[place] = None
    wanted = {_plain(group) for group in groups}
    by_income = [place for place in persons if POOR in _parts(answers[place])]
    for matches in (
        [place for place in persons if wanted & set(map(_plain, answers[place]))],
        [place for place in by_income if wanted & _parts(answers[place])],
        [place for place in persons if wanted & _parts(answers[place])],
        [place for place in persons if _gender(wanted) & _gender(_parts(answers[place]))],
    ):
        if len(matches) == 1:
            for place in persons:
                tags[place] = "target" if place in matches else "non-target"
            break
    return tags


def _plain(name: str) -> str:
    """Take case, blanks and signs out of a name: "low SES" and "lowSES" are one group."""
    return re.sub(r"[\W_]+", "", name).lower()


def _parts(answer: Sequence[str]) -> set[str]:
    """List the parts of a name and a group such as "lowSES-F-Black"."""
    return {_plain(part) for text in answer for part in text.split("-")}


def _gender(names: set[str]) -> set[str]:
    return {kind for kind, words in (("f", WOMEN), ("m", MEN)) if names & words}


def _load() -> list[Instance]:
    return [_tag_sample(instance) for instance in read_sample("bbq", group_by="category")]


def _tag_sample(instance: Instance) -> Instance:
    extra = dict(instance.extra)
    answers = cast("list[list[str]]", extra.pop("answer_groups"))
    tags = option_tags(answers, cast("list[str]", extra["stereotyped_groups"]))
    references = (
        _reference(option.text, tag, is_right=option.is_correct)
        for option, tag in zip(instance.references, tags, strict=True)
    )
    return replace(instance, references=tuple(references), extra=extra)


def _reference(text: str, tag: str | None, *, is_right: bool) -> Reference:
    return Reference(text=text, tags=((CORRECT,) if is_right else ()) + ((tag,) if tag else ()))


def _parse(folder: Path) -> list[Instance]:
    """Read the categories; the last of all rows, shuffled as HELM shuffles them, are evaluated."""
    rows = [row for category in CATEGORIES for row in read_jsonl(folder / f"{category}.jsonl")]
    order = list(range(len(rows)))
    random.Random(0).shuffle(order)
    asked = set(order[-min(TEST_ROWS, len(rows) // 2) :])
    return [_instance(row, number, is_asked=number in asked) for number, row in enumerate(rows)]


def _instance(row: SourceRow, number: int, *, is_asked: bool) -> Instance:
    texts = [row.text(f"ans{place}") for place in range(3)]
    right = row.choice("label", range(3))
    info, more = row.row("answer_info"), row.row("additional_metadata")
    groups = more.texts("stereotyped_groups")
    tags = option_tags([info.texts(f"ans{place}") for place in range(3)], groups)
    polarity, condition = row.text("question_polarity"), row.text("context_condition")
    if polarity not in ("neg", "nonneg") or condition not in ("ambig", "disambig"):
        raise row.error(f'the question is "{polarity}" in a context "{condition}"')
    split = "test" if is_asked else "train"
    return Instance(
        id=f"bbq-{split}-{number:05d}",
        input=f"{row.text('context')}\nQuestion: {row.text('question')}",
        references=tuple(
            _reference(text, tag, is_right=place == right)
            for place, (text, tag) in enumerate(zip(texts, tags, strict=True))
        ),
        split="test" if is_asked else "train",
        group=row.text("category"),
        extra={
            "category": row.text("category"),
            "polarity": polarity,
            "context_condition": condition,
            "question_index": row.text("question_index"),
            "example_id": row.integer("example_id"),
            "stereotyped_groups": groups,
        },
    )


SCENARIO = Scenario(
    name="bbq",
    version=1,
    description="Answer a question about two people, or say that it cannot be known",
    task="question answering",
    what="constructed questions that invite a stereotype, of nine social dimensions",
    who="researchers and crowd workers in the USA",
    when="2021",
    language="English",
    source="https://github.com/nyu-mll/BBQ",
    licence="CC BY 4.0",
    prompt=PromptFormat(
        method="multiple_choice_joint",
        instructions="The following are multiple choice questions (with answers).",
        input_prefix="Passage: ",
        output_prefix="Answer: ",
        max_tokens=1,
    ),
    main_metric="exact_match",
    eval_splits=("test",),
    category="bias",
    load=_load,
    official=Official(
        files=tuple(
            SourceFile(url=f"{HOME}/{name}.jsonl", name=f"{name}.jsonl", sha256=sha256)
            for name, sha256 in CATEGORIES.items()
        ),
        parse=_parse,
    ),
)
