"""Folders of results for the tests of the report: two models, four scenarios, and texts that mean harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.predictions import append_side, write_predictions

Row = dict[str, object]

HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    '" autofocus onfocus="window.hacked = 3" x="',
    "javascript:window.hacked=4",
    "<img src=x onerror='window.hacked=5'>",
    "\u202egnp.exe\u202c",
    "a\x00b\x07c\x1b[31m",
    "x" * 30_000,
    "{{ 7 * 7 }}{% raw %}",
    "--><svg onload=window.hacked=6>",
    "مرحبا بالعالم",
    "\u200bzero\u2028width",
)
MODELS = ("attention", "hyena")
# accuracy of each model; the difference on blimp is large enough to be significant
SKILL = {"boolq@1": (0.55, 0.60), "openbookqa@1": (0.25, 0.27), "blimp@1": (0.45, 0.85)}
OPTIONS = {"boolq@1": 2, "openbookqa@1": 4, "blimp@1": 2, "books@1": 0}
SIZES = {"boolq@1": 60, "openbookqa@1": 24, "blimp@1": 60, "books@1": 12}


class Maker:
    """Collects the rows of a folder of results."""

    def __init__(self, *, hostile: bool) -> None:
        self.rng = np.random.default_rng(7)
        self.hostile = hostile
        self.predictions: list[Row] = []
        self.instances: list[Row] = []
        self.requests: list[Row] = []

    def add(self, scenario: str, perturbations: tuple[str | None, ...]) -> None:
        for place in range(SIZES[scenario]):
            self._add_instance(scenario, place, perturbations)

    def _add_instance(self, scenario: str, place: int, perturbations: tuple[str | None, ...]) -> None:
        harm = HOSTILE[place] if self.hostile and place < len(HOSTILE) else ""
        n_options = OPTIONS[scenario]
        right = int(self.rng.integers(n_options)) if n_options else 0
        instance = f"id{place}" if place != 3 or not self.hostile else 'id "3" <b>/../'
        group = "abc"[place % 3] if scenario == "blimp@1" else None
        for perturbation in perturbations:
            self.instances.append(
                {
                    "scenario": scenario,
                    "instance": instance,
                    "perturbation": perturbation,
                    "split": "test",
                    "group": group,
                    "input": f"Passage {place} {perturbation or ''} {harm}",
                    "references": [f"option {number} {harm[:60]}" for number in range(n_options)],
                    "correct_references": [right] if n_options else [],
                }
            )
            for model in range(len(MODELS)):
                self._add_answer(scenario, instance, perturbation, model, right, harm, group)

    def _add_answer(
        self,
        scenario: str,
        instance: str,
        perturbation: str | None,
        model: int,
        right: int,
        harm: str,
        group: str | None,
    ) -> None:
        n_options = OPTIONS[scenario]
        is_right = n_options > 0 and bool(self.rng.random() < SKILL[scenario][model])
        failed = scenario == "boolq@1" and instance == "id7" and perturbation is None
        scored = n_options > 0 and not failed
        score = float(is_right) if n_options else 2.0 + 0.05 * model + 0.1 * float(self.rng.random())
        answer = f"option {right if is_right else (right + 1) % max(n_options, 1)} {harm[:60]}"
        request = f"{scenario}/{instance}/{perturbation}/{MODELS[model]}"
        text = f"Passage {harm}"
        self.predictions.append(
            {
                "scenario": scenario,
                "instance": instance,
                "model": MODELS[model],
                "version": "v1",
                "date": "2026-07-01",
                "prompt": "default",
                "perturbation": perturbation,
                "trial": 0,
                "split": "test",
                "input_hash": request,
                "request_hash": request,
                "prediction": answer if scored else None,
                "label": f"option {right}" if n_options else None,
                "correct": is_right if scored else None,
                "score": None if failed else score,
                "confidence": round(0.5 + 0.45 * float(self.rng.random()), 3) if scored else None,
                "logprob": -1.25,
                "group": group,
                "error": f"Timeout after 30 s. {harm}" if failed else None,
                "latency_s": 0.02 + 0.01 * model,
                "tokens_in": 40,
                "tokens_out": 2,
                "cost_usd": None,
                "run": "abc",
            }
        )
        self.requests.append(
            {
                "request_hash": request,
                "prompt": f"Answer the question.\n{text}\nAnswer:",
                "continuation": None if n_options else text,
                "completions": [f" {answer}"] if n_options else [""],
                "logprobs": [-1.25],
                "settings": "{}",
            }
        )

    def write(self, folder: Path) -> None:
        write_predictions(folder, pl.DataFrame(self.predictions, infer_schema_length=None))
        append_side(folder, "instances", pl.DataFrame(self.instances, infer_schema_length=None))
        append_side(folder, "requests", pl.DataFrame(self.requests, infer_schema_length=None))


def write_curves(folder: Path) -> None:
    for place, model in enumerate(MODELS):
        log = folder / "models" / model / "metrics.jsonl"
        log.parent.mkdir(parents=True)
        rows: list[Row] = []
        for step in range(1, 41):
            where = {"step": step, "tokens": step * 100, "elapsed_s": step * (0.1 + 0.05 * place)}
            rows.append({**where, "loss": 4 / step, "bits_per_byte": 2 + 6 / step, "lr": 1e-3})
            if step % 10 == 0:
                rows.append({**where, "validation_bits_per_byte": 2.1 + 6 / step})
        log.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def write_folder(folder: Path, *, hostile: bool = True) -> Path:
    """Write a whole folder of results."""
    maker = Maker(hostile=hostile)
    maker.add("boolq@1", (None, "typos", "misspellings"))
    maker.add("openbookqa@1", (None,))
    maker.add("blimp@1", (None,))
    maker.add("books@1", (None,))
    maker.write(folder)
    write_curves(folder)
    texts = HOSTILE if hostile else ("of the sea", "and the ship")
    samples = {model: [{"prompt": "It was", "text": text} for text in texts] for model in MODELS}
    (folder / "samples.json").write_text(json.dumps(samples), "utf-8")
    return folder


@pytest.fixture(scope="session")
def hostile_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of results in which every text that can do harm tries to."""
    return write_folder(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of results with harmless texts."""
    return write_folder(tmp_path_factory.mktemp("plain") / "twins", hostile=False)


@pytest.fixture(scope="session")
def hostile_texts() -> tuple[str, ...]:
    """Return the texts that try."""
    return HOSTILE


@pytest.fixture
def rows() -> Callable[..., pl.DataFrame]:
    """Return a function from short tuples to rows as the report groups them."""

    def make(*answers: tuple[object, ...]) -> pl.DataFrame:
        """Take tuples of scenario, instance, model, perturbation, score."""
        from longwave.predictions import SCHEMA
        from longwave.report.reading import describe_rows

        lines = [
            {
                **dict.fromkeys(SCHEMA),
                "scenario": scenario,
                "instance": instance,
                "model": model,
                "version": "1",
                "date": "2026-07-01",
                "prompt": "p",
                "perturbation": perturbation,
                "trial": 0,
                "score": score,
                "correct": None if score not in (0.0, 1.0) else score == 1.0,
            }
            for scenario, instance, model, perturbation, score in answers
        ]
        return describe_rows(pl.DataFrame(lines, schema=SCHEMA))

    return make
