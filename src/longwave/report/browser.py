"""The instance browser: what each page shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from longwave.report.analysis import Analysis
from longwave.report.links import ORIGINAL, anchor, per_page
from longwave.report.ordering import place_instances

__all__ = ["Answer", "Browser", "Case", "Input", "Option", "open_browser"]


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


@dataclass(frozen=True, kw_only=True)
class Browser:
    """The rows of a scenario as the browser shows them.

    Parameters
    ----------
    rows : DataFrame
        In the order of the browser, with ``number`` (of the row), ``place`` (of the instance), ``page`` and
        what was asked and answered.
    instances : DataFrame
        The instances side table, with ``page``.
    systems : tuple of str
        Columns of each table of answers.
    n_instances, n_pages : int
    """

    rows: pl.DataFrame
    instances: pl.DataFrame
    systems: tuple[str, ...]
    n_instances: int
    n_pages: int

    @property
    def page_size(self) -> int:
        """Instances on a page."""
        return per_page(len(self.rows), self.n_instances)

    def pages(self) -> Iterator[list[Case]]:
        """Yield the instances of each page."""
        starts = [_bounds(frame["page"], self.n_pages) for frame in (self.rows, self.instances)]
        has_variants = self.rows.select(pl.n_unique("prompt"), pl.n_unique("trial")).row(0)
        for page in range(self.n_pages):
            rows = self.rows.slice(starts[0][page], starts[0][page + 1] - starts[0][page])
            listed = self.instances.slice(starts[1][page], starts[1][page + 1] - starts[1][page])
            yield self._cases(rows, listed, has_variants)

    def _cases(self, rows: pl.DataFrame, listed: pl.DataFrame, has_variants: tuple[int, int]) -> list[Case]:
        sources = {
            (row["instance"], row["perturbation"] or ORIGINAL): row for row in listed.iter_rows(named=True)
        }
        found: dict[str, list[Mapping[str, object]]] = {}
        for row in rows.iter_rows(named=True):
            found.setdefault(row["instance"], []).append(row)
        return [_case(instance, own, has_variants, sources, self.systems) for instance, own in found.items()]


def open_browser(analysis: Analysis, scenario: str) -> Browser:
    """Put the rows of a scenario in the order of the browser, with the requests beside them."""
    part = analysis.part(scenario)
    order = place_instances(part.rows)
    requests = part.requests.select(
        "request_hash", "continuation", "completions", "logprobs", asked=pl.col("prompt")
    ).unique("request_hash", keep="first")
    rows = (
        part.rows.join(order, on="instance", how="left", maintain_order="left")
        .sort("place", maintain_order=True)
        .with_row_index("number")
        .cast({"number": pl.Int64})
        .join(requests, on="request_hash", how="left", maintain_order="left")
    )
    instances = part.instances.join(order, on="instance", maintain_order="left").sort("page")
    return Browser(
        rows=rows,
        instances=instances,
        systems=(*analysis.systems, *analysis.floor_systems),
        n_instances=len(order),
        n_pages=int(order["page"].max() or 0),  # type: ignore[arg-type]  # whole numbers
    )


def _bounds(pages: pl.Series, n_pages: int) -> list[int]:
    """Return where each page starts among sorted rows, and the end."""
    return [int(place) for place in np.searchsorted(pages.to_numpy(), np.arange(1, n_pages + 2))]


def _answer(row: Mapping[str, object], variants: tuple[int, int], *, has_prompt: bool) -> Answer:
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
        prompt=_text(row["asked"]) if has_prompt else None,
        continuation=_text(row["continuation"]),
        completions=_completions(row["completions"], row["logprobs"]),
    )


def _completions(texts: object, logprobs: object) -> tuple[Completion, ...]:
    listed = texts if isinstance(texts, list) else []
    numbers = logprobs if isinstance(logprobs, list) else []
    padded = [*numbers, *[None] * len(listed)]
    return tuple(Completion(text=str(text or ""), logprob=padded[place]) for place, text in enumerate(listed))


def _case(
    instance: str,
    rows: Sequence[Mapping[str, object]],
    variants: tuple[int, int],
    sources: Mapping[tuple[str, str], Mapping[str, object]],
    systems: Sequence[str],
) -> Case:
    source = sources.get((instance, ORIGINAL), {})
    by_input: dict[str, list[Mapping[str, object]]] = {}
    for row in rows:
        by_input.setdefault(str(row["input_name"]), []).append(row)
    names = sorted(by_input, key=lambda name: (name != ORIGINAL, name))
    return Case(
        anchor=anchor(instance),
        instance=instance,
        group=_text(rows[0]["group"]),
        split=_text(rows[0]["split"]),
        label=_text(rows[0]["label"]),
        text=_text(source.get("input")),
        options=_options(source),
        inputs=tuple(
            _input(name, by_input[name], variants, sources.get((instance, name), {}), systems)
            for name in names
        ),
    )


def _input(
    name: str,
    rows: Sequence[Mapping[str, object]],
    variants: tuple[int, int],
    source: Mapping[str, object],
    systems: Sequence[str],
) -> Input:
    prompts = {row["asked"] for row in rows if row["asked"] is not None}
    shared = next(iter(prompts)) if len(prompts) == 1 else None
    answers: dict[str, list[Answer]] = {system: [] for system in systems}
    for row in rows:
        answers[str(row["system"])].append(_answer(row, variants, has_prompt=shared is None))
    return Input(
        name=name,
        text=None if name == ORIGINAL else _text(source.get("input")),
        prompt=_text(shared),
        answers=list(answers.values()),
    )


def _options(source: Mapping[str, object]) -> tuple[Option, ...]:
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
