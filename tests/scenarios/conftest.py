"""Files of a scenario of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

ROWS = (
    {
        "input": "The sky is",
        "references": [{"text": "blue", "tags": ["correct"]}, {"text": "green"}],
        "extra": {"topic": "colours"},
    },
    {"id": "grass", "input": "Grass is", "references": [], "split": "train", "group": "plants"},
)
DESCRIPTION = """\
name: colours
rows: rows.jsonl
main_metric: exact_match
group_by: topic
prompt: {method: multiple_choice_separate, output_prefix: " "}
"""


@pytest.fixture
def scenario_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a scenario's files and returns the YAML file's path."""

    def write(description: str = DESCRIPTION, rows: str | None = None) -> Path:
        lines = "\n".join(json.dumps(row) for row in ROWS) if rows is None else rows
        (tmp_path / "rows.jsonl").write_text(lines, "utf-8")
        (tmp_path / "colours.yaml").write_text(description, "utf-8")
        return tmp_path / "colours.yaml"

    return write
