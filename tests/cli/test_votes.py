"""``longwave votes`` on a small evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from longwave.predictions import read_predictions

Longwave = Callable[..., object]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return the folder of a small evaluation by chains."""
    from longwave.evaluation import evaluate

    evaluate(
        model="fake:random", scenarios=["boolq"], prompting="ama", votes=3, max_instances=8, out=tmp_path
    )
    return tmp_path


def test_aggregates_are_written_and_compared(longwave: Longwave, results: Path) -> None:
    ran = longwave("votes", results)
    assert ran.code == 0
    assert {"majority", "label-model"} < set(read_predictions(results)["prompt"])
    lines = ran.out.splitlines()
    assert lines[0].split()[:4] == ["scenario", "model", "prompt", "value"]
    named = [line for line in lines[1:] if line.startswith("boolq@1")]
    assert [line.split("  ")[0] for line in named] == ["boolq@1"] * 6
    assert any("mean of votes" in line and "p = " in line for line in lines)
    assert "majority: 8 rows" in ran.err
    assert "Two prompts agree on" in ran.err


def test_one_method_can_be_asked_for(longwave: Longwave, results: Path) -> None:
    ran = longwave("votes", results, "--method", "label-model-independent")
    assert ran.code == 0
    assert "label-model-independent" in ran.out
    assert "majority" not in set(read_predictions(results)["prompt"])


def test_all_figures_are_printed_as_json(longwave: Longwave, results: Path) -> None:
    found = longwave("votes", results, "--json").json
    assert set(found) == {"accuracy", "differences", "pairs"}
    assert {row["prompt"] for row in found["accuracy"]} >= {"ama-1", "majority", "mean of votes"}


def test_a_folder_without_votes_is_the_users_mistake(longwave: Longwave, tmp_path: Path) -> None:
    longwave(
        "evaluate", "--model", "fake:first", "--scenario", "boolq", "--max-instances", 2, "--out", tmp_path
    )
    ran = longwave("votes", tmp_path)
    assert ran.code == 2
    assert "holds no votes" in ran.err


def test_evaluate_asks_by_chains(longwave: Longwave, tmp_path: Path) -> None:
    words = ("--model", "fake:random", "--scenario", "boolq", "--max-instances", 2, "--out", tmp_path)
    ran = longwave("evaluate", *words, "--prompting", "ama", "--votes", 2)
    assert ran.code == 0
    assert {"ama-1", "ama-2"} <= set(read_predictions(tmp_path)["prompt"])
    assert longwave("evaluate", *words, "--votes", 2).code == 2


def test_votes_on_train_rows_are_asked_for_and_told(longwave: Longwave, tmp_path: Path) -> None:
    words = ("--model", "fake:random", "--scenario", "boolq", "--max-instances", 3, "--out", tmp_path)
    assert longwave("evaluate", *words, "--prompting", "ama", "--votes", 3, "--train-votes", 4).code == 0
    ran = longwave("votes", tmp_path, "--method", "majority")
    assert "majority: 3 rows" in ran.err
    assert "boolq@1, fake:random: learned from the votes on 4 train rows, too" in ran.err
    assert longwave("evaluate", *words, "--train-votes", 4).code == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--prompt", "ama-9"), 'Unknown prompt "ama-9"'),
        (("--method", "mayority"), 'Unknown method of aggregation "mayority"'),
    ],
    ids=["prompt", "method"],
)
def test_unknown_names_are_the_users_mistake(
    longwave: Longwave, results: Path, words: tuple[str, ...], message: str
) -> None:
    ran = longwave("votes", results, *words)
    assert ran.code == 2
    assert message in ran.err


def test_a_damaged_table_is_told_in_one_line(longwave: Longwave, results: Path) -> None:
    (results / "predictions" / "part-00000099-0badbeef.parquet").write_bytes(b"PAR1")
    ran = longwave("votes", results)
    assert ran.code == 2
    assert "0badbeef.parquet" in ran.err
    assert "Traceback" not in ran.err
