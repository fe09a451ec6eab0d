from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO

import polars as pl
import pytest

from longwave.cli._evaluate import describe_progress, describe_score
from longwave.evaluation import Progress
from longwave.predictions import KEY, read_predictions

Longwave = Callable[..., object]

FIRST = ("--model", "fake:first", "--scenario", "blimp", "--max-instances", 4)
LATENCY = ("latency_s", "run")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results"


def _cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_scores_go_to_stdout_as_a_table(longwave: Longwave, out: Path) -> None:
    ran = longwave("evaluate", *FIRST, "--out", out)
    assert _cells(ran.out)[:2] == [
        ["scenario", "model", "perturbation", "metric", "mean ± standard error", "n"],
        ["blimp@1", "fake:first", "-", "exact match ↑", "0.500 ± 0.000", "4"],
    ]


def test_progress_and_the_next_step_go_to_stderr(longwave: Longwave, out: Path) -> None:
    err = longwave("evaluate", *FIRST, "--out", out).err
    assert ("evaluate 4/4  fake:first on blimp@1" in err, f"longwave report {out}" in err) == (True, True)


def test_a_trained_model_is_evaluated(longwave: Longwave, trained: Path, out: Path) -> None:
    words = ("--model", f"checkpoint:{trained}", "--scenario", "books", "--max-instances", 2)
    rows = longwave("evaluate", *words, "--out", out, "--json").json
    assert [(row["model"], row["n"]) for row in rows] == [("floor:random", 2), ("hyena", 2)]


def test_json_is_one_document_and_progress_apart(longwave: Longwave, out: Path) -> None:
    ran = longwave("evaluate", *FIRST, "--out", out, "--json")
    assert ([row["scenario"] for row in ran.json], "4/4" in ran.err) == (["blimp@1"] * 3, True)


def test_quiet_prints_the_table_only(longwave: Longwave, out: Path) -> None:
    ran = longwave("--quiet", "evaluate", *FIRST, "--out", out)
    assert (ran.err, ran.out.count("\n")) == ("", 4)


def test_bits_per_byte_are_labelled_as_what_they_are(longwave: Longwave, out: Path) -> None:
    words = ("--model", "fake:uniform", "--scenario", "books", "--max-instances", 2)
    metrics = {row[3] for row in _cells(longwave("evaluate", *words, "--out", out).out)[1:]}
    assert metrics == {"bits per byte ↓"}


def test_a_second_call_says_that_nothing_was_asked(longwave: Longwave, out: Path) -> None:
    longwave("evaluate", *FIRST, "--out", out)
    assert "Every row was there before" in longwave("evaluate", *FIRST, "--out", out).err


def test_a_first_call_does_not_say_so(longwave: Longwave, out: Path) -> None:
    assert "there before" not in longwave("evaluate", *FIRST, "--out", out).err


def test_a_suite_is_a_list_of_scenarios(longwave: Longwave, out: Path) -> None:
    words = ("--model", "fake:first", "--suite", "quickstart", "--max-instances", 1)
    rows = longwave("evaluate", *words, "--out", out, "--json").json
    assert {row["scenario"] for row in rows} == {
        "blimp@1",
        "books@1",
        "boolq@1",
        "openbookqa@1",
        "truthful_qa@1",
    }


def test_perturbed_rows_are_averaged_apart(longwave: Longwave, out: Path) -> None:
    words = ("--model", "fake:first", "--scenario", "openbookqa", "--max-instances", 2)
    rows = longwave("evaluate", *words, "--perturbation", "typos", "--out", out, "--json").json
    assert {row["perturbation"] for row in rows if row["model"] == "fake:first"} == {None, "typos"}


def test_the_date_is_written_into_the_rows(longwave: Longwave, out: Path) -> None:
    longwave("evaluate", *FIRST, "--date", "2020-02-29", "--out", out)
    assert set(read_predictions(out)["date"]) == {"2020-02-29"}


def test_rows_of_two_dates_are_averaged_apart(longwave: Longwave, out: Path) -> None:
    longwave("evaluate", *FIRST, "--date", "2020-02-29", "--out", out)
    table = _cells(longwave("evaluate", *FIRST, "--date", "2021-03-01", "--out", out).out)
    assert [row[2] for row in table[:3]] == ["date", "2020-02-29", "2021-03-01"]


def test_shots_limit_the_examples(longwave: Longwave, out: Path) -> None:
    words = ("--model", "fake:first", "--scenario", "boolq", "--max-instances", 1, "--shots", 2)
    longwave("evaluate", *words, "--out", out)
    prompts = pl.read_parquet(out / "requests" / "*.parquet")["prompt"]
    assert prompts[0].count("\nAnswer:") == 3


def test_failures_are_counted_and_one_is_told(longwave: Longwave, out: Path) -> None:
    words = ("--model", "fake:fail-every=2", "--scenario", "boolq", "--max-instances", 5)
    ran = longwave("evaluate", *words, "--out", out)
    assert (ran.code, "2 of 5 rows have an error; the commonest: " in ran.err) == (0, True)


def test_a_run_without_a_single_answer_has_failed(longwave: Longwave, out: Path) -> None:
    ran = longwave("evaluate", "--model", "fake:fail-every=1", *FIRST[2:], "--out", out)
    assert (ran.code, "ClientError: 4 of 4 rows have an error" in ran.err) == (1, True)


def test_progress_tells_rate_cache_and_cost() -> None:
    progress = Progress(
        stage="evaluate", done=5, total=15, text="m on s", remaining_s=4.0, n_cached=2, cost_usd=0.126
    )
    assert describe_progress(progress) == "m on s  2.5 rows/s  2 from the cache  0.13 USD"


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [(None, None, "no score"), (0.5, None, "0.500"), (0.5, 0.25, "0.500 ± 0.250")],
    ids=["none", "one-row", "several"],
)
def test_a_score_is_written_with_what_there_is(value: float, stderr: float, text: str) -> None:
    assert describe_score(value, stderr) == text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["--scenario", "boolqq"], '"boolq@1"', id="scenario-typo"),
        pytest.param(["--suite", "nope"], "nope", id="suite"),
        pytest.param([], "nothing to evaluate", id="nothing"),
        pytest.param(["--scenario", "blimp", "--model", "nope"], '"nope" does not name a model', id="spec"),
        pytest.param(["--scenario", "blimp", "--model", "chekpoint:x"], '"checkpoint"', id="kind-typo"),
        pytest.param(["--scenario", "blimp", "--model", "fake:nope"], 'fake model "nope"', id="rule"),
        pytest.param(["--scenario", "blimp", "--model", "checkpoint:no"], "No trained model in", id="folder"),
        pytest.param(["--scenario", "blimp", "--perturbation", "typoz"], '"typos"', id="perturbation"),
        pytest.param(["--scenario", "blimp", "--date", "today"], '"date" is "today"', id="date"),
        pytest.param(["--scenario", "blimp", "--seed", "-1"], '"seed" is -1', id="seed"),
        pytest.param(["--scenario", "blimp", "--trials", "0"], "--trials", id="trials"),
        pytest.param(["--scenario", "no.yaml"], "no.yaml", id="missing-file"),
    ],
)
def test_a_mistake_exits_2_with_one_line(
    words: list[str], message: str, longwave: Longwave, out: Path
) -> None:
    ran = longwave("evaluate", "--model", "fake:first", *words, "--out", out)
    assert (ran.code, ran.out, ran.err.count("\n"), message in ran.err) == (2, "", 1, True)


def test_a_mistake_leaves_no_folder(longwave: Longwave, out: Path) -> None:
    longwave("evaluate", "--model", "fake:first", "--scenario", "nope", "--out", out)
    assert not out.exists()


def test_a_damaged_model_exits_2(longwave: Longwave, trained: Path, tmp_path: Path, out: Path) -> None:
    shutil.copytree(trained, tmp_path / "damaged")
    (tmp_path / "damaged" / "model" / "model.safetensors").write_bytes(b"damaged")
    ran = longwave("evaluate", "--model", f"checkpoint:{tmp_path / 'damaged'}", *FIRST[2:], "--out", out)
    assert (ran.code, "CheckpointError: " in ran.err) == (2, True)


def test_a_table_of_a_newer_version_exits_2(longwave: Longwave, out: Path) -> None:
    longwave("evaluate", *FIRST, "--out", out)
    shard = next((out / "predictions").glob("part-*.parquet"))
    pl.read_parquet(shard).write_parquet(shard, metadata={"longwave_schema": "99"})
    ran = longwave("--quiet", "evaluate", *FIRST, "--out", out)
    assert (ran.code, ran.err.count("\n"), "99" in ran.err) == (2, 1, True)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make the disk full for answers in the predictions table; call what is returned to free it."""
    real = pl.LazyFrame.sink_parquet

    def sink_parquet(rows: pl.LazyFrame, file: IO[bytes], **more: object) -> object:
        table = Path(file.name).parent
        if table.name == "predictions" and (table.parent / "requests").exists():  # answers, not floors
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(rows, file, **more)

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", sink_parquet)
    return lambda: monkeypatch.setattr(pl.LazyFrame, "sink_parquet", real)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_exits_1(longwave: Longwave, out: Path) -> None:
    ran = longwave("--quiet", "evaluate", *FIRST, "--out", out)
    assert (ran.code, ran.err.count("\n"), "No space left on device" in ran.err) == (1, 1, True)


def test_answers_that_a_full_disk_kept_from_the_table_are_not_asked_again(
    longwave: Longwave, out: Path, full_disk: Callable[[], None]
) -> None:
    longwave("evaluate", *FIRST, "--out", out)
    full_disk()
    assert "8 from the cache" in longwave("evaluate", *FIRST, "--out", out).err


@pytest.fixture
def interrupted(longwave: Longwave, out: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Interrupt an evaluation of two models after the first."""

    def stop_after_first(progress: Progress) -> str:
        if progress.model == "fake:random":
            raise KeyboardInterrupt
        return progress.text

    with monkeypatch.context() as patch:
        patch.setattr("longwave.cli._evaluate.describe_progress", stop_after_first)
        return longwave(
            "evaluate", "--model", "fake:first", "--model", "fake:random", *FIRST[2:], "--out", out
        )


def test_ctrl_c_exits_130(interrupted: object) -> None:
    assert (interrupted.code, "Interrupted. Finished work is kept" in interrupted.err) == (130, True)


def test_ctrl_c_keeps_what_was_answered(interrupted: object, out: Path) -> None:
    assert read_predictions(out)["model"].value_counts(sort=True).filter(pl.col("model") == "fake:first")[
        "count"
    ].to_list() == [4]


def test_an_interrupted_evaluation_ends_as_an_undisturbed_one(
    interrupted: object, longwave: Longwave, out: Path, tmp_path: Path
) -> None:
    words = ("evaluate", "--model", "fake:first", "--model", "fake:random", *FIRST[2:])
    longwave(*words, "--out", out)
    longwave(*words, "--out", tmp_path / "whole")
    found, whole = (
        read_predictions(folder).drop(LATENCY).sort(KEY).to_dicts() for folder in (out, tmp_path / "whole")
    )
    assert found == whole
