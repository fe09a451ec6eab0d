"""The page of votes tells what the votes tell, draws what the label model found, and cannot be harmed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.evaluation import VoteFigures, aggregate_votes, summarize_votes
from longwave.predictions import INSTANCES, SCHEMA, append_side, write_predictions
from longwave.prompting.label_model import LabelModel
from longwave.prompting.votes import collect_votes
from longwave.report import build_report
from longwave.report.analysis import Analysis, analyse
from longwave.report.formats import number, p_value
from longwave.report.leaderboard import leaderboard_table
from longwave.report.reading import read_results
from longwave.report.tables import Cell, Table
from longwave.report.votes_page import VoteSection, draw_graph, votes_content, votes_href

HARM = "<script>window.hacked = 1</script>"
Answers = Sequence[str | None]
Follow = Callable[[Analysis, str], list[dict[str, object]]]


def write_votes(
    folder: Path,
    given: Mapping[str, Answers],
    *,
    labels: Sequence[str],
    options: Sequence[str] = ("Yes", "No"),
    model: str = "reader",
    scenario: str = "boolq@1",
    perturbation: str | None = None,
) -> Path:
    """Write a table from ``{prompt: predictions}``."""
    ids = [f"i{place}" for place in range(len(labels))]
    rows = [
        {
            **{"scenario": scenario, "model": model, "version": "1", "date": "2026-07-01", "trial": 0},
            **{"instance": name, "prompt": prompt, "perturbation": perturbation},
            **{"prediction": answer, "label": label, "score": float(answer == label)},
            "correct": answer == label,
        }
        for prompt, answers in given.items()
        for name, label, answer in zip(ids, labels, answers, strict=True)
    ]
    write_predictions(folder, pl.DataFrame([{**dict.fromkeys(SCHEMA), **row} for row in rows], schema=SCHEMA))
    known = [
        {
            **{"scenario": scenario, "instance": name, "perturbation": perturbation, "input": "Is it?"},
            **{"references": list(options), "correct_references": [list(options).index(label)]},
        }
        for name, label in zip(ids, labels, strict=True)
    ]
    side = [{**dict.fromkeys(INSTANCES), **row} for row in known]
    append_side(folder, "instances", pl.DataFrame(side, schema=INSTANCES))
    return folder


def draw_answers(n: int = 300) -> tuple[list[str], dict[str, list[str | None]]]:
    """Draw votes of which the second and the third are the same, and the last one abstains at times."""
    rng = np.random.default_rng(5)
    labels = ["Yes" if right else "No" for right in rng.random(n) < 0.5]
    other = {"Yes": "No", "No": "Yes"}
    given: dict[str, list[str | None]] = {
        f"ama-{place}": [
            label if lucky else other[label]
            for label, lucky in zip(labels, rng.random(n) < skill, strict=True)
        ]
        for place, skill in enumerate((0.85, 0.65, 0.65, 0.8, 0.75), 1)
    }
    given["ama-3"] = list(given["ama-2"])
    given["ama-5"] = [None if place % 5 == 0 else answer for place, answer in enumerate(given["ama-5"])]
    return labels, given


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels, given = draw_answers()
    target = write_votes(tmp_path_factory.mktemp("votes") / "run", given, labels=labels)
    for method in ("majority", "label-model"):
        aggregate_votes(target, method=method)
    return target


@pytest.fixture(scope="module")
def figures(folder: Path) -> VoteFigures:
    return summarize_votes(folder)


@pytest.fixture(scope="module")
def section(folder: Path) -> VoteSection:
    (found,) = sections_of(folder)
    return found


def analysis_of(folder: Path) -> Analysis:
    return analyse(read_results(folder))


def sections_of(folder: Path) -> list[VoteSection]:
    scenarios = votes_content(analysis_of(folder), folder)["scenarios"]
    assert isinstance(scenarios, list)
    return [section for scenario in scenarios for section in scenario["models"]]


def texts(table: Table | None, place: int) -> dict[str, str]:
    """Return the texts of one column by the heads of the rows."""
    assert table is not None
    return {row.head.text: row.cells[place].text for row in table.rows}


def below(table: Table | None, place: int) -> dict[str, str]:
    assert table is not None
    return {row.head.text: row.cells[place].below for row in table.rows}


def percent(value: float | None) -> str:
    return "–" if value is None else f"{number(100 * value, 1)} %"


def test_accuracy_abstentions_and_entropy_are_those_of_the_summary(
    section: VoteSection, figures: VoteFigures
) -> None:
    rows = list(figures.accuracy.iter_rows(named=True))
    assert {row["prompt"] for row in rows} >= {"ama-1", "ama-5", "mean of votes", "majority", "label-model"}
    assert texts(section.accuracy, 0) == {row["prompt"]: percent(row["value"]) for row in rows}
    assert below(section.accuracy, 0) == {
        row["prompt"]: f"{number(100 * row['low'], 1)}–{number(100 * row['high'], 1)}" for row in rows
    }
    assert texts(section.accuracy, 1) == {row["prompt"]: str(row["n"]) for row in rows}
    assert texts(section.accuracy, 2) == {row["prompt"]: percent(row["abstained"]) for row in rows}
    assert texts(section.accuracy, 3) == {row["prompt"]: number(row["entropy"], 3) for row in rows}
    assert texts(section.accuracy, 2)["ama-5"] == "20.0 %"


def test_differences_are_those_of_the_summary(section: VoteSection, figures: VoteFigures) -> None:
    rows = {f"{row['prompt']} − {row['baseline']}": row for row in figures.differences.iter_rows(named=True)}
    assert "label-model − majority" in rows
    written = texts(section.differences, 0)
    assert {name: float(text.replace("−", "-")) for name, text in written.items()} == {
        name: pytest.approx(row["difference_pp"], abs=0.05001) for name, row in rows.items()
    }
    assert texts(section.differences, 2) == {name: p_value(row["p_value"]) for name, row in rows.items()}
    assert texts(section.differences, 3) == {name: p_value(row["p_holm"]) for name, row in rows.items()}


def test_pairs_are_those_of_the_summary(section: VoteSection, figures: VoteFigures) -> None:
    rows = {f"{row['first']} and {row['second']}": row for row in figures.pairs.iter_rows(named=True)}
    assert len(rows) == 10
    for place, name in enumerate(("agreement", "both", "error_overlap")):
        assert texts(section.pairs, place) == {pair: percent(row[name]) for pair, row in rows.items()}


def test_dependence_is_what_the_label_model_found(folder: Path, section: VoteSection) -> None:
    frames = read_results(folder).source.part("boolq@1")
    votes = collect_votes(frames.rows, "boolq@1", "reader", instances=frames.instances)
    edges = LabelModel(n_classes=2).fit(votes.votes).edges_
    assert (1, 2) in edges
    dependent = {name for name, text in texts(section.pairs, 3).items() if text == "yes"}
    assert dependent == {f"{votes.prompts[i]} and {votes.prompts[j]}" for i, j in edges}
    assert section.graph is not None
    assert len(section.graph.lines) == len(edges)
    assert "ama-2 and ama-3" in section.dependence


def test_numbers_and_heads_lead_to_the_rows_of_their_prompts(
    folder: Path, section: VoteSection, follow: Follow
) -> None:
    analysis = analysis_of(folder)
    tables = [section.accuracy, section.differences, section.pairs]
    for row in (row for table in tables if table for row in table.rows):
        numbers: list[Cell] = [cell for cell in row.cells if any(map(str.isdigit, cell.text))]
        assert {cell.href for cell in numbers} == {row.head.href}
        assert {cell.href for cell in row.cells if cell not in numbers} <= {None}
        named = re.split(" − | and ", row.head.text)
        shown = {found["prompt"] for found in follow(analysis, str(row.head.href))}
        assert shown == set(named) or ("mean of votes" in named and len(shown) == 7)


def test_a_prompts_score_is_the_mean_of_the_rows_it_leads_to(
    folder: Path, section: VoteSection, follow: Follow
) -> None:
    row = next(row for row in section.accuracy.rows if row.head.text == "ama-4")
    scores = [found["score"] for found in follow(analysis_of(folder), str(row.head.href))]
    assert row.cells[0].text == percent(float(np.mean(scores)))
    assert row.cells[1].text == str(len(scores))


class Drawing(HTMLParser):
    """Collects the elements of the drawings on a page, and every link and id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_edges_are_drawn_between_the_places_of_their_prompts(folder: Path, tmp_path: Path) -> None:
    page = build_report(folder, tmp_path).parent / "votes.html"
    drawing = Drawing(page.read_text("utf-8"))
    (svg,) = drawing.all("svg")
    assert svg["role"] == "img"
    assert svg["aria-label"]
    spots = [(circle["cx"], circle["cy"]) for circle in drawing.all("circle")]
    assert len(set(spots)) == 5
    lines = [((line["x1"], line["y1"]), (line["x2"], line["y2"])) for line in drawing.all("line")]
    assert (spots[1], spots[2]) in lines
    assert all("style" not in attributes for _, attributes in drawing.found)  # the page's policy forbids it


def test_the_page_is_linked_and_its_links_hold(folder: Path, tmp_path: Path) -> None:
    root = build_report(folder, tmp_path).parent
    assert 'href="votes.html"' in re.sub("<nav.*?</nav>", "", (root / "index.html").read_text(), flags=re.S)
    assert 'href="../votes.html#s-boolq-1"' in (root / "scenarios" / "boolq-1.html").read_text()
    page = Drawing((root / "votes.html").read_text("utf-8"))
    ids = [one["id"] for _, one in page.found if "id" in one]
    assert len(ids) == len(set(ids))
    assert "s-boolq-1" in ids
    for link in page.all("a"):
        path, _, place = str(link["href"]).partition("?")[0].partition("#")
        assert not path or (root / path).is_file()
        assert not place or place in ids


@pytest.mark.parametrize("n", [1, 2, 5, 12, 40])
def test_a_drawing_stays_inside_its_frame(n: int) -> None:
    graph = draw_graph([f"ama-{place}" for place in range(n)], [(0, n - 1)] if n > 1 else [])
    assert len({(node.x, node.y) for node in graph.nodes}) == n
    for node in graph.nodes:
        room = {"start": (0, 7.5), "end": (7.5, 0), "middle": (3.75, 3.75)}[node.anchor]
        assert float(node.text_x) - room[0] * len(node.name) >= 0
        assert float(node.text_x) + room[1] * len(node.name) <= graph.width
        assert 10 <= float(node.text_y) <= graph.height - 4


def test_without_votes_there_is_no_page(tmp_path: Path) -> None:
    write_votes(tmp_path, {"plain": ["Yes", "No"], "majority": ["No", "No"]}, labels=["Yes", "No"])
    root = build_report(tmp_path, tmp_path / "out").parent
    assert not (root / "votes.html").exists()
    assert "votes.html" not in (root / "index.html").read_text("utf-8")
    assert "votes.html" not in (root / "scenarios" / "boolq-1.html").read_text("utf-8")
    assert votes_href(analysis_of(tmp_path), "boolq@1") is None


def test_hostile_names_are_shown_and_not_run(tmp_path: Path) -> None:
    labels, given = draw_answers(40)
    names = [f"ama-{HARM}", 'ama-" onload="x', "ama-\u202egnp", "ama-</svg>", "ama-{{ 7 * 7 }}"]
    hostile = dict(zip(names, given.values(), strict=True))
    write_votes(tmp_path, hostile, labels=labels, model=HARM, scenario=f"{HARM}@1")
    page = (build_report(tmp_path, tmp_path / "out").parent / "votes.html").read_text("utf-8")
    assert "<script>window" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    assert page.count("<svg") == page.count("</svg>") == 1
    assert "{{ 7 * 7 }}" in page
    assert not [tag for tag, attributes in Drawing(page).found if "onload" in attributes]


def test_votes_without_aggregates_have_a_page_that_says_so(tmp_path: Path) -> None:
    labels, given = draw_answers(20)
    write_votes(tmp_path, given, labels=labels)
    (found,) = sections_of(tmp_path)
    assert found.differences is None
    page = build_report(tmp_path, tmp_path / "out").parent / "votes.html"
    assert "There is no aggregate of these votes yet" in page.read_text("utf-8")


def test_free_answers_have_no_graph(tmp_path: Path) -> None:
    given = {"ama-1": ["Paris", "Rome"], "ama-2": ["Paris", None]}
    write_votes(tmp_path, given, labels=["Paris", "Paris"], options=["Paris"])
    (found,) = sections_of(tmp_path)
    assert found.graph is None
    assert "Answers are free" in found.dependence
    assert texts(found.pairs, 3) == {"ama-1 and ama-2": "–"}


def test_a_single_prompt_on_a_single_instance_has_neither_pairs_nor_graph(tmp_path: Path) -> None:
    write_votes(tmp_path, {"ama-1": ["Yes"]}, labels=["Yes"])
    (found,) = sections_of(tmp_path)
    assert found.pairs is None
    assert found.graph is None
    assert texts(found.accuracy, 0)["ama-1"] == "100.0 %"


def test_with_fewer_than_four_prompts_it_says_how_little_can_be_found(tmp_path: Path) -> None:
    given = {"ama-1": ["Yes", "No"], "ama-2": ["Yes", "Yes"]}
    write_votes(tmp_path, given, labels=["Yes", "No"])
    (found,) = sections_of(tmp_path)
    assert found.dependence.endswith("With fewer than four prompts only copies of one another can be told.")


def test_every_model_and_scenario_has_a_section_and_floors_no_page(tmp_path: Path) -> None:
    labels, given = draw_answers(12)
    for name in ("a", "b", "floor:random"):
        write_votes(tmp_path, given, labels=labels, model=name)
    write_votes(tmp_path, given, labels=labels, model="b", scenario="mine@1")
    found = sections_of(tmp_path)
    assert [section.system for section in found] == ["a", "b", "floor:random", "b"]
    assert [section.href is None for section in found] == [False, False, True, False]
    assert [section.color for section in found] == [0, 1, None, 1]


def test_votes_that_cannot_be_summarised_are_told_and_the_report_is_built(tmp_path: Path) -> None:
    labels, given = draw_answers(6)
    write_votes(tmp_path, given, labels=labels, model="a")
    write_votes(tmp_path, given, labels=labels, model="b", perturbation="typos")
    page = build_report(tmp_path, tmp_path / "out").parent / "votes.html"
    assert "The votes cannot be summarised. There are no votes of &#34;b&#34;" in page.read_text("utf-8")


def test_unlabelled_train_rows_are_told_and_count_nowhere(folder: Path, tmp_path: Path) -> None:
    labels, given = draw_answers()
    write_votes(tmp_path, given, labels=labels)
    for method in ("majority", "label-model"):
        aggregate_votes(tmp_path, method=method)
    (before,) = sections_of(tmp_path)
    shared = {"scenario": "boolq@1", "model": "reader", "version": "1", "date": "2026-07-01", "trial": 0}
    rows = [
        {**shared, "instance": f"t{n}", "prompt": prompt, "prediction": "Yes", "split": "train"}
        for prompt in given
        for n in range(7)
    ]
    write_predictions(tmp_path, pl.DataFrame(rows, schema=SCHEMA))
    answers = {"references": ["Yes", "No"], "correct_references": [], "split": "train"}
    known = [{"scenario": "boolq@1", "instance": f"t{n}", **answers} for n in range(7)]
    append_side(tmp_path, "instances", pl.DataFrame(known, schema=INSTANCES))
    (after,) = sections_of(tmp_path)
    assert after.accuracy.rows == before.accuracy.rows
    assert after.differences == before.differences
    assert "learned from 7 rows of the train split, too" in after.accuracy.caption
    assert "train split" not in before.accuracy.caption
    analysis = analysis_of(tmp_path)
    assert leaderboard_table(analysis) == leaderboard_table(analysis_of(folder))
