"""``longwave doctor``."""

from __future__ import annotations

import pytest

from longwave.doctor import Diagnosis, Finding


@pytest.fixture
def diagnosed(monkeypatch: pytest.MonkeyPatch) -> Diagnosis:
    """Have the doctor find three things, one of them broken."""
    found = Diagnosis(
        version="1.2.3",
        findings=(
            Finding(area="extras", name="hf", state="missing", detail="no datasets", remedy="pip install it"),
            Finding(area="torch", name="torch", state="ok", detail="2.13.0"),
            Finding(area="data", name="bundled samples", state="broken", detail="x is empty"),
        ),
    )
    monkeypatch.setattr("longwave.doctor.diagnose", lambda: found)
    return found


def test_a_line_for_each_finding_and_what_is_broken_last(longwave, diagnosed) -> None:
    lines = [" ".join(line.split()) for line in longwave("doctor").out.splitlines()]
    assert lines == [
        "Longwave 1.2.3",
        "what state found, and what to do",
        "extras hf missing no datasets; pip install it",
        "torch torch ok 2.13.0",
        "data bundled samples broken x is empty",
        "Broken: bundled samples.",
    ]


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["table", "json"])
def test_something_broken_exits_1_without_a_word_on_stderr(words, longwave, diagnosed) -> None:
    ran = longwave("doctor", *words)
    assert (ran.code, ran.err) == (1, "")


def test_json_holds_every_finding(longwave, diagnosed) -> None:
    found = longwave("doctor", "--json").json
    assert (found["version"], found["is_sound"], len(found["findings"])) == ("1.2.3", False, 3)
    assert found["findings"][1] == {
        "area": "torch",
        "name": "torch",
        "state": "ok",
        "detail": "2.13.0",
        "remedy": "",
    }


def test_what_is_missing_is_no_failure(longwave, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Finding(area="extras", name="ray", state="missing", detail="no ray", remedy="get it")
    monkeypatch.setattr("longwave.doctor.diagnose", lambda: Diagnosis(version="1", findings=(missing,)))
    ran = longwave("doctor")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "Everything that is there works.")
