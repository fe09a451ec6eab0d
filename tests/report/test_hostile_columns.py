"""Harm in every text column of every table, in names of files and in every key: it is shown, never run."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from longwave.predictions import INSTANCES, REQUESTS, SCHEMA, SCORES, append_side, write_predictions
from longwave.report import build_report

SHOWN = (
    "scenario",
    "instance",
    "model",
    "version",
    "date",
    "prompt",
    "perturbation",
    "split",
    "prediction",
    "label",
    "group",
    "error",
    "requests-prompt",
    "requests-continuation",
    "requests-completion",
    "instances-input",
    "instances-references",
    "scores-metric",
    "samples-model",
    "samples-prompt",
    "samples-text",
    "curve",
    "run",
    "title",
)


def harm(name: str, place: int = 0) -> str:
    """Return a text that closes what it may stand in, opens an element and turns the reading direction."""
    return f"{place}</script></title></table>\"'><x-{name} onclick='hacked()'>&lt;\u202e\u2028"


def harmful_row(place: int, model: int, *, perturbed: bool = False, prompt: int = 0) -> dict[str, object]:
    failed = place == 3
    return {
        **dict.fromkeys(SCHEMA),
        "scenario": harm("scenario"),
        "instance": harm("instance", place),
        "model": harm("model", model),
        "version": harm("version", model),
        "date": harm("date", model),
        "prompt": harm("prompt", prompt),
        "perturbation": harm("perturbation") if perturbed else None,
        "trial": 0,
        "split": harm("split"),
        "request_hash": harm("hash", place),
        "prediction": None if failed else harm("prediction"),
        "label": harm("label"),
        "correct": None if failed else place % 2 == model,
        "score": None if failed else float(place % 2 == model),
        "confidence": None if failed else place / 10,
        "group": harm("group", place % 2),
        "error": harm("error") if failed else None,
        "run": harm("run"),
    }


def write_harm(folder: Path) -> None:
    rows = [
        harmful_row(place, model, perturbed=perturbed, prompt=prompt)
        for place in range(6)
        for model in (0, 1)
        for perturbed in (False, True)
        for prompt in (0, 1)
    ]
    # a second version of the first model, so that versions and dates become part of the names
    rows.append({**harmful_row(0, 0), "version": harm("version", 2), "date": harm("date", 2)})
    table = pl.DataFrame(rows, schema=SCHEMA)
    write_predictions(folder, table)
    instances = [
        {
            **dict.fromkeys(INSTANCES),
            "scenario": harm("scenario"),
            "instance": harm("instance", place),
            "input": harm("instances-input"),
            "references": [harm("instances-references"), "no"] if place else None,
            "correct_references": [0] if place else None,
        }
        for place in range(6)
    ]
    append_side(folder, "instances", pl.DataFrame(instances, schema=INSTANCES))
    requests = [
        {
            "request_hash": harm("hash", place),
            "prompt": harm("requests-prompt"),
            "continuation": harm("requests-continuation"),
            "completions": [harm("requests-completion"), ""],
            "logprobs": [-1.0],
            "settings": harm("settings"),
        }
        for place in range(6)
    ]
    append_side(folder, "requests", pl.DataFrame(requests, schema=REQUESTS))
    key = table.select([name for name in SCORES if name not in ("metric", "value")])
    scores = key.with_columns(metric=pl.lit(harm("scores-metric")), value=pl.lit(0.5))
    append_side(folder, "scores", scores)
    sample = {"prompt": harm("samples-prompt"), "text": harm("samples-text")}
    (folder / "samples.json").write_text(json.dumps({harm("samples-model"): [sample]}), "utf-8")
    log = folder / harm("curve").replace("/", "") / "metrics.jsonl"
    log.parent.mkdir()
    log.write_text('{"step": 1, "tokens": 9, "elapsed_s": 1, "bits_per_byte": 3}\n', "utf-8")
    record = {"kind": "evaluate", "version": "1", "seed": 0, "config": {}, "data_hash": ""}
    (folder / "run.json").write_text(json.dumps({**record, "hash": harm("run")}), "utf-8")


class Reader(HTMLParser):
    """Keeps apart what is shown, what is an element and what stands in scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []
        self.scripts: list[str] = []
        self.in_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.in_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 (named so by the base class)
        self.in_script = False

    def handle_data(self, data: str) -> None:
        (self.scripts if self.in_script else self.shown).append(data)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("harm")
    write_harm(folder)
    return build_report(folder, folder / "pages", title=harm("title")).parent


@pytest.fixture(scope="module")
def readers(report: Path) -> list[Reader]:
    return [Reader(path.read_text("utf-8")) for path in sorted(report.rglob("*.html"))]


@pytest.mark.parametrize("name", SHOWN)
def test_harm_is_shown_as_the_text_it_is(readers: list[Reader], name: str) -> None:
    assert any(f"<x-{name} o" in text for reader in readers for text in reader.shown)


def test_harm_opens_no_element(readers: list[Reader]) -> None:
    tags = {tag for reader in readers for tag, _ in reader.tags}
    assert not {tag for tag in tags if tag.startswith("x-")}


def test_harm_makes_no_handler(readers: list[Reader]) -> None:
    attributes = {name for reader in readers for _, values in reader.tags for name in values}
    assert not {name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")}


def test_harm_is_escaped_once_and_not_twice(readers: list[Reader]) -> None:
    assert not any("&amp;" in text for reader in readers for text in reader.shown)


def test_harm_does_not_turn_the_reading_direction(readers: list[Reader]) -> None:
    assert not any({"\u202e", "\u2028"} & set(text) for reader in readers for text in reader.shown)


def test_harm_does_not_leave_its_script(readers: list[Reader]) -> None:
    scripts = [text for reader in readers for text in reader.scripts]
    assert len([json.loads(text) for text in scripts]) > 5
    assert not any("<" in text for text in scripts)


def test_harm_does_not_leave_the_index_of_rows(report: Path) -> None:
    (script,) = report.glob("instances/*.rows.js")
    text = script.read_text("utf-8")
    assert not {"<", ">", "&", "\u2028"} & set(text)
    index = json.loads(text.removeprefix("window.longwaveRows=").removesuffix(";\n"))
    assert index["group"] == [harm("group", 0), harm("group", 1)]


def test_harm_names_no_file(report: Path) -> None:
    names = [path.name for path in report.rglob("*") if path.is_file()]
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-._~") for name in names)


def test_harm_leads_nowhere_outside(readers: list[Reader]) -> None:
    links = [values["href"] for reader in readers for _, values in reader.tags if values.get("href")]
    assert not [link for link in links if link and (":" in link.split("?")[0] and link != "data:,")]


def test_filters_of_harm_offer_its_very_names(readers: list[Reader]) -> None:
    values = {attrs.get("value") for reader in readers for tag, attrs in reader.tags if tag == "option"}
    assert {harm("perturbation"), harm("group", 0), harm("group", 1)} <= values
