"""The page of votes: how good prompts and what was made of their votes are, and which prompts are alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from longwave.errors import DataError
from longwave.evaluation import VoteFigures, summarize_votes
from longwave.evaluation.vote_summary import MEAN
from longwave.predictions import SCHEMA
from longwave.prompting.label_model import LabelModel
from longwave.prompting.votes import VoteMatrix, collect_votes
from longwave.report.analysis import Analysis
from longwave.report.comparisons import ALPHA
from longwave.report.formats import ABSENT, count, number, p_value
from longwave.report.links import ORIGINAL, model_page, rows_link
from longwave.report.measures import Measure
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table
from longwave.report.text import plain

__all__ = [
    "VOTES_PAGE",
    "Graph",
    "VoteSection",
    "draw_graph",
    "vote_figures",
    "votes_content",
    "votes_href",
]

Content = dict[str, object]
Edge = tuple[int, int]

VOTES_PAGE = "votes.html"
_WHO = ("scenario", "model", "version", "date")
_KINDS = {"vote": "vote", "mean": "", "aggregate": "aggregate", "own": "own prompt"}
_LABEL = 14  # characters of a name in the drawing
_FEW = 4  # prompts below which any agreement has an independent explanation


@dataclass(frozen=True, kw_only=True)
class Node:
    """A prompt in the drawing: its place, that of its name and the side on which the name ends."""

    x: str
    y: str
    text_x: str
    text_y: str
    anchor: str
    name: str
    is_dependent: bool


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Prompts on a circle, lines between dependent ones.

    Parameters
    ----------
    width, height : int
    nodes : tuple of Node
    lines : tuple of tuple of str
        ``x1, y1, x2, y2`` of each edge.
    label : str
        What the drawing shows, in words.
    """

    width: int
    height: int
    nodes: tuple[Node, ...]
    lines: tuple[tuple[str, str, str, str], ...]
    label: str


@dataclass(frozen=True, kw_only=True)
class VoteSection:
    """The votes of one model on one scenario; ``href`` and ``color`` are None for a floor."""

    system: str
    href: str | None
    color: int | None
    accuracy: Table
    differences: Table | None
    dependence: str
    graph: Graph | None
    pairs: Table | None


@dataclass(frozen=True)
class _Place:
    """Where a section stands: what its numbers are of and lead to."""

    analysis: Analysis
    scenario: str
    system: str

    def href(self, *prompts: str) -> str:
        """Link the rows of one prompt or two; of all prompts where one is their mean, which has no rows."""
        prompt, beside, *_ = (*prompts, None, None) if MEAN not in prompts else (None, None)
        slug = self.analysis.slugs[self.scenario]
        return rows_link(slug, model=self.system, input_=ORIGINAL, prompt=prompt, beside=beside)

    @property
    def measure(self) -> Measure:
        return self.analysis.measures[self.scenario]

    def cell(self, text: str, *prompts: str, below: str = "", is_best: bool = False) -> Cell:
        """Write a number that leads to the rows of its prompts; a dash leads nowhere."""
        if text == ABSENT:
            return NO_CELL
        return Cell(text=text, below=below, href=self.href(*prompts), is_best=is_best)

    def head(self, text: str, *prompts: str, below: str = "") -> Column:
        """Write the head of a row, which leads to the rows of its prompts."""
        return Column(text=text, below=below, href=self.href(*prompts))


def votes_href(analysis: Analysis, scenario: str) -> str | None:
    """Return where the votes on a scenario stand; None where there are none."""
    has_votes = scenario in set(analysis.findings.votes["scenario"])
    return f"{VOTES_PAGE}#s-{analysis.slugs[scenario]}" if has_votes else None


def vote_figures(analysis: Analysis, folder: Path) -> VoteFigures | DataError | None:
    """Summarise the votes of a folder; the error where they cannot be, None where no prompt votes."""
    if not len(analysis.findings.votes):
        return None
    try:
        return summarize_votes(folder)
    except DataError as error:
        return error


def votes_content(
    analysis: Analysis, folder: Path, *, figures: VoteFigures | DataError | None = None
) -> Content:
    """Collect what the page of votes shows.

    Parameters
    ----------
    analysis : Analysis
    folder : Path
        That of the analysis.
    figures : VoteFigures or DataError, optional
        What `vote_figures` found; computed when left out.

    Notes
    -----
    The figures are those of `longwave.evaluation.summarize_votes`. Votes that cannot be summarised are no
    error here: the page then says why.
    """
    figures = vote_figures(analysis, folder) if figures is None else figures
    if not isinstance(figures, VoteFigures):
        return {"problem": f"The votes cannot be summarised. {figures or ''}".strip(), "scenarios": []}
    found: dict[str, list[VoteSection]] = {}
    for voter in analysis.findings.votes.iter_rows(named=True):
        found.setdefault(voter["scenario"], []).append(_section(analysis, figures, voter))
    scenarios = [
        {
            "id": f"s-{analysis.slugs[name]}",
            "name": name,
            "href": f"scenarios/{analysis.slugs[name]}.html",
            "models": sections,
        }
        for name, sections in found.items()
    ]
    return {"problem": "", "scenarios": scenarios}


def _section(analysis: Analysis, figures: VoteFigures, voter: Mapping[str, Any]) -> VoteSection:
    same = [pl.col(name) == voter[name] for name in _WHO]
    place = _Place(analysis, voter["scenario"], voter["system"])
    part = analysis.part(voter["scenario"])
    votes = collect_votes(
        part.rows.select(list(SCHEMA)),
        voter["scenario"],
        voter["model"],
        instances=part.instances,
        version=voter["version"],
        date=voter["date"],
    )
    edges = _dependent(votes)
    is_ranked = voter["system"] in analysis.systems
    return VoteSection(
        system=voter["system"],
        href=model_page(analysis.model_slugs[voter["system"]]) if is_ranked else None,
        color=analysis.systems.index(voter["system"]) % 8 if is_ranked else None,
        accuracy=_accuracy_table(place, figures.accuracy.filter(same)),
        differences=_difference_table(place, figures.differences.filter(same)),
        dependence=_describe_edges(votes.prompts, edges),
        graph=draw_graph(votes.prompts, edges) if edges else None,
        pairs=_pair_table(place, figures.pairs.filter(same), votes.prompts, edges),
    )


def _dependent(votes: VoteMatrix) -> tuple[Edge, ...] | None:
    """Return the pairs of prompts that the label model takes for dependent; None for free answers."""
    if votes.kind == "answers":
        return None
    return LabelModel(n_classes=votes.n_classes, dependencies="learn").fit(votes.votes).edges_


def _accuracy_table(place: _Place, rows: pl.DataFrame) -> Table:
    measure = place.measure
    table = []
    for row in rows.iter_rows(named=True):
        name = row["prompt"]
        cells = [
            place.cell(measure.cell(row["value"]), name, below=measure.interval(row["low"], row["high"])),
            place.cell(f"{row['n']:,}", name),
            place.cell(_percent(row["abstained"]), name),
            place.cell(number(row["entropy"], 3), name),
        ]
        table.append(Row(head=place.head(name, name, below=_KINDS[row["kind"]]), cells=cells))
    n_more = max(rows["n_unlabelled"].to_list(), default=0)
    learned = f" Aggregates learned from {n_more:,} rows of the train split, too, without their labels."
    return Table(
        caption=f"{place.system} on {place.scenario}: the score of each prompt and aggregate on the original "
        "inputs, with 95 % intervals (bootstrap). A name or number leads to the rows of its prompt."
        + (learned if n_more else ""),
        corner="prompt",
        columns=[
            Column(text=measure.name, below=measure.unit, arrow=measure.arrow),
            Column(text="instances", below="with a score"),
            Column(text="abstentions", below="no answer"),
            Column(text="entropy", below="H(label | answer), nats", arrow="↓"),
        ],
        rows=table,
    )


def _difference_table(place: _Place, rows: pl.DataFrame) -> Table | None:
    """Write what each aggregate gains over what stands below it; None without aggregates."""
    write = place.measure.difference
    table = []
    for row in rows.iter_rows(named=True):
        value, low, high = (write(row[name] / 100) for name in ("difference_pp", "low_pp", "high_pp"))
        is_clear, both = row["p_holm"] < ALPHA, (row["prompt"], row["baseline"])
        cells = [
            place.cell(value, *both, below=f"{low} to {high}", is_best=is_clear),
            place.cell(f"{row['n']:,}", *both),
            place.cell(p_value(row["p_value"]), *both),
            place.cell(p_value(row["p_holm"]), *both, is_best=is_clear),
        ]
        table.append(Row(head=place.head(f"{row['prompt']} − {row['baseline']}", *both), cells=cells))
    if not table:
        return None
    return Table(
        caption=f"{place.system} on {place.scenario}: paired differences on the same instances, with 95 % "
        f"intervals (paired bootstrap). Corrected within this table; bold where p < {ALPHA:g}.",
        corner="first − second",
        columns=[
            Column(text="difference", below="points" if place.measure.is_share else "in the score’s unit"),
            Column(text="instances", below="both have a score"),
            Column(text="p", below="paired bootstrap"),
            Column(text="p, corrected", below="Holm"),
        ],
        rows=table,
    )


def _pair_table(
    place: _Place, rows: pl.DataFrame, prompts: Sequence[str], edges: Sequence[Edge] | None
) -> Table | None:
    """Write how much every two prompts agree; None for a single prompt."""
    linked = {(prompts[i], prompts[j]) for i, j in edges or ()}
    table = []
    for row in rows.iter_rows(named=True):
        both = (row["first"], row["second"])
        is_linked = both in linked
        cells = [place.cell(_percent(row[name]), *both) for name in ("agreement", "both", "error_overlap")]
        told = Cell(text="yes" if is_linked else "no", is_best=is_linked)
        cells.append(NO_CELL if edges is None else told)
        table.append(Row(head=place.head(f"{row['first']} and {row['second']}", *both), cells=cells))
    if not table:
        return None
    return Table(
        caption=f"{place.system} on {place.scenario}: every two prompts, on the original inputs. Dependent: "
        "the label model found that they agree more than the label explains.",
        corner="prompts",
        columns=[
            Column(text="agreement", below="where both vote"),
            Column(text="both vote", below="share of instances"),
            Column(text="errors shared", below="of those of either"),
            Column(text="dependent", below="given the label"),
        ],
        rows=table,
    )


def _percent(share: float | None) -> str:
    return ABSENT if share is None else f"{number(100 * share, 1)} %"


def _describe_edges(prompts: Sequence[str], edges: Sequence[Edge] | None) -> str:
    """Say which prompts depend on each other."""
    if edges is None:
        return "Answers are free here; they are counted, and nothing is known of dependence between prompts."
    n_pairs = len(prompts) * (len(prompts) - 1) // 2
    few = (
        " With fewer than four prompts only copies of one another can be told." if len(prompts) < _FEW else ""
    )
    if not edges:
        return f"The label model found no two of {count(len(prompts), 'prompt')} dependent.{few}"
    listed = "; ".join(f"{plain(prompts[i], 40)} and {plain(prompts[j], 40)}" for i, j in edges[:_LABEL])
    more = f"; and {len(edges) - _LABEL} more" if len(edges) > _LABEL else ""
    return f"The label model found {len(edges)} of {count(n_pairs, 'pair')} dependent: {listed}{more}.{few}"


def draw_graph(prompts: Sequence[str], edges: Sequence[Edge]) -> Graph:
    """Put prompts on a circle, the first at the top, and draw a line between dependent ones.

    Parameters
    ----------
    prompts : sequence of str
    edges : sequence of pairs of int
        Places in ``prompts``.
    """
    n = len(prompts)
    radius = max(70.0, 20.0 + 8.0 * n)
    names = [plain(name, _LABEL) for name in prompts]
    middle = radius + 20.0 + 7.5 * max(map(len, names), default=0)
    height = 2 * radius + 60.0
    spots = [
        (math.sin(2 * math.pi * place / n), -math.cos(2 * math.pi * place / n)) for place in range(n)
    ]  # on the unit circle
    points = [(_decimal(middle + radius * x), _decimal(height / 2 + radius * y)) for x, y in spots]
    linked = {place for edge in edges for place in edge}
    return Graph(
        width=round(2 * middle),
        height=round(height),
        nodes=tuple(_nodes(names, spots, points, linked, (middle, height / 2, radius + 14.0))),
        lines=tuple((*points[i], *points[j]) for i, j in edges),
        label=f"Drawing of {count(n, 'prompt')} on a circle with {count(len(edges), 'line')} between "
        "dependent ones; the sentence and the table beside it tell the same.",
    )


def _nodes(
    names: Sequence[str],
    spots: Sequence[tuple[float, float]],
    points: Sequence[tuple[str, str]],
    linked: set[int],
    circle: tuple[float, float, float],
) -> Iterator[Node]:
    """Yield the nodes with their names outside the circle."""
    middle_x, middle_y, radius = circle
    for place, (name, (x, y), point) in enumerate(zip(names, spots, points, strict=True)):
        yield Node(
            x=point[0],
            y=point[1],
            text_x=_decimal(middle_x + radius * x),
            text_y=_decimal(middle_y + radius * y + 4.0),  # half the height of a letter
            anchor="middle" if abs(x) < 0.2 else "start" if x > 0 else "end",
            name=name,
            is_dependent=place in linked,
        )


def _decimal(value: float) -> str:
    return f"{value:.1f}"
