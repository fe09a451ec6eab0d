"""Write LegalBench's golden prompts: ``python tests/golden/remake_legal_prompts.py``; read what changed.

Each is a published template with the columns of a row put in by plain replacement, not by our code.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from longwave.samples import sample_path

FOLDER = Path(__file__).parent / "legalbench"
# scalr has no bundled row
MADE_UP = {
    "scalr": {"question": "May a court hear it?", **{f"choice_{n}": f"holding no. {n}" for n in range(5)}}
}
# task: release of the row, template
TASKS = {
    "abercrombie": ("2022-seed", "base_prompt"),
    "abercrombie:rule_description_prompt": ("2022-seed", "rule_description_prompt"),
    "citation_prediction_open": ("2023", "base_prompt"),
    "contract_qa": ("2023", "base_prompt"),
    "corporate_lobbying": ("2023-03-history", "base_prompt"),
    "cuad_audit_rights:zero_shot_simple": ("2023-03-history", "zero_shot_simple"),
    "cuad_price_restrictions": ("2023-03-history", "base_prompt"),
    "definition_extraction": ("2023", "base_prompt"),
    "diversity_6": ("2023-03-history", "base_prompt"),
    "function_of_decision_section": ("2023", "base_prompt"),
    "hearsay:claude_prompt": ("2022-seed", "claude_prompt"),
    "international_citizenship_questions": ("2023", "base_prompt"),
    "maud_tail_period_length": ("2023", "base_prompt"),
    "overruling": ("2023-03-history", "base_prompt"),
    "rule_qa": ("2022-seed", "base_prompt"),
    "sara_numeric": ("2023", "base_prompt"),
    "scalr": ("made up", "base_prompt"),
    "ssla_plaintiff": ("2023", "base_prompt"),
    "successor_liability:claude_application_prompt": ("2023", "claude_application_prompt"),
}


def file_name(name: str) -> str:
    """Return the file of a task, with its variant."""
    return name.replace(":", "-") + ".txt"


@cache
def read(name: str) -> list[dict[str, Any]]:
    """Read a bundled file."""
    with gzip.open(sample_path(f"legalbench/{name}.jsonl.gz"), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def last_row(task: str, release: str) -> dict[str, str]:
    """Return the columns of a task's last row of a release."""
    if task in MADE_UP:
        return MADE_UP[task]
    return [row for row in read("rows") if (row["task"], row["release"]) == (task, release)][-1]["inputs"]


def render(name: str) -> str:
    """Write one prompt."""
    task, (release, template) = name.partition(":")[0], TASKS[name]
    wanted = (task, f"{template}.txt", "2023")
    text = next(
        row["text"] for row in read("prompts") if (row["task"], row["file"], row["release"]) == wanted
    )
    for column, value in last_row(task, release).items():
        text = text.replace("{{" + column + "}}", value)
    return text


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in TASKS:
        (FOLDER / file_name(each)).write_bytes(render(each).encode())
