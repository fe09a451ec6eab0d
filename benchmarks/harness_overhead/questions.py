"""Make four-option questions from the bundled books, and write them as each harness reads them."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).parent
WORDS = 30  # of a passage
GAP = "____"

SCENARIO = """\
name: gaps
main_metric: exact_match
rows: rows.jsonl
prompt:
  method: multiple_choice_joint
  max_train_instances: 0
  max_tokens: 1
  input_prefix: "Question: "
  output_prefix: "Answer: "
"""

LM_EVAL_TASK = """\
task: gaps
dataset_path: json
dataset_kwargs: {data_files: {test: QUESTIONS}}
test_split: test
output_type: multiple_choice
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_choice: choices
doc_to_target: answer
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0}
"""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A passage with a gap and four words, one of which was there."""

    text: str
    choices: tuple[str, ...]
    answer: int


def make_questions(count: int, seed: int = 0) -> list[Question]:
    """Cut passages at random places of the books; the wrong words come from other places."""
    rng = random.Random(seed)
    words = (files("longwave") / "samples" / "books" / "train.txt").read_text("utf-8").split()
    plain = sorted({word for word in words if word.isascii() and word.isalpha() and len(word) > 3})
    known = set(plain)
    questions = []
    while len(questions) < count:
        start = rng.randrange(len(words) - WORDS)
        passage = words[start : start + WORDS]
        places = [place for place, word in enumerate(passage) if word in known]
        if not places:
            continue
        place = rng.choice(places)
        right = passage[place]
        choices = [word for word in rng.sample(plain, 4) if word != right][:3]
        answer = rng.randrange(4)
        choices.insert(answer, right)
        passage[place] = GAP
        text = f"Which word is missing? {' '.join(passage)}"
        questions.append(Question(text=text, choices=tuple(choices), answer=answer))
    return questions


def write_questions(folder: Path, questions: list[Question]) -> None:
    """Write ``rows.jsonl`` and ``gaps.yaml`` for Longwave, ``questions.jsonl`` and a task for the others."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.resolve() / "questions.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for question in questions:
            row = {"question": question.text, "choices": question.choices, "answer": question.answer}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for question in questions:
            references = [{"text": text} for text in question.choices]
            references[question.answer] |= {"tags": ["correct"]}
            row = {"input": question.text, "references": references}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    (folder / "gaps.yaml").write_text(SCENARIO, "utf-8")
    tasks = folder / "tasks"
    tasks.mkdir(exist_ok=True)
    (tasks / "gaps.yaml").write_text(LM_EVAL_TASK.replace("QUESTIONS", json.dumps(str(path))), "utf-8")
    shutil.copy(HERE / "peers" / "inspect_questions.py", folder)  # it takes no path from elsewhere
