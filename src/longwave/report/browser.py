"""The instance browser: what each page shows, and the index by which its filters work across pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from longwave.report.analysis import Analysis
from longwave.report.links import ORIGINAL, PER_PAGE, anchor
from longwave.report.text import embed_json

__all__ = ["Answer", "Case", "Input", "Option", "browse", "row_index"]

_OUTCOMES = ("right", "wrong", "failed", "unscored")


@dataclass(frozen=True, kw_only=True)
class Option:
    """A listed answer of an instance."""

    text: str
    is_right: bool


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A text a model gave back, or the log-probability of the continuation it scored."""

    text: str
    logprob: float | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One row of the predictions table with its request.

    ``number`` is its place among the rows of the scenario; ``variant`` names prompt and trial where there
    are several; ``prompt`` is None when it stands beside the input because every model was given the same.
    """

    number: int
    variant: str
    outcome: str
    score: float | None
    prediction: str | None
    confidence: float | None
    error: str | None
    prompt: str | None
    continuation: str | None
    completions: tuple[Completion, ...]


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input of an instance, the original or a perturbed one, and the answers of each system to it."""

    name: str
    text: str | None
    prompt: str | None
    answers: Sequence[Sequence[Answer]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """An instance as the browser shows it."""

    anchor: str
    instance: str
    group: str | None
    split: str | None
    label: str | None
    text: str | None
    options: tuple[Option, ...]
    inputs: tuple[Input, ...]


def browse(analysis: Analysis, scenario: str) -> Iterator[list[Case]]:
    """Yield the pages of a scenario's instances, fifty at a time."""
    rows = _numbered(analysis, scenario)
    sources = {
        (row["instance"], row["perturbation"] or ORIGINAL): row
        for row in analysis.results.instances.filter(pl.col("scenario") == scenario).iter_rows(named=True)
    }
    wanted = analysis.results.requests.filter(
        pl.col("request_hash").is_in(rows["request_hash"].drop_nulls().implode())
    )
    requests = {row["request_hash"]: row for row in wanted.iter_rows(named=True)}
    systems = [*analysis.systems, *analysis.floor_systems]
    has_variants = rows.select(pl.n_unique("prompt"), pl.n_unique("trial")).row(0)
    page: list[Case] = []
    for (instance,), part in rows.group_by("instance", maintain_order=True):
        answers = [
            (
                row["input_name"],
                row["system"],
                _answer(row, requests.get(row["request_hash"], {}), has_variants),
            )
            for row in part.iter_rows(named=True)
        ]
        page.append(_case(str(instance), part.row(0, named=True), answers, sources, systems))
        if len(page) == PER_PAGE:
            yield page
            page = []
    if page:
        yield page


def row_index(analysis: Analysis, scenario: str) -> str:
    """Write the script by which the filters know the rows of every page: one short list a row.

    Notes
    -----
    Each list is ``[page, instance, model, input, outcome, confidence, group]``, names replaced by their
    place in the lists that stand beside.
    """
    rows = _numbered(analysis, scenario)
    systems = [*analysis.systems, *analysis.floor_systems]
    inputs = _inputs(rows)
    groups = rows["group"].drop_nulls().unique().sort().to_list()
    places = {name: index for index, name in enumerate(rows["instance"].unique(maintain_order=True))}
    lists = [
        [
            places[row["instance"]] // PER_PAGE + 1,
            places[row["instance"]],
            systems.index(row["system"]),
            inputs.index(row["input_name"]),
            _OUTCOMES.index(row["outcome"]),
            row["confidence"],  # whole, so that the bounds of a link cut where the bins were cut
            None if row["group"] is None else groups.index(row["group"]),
        ]
        for row in rows.iter_rows(named=True)
    ]
    index = {"models": systems, "inputs": inputs, "outcomes": _OUTCOMES, "groups": groups, "rows": lists}
    return f"window.longwaveRows={embed_json(index)};\n"


def _numbered(analysis: Analysis, scenario: str) -> pl.DataFrame:
    """Give the rows of a scenario numbers, its instances in the order people count: 2 before 10."""
    rows = analysis.rows.filter(pl.col("scenario") == scenario)
    names = sorted(rows["instance"].unique().to_list(), key=_natural)
    order = pl.DataFrame({"instance": names}, schema={"instance": pl.String()}).with_row_index("place")
    rows = rows.join(order, on="instance", how="left", maintain_order="left").sort(
        "place", maintain_order=True
    )
    return rows.drop("place").with_row_index("number").cast({"number": pl.Int64})


def _natural(name: str) -> list[tuple[bool, int, str, str]]:
    """Return what sorts names as people count; numbers by length first, for they may be too long to read."""
    key = []
    for part in re.findall(r"[0-9]+|[^0-9]+", name):
        is_number = part[0] in "0123456789"
        digits = part.lstrip("0") if is_number else ""
        key.append((is_number, len(digits), digits, part))
    return key


def _inputs(rows: pl.DataFrame) -> list[str]:
    names = rows["input_name"].unique().sort().to_list()
    return sorted(names, key=lambda name: (name != ORIGINAL, name))


def _answer(row: dict[str, object], request: dict[str, object], variants: tuple[int, int]) -> Answer:
    names = [
        str(row["prompt"]) if variants[0] > 1 and row["prompt"] is not None else "",
        f"trial {row['trial']}" if variants[1] > 1 else "",
    ]
    return Answer(
        number=_integer(row["number"]),
        variant=" · ".join(name for name in names if name),
        outcome=str(row["outcome"]),
        score=_float(row["score"]),
        prediction=_text(row["prediction"]),
        confidence=_float(row["confidence"]),
        error=_text(row["error"]),
        prompt=_text(request.get("prompt")),
        continuation=_text(request.get("continuation")),
        completions=_completions(request.get("completions"), request.get("logprobs")),
    )


def _completions(texts: object, logprobs: object) -> tuple[Completion, ...]:
    listed = texts if isinstance(texts, list) else []
    numbers = logprobs if isinstance(logprobs, list) else []
    padded = [*numbers, *[None] * len(listed)]
    return tuple(Completion(text=str(text or ""), logprob=padded[place]) for place, text in enumerate(listed))


def _case(
    instance: str,
    first: dict[str, object],
    answers: Sequence[tuple[str, str, Answer]],
    sources: dict[tuple[str, str], dict[str, object]],
    systems: Sequence[str],
) -> Case:
    source = sources.get((instance, ORIGINAL), {})
    names = sorted({name for name, _, _ in answers}, key=lambda name: (name != ORIGINAL, name))
    return Case(
        anchor=anchor(instance),
        instance=instance,
        group=_text(first["group"]),
        split=_text(first["split"]),
        label=_text(first["label"]),
        text=_text(source.get("input")),
        options=_options(source),
        inputs=tuple(_input(name, instance, answers, sources, systems) for name in names),
    )


def _input(
    name: str,
    instance: str,
    answers: Sequence[tuple[str, str, Answer]],
    sources: dict[tuple[str, str], dict[str, object]],
    systems: Sequence[str],
) -> Input:
    here = [(system, answer) for input_, system, answer in answers if input_ == name]
    prompts = {answer.prompt for _, answer in here if answer.prompt is not None}
    shared = next(iter(prompts)) if len(prompts) == 1 else None
    return Input(
        name=name,
        text=None if name == ORIGINAL else _text(sources.get((instance, name), {}).get("input")),
        prompt=shared,
        answers=[
            [
                _without_prompt(answer) if shared is not None else answer
                for owner, answer in here
                if owner == system
            ]
            for system in systems
        ],
    )


def _without_prompt(answer: Answer) -> Answer:
    return replace(answer, prompt=None)


def _options(source: dict[str, object]) -> tuple[Option, ...]:
    texts, right = source.get("references"), source.get("correct_references")
    if not isinstance(texts, list):
        return ()
    places = right if isinstance(right, list) else []
    return tuple(Option(text=str(text), is_right=place in places) for place, text in enumerate(texts))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0
