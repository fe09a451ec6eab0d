"""A release of HAPI in small, written with nothing but json and csv."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

META = ("task", "dataset", "api", "date", "path", "cost_per_10k")


class Release:
    """Writes the released layout below a folder; every method may be called again to change a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tasks = folder / "tasks"
        self.lines: list[tuple[object, ...]] = []

    def labels(self, where: str, pairs: list[tuple[object, object]]) -> None:
        self.write(
            f"{where}/labels.json", [{"example_id": name, "true_label": label} for name, label in pairs]
        )

    def run(self, key: str, rows: list[tuple[object, object, object]], *, listed: bool = True) -> None:
        """Write rows of (example_id, predicted_label, confidence) of the run ``task/dataset/api/date``."""
        names = ("example_id", "predicted_label", "confidence")
        self.write(f"{key}.json", [dict(zip(names, row, strict=True)) for row in rows])
        if listed:
            self.list(key)

    def list(self, key: str, price: object = 2.5) -> None:
        self.lines.append((*key.split("/"), f"{key}.json", price))
        with (self.tasks / "meta.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([META, *self.lines])

    def write(self, name: str, value: object) -> None:
        path = self.tasks / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")

    def load(self, name: str) -> object:
        return json.loads((self.tasks / name).read_text("utf-8"))


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Return a release with classes whose ids repeat, tags in another order, and answers without labels."""
    made = Release(tmp_path / "release")
    made.labels("scr/command", [("a.wav", 0), ("b.wav", 0), ("a.wav", 1), ("c.wav", 30)])
    rows = [("a.wav", 0, 0.9), ("b.wav", 30, 0.0), ("a.wav", 0, 0.25), ("c.wav", 30, 0.5)]
    made.run("scr/command/google_scr/20-03-29", rows)
    made.run(
        "scr/command/google_scr/22-05-23", [(name, label, 0.5) for name, label, _ in rows[:2]] + rows[2:]
    )
    made.labels("mic/pascal", [("1", ["bird", "bird"]), ("2", ["car"]), ("3", ["cat", "dog"])])
    made.run(
        "mic/pascal/google_mic/20-10-28",
        [("3", ["dog"], 0.9798267782), ("1", ["bird"], 0.5), ("2", [], 0.0)],
    )
    made.run("llm/opinionqa/openai_gpt-4/23-06-13", [("q", "A", None), ("q", "none", None), ("r", "B", None)])
    return made
