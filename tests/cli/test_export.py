"""``longwave export`` on a folder of imported results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from longwave.interchange import import_results

Longwave = Callable[..., object]
FIXTURES = Path(__file__).parents[1] / "fixtures" / "interchange"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of results; not to be written to."""
    out = tmp_path_factory.mktemp("results")
    import_results("helm", FIXTURES / "helm" / "paper", out)
    import_results("lm-eval", FIXTURES / "lm_eval", out)
    return out


def test_summary_is_what_is_written_by_default(longwave: Longwave, results: Path, tmp_path: Path) -> None:
    ran = longwave("export", results, "--to", tmp_path / "a.csv")
    assert (ran.code, ran.out, ran.err) == (0, f"{tmp_path}/a.csv\n", "")
    assert "helm:boolq@0" in pl.read_csv(tmp_path / "a.csv")["scenario"].to_list()


@pytest.mark.parametrize("table", ["predictions", "requests", "instances", "scores"])
def test_tables_are_written(longwave: Longwave, results: Path, tmp_path: Path, table: str) -> None:
    longwave("export", results, "--to", tmp_path / "a.parquet", "--table", table)
    assert len(pl.read_parquet(tmp_path / "a.parquet")) > 0


def test_families_are_written_filter_by_filter(longwave: Longwave, results: Path, tmp_path: Path) -> None:
    longwave("export", results, "--to", tmp_path / "a.csv", "--table", "families")
    found = pl.read_csv(tmp_path / "a.csv")
    assert {"accuracy", "calibration", "robustness", "fairness", "efficiency"} <= set(found["family"])
    sums = found.filter((pl.col("scenario") == "lm-eval:sums_gen@2") & (pl.col("family") == "accuracy"))
    assert sorted(sums["value"]) == [0.5, 0.75]


def test_families_become_tables_of_latex(longwave: Longwave, results: Path, tmp_path: Path) -> None:
    longwave("export", results, "--to", tmp_path / "a.tex", "--table", "families")
    assert "\\caption{robustness: mean (95 \\% interval)}" in (tmp_path / "a.tex").read_text("utf-8")


def test_format_beats_the_name(longwave: Longwave, results: Path, tmp_path: Path) -> None:
    longwave("export", results, "--to", tmp_path / "a.txt", "--format", "json")
    assert len(json.loads((tmp_path / "a.txt").read_text("utf-8"))) == 5


def test_safe_disarms_formulas(longwave: Longwave, results: Path, tmp_path: Path) -> None:
    words = ("--table", "requests", "--safe")
    assert longwave("export", results, "--to", tmp_path / "a.csv", *words).code == 0


def test_json_is_one_document(longwave: Longwave, results: Path, tmp_path: Path) -> None:
    found = longwave("export", results, "--to", tmp_path / "a.csv", "--json").json
    assert found == {"file": f"{tmp_path}/a.csv", "table": "summary"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--to", "a.csv", "--table", "summry"), 'Unknown table "summry". Did you mean "summary"'),
        (("--to", "a.xls"), 'The name "a.xls" does not tell a format'),
        (("--to", "a.csv", "--format", "xml"), 'Unknown format "xml"'),
        (("--to", "a.tex", "--table", "scores"), "A LaTeX table needs a summary"),
        (("--to", "a.json", "--safe"), '"safe" is for CSV'),
    ],
    ids=["table", "name", "format", "latex", "safe"],
)
def test_wrong_word_exits_2(
    longwave: Longwave, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = longwave("export", results, *words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert says in ran.err
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_exits_2(longwave: Longwave, tmp_path: Path) -> None:
    ran = longwave("export", tmp_path / "none", "--to", tmp_path / "a.csv")
    assert (ran.code, "No folder" in ran.err) == (2, True)
