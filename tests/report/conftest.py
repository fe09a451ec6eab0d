"""Folders of results for the tests of the report: two models, four scenarios, and texts that mean harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import polars as pl
import pytest

from longwave.predictions import INSTANCES, SCHEMA, append_side, write_predictions
from longwave.report import build_report
from longwave.report.analysis import Analysis, analyse
from longwave.report.reading import read_results
from longwave.report.source import describe_rows

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
def hostile_report(hostile_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the pages of the hostile results; tests only read it."""
    return build_report(hostile_folder, tmp_path_factory.mktemp("hostile-pages")).parent


@pytest.fixture(scope="session")
def hostile_texts() -> tuple[str, ...]:
    """Return the texts that try."""
    return HOSTILE


MIXED_MODELS = ("m a", "m&b=c#d%2", "ü/ñ", "floor:random", "floor:majority")


def _mixed_row(rng: np.random.Generator, **given: object) -> Row:
    """Make one row; confidences lie closer together than four digits tell."""
    row: Row = {"version": "1", "date": "2026-07-01", "prompt": "p", "trial": 0, "run": "abc", **given}
    if rng.random() < 0.08:
        return {**row, "error": "timeout"}
    skill = 0.35 + 0.2 * MIXED_MODELS.index(str(row["model"]))
    if row["scenario"] in ("boolq@1", "local@1"):
        right = bool(rng.random() < skill)
        sure = None if rng.random() < 0.15 else 0.9999 + 1e-4 * float(rng.random())
        return {**row, "correct": right, "score": float(right), "confidence": sure, "label": "yes"}
    logprob = -20 * float(rng.random()) - 5
    return {**row, "score": 1.5 + float(rng.random()), "logprob": logprob}


def write_mixed(folder: Path) -> Path:
    """Write a table with everything that splits rows: inputs, groups, prompts, trials, floors, failures."""
    rng = np.random.default_rng(11)
    found = [
        _mixed_row(rng, scenario="boolq@1", instance=f"i{n}", model=model, perturbation=name)
        for n in range(24)
        for name in (None, "typos", "a&b=c")
        for model in MIXED_MODELS
    ]
    found += [
        _mixed_row(rng, scenario=scenario, instance=f"i{n}", model=model)
        for scenario, size in (("books@1", 10), ("guess@1", 6))
        for n in range(size)
        for model in MIXED_MODELS[:3]
    ]
    found += [
        _mixed_row(
            rng,
            scenario="local@1",
            instance=f"i{n}",
            model=model,
            prompt=prompt,
            trial=trial,
            group=("x y", "x&y", None)[n % 3],
        )
        for n in range(18)
        for prompt in ("p", "q")
        for trial in (0, 1)
        for model in MIXED_MODELS[:3]
    ]
    table = pl.DataFrame([{**dict.fromkeys(SCHEMA), **row} for row in found], schema=SCHEMA)
    write_predictions(folder, table)
    texts = [
        {**dict.fromkeys(INSTANCES), "scenario": "books@1", "instance": f"i{n}", "input": "é" * (n + 3)}
        for n in range(10)
    ]
    append_side(folder, "instances", pl.DataFrame(texts, schema=INSTANCES))
    return folder


@pytest.fixture(scope="session")
def mixed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with several models, floors, inputs, groups, prompts, trials and failures."""
    return write_mixed(tmp_path_factory.mktemp("mixed") / "run")


@pytest.fixture(scope="session")
def mixed_report(mixed_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the pages of the mixed results; tests only read it."""
    return build_report(mixed_folder, tmp_path_factory.mktemp("mixed-pages")).parent


@pytest.fixture(scope="session")
def mixed(mixed_folder: Path) -> Analysis:
    """Return the analysis of the mixed folder."""
    return analyse(read_results(mixed_folder))


@pytest.fixture(scope="session")
def drawn_rows() -> Callable[[object], list[Row]]:
    """Return a function from a specification to every row of data in it."""

    def collect(spec: object) -> list[Row]:
        if isinstance(spec, list):
            return [row for part in spec for row in collect(part)]
        if not isinstance(spec, dict):
            return []
        rows = spec["values"] if isinstance(spec.get("values"), list) else []
        sets = [row for part in spec.get("datasets", {}).values() for row in part]
        return [*rows, *sets, *(row for key in ("data", "layer") for row in collect(spec.get(key)))]

    return collect


def _matches(row: Row, wanted: dict[str, str]) -> bool:
    """Tell what the browser's filter tells of one row, from the columns of the table."""
    columns = {"model": "system", "input": "input_name", "outcome": "outcome", "group": "group"}
    if any(row[column] != wanted[name] for name, column in columns.items() if name in wanted):
        return False
    prompts = {wanted[name] for name in ("prompt", "beside") if name in wanted}
    if prompts and row["prompt"] not in prompts:
        return False
    sure = row["confidence"]
    if ("low" in wanted or "high" in wanted) and sure is None:
        return False
    return float(wanted.get("low", "-inf")) <= (sure or 0.0) <= float(wanted.get("high", "inf"))


@pytest.fixture(scope="session")
def follow() -> Callable[[Analysis, str], list[Row]]:
    """Return a function from a link to the rows of the table that its filter selects."""

    def select(analysis: Analysis, href: str) -> list[Row]:
        address = urlsplit(href)
        slug = Path(address.path).stem
        scenario = next(name for name, one in analysis.slugs.items() if one == slug)
        wanted = dict(parse_qsl(address.query, keep_blank_values=True, strict_parsing=bool(address.query)))
        assert set(wanted) <= {
            *("model", "input", "prompt", "beside", "edits", "outcome", "versus"),
            *("flip", "group", "error", "low", "high"),
        }
        every = list(analysis.part(scenario).rows.iter_rows(named=True))
        found = [row for row in every if _matches(row, wanted)]
        if "versus" not in wanted:
            return found
        other = {"right": "wrong", "wrong": "right"}
        against = {
            (row["instance"], row["input_name"], other.get(row["outcome"]))
            for row in every
            if row["system"] == wanted["versus"]
        }
        return [row for row in found if (row["instance"], row["input_name"], row["outcome"]) in against]

    return select


@pytest.fixture
def rows() -> Callable[..., pl.DataFrame]:
    """Return a function from short tuples to rows as the report groups them."""

    def make(*answers: tuple[object, ...]) -> pl.DataFrame:
        """Take tuples of scenario, instance, model, perturbation, score."""
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
