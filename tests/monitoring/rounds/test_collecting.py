"""Rounds: asked anew every day and once a day, resumed after a kill, compared and judged."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import polars as pl
import pytest

from longwave.clients import Completion, FakeClient, Request
from longwave.errors import ClientError, ConfigError, DataError
from longwave.evaluation import Own, Progress
from longwave.monitoring import (
    CollectConfig,
    Round,
    RoundRules,
    collect,
    judge_round,
    parse_alarm,
    read_collect_config,
)
from longwave.monitoring.comparison.two_runs import compare
from longwave.monitoring.rounds.free_answers import fold_free_answers
from longwave.predictions import SCHEMA, read_predictions, write_predictions

FIRST, SECOND = "2026-01-01", "2026-02-01"


def luck(text: str) -> float:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 16**8


class Model(FakeClient):
    """Says yes to a share of the questions, always the same ones; counts what it is asked, and may fail."""

    def __init__(self, share: float, *, failing: float = 0.0) -> None:
        self.asked: list[str] = []
        self.share, self.failing = share, failing
        super().__init__(self.reply, name="acme")

    def reply(self, request: Request) -> Completion:
        self.asked.append(request.prompt)
        if luck(request.prompt + "failing") < self.failing:
            raise ClientError("The service is busy.")
        return Completion(text=" Yes" if luck(request.prompt) < self.share else " No", logprob=-0.2)


def ask(out: Path, day: str, model: Model, **settings: object) -> Round:
    options: dict[str, object] = {"models": ("acme",), "scenarios": ("boolq",), "max_instances": 30}
    options |= {"out": str(out), "date": day, **settings}
    config = CollectConfig(**options)  # type: ignore[arg-type]
    return collect(config, own=Own(clients={"acme": model}))


def test_another_day_asks_anew_and_the_same_day_asks_nothing_twice(tmp_path: Path) -> None:
    first, again, second = Model(1.0), Model(0.0), Model(0.0)
    ask(tmp_path, FIRST, first)
    ask(tmp_path, FIRST, again)
    ask(tmp_path, SECOND, second)
    assert first.asked
    assert again.asked == []
    assert sorted(second.asked) == sorted(first.asked)  # no answer of the first day is taken for today's
    rows = read_predictions(tmp_path)
    said = dict(rows.group_by("date").agg(pl.col("prediction").unique()).iter_rows())
    assert said == {FIRST: ["Yes"], SECOND: ["No"]}


def test_a_round_is_compared_with_the_one_before(tmp_path: Path) -> None:
    ask(tmp_path, FIRST, Model(1.0))
    found = ask(tmp_path, SECOND, Model(0.0), alarms=("flips > 50% at 95%", "accuracy drop > 2pp"))
    rows = read_predictions(tmp_path).filter(pl.col("model") == "acme")
    means = dict(rows.group_by("date").agg(pl.col("correct").mean()).iter_rows())
    (change,) = found.changes.to_dicts()
    assert (change["before"], change["after"], change["n"]) == (FIRST, SECOND, 30)
    assert change["change"] == pytest.approx(means[SECOND] - means[FIRST])
    assert change["overlap"] == 0
    assert change["p_adjusted"] == change["p_value"]  # one series
    flips, drop = found.verdicts
    assert (flips.state, flips.estimate, flips.n_rows) == ("raised", 1.0, 30)
    assert set(flips.rows) == set(rows["instance"])
    assert drop.estimate == pytest.approx(-change["change"])
    assert found.state == "alarm"


def test_what_was_found_lies_beside_the_tables(tmp_path: Path) -> None:
    ask(tmp_path, FIRST, Model(1.0))
    found = ask(tmp_path, SECOND, Model(0.5), alarms=("flips > 3%",))
    written = json.loads((tmp_path / "rounds" / f"{SECOND}.json").read_text("utf-8"))
    assert written["state"] == found.state == "alarm"
    assert written["alarms"][0]["estimate"] == found.verdicts[0].estimate
    assert written["changes"][0]["model"] == "acme"
    assert (tmp_path / "rounds" / f"{FIRST}.json").is_file()


def test_a_first_round_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    found = ask(tmp_path, FIRST, Model(1.0), alarms=("flips > 3%",))
    assert found.verdicts == ()
    assert found.notes == ("acme on boolq@1 has no earlier round to be compared with.",)
    assert found.state == "fine"


@pytest.mark.parametrize(
    ("baseline", "chosen"), [("previous", SECOND), ("first", FIRST), (FIRST, FIRST), (SECOND, SECOND)]
)
def test_the_baseline_can_be_chosen(tmp_path: Path, baseline: str, chosen: str) -> None:
    ask(tmp_path, FIRST, Model(1.0))
    ask(tmp_path, SECOND, Model(0.5))
    found = ask(tmp_path, "2026-03-01", Model(0.0), baseline=baseline)
    assert found.changes["before"].to_list() == [chosen]


def test_a_round_is_never_compared_with_a_later_one(tmp_path: Path) -> None:
    ask(tmp_path, SECOND, Model(1.0))
    assert len(ask(tmp_path, FIRST, Model(0.5)).changes) == 0


def test_a_baseline_that_is_not_there_is_refused(tmp_path: Path) -> None:
    ask(tmp_path, FIRST, Model(1.0))
    with pytest.raises(DataError, match="no round of 2025-12-01 to compare with; there are 2026-01-01"):
        judge_round(tmp_path, FIRST, RoundRules(baseline="2025-12-01"))


def test_a_day_that_is_not_there_is_refused(tmp_path: Path) -> None:
    ask(tmp_path, FIRST, Model(1.0))
    with pytest.raises(DataError, match=r"has no round of 2026-02-01; it has 2026-01-01\."):
        judge_round(tmp_path, SECOND)


def test_a_partial_round_is_judged_on_common_rows_and_says_so(tmp_path: Path) -> None:
    ask(tmp_path, FIRST, Model(1.0))
    found = ask(tmp_path, SECOND, Model(1.0, failing=0.3), alarms=("flips > 3%",))
    assert 0 < found.n_failed < 15
    assert found.changes["n"].to_list() == [30 - found.n_failed]
    assert found.verdicts[0].n == 30 - found.n_failed
    assert any("a partial round" in note for note in found.notes)
    assert found.state == "fine"


def test_a_round_with_too_few_rows_is_refused_and_not_judged(tmp_path: Path) -> None:
    ask(tmp_path, FIRST, Model(1.0))
    found = ask(tmp_path, SECOND, Model(0.0, failing=0.7), alarms=("flips > 3%",))
    assert found.is_refused
    assert found.state == "failed"
    assert found.verdicts[0].state == "not judged"
    assert "of the rows, fewer than 50%" in found.verdicts[0].reason
    assert any("Collect it again with --date 2026-02-01" in note for note in found.notes)


def test_failed_requests_of_the_day_are_asked_again_and_those_of_other_days_stay(tmp_path: Path) -> None:
    ask(tmp_path, FIRST, Model(1.0, failing=0.3))
    ask(tmp_path, SECOND, Model(1.0, failing=0.7))
    mended = Model(1.0)
    found = ask(tmp_path, SECOND, mended)
    assert found.n_failed == 0
    assert 10 < len(mended.asked) < 30
    failed = read_predictions(tmp_path).filter(pl.col("error").is_not_null())
    assert set(failed["date"]) == {FIRST}


def test_a_round_of_failures_alone_failed(tmp_path: Path) -> None:
    found = ask(tmp_path, FIRST, Model(1.0, failing=1.1), alarms=("flips > 3%",))
    assert (found.n_rows, found.n_failed, found.state) == (30, 30, "failed")


def test_a_model_or_scenario_can_be_added_later(tmp_path: Path) -> None:
    ask(tmp_path, FIRST, Model(1.0))
    found = ask(tmp_path, SECOND, Model(1.0), scenarios=("boolq", "blimp"))
    assert found.changes["scenario"].to_list() == ["boolq@1"]
    assert "acme on blimp@1 has no earlier round to be compared with." in found.notes


def test_votes_are_aggregated_and_the_aggregate_is_watched(tmp_path: Path) -> None:
    options = {"prompting": "ama", "votes": 3, "max_instances": 6, "alarms": ("flips > 3%",)}
    ask(tmp_path, FIRST, Model(1.0), **options)
    found = ask(tmp_path, SECOND, Model(0.0), **options)
    assert found.verdicts[0].n == 6
    rows = read_predictions(tmp_path).filter(pl.col("prompt") == "majority")
    assert sorted(rows["date"].unique()) == [FIRST, SECOND]


def test_rows_of_an_earlier_prompt_do_not_disturb(tmp_path: Path) -> None:
    ask(tmp_path, FIRST, Model(1.0), shots=0)
    found = ask(tmp_path, SECOND, Model(1.0))
    assert len(found.changes) == 0
    assert "no earlier round" in found.notes[-1]


def test_today_is_the_day_where_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime.date):
        @classmethod
        def today(cls) -> Clock:
            return cls(2026, 5, 4)

    monkeypatch.setattr(datetime, "date", Clock)
    model = Model(1.0)
    config = CollectConfig(models=("acme",), scenarios=("boolq",), max_instances=2, out=str(tmp_path))
    assert collect(config, own=Own(clients={"acme": model})).date == "2026-05-04"


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[Progress] = []
    config = CollectConfig(models=("fake:first",), scenarios=("boolq",), max_instances=3, out=str(tmp_path))
    collect(config, on_progress=told.append)
    assert told[-1].done == told[-1].total == 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"alarms": ("flips > 3",)}, "it ends"),
        ({"models": ("replay:old",)}, "a round of them says nothing about its day"),
        ({"models": ()}, '"models" is empty'),
        ({"scenarios": ()}, "nothing to evaluate"),
        ({"aggregate": "mean"}, '"aggregate" is "mean"; accepted are majority'),
        ({"baseline": "last"}, '"baseline" is "last"; accepted are previous, first'),
        ({"baseline": "2026-02-30"}, "accepted are previous, first, and a day"),
        ({"min_share": 0.0}, '"min_share" is 0.0'),
        ({"min_share": 1.5}, '"min_share" is 1.5'),
        ({"max_usd": -1.0}, '"max_usd" is -1.0'),
        ({"date": "1 May"}, '"date" is "1 May"'),
    ],
)
def test_a_wrong_job_is_refused_before_anything_is_asked(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CollectConfig(**{"models": ("fake:first",), "scenarios": ("boolq",), **settings})  # type: ignore[arg-type]
    assert says in str(caught.value)


def test_a_job_is_read_from_a_file_and_its_paths_start_there(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(
        "models: [fake:first]\nscenarios: [boolq, own.yaml]\nsuite: mine.yaml\nout: all\n"
        "alarms:\n  - flips > 3%\n",
        "utf-8",
    )
    config = read_collect_config(tmp_path / "job.yaml")
    assert config.out == str(tmp_path / "all")
    assert config.suite == str(tmp_path / "mine.yaml")
    assert config.scenarios == ("boolq", str(tmp_path / "own.yaml"))
    assert config.prompting == "own"
    assert config.rules.alarms == (parse_alarm("flips > 3%"),)


def test_an_unknown_key_of_a_job_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("models: [fake:first]\nscenarios: [boolq]\nalarm: [x]\n", "utf-8")
    with pytest.raises(ConfigError, match=r"alarm") as caught:
        read_collect_config(tmp_path / "job.yaml")
    assert "line 3" in str(caught.value)


def runs(said: list[list[str | None]], scores: list[list[float]]) -> list[pl.DataFrame]:
    n = len(said[0])
    return [
        pl.DataFrame(
            {
                "row": range(n),
                "predicted_label": pl.Series(answers, dtype=pl.String),
                "true_label": [f"t{row}" for row in range(n)],
                "score": score,
            }
        )
        for answers, score in zip(said, scores, strict=True)
    ]


def test_free_answers_are_folded_without_changing_what_is_counted() -> None:
    said: list[list[str | None]] = [["a", "b", "c", None, "e"], ["a", "x", None, None, "f"]]
    scores = [[1.0, 1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 1.0]]
    whole = compare(*runs(said, scores))
    folded = compare(*fold_free_answers(*runs(said, scores), most=3))
    assert folded.overlap == whole.overlap
    assert folded.flips == whole.flips
    assert folded.change == whole.change
    assert (folded.no_answer_before, folded.no_answer_after) == (
        whole.no_answer_before,
        whole.no_answer_after,
    )
    assert folded.shift is None
    assert whole.shift is not None


def test_few_labels_and_tags_stay_as_they_are() -> None:
    first, second = runs([["a", "b"], ["a", "a"]], [[1.0, 0.0], [1.0, 0.0]])
    assert fold_free_answers(first, second)[1] is second
    tags = pl.DataFrame({"row": [0], "predicted_label": [["a"]]})
    assert fold_free_answers(tags, tags, most=0)[0] is tags


def test_two_versions_of_one_day_are_compared_each(tmp_path: Path) -> None:
    def rows(day: str, version: str, places: range) -> pl.DataFrame:
        listed = [
            dict.fromkeys(SCHEMA)
            | {
                "scenario": "s@1", "instance": f"i{place}", "model": "acme", "version": version, "date": day,
                "prompt": "p", "trial": 0, "prediction": "a", "label": "a", "correct": True, "score": 1.0,
                "run": day,
            }
            for place in places
        ]  # fmt: skip
        return pl.DataFrame(listed, schema=SCHEMA)

    for part in (rows(FIRST, "1", range(8)), rows(SECOND, "1", range(5)), rows(SECOND, "2", range(5, 8))):
        write_predictions(tmp_path, part, run=f"{part['date'][0]}-{part['version'][0]}")
    found = judge_round(tmp_path, SECOND, RoundRules(min_share=0.3))
    assert found.changes.select("after", "n").rows() == [(f"{SECOND}@1", 5), (f"{SECOND}@2", 3)]


RUN = """
    import sys, time
    from pathlib import Path
    from longwave.clients import Completion, FakeClient
    from longwave.evaluation import Own, writer
    from longwave.monitoring import CollectConfig, collect

    writer.FLUSH_ROWS = 7
    day, log, out = sys.argv[1:]

    def rule(request):
        with Path(log).open("a") as file:
            file.write(request.hash("slow", "1") + "\\n")
        time.sleep(0.004)
        return Completion(text=" Yes" if (len(request.prompt) + int(day[6])) % 3 else " No", logprob=-0.5)

    config = CollectConfig(
        models=("slow",), scenarios=("boolq", "blimp"), max_instances=50, date=day, out=out,
        alarms=("flips > 3%",),
    )
    print("start", flush=True)
    collect(config, own=Own(clients={"slow": FakeClient(rule, name="slow")}))
"""


def start(day: str, log: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RUN), day, log, out],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


def contents(folder: Path) -> dict[str, bytes]:
    files = [*folder.glob("*/*.parquet"), *folder.glob("rounds/*.json")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(files)}


@pytest.mark.slow
def test_a_round_killed_in_the_middle_ends_in_the_same_bytes(tmp_path: Path) -> None:
    for day in (FIRST, SECOND):
        with start(day, tmp_path / "whole.log", tmp_path / "whole") as process:
            process.communicate()
        assert process.returncode == 0
    with start(FIRST, tmp_path / "cut.log", tmp_path / "cut") as process:
        process.communicate()
    before = (tmp_path / "cut.log").read_text().count("\n")
    with start(SECOND, tmp_path / "cut.log", tmp_path / "cut") as process:
        deadline = time.monotonic() + 60
        while (tmp_path / "cut.log").read_text().count("\n") < before + 40 and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    asked = (tmp_path / "cut.log").read_text().count("\n") - before
    assert 40 <= asked < before  # in the middle of the second round
    with start(SECOND, tmp_path / "cut.log", tmp_path / "cut") as process:
        process.communicate()
    assert process.returncode == 0
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
