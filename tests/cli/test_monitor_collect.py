"""``longwave monitor collect`` and ``probe``: rounds, alarms and exit codes on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from longwave.cli._monitor_collect import describe_verdict
from longwave.monitoring import AlarmVerdict
from longwave.predictions import SCHEMA, read_predictions, write_predictions

Longwave = Callable[..., object]

FIRST, SECOND = "2026-01-01", "2026-02-01"
JOB = "models: [fake:first]\nscenarios: [openbookqa]\nmax_instances: 12\nout: all\n"


@pytest.fixture
def job(tmp_path: Path) -> Path:
    path = tmp_path / "job.yaml"
    path.write_text(JOB + "alarms:\n  - flips > 3%\n", "utf-8")
    return path


def change_answers(folder: Path, day: str) -> None:
    """Write a round of other answers, as a model that changed gives them."""
    rows = read_predictions(folder).filter(pl.col("model") == "fake:first")
    other = rows.with_columns(
        date=pl.lit(day), prediction=pl.lit("something else"), correct=pl.lit(False), score=pl.lit(0.0)
    )
    write_predictions(folder, other.select(list(SCHEMA)), run="other")


def test_two_quiet_rounds_exit_with_0(longwave: Longwave, job: Path) -> None:
    first = longwave("monitor", "collect", job, "--date", FIRST)
    assert first.code == 0
    assert "Round of 2026-01-01: 12 rows" in first.out
    assert "no earlier round to be compared with" in first.out
    second = longwave("monitor", "collect", job, "--date", SECOND)
    assert second.code == 0
    assert "quiet: flips > 3% · openbookqa@1, fake:first: 0.0 %" in second.out
    assert "steady" in second.out
    assert f"Next: longwave report {job.parent / 'all'}" in second.err


def test_an_alarm_exits_with_3(longwave: Longwave, job: Path) -> None:
    longwave("monitor", "collect", job, "--date", SECOND)
    change_answers(job.parent / "all", FIRST)
    ran = longwave("monitor", "collect", job, "--date", SECOND)
    assert ran.code == 3
    assert "ALARM: flips > 3% · openbookqa@1, fake:first: 100.0 %" in ran.out
    assert "12 of 12 rows" in ran.out
    assert "nothing was asked" in ran.err


def test_further_alarms_and_another_baseline_are_taken_from_the_command(
    longwave: Longwave, job: Path
) -> None:
    longwave("monitor", "collect", job, "--date", FIRST)
    change_answers(job.parent / "all", "2026-01-15")
    words = ("monitor", "collect", job, "--date", SECOND, "--json", "--fail-if", "overlap < 97% at 95%")
    against_previous, against_first = longwave(*words), longwave(*words, "--baseline", "first")
    assert against_previous.code == 3
    assert [one["alarm"] for one in against_previous.json["alarms"]] == ["flips > 3%", "overlap < 97% at 95%"]
    assert {one["before"] for one in against_previous.json["alarms"]} == {"2026-01-15"}
    assert against_first.json["alarms"][0]["state"] == "quiet"
    # twelve equal answers bound the overlap by 75.7 % from below: that it is under 97 % is not shown
    assert against_first.code == 0


def test_a_round_of_failures_exits_with_1(longwave: Longwave, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB.replace("fake:first", '"fake:fail-every=1"'), "utf-8")
    ran = longwave("monitor", "collect", tmp_path / "job.yaml", "--date", FIRST)
    assert ran.code == 1
    assert "12 rows, 12 failed" in ran.out


def test_rounds_can_go_elsewhere(longwave: Longwave, job: Path, tmp_path: Path) -> None:
    longwave("monitor", "collect", job, "--date", FIRST, "--out", tmp_path / "there")
    assert json.loads((tmp_path / "there" / "rounds" / f"{FIRST}.json").read_text("utf-8"))["rows"] == 12


def test_a_limit_of_money_needs_a_price(longwave: Longwave, job: Path) -> None:
    ran = longwave("monitor", "collect", job, "--date", FIRST, "--max-usd", 1)
    assert ran.code == 2
    assert "limits nothing" in ran.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--fail-if", "accuracy drop > 2%"), '"pp", the unit of "accuracy drop"'),
        (("--baseline", "yesterday"), '"baseline" is "yesterday"'),
        (("--date", "today"), '"date" is "today"'),
    ],
)
def test_wrong_words_are_refused_before_anything_is_asked(
    longwave: Longwave, job: Path, words: tuple[str, ...], says: str
) -> None:
    ran = longwave("monitor", "collect", job, *words)
    assert ran.code == 2
    assert says in ran.err
    assert not (job.parent / "all").exists()


def test_a_verdict_is_a_line() -> None:
    shared = {"alarm": "group accuracy drop > 5pp", "scenario": "s@1", "model": "m", "before": FIRST}
    raised = AlarmVerdict(
        **shared, after=SECOND, state="raised", limit=0.05, estimate=0.12, low=0.08, high=0.16, n=100,
        group="b", rows=("i1", "i2", "i3", "i4"), n_rows=9,
    )  # fmt: skip
    assert describe_verdict(raised) == (
        "ALARM: group accuracy drop > 5pp · s@1, m: 12.0 points (8.0 to 16.0) "
        '(group "b"), 9 of 100 rows, i1, i2, i3 first'
    )
    unknown = AlarmVerdict(**shared, after=SECOND, state="not judged", limit=0.05, reason="no group")
    assert describe_verdict(unknown) == "not judged: group accuracy drop > 5pp · s@1, m: no group."


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    from longwave.evaluation import evaluate

    evaluate(model="fake:random", scenarios=["boolq"], date=FIRST, out=tmp_path / "baseline")
    return tmp_path / "baseline"


def test_a_probe_tells_what_changed_from_a_few_calls(
    longwave: Longwave, baseline: Path, tmp_path: Path
) -> None:
    words = ("monitor", "probe", "--model", "fake:random", "--baseline", baseline, "--out", tmp_path / "new")
    ran = longwave(*words, "--budget", 20)
    assert ran.code == 0
    assert "20 of 59 rows asked: all 20 calls are spent." in ran.out
    assert "answers that differ: " in ran.out
    delta = longwave(*words, "--budget", 20, "--json").json["delta"]
    assert delta["low"] <= 0 <= delta["high"]
    assert f"change of accuracy: {100 * delta['estimate']:+.1f} points" in ran.out
    rows = read_predictions(tmp_path / "new")
    assert len(rows.filter(pl.col("model") == "fake:random")) == 20
    assert FIRST not in set(rows["date"])  # asked today


def test_a_probe_goes_on_with_a_larger_budget_and_prints_json(
    longwave: Longwave, baseline: Path, tmp_path: Path
) -> None:
    words = ("monitor", "probe", "--model", "fake:first", "--baseline", baseline, "--out", tmp_path / "new")
    longwave(*words, "--budget", 10)
    found = longwave(*words, "--budget", 15, "--json").json
    assert (found["n_calls"], found["n_rows"], found["n_failed"]) == (15, 59, 0)
    assert found["delta"]["estimate"] < -0.3  # "A" is never right here
    assert found["delta"]["low"] <= found["delta"]["estimate"] <= found["delta"]["high"]
    assert found["cells"]


def test_a_probe_stops_when_enough_is_known(longwave: Longwave, baseline: Path, tmp_path: Path) -> None:
    words = ("monitor", "probe", "--model", "fake:first", "--baseline", baseline, "--out", tmp_path / "new")
    ran = longwave(*words, "--budget", 59, "--stop-width", 90, "--json", "--batch", 10)
    assert ran.json["n_calls"] == 50  # never before so many
    assert "points wide" in ran.json["stopped"]


def test_a_design_that_is_not_there_is_the_users_mistake(
    longwave: Longwave, baseline: Path, tmp_path: Path
) -> None:
    words = ("monitor", "probe", "--model", "fake:first", "--baseline", baseline, "--out", tmp_path / "new")
    ran = longwave(*words, "--design", "clever")
    assert ran.code == 2
    assert "adaptive" in ran.err
