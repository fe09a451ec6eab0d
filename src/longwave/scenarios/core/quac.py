"""QuAC: questions of a dialogue about a section of Wikipedia (arXiv 1808.07036), as in arXiv 2211.09110."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, read_json
from longwave.scenarios.references import right_answers

__all__ = ["SCENARIO"]

HOME = "https://s3.amazonaws.com/my89public/quac"
NO_ANSWER = "CANNOTANSWER"  # ends every context, and is the answer where the context holds none
OTHER_WORDS = ("Not enough information", "Cannot answer", "Do not know")
LEAST_TURNS = 3


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    """Draw one question of each dialogue, with the draws of the published code."""
    rng = random.Random(0)
    return _read(folder / "train_v0.2.json", "train", rng) + _read(folder / "val_v0.2.json", "valid", rng)


def _read(path: Path, split: Literal["train", "valid"], rng: random.Random) -> list[Instance]:
    content = read_json(path)
    file = SourceRow(f'"{path}"', content if isinstance(content, dict) else {})
    return [_make(row, f"quac-{split}-{i:05d}", split, rng) for i, row in enumerate(file.rows("data"))]


def _make(row: SourceRow, name: str, split: Literal["train", "valid"], rng: random.Random) -> Instance:
    paragraphs = row.rows("paragraphs")
    if not paragraphs:
        raise row.error("there is no paragraph")
    turns = paragraphs[0].rows("qas")
    if len(turns) < LEAST_TURNS:
        raise row.error(f"the dialogue has {len(turns)} turns; it must have {LEAST_TURNS} or more")
    place = rng.randint(LEAST_TURNS, len(turns)) - 1
    asked = turns[place]
    answers = [answer.text("text") for answer in asked.rows("answers")]
    if set(answers) == {NO_ANSWER}:
        answers.extend(OTHER_WORDS)
    return Instance(
        id=name,
        input=_write(row, paragraphs[0].text("context"), turns[: place - 1], asked),
        references=right_answers(answers),
        split=split,
        extra={"title": row.text("title"), "turn": place},
    )


def _write(row: SourceRow, context: str, earlier: list[SourceRow], asked: SourceRow) -> str:
    """Write the passage and the dialogue so far.

    As in the published code, the turn just before the question is left out: of three turns, the first one and
    the third question are written.
    """
    parts = [
        f"Title: {row.text('title')}\n\n",
        f"Background: {row.text('background')}\n\n",
        f"Section: {row.text('section_title')}\n",
        f"Passage: {context.removesuffix(' ' + NO_ANSWER)}\n\n",
    ]
    for turn in earlier:
        answer = turn.row("orig_answer").text("text")
        parts.append(f"Question: {turn.text('question')}\nAnswer: {answer}\n\n")
    return "".join(parts) + f"Question: {asked.text('question')}"


SCENARIO = Scenario(
    name="quac",
    version=1,
    description="Answer the next question of a dialogue about a passage of Wikipedia",
    task="question answering",
    what="dialogues of a student and a teacher about sections of Wikipedia",
    who="crowd workers",
    when="2018",
    language="English",
    source="https://quac.ai",
    licence="see the source",
    prompt=PromptFormat(
        method="generation",
        input_prefix="",
        output_prefix="Answer: ",
        max_tokens=100,
        stop=("\n",),
    ),
    main_metric="token_f1",
    eval_splits=("valid",),
    load=_load,
    is_offline=False,
    category="core",
    official=Official(
        files=(
            SourceFile(
                url=f"{HOME}/train_v0.2.json",
                name="train_v0.2.json",
                sha256="ff5cca5a2e4b4d1cb5b5ced68b9fce88394ef6d93117426d6d4baafbcc05c56a",
            ),
            SourceFile(
                url=f"{HOME}/val_v0.2.json",
                name="val_v0.2.json",
                sha256="09e622916280ba04c9352acb1bc5bbe80f11a2598f6f34e934c51d9e6570f378",
            ),
        ),
        parse=_parse,
    ),
)
