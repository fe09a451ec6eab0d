"""``longwave grid`` on a small evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Longwave = Callable[..., object]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small evaluation of two models; not to be written to."""
    from longwave.evaluation import evaluate

    out = tmp_path_factory.mktemp("results")
    models, scenarios = ["fake:random", "fake:first"], ["blimp", "boolq"]
    evaluate(models=models, scenarios=scenarios, perturbations=["typos"], max_instances=3, out=out)
    return out


def _row(text: str, name: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(name)).split()


def test_counts_of_models_are_printed(longwave: Longwave, results: Path) -> None:
    ran = longwave("grid", results)
    assert (ran.code, ran.err) == (0, "")
    assert _row(ran.out, "boolq@1")[1:4] == ["2/2", "2/2", "2/2"]


def test_values_of_one_model_are_printed(longwave: Longwave, results: Path) -> None:
    assert _row(longwave("grid", results, "--model", "fake:first").out, "blimp@1")[1] == "0.5"


def test_what_is_missing_is_explained_below(longwave: Longwave, results: Path) -> None:
    ran = longwave("grid", results)
    assert "] not run\n" in ran.out
    assert "] no fairness perturbation was asked for\n" in ran.out


def test_shares_are_told(longwave: Longwave, results: Path) -> None:
    out = longwave("grid", results).out
    assert "Filled of 2 models: " in out
    assert "cells that apply (" in out
    assert "of all pairs of a model and a scenario.\n" in out


def test_one_model_has_no_pairs(longwave: Longwave, results: Path) -> None:
    out = longwave("grid", results, "--model", "fake:first").out
    assert "Filled of fake:first: " in out
    assert "pairs" not in out


def test_categories_have_a_row_each_where_there_are_several(longwave: Longwave, results: Path) -> None:
    assert "\nLANGUAGE" in longwave("grid", results).out
    assert "LANGUAGE" not in longwave("grid", results, "--category", "language").out


def test_json_is_one_document(longwave: Longwave, results: Path) -> None:
    found = longwave("grid", results, "--category", "language", "--json").json
    assert {each["state"] for each in found["cells"]} == {"filled", "missing", "not applicable"}
    assert found["models"] == ["fake:first", "fake:random"]


def test_latex_is_a_table(longwave: Longwave, results: Path) -> None:
    out = longwave("grid", results, "--latex").out
    assert out.startswith("\\begin{tabular}")
    assert "\\end{tabular}\n" in out


def test_every_line_fits_a_hundred_columns(longwave: Longwave, results: Path) -> None:
    lines = longwave("grid", results).out.splitlines()
    assert max(len(line) for line in lines) <= 100


def test_head_does_not_wrap_in_a_terminal_of_a_hundred_columns(
    longwave: Longwave, results: Path, terminal: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    terminal("stdout")
    assert "efficiency" in longwave("grid", results).out


def test_own_points_of_contamination_are_marked(longwave: Longwave, results: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "points:\n  - {models: ['fake:*'], groups: [boolq], level: strong, description: d}\n", "utf-8"
    )
    out = longwave("grid", results, "--contamination", path).out
    assert "boolq@1 ‡" in out
    assert "‡ strong evidence" in out


def test_marks_are_explained_only_where_there_are_any(longwave: Longwave, results: Path) -> None:
    assert "‡" not in longwave("grid", results).out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", "fake:frist"), 'Unknown model "fake:frist". Did you mean "fake:first"'),
        (("--category", "cor"), 'Unknown category "cor"'),
        (("--contamination", "none.yaml"), 'No configuration file "none.yaml"'),
    ],
    ids=["model", "category", "contamination"],
)
def test_wrong_word_exits_2(longwave: Longwave, results: Path, words: tuple[str, ...], message: str) -> None:
    ran = longwave("grid", results, *words)
    assert (ran.code, ran.out, message in ran.err) == (2, "", True)


def test_missing_folder_exits_2(longwave: Longwave, tmp_path: Path) -> None:
    ran = longwave("grid", tmp_path / "none")
    assert (ran.code, "No folder" in ran.err) == (2, True)


def test_empty_folder_exits_2(longwave: Longwave, tmp_path: Path) -> None:
    ran = longwave("grid", tmp_path)
    assert (ran.code, "no prediction of a model" in ran.err) == (2, True)
