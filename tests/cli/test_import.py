"""``longwave import`` on the fixtures that the other harnesses made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from longwave.cli._import import describe_import
from longwave.interchange import ImportSummary
from longwave.predictions import read_predictions

Longwave = Callable[..., object]
FIXTURES = Path(__file__).parents[1] / "fixtures" / "interchange"
KINDS = {"helm": "helm/tiny", "lm-eval": "lm_eval", "inspect": "inspect/logs"}


@pytest.mark.parametrize(("kind", "rows"), [("helm", 16), ("lm-eval", 14), ("inspect", 9)])
def test_results_become_rows(longwave: Longwave, tmp_path: Path, kind: str, rows: int) -> None:
    ran = longwave("import", kind, FIXTURES / KINDS[kind], "--out", tmp_path)
    assert (ran.code, ran.out.startswith(f"{rows} rows of ")) == (0, True)
    assert len(read_predictions(tmp_path)) == rows


def test_next_step_and_progress_go_to_stderr(longwave: Longwave, tmp_path: Path) -> None:
    ran = longwave("import", "lm-eval", FIXTURES / "lm_eval", "--out", tmp_path)
    assert ran.out == "14 rows of 3 runs: 10 inputs, 22 requests, 8 further scores.\n"
    assert "import 3/3" in ran.err
    assert f"Next: longwave report {tmp_path}" in ran.err


def test_second_time_says_that_nothing_changed(longwave: Longwave, tmp_path: Path) -> None:
    words = ("import", "helm", FIXTURES / "helm" / "tiny", "--out", tmp_path)
    longwave(*words)
    assert "\n4 runs were there before and stay as they are.\n" in longwave(*words).out


def test_what_is_left_out_is_told(longwave: Longwave, tmp_path: Path) -> None:
    words = ("--metric", "acc_norm", "--out", tmp_path)
    out = longwave("import", "lm-eval", FIXTURES / "lm_eval", *words).out
    assert 'Not mapped: 10 rows without a score (they have no metric "acc_norm").\n' in out


def test_json_is_one_document(longwave: Longwave, tmp_path: Path) -> None:
    found = longwave("import", "inspect", FIXTURES / "inspect", "--out", tmp_path, "--json").json
    assert (found["tool"], found["rows"], len(found["runs"]), found["unchanged"]) == ("inspect", 9, 2, 0)
    assert found["skipped"] == {"rows whose key the folder has from another run (those are kept)": 6}


def test_quiet_prints_results_only(longwave: Longwave, tmp_path: Path) -> None:
    assert longwave("--quiet", "import", "lm-eval", FIXTURES / "lm_eval", "--out", tmp_path).err == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("hlem", "x"), 'Unknown kind of results "hlem". Did you mean "helm"?'),
        (("helm", "none"), 'No folder "none"'),
        (("lm-eval", FIXTURES / "helm"), "--log_samples"),
        (("inspect", FIXTURES / "README.md"), "is no ZIP archive"),
        (("lm-eval", FIXTURES / "lm_eval", "--date", "today"), 'The date is "today"; write YYYY-MM-DD'),
    ],
    ids=["kind", "missing", "means-only", "other-file", "date"],
)
def test_wrong_input_is_one_line_and_exits_2(
    longwave: Longwave, tmp_path: Path, words: tuple[object, ...], says: str
) -> None:
    ran = longwave("import", *words, "--out", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err.splitlines()[-1]


def test_one_run_is_one_run() -> None:
    assert describe_import(ImportSummary(tool="helm", runs=("a",), rows=1_234))[0].startswith(
        "1,234 rows of 1 run: 0 inputs"
    )
