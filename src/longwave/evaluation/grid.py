"""The dense grid: every scenario by every family of metrics, what is measured, what is not, and why.

The claim of arXiv 2211.09110 is a grid without holes: 98 of the 112 core cells measured, the other 14 not
applicable, and nearly every model on nearly every scenario. This one shows the holes of one's own evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from longwave.errors import DataError, UnknownName
from longwave.evaluation._gaps import NOT_RUN, explain_gap
from longwave.evaluation.applicability import find_scenario, unmeasured_families
from longwave.evaluation.contamination import ContaminationPoint, find_contamination
from longwave.evaluation.families import FLOOR_PREFIX, headlines, summarize_families
from longwave.evaluation.tables import Tables, read_tables
from longwave.metrics import FAMILIES, Family, RuntimeProfile
from longwave.perturbations import Perturbation
from longwave.scenarios import Scenario, get_scenario, list_scenarios
from longwave.scenarios.base import Category

__all__ = ["GridCell", "GridTable", "build_grid"]

State = Literal["filled", "missing", "not applicable"]
CATEGORIES: tuple[str, ...] = get_args(Category)
MARKS = {"strong": "‡", "weak": "†"}


@dataclass(frozen=True, kw_only=True)
class GridCell:
    """One family of metrics on one scenario.

    Parameters
    ----------
    scenario, family : str
    state : {"filled", "missing", "not applicable"}
        Filled where at least one model has a value.
    filled, models : int
        Models (and versions) with a value, of how many.
    metric : str, optional
        What is shown for the family.
    value : float, optional
        Of the model, where the grid is of one.
    reasons : tuple of str
        Why models have no value, each once.
    """

    scenario: str
    family: Family
    state: State
    filled: int
    models: int
    metric: str | None = None
    value: float | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GridTable:
    """Scenarios down, families across.

    Parameters
    ----------
    models : tuple of str
        Whose rows were looked at; with the version where a model has several.
    scenarios : mapping of str to str
        The category of each scenario, those of one category together.
    cells : tuple of GridCell
        Scenario by scenario, families in their order.
    marks : mapping of str to ContaminationPoint
        The strongest evidence that a model of the grid saw a scenario, by scenario.
    """

    models: tuple[str, ...]
    scenarios: Mapping[str, str]
    cells: tuple[GridCell, ...]
    marks: Mapping[str, ContaminationPoint]

    @property
    def n_applicable(self) -> int:
        """Cells that a metric could fill."""
        return sum(cell.state != "not applicable" for cell in self.cells)

    @property
    def n_filled(self) -> int:
        """Cells with a value."""
        return sum(cell.state == "filled" for cell in self.cells)

    @property
    def share_of_applicable(self) -> float | None:
        """Filled cells over those that apply; None without any."""
        return self.n_filled / self.n_applicable if self.n_applicable else None

    @property
    def share_of_all(self) -> float | None:
        """Filled cells over all; at most 98/112 on the core scenarios of arXiv 2211.09110."""
        return self.n_filled / len(self.cells) if self.cells else None

    @property
    def share_of_models(self) -> float | None:
        """Pairs of a model and a scenario with an accuracy, over all pairs (96.0 % in arXiv 2211.09110)."""
        cells = [cell for cell in self.cells if cell.family == "accuracy"]
        pairs = sum(cell.models for cell in cells)
        return sum(cell.filled for cell in cells) / pairs if pairs else None

    @property
    def notes(self) -> tuple[str, ...]:
        """Reasons of all cells in the order in which they appear; a cell's note is its place, from 1."""
        return tuple(dict.fromkeys(reason for cell in self.cells for reason in cell.reasons))

    @property
    def heads(self) -> tuple[str, ...]:
        """Heads of the columns."""
        return ("scenario", *FAMILIES)

    def rows(self) -> list[tuple[str, ...]]:
        """Write the grid as text, one row a scenario.

        A value (or how many models of how many have one), ``n/a`` where nothing applies, and the numbers of
        the notes in brackets where something is missing. A dagger marks weak, a double one strong evidence
        of contamination.
        """
        number = {note: str(place) for place, note in enumerate(self.notes, start=1)}
        texts = [self._text(cell, number) for cell in self.cells]
        width = len(FAMILIES)
        return [
            (self._name(scenario), *texts[place * width : (place + 1) * width])
            for place, scenario in enumerate(self.scenarios)
        ]

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain values, for JSON."""
        return {
            "models": list(self.models),
            "scenarios": dict(self.scenarios),
            "filled": self.n_filled,
            "applicable": self.n_applicable,
            "all": len(self.cells),
            "share_of_applicable": self.share_of_applicable,
            "share_of_all": self.share_of_all,
            "share_of_models": self.share_of_models,
            "cells": [asdict(cell) for cell in self.cells],
            "contamination": {
                name: {"level": point.level, "description": point.description}
                for name, point in self.marks.items()
            },
        }

    def to_latex(self) -> str:
        """Write the grid as a LaTeX ``tabular`` (needs the package booktabs), its notes below."""
        body: list[str] = []
        category = ""
        for row, name in zip(self.rows(), self.scenarios.values(), strict=True):
            if name != category and len(set(self.scenarios.values())) > 1:
                body += [r"\addlinespace", rf"\multicolumn{{{len(row)}}}{{l}}{{\emph{{{name}}}}} \\"]
            category = name
            body.append(" & ".join(_escape(text) for text in row) + r" \\")
        notes = [
            rf"\par {{\footnotesize [{place}] {_escape(note)}}}"
            for place, note in enumerate(self.notes, start=1)
        ]
        return "\n".join(
            [
                rf"\begin{{tabular}}{{l{'r' * len(FAMILIES)}}}",
                r"\toprule",
                " & ".join(_escape(text) for text in self.heads) + r" \\",
                r"\midrule",
                *body,
                r"\bottomrule",
                r"\end{tabular}",
                *notes,
            ]
        )

    def _name(self, scenario: str) -> str:
        mark = self.marks.get(scenario)
        return scenario if mark is None else f"{scenario} {MARKS[mark.level]}"

    def _text(self, cell: GridCell, number: Mapping[str, str]) -> str:
        if cell.state == "not applicable":
            return "n/a"
        shown = ",".join(number[reason] for reason in cell.reasons)
        why = f"[{shown}]" if shown else ""
        if not cell.filled:
            return why
        if cell.value is not None:
            return f"{cell.value:.3g}" if not 0 < abs(cell.value) < 1e-4 else "~0"
        return f"{cell.filled}/{cell.models} {why}".strip()


def build_grid(
    source: Path | str | Tables,
    model: str | None = None,
    *,
    category: str | None = None,
    scenarios: Sequence[Scenario] = (),
    perturbations: Sequence[Perturbation] = (),
    profiles: Mapping[str, RuntimeProfile] | None = None,
    points: Sequence[ContaminationPoint] | None = None,
) -> GridTable:
    """Lay an evaluation out over every scenario and every family of metrics.

    Parameters
    ----------
    source : Path, str or Tables
        Folder of an evaluation, or its tables.
    model : str, optional
        Look at this model only; default all of the folder, floors apart.
    category : str, optional
        Only scenarios of this category, such as ``"core"``; default all that are registered here, the newest
        version of each, and those of the folder.
    scenarios, perturbations, profiles
        As in `summarize_families`.
    points : sequence of ContaminationPoint, optional
        As in `find_contamination`.

    Raises
    ------
    MissingFile, TableError
        As `read_tables`.
    DataError
        If there is no row of a model.
    UnknownName
        If the model is not in the folder, or there is no such category.
    """
    if category is not None and category not in CATEGORIES:
        raise UnknownName("category", category, CATEGORIES)
    tables = source if isinstance(source, Tables) else read_tables(source)
    systems = _systems(tables.predictions, model)
    chosen = replace(
        tables, predictions=tables.predictions.join(systems, on=["model", "version"], how="semi")
    )
    listed = _listed(chosen.predictions, category, scenarios)
    measured = summarize_families(
        replace(chosen, predictions=chosen.predictions.filter(pl.col("scenario").is_in(list(listed)))),
        scenarios=scenarios,
        perturbations=perturbations,
        profiles=profiles,
        n_resamples=2,  # spreads are not shown
        is_brief=True,
    )
    values = _by_cell(measured, ("scenario", "model", "version", "family"))
    rows = _by_cell(chosen.predictions, ("scenario", "model", "version"))
    cells = []
    for name, scenario in listed.items():
        for family in FAMILIES:
            found, gaps = [], []
            for system in systems.iter_rows():
                value = _headline(values.get((name, *system, family)), headlines(family, scenario))
                if value is not None:
                    found.append(value)
                else:
                    own = rows.get((name, *system), tables.predictions.clear())
                    gaps.append(explain_gap(family, own, chosen, perturbations=perturbations))
            cells.append(_cell(name, family, scenario, found, gaps))
    marks = {name: mark for name in listed if (mark := _mark(name, systems, points)) is not None}
    categories = {name: _category(scenario) for name, scenario in listed.items()}
    return GridTable(models=_labels(systems), scenarios=categories, cells=tuple(cells), marks=marks)


def _systems(predictions: pl.DataFrame, model: str | None) -> pl.DataFrame:
    systems = (
        predictions.filter(~pl.col("model").str.starts_with(FLOOR_PREFIX))
        .select("model", "version")
        .unique()
        .sort("model", "version")
    )
    if not len(systems):
        raise DataError(
            "There is no prediction of a model to lay out. Give the folder that longwave evaluate wrote."
        )
    if model is None:
        return systems
    found = systems.filter(pl.col("model") == model)
    if not len(found):
        raise UnknownName("model", model, systems["model"].unique())
    return found


def _labels(systems: pl.DataFrame) -> tuple[str, ...]:
    several = pl.col("version").count().over("model") > 1
    label = pl.when(several).then(pl.format("{} · {}", "model", "version")).otherwise("model")
    return tuple(systems.select(label.alias("label"))["label"])


def _listed(
    predictions: pl.DataFrame, category: str | None, own: Sequence[Scenario]
) -> dict[str, Scenario | None]:
    """List scenarios by key, those of one category together, in the order of the categories."""
    newest = {entry.name.rpartition("@")[0] for entry in list_scenarios()}
    known = [get_scenario(name) for name in sorted(newest)]
    listed: dict[str, Scenario | None] = {scenario.key: scenario for scenario in (*known, *own)}
    for name in predictions["scenario"].unique().sort():
        listed.setdefault(name, find_scenario(name, own))
    place = {name: CATEGORIES.index(_category(scenario)) for name, scenario in listed.items()}
    return {
        name: listed[name]
        for name in sorted(listed, key=lambda name: (place[name], name))
        if category in (None, _category(listed[name]))
    }


def _category(scenario: Scenario | None) -> Category:
    return "own" if scenario is None else scenario.category


def _by_cell(frame: pl.DataFrame, keys: Sequence[str]) -> dict[tuple[object, ...], pl.DataFrame]:
    return frame.partition_by(*keys, as_dict=True, include_key=True) if len(frame) else {}


def _headline(measured: pl.DataFrame | None, names: Sequence[str]) -> tuple[str, float] | None:
    """Return the first metric that stands for a family and its value; a name may be the start of one."""
    if measured is None:
        return None
    values = dict(measured.select("metric", "value").iter_rows())
    for name in names:
        metric = name if name in values else next((each for each in values if each.startswith(name)), None)
        if metric is not None:
            return metric, values[metric]
    return None


def _cell(
    name: str,
    family: Family,
    scenario: Scenario | None,
    found: Sequence[tuple[str, float]],
    gaps: Sequence[str],
) -> GridCell:
    models = len(found) + len(gaps)
    if not found and family in unmeasured_families(scenario):
        return GridCell(scenario=name, family=family, state="not applicable", filled=0, models=models)
    return GridCell(
        scenario=name,
        family=family,
        state="filled" if found else "missing",
        filled=len(found),
        models=models,
        metric=found[0][0] if found else None,
        value=found[0][1] if models == 1 and found else None,
        reasons=tuple(sorted(set(gaps), key=lambda reason: (reason != NOT_RUN, reason))),
    )


def _mark(
    scenario: str, systems: pl.DataFrame, points: Sequence[ContaminationPoint] | None
) -> ContaminationPoint | None:
    seen = [find_contamination(scenario, model, points=points) for model in systems["model"].unique().sort()]
    known = [point for point in seen if point is not None]
    return min(known, key=lambda point: point.level != "strong", default=None)


def _escape(text: str) -> str:
    special = {character: rf"\{character}" for character in "&%$#_{}"}
    special |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
    special |= {"†": r"$\dagger$", "‡": r"$\ddagger$"}
    return "".join(special.get(character, character) for character in text)
