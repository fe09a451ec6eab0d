"""The page of monitoring tells what changed between days, for whom, and leads to the rows."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

from longwave.monitoring import confusion_shift, load_sample, to_predictions
from longwave.monitoring.paired import share_change
from longwave.predictions import SCHEMA, write_predictions
from longwave.report import build_report
from longwave.report.analysis import Analysis, analyse
from longwave.report.measures import Measure
from longwave.report.monitoring_figures import timeline_chart
from longwave.report.monitoring_page import has_rounds, monitoring_content
from longwave.report.monitoring_series import watch, watched_scenarios
from longwave.report.monitoring_shifts import n_labels, shift_matrix, shift_table
from longwave.report.reading import read_results
from longwave.report.tables import Table

N = 60
DAYS = ("2026-01-01", "2026-02-01", "2026-03-01")


def answers(
    model: str,
    day: str,
    n_right: int,
    *,
    scenario: str = "pets@1",
    version: str = "1",
    prompt: str = "own",
    n: int = N,
    has_labels: bool = True,
    cost: float | None = None,
) -> pl.DataFrame:
    """Return rows: the first instances are right, others are taken for the next class."""
    classes = ("cat", "dog", "<b>bird</b>")
    rows = []
    for place in range(n):
        label = classes[place % 3]
        said = label if place < n_right else classes[(place + 1) % 3]
        row = dict.fromkeys(SCHEMA) | {"scenario": scenario, "instance": f"i{place:03d}", "model": model}
        row |= {"version": version, "date": day, "prompt": prompt, "trial": 0, "split": "test"}
        row |= {"prediction": said, "group": "small" if place % 2 else "large", "cost_usd": cost}
        if has_labels:
            row |= {"label": label, "correct": label == said, "score": float(label == said)}
        rows.append(row | {"confidence": 0.75, "latency_s": 0.5 + place / 100, "run": f"{model}{day}"})
    return pl.DataFrame(rows, schema=SCHEMA)


def analysis_of(folder: Path, *frames: pl.DataFrame) -> Analysis:
    for place, frame in enumerate(frames):
        write_predictions(folder, frame, run=f"run{place}")
    return analyse(read_results(folder))


@pytest.fixture(scope="module")
def primes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the worked example: two snapshots of two models on questions about primes."""
    folder = tmp_path_factory.mktemp("primes")
    to_predictions(load_sample(), folder, task="llm", dataset="prime")
    return folder


@pytest.fixture(scope="module")
def page(primes: Path) -> str:
    return (build_report(primes).parent / "monitoring.html").read_text("utf-8")


def texts(table: Table | None) -> list[tuple[str, ...]]:
    """Return heads and cells of a table."""
    assert table is not None
    return [(row.head.text, *(cell.text for cell in row.cells)) for row in table.rows]


def section(analysis: Analysis) -> dict[str, object]:
    (found,) = monitoring_content(analysis)["scenarios"]  # type: ignore[misc]  # a list of one
    return found


def test_the_worked_example_tells_the_aggregate_and_the_composites(page: str) -> None:
    assert "openai_gpt-4</b> on hapi-llm-prime@1</a> declined by 33.8 points" in page
    assert "openai_gpt-3.5</b> on hapi-llm-prime@1</a> improved by 16.2 points" in page
    assert "The whole rose (+16.2 points), but label &#34;no&#34; fell by 46.6 points (n = 500)." in page
    groups = re.findall(
        r"<th scope=\"row\">no<span class=\"below\">label</span></th><td>([^<]*)</td><td>([^<]*)<", page
    )
    assert groups[0] == ("98.4 %", "51.8 %")  # GPT-3.5 on composites


def test_the_page_is_led_to_from_every_page(primes: Path, page: str) -> None:
    assert 'aria-current="page">Monitoring</a>' in page
    index = (primes / "report" / "index.html").read_text("utf-8")
    assert '<a href="monitoring.html">Monitoring</a>' in index


def test_the_page_appears_only_with_several_days(tmp_path: Path) -> None:
    one = analysis_of(tmp_path / "one", answers("acme", DAYS[0], 40), answers("other", DAYS[0], 30))
    assert not has_rounds(one)
    page = build_report(tmp_path / "one")
    assert not (page.parent / "monitoring.html").exists()
    assert "Monitoring" not in page.read_text("utf-8")
    two = analysis_of(tmp_path / "two", answers("acme", DAYS[0], 40), answers("acme", DAYS[1], 30))
    assert has_rounds(two)


def test_floors_of_several_days_are_no_rounds(tmp_path: Path) -> None:
    frames = (answers("floor:random", day, 20) for day in DAYS)
    assert not has_rounds(analysis_of(tmp_path, *frames, answers("acme", DAYS[0], 40)))


def test_apis_of_an_archive_stand_side_by_side_without_several_days(tmp_path: Path) -> None:
    frames = [
        answers(model, DAYS[0], right, scenario="hapi-sa-imdb@1", cost=cost)
        for model, right, cost in (("google_sa", 48, 0.00025), ("amazon_sa", 30, 0.000075))
    ]
    content = monitoring_content(analysis_of(tmp_path, *frames))
    assert str(content["tally"]).startswith("The same questions to several APIs")
    (found,) = content["scenarios"]  # type: ignore[misc]  # a list of one
    assert found["table"] is None
    assert found["chart"] is None
    assert texts(found["prices"]) == [
        ("amazon_sa", "0.750", "50.0 %", "0.150"),
        ("google_sa", "2.50", "80.0 %", "0.313"),
    ]
    assert "At least one of them is right on 80.0 % of the rows" in found["agreement_text"]
    assert texts(found["agreement"])[0][:2] == ("amazon_sa and google_sa", "70.0 %")


def test_every_day_is_compared_with_the_next_by_the_paired_test(tmp_path: Path) -> None:
    frames = [answers("acme", day, right) for day, right in zip(DAYS, (54, 51, 30), strict=True)]
    found = section(analysis_of(tmp_path, *frames))
    rows = texts(found["table"])  # type: ignore[arg-type]
    assert [row[1:5] for row in rows] == [
        ("steady", "90.0 %", "85.0 %", "−5.0"),
        ("declined", "85.0 %", "50.0 %", "−35.0"),
    ]
    table = found["table"]
    assert isinstance(table, Table)
    change = table.rows[1].cells[3]
    expected = share_change(30, 21, 0, 9)
    assert change.below == f"−{-100 * expected.low:.1f} to −{-100 * expected.high:.1f}"
    assert table.rows[1].head.below == f"{DAYS[1]} → {DAYS[2]}"


def test_flips_lead_to_the_rows_that_broke(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path, answers("acme", DAYS[0], 54), answers("acme", DAYS[1], 30))
    table = section(analysis)["table"]
    assert isinstance(table, Table)
    broke = next(cell for cell in table.rows[0].cells if cell.text == "24")
    asked = parse_qs(urlsplit(str(broke.href)).query)
    assert asked == {
        "model": [f"acme · {DAYS[1]}"],
        "versus": [f"acme · {DAYS[0]}"],
        "outcome": ["wrong"],
        "input": ["original"],
    }
    assert set(asked["model"] + asked["versus"]) == set(analysis.systems)


def test_groups_and_labels_tell_who_lost(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path, answers("acme", DAYS[0], 54), answers("acme", DAYS[1], 30))
    (detail,) = section(analysis)["details"]  # type: ignore[misc]  # a list of one
    rows = {row[0]: row for row in texts(detail["groups"])}
    assert set(rows) == {"small", "large", "cat", "dog", "<b>bird</b>"}
    assert rows["small"][1:4] == ("90.0 %", "50.0 %", "−40.0")
    link = next(row for row in detail["groups"].rows if row.head.text == "small").cells[1].href
    assert parse_qs(urlsplit(link).query)["group"] == ["small"]


def test_a_step_without_any_change_is_a_sentence(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path, answers("acme", DAYS[0], 54), answers("acme", DAYS[1], 54))
    (detail,) = section(analysis)["details"]  # type: ignore[misc]  # a list of one
    assert detail["sentences"] == ["All 60 answers are the same on both days."]
    assert detail["groups"] is None
    assert detail["drift"] is None


def test_without_labels_answers_are_compared_and_no_score_is_made_up(tmp_path: Path) -> None:
    frames = [
        answers("acme", day, right, has_labels=False) for day, right in zip(DAYS[:2], (60, 45), strict=True)
    ]
    analysis = analysis_of(tmp_path, *frames)
    found = section(analysis)
    assert texts(found["table"]) == [("acme", "–", "–", "–", "–", "25.0 %", "–", "–", "60")]  # type: ignore[arg-type]
    assert found["chart"] is None
    assert "without a score" in str(monitoring_content(analysis)["tally"])
    assert "<h1>Monitoring</h1>" in (build_report(tmp_path).parent / "monitoring.html").read_text("utf-8")


def test_versions_of_one_day_are_told_apart(tmp_path: Path) -> None:
    first = answers("acme", DAYS[0], 54)
    second = [answers("acme", DAYS[1], 54, version=version) for version in ("1", "2")]
    analysis = analysis_of(tmp_path, first, second[0][:30], second[1][30:])
    watched = watch(analysis, "pets@1")
    assert [step.after for step in watched.steps] == [f"{DAYS[1]}@1"]  # the two halves share no row
    assert set(watched.systems.values()) == set(analysis.systems)


def test_of_several_prompts_the_aggregate_is_shown(tmp_path: Path) -> None:
    frames = [
        answers("acme", day, right, prompt=prompt)
        for day in DAYS[:2]
        for prompt, right in (("ama-1", 30), ("majority", 54))
    ]
    found = section(analysis_of(tmp_path, *frames))
    assert 'Several prompts were asked; shown is "majority".' in found["notes"]  # type: ignore[operator]
    assert texts(found["table"])[0][2] == "90.0 %"  # type: ignore[arg-type]


def test_rows_that_are_no_runs_are_a_notice_and_no_error(tmp_path: Path) -> None:
    frames = [answers("acme", day, 30) for day in DAYS[:2]]
    failed = [
        frame.with_columns(error=pl.lit("busy"), prediction=None, correct=None, score=None)
        for frame in frames
    ]
    found = section(analysis_of(tmp_path, *failed))
    assert "has no row of a model" in str(found["notes"])
    assert found["table"] is None
    assert "no row of a model" in (build_report(tmp_path).parent / "monitoring.html").read_text("utf-8")


def test_names_that_mean_harm_are_escaped(tmp_path: Path) -> None:
    frames = [
        answers("<script>x</script>", day, right) for day, right in zip(DAYS[:2], (54, 20), strict=True)
    ]
    analysis_of(tmp_path, *frames)
    text = (build_report(tmp_path).parent / "monitoring.html").read_text("utf-8")
    assert "<script>x" not in text
    assert "<b>bird</b>" not in text
    assert "&lt;b&gt;bird&lt;/b&gt;" in text


def test_the_same_results_give_the_same_page(primes: Path, page: str) -> None:
    assert (build_report(primes).parent / "monitoring.html").read_text("utf-8") == page


def test_every_link_of_the_page_leads_to_a_file_or_a_place(primes: Path, page: str) -> None:
    for href in re.findall(r'href="([^"]+)"', page):
        name = urlsplit(href).path
        if name and not href.startswith("data:"):
            assert (primes / "report" / name).is_file(), href
        elif urlsplit(href).fragment:
            assert f'id="{urlsplit(href).fragment}"' in page, href


def test_scenarios_of_the_page_are_those_with_several_days(tmp_path: Path) -> None:
    frames = [answers("acme", day, 30) for day in DAYS[:2]]
    analysis = analysis_of(tmp_path, *frames, answers("acme", DAYS[0], 30, scenario="plants@1"))
    assert watched_scenarios(analysis) == ["pets@1"]


def runs(before: list[str | None], after: list[str | None], truth: list[str]) -> list[pl.DataFrame]:
    rows = list(range(len(truth)))
    return [
        pl.DataFrame({"row": rows, "predicted_label": pl.Series(said, dtype=pl.String), "true_label": truth})
        for said in (before, after)
    ]


def test_a_matrix_of_shifts_adds_up_and_puts_other_answers_together() -> None:
    before, after = ["a", "b", "x", None, "a"], ["b", "b", "b", "y", "a"]
    shift = confusion_shift(*runs(before, after, ["a", "b", "b", "a", "a"]), labels=["a", "b"])
    found = shift_matrix(shift, slug="s", systems=("m · 1", "m · 2"))
    assert found.classes == ("a", "b", "(something else)", "(no answer)")
    assert [(label, n) for label, n, _ in found.rows] == [("a", "3"), ("b", "2")]
    values = [[float(cell.text.replace("−", "-") or 0) for cell in cells] for _, _, cells in found.rows]
    assert values == [[-20.0, 20.0, 20.0, -20.0], [0.0, 20.0, -20.0, 0.0]]
    assert sum(values[place][place] for place in (0, 1)) == pytest.approx(100 * shift.change)
    tones = [[cell.is_better for cell in cells] for _, _, cells in found.rows]
    assert tones[0] == [False, False, False, True]
    assert max(cell.level for _, _, cells in found.rows for cell in cells) == 10
    assert n_labels(shift) == 2


def test_the_list_of_shifts_holds_what_the_comparison_lists() -> None:
    shift = confusion_shift(*runs(["a"] * 4, ["a", "b", "b", "b"], ["a"] * 4))
    table = shift_table(shift, slug="s", systems=("m · 1", "m · 2"))
    assert texts(table)[0][:5] == ("a", "a", "4", "1", "−75.0")
    same = confusion_shift(*runs(["a"], ["a"], ["a"]))
    assert shift_table(same, slug="s", systems=("1", "2")) is None


@pytest.mark.parametrize("is_share", [True, False], ids=["share", "number"])
def test_the_timeline_draws_every_score_in_order(is_share: bool) -> None:
    points = pl.DataFrame(
        {
            "model": ["b", "a", "a"], "date": [DAYS[0], DAYS[1], DAYS[0]], "value": [0.5, 0.25, None],
            "low": [0.4, 0.2, None], "high": [0.6, 0.3, None], "n": [3, 3, 0], "href": ["x", "y", "z"],
        }
    )  # fmt: skip
    measure = Measure(name="accuracy", is_share=is_share, is_lower_better=False)
    figure, drawn = timeline_chart(points, models=["a", "b"], measure=measure)
    assert drawn["model"].to_list() == ["a", "b"]
    spec = figure.to_dict()
    assert spec["layer"][0]["encoding"]["x"]["axis"]["values"][0] == {
        "year": 2026,
        "month": 1,
        "date": 1,
        "utc": True,
    }
    assert ("domain" in spec["layer"][0]["encoding"]["y"]["scale"]) == is_share
