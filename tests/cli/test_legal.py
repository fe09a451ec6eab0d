"""``longwave legal`` and ``longwave list --family``."""

from __future__ import annotations

import pytest

from longwave.evaluation import evaluate


def test_tasks_are_listed_with_their_classes(longwave):
    found = longwave("legal", "tasks", "--irac", "rule")
    assert found.code == 0
    assert "legalbench/rule_qa@1" in found.out
    assert len(found.out.splitlines()) == 1 + 5


def test_tasks_of_the_seed_are_listed_as_json(longwave):
    found = longwave("legal", "tasks", "--seed", "--json").json
    assert len(found) == 44
    assert found[0]["name"] == "legalbench-seed/abercrombie@1"
    assert found[0]["rows"] == "bundled"


def test_an_unknown_class_is_the_users_mistake(longwave):
    found = longwave("legal", "tasks", "--irac", "law")
    assert found.code == 2
    assert 'Unknown class of reasoning "law"' in found.err


def test_family_is_listed_like_scenarios(longwave):
    found = longwave("list", "--family", "legalbench-seed")
    assert found.code == 0
    assert found.out.split()[:2] == ["name", "category"]
    assert "legalbench-seed/hearsay@1" in found.out


def test_family_is_listed_as_json(longwave):
    found = longwave("list", "scenarios", "--family", "legalbench-seed", "--json").json
    assert len(found) == 44
    assert found[0]["task"] == "legal reasoning: conclusion"


def test_families_have_a_line_each(longwave):
    names = [line.split()[1] for line in longwave("list", "families").out.splitlines()[1:]]
    assert names.count("legalbench") == names.count("legalbench-seed") == 1


@pytest.fixture
def folder(tmp_path):
    """Return the folder of an evaluation by rule."""
    evaluate(
        model="rule:diversity", scenarios=["legalbench/diversity_1"], max_instances=10, out=tmp_path / "run"
    )
    return tmp_path / "run"


def test_report_shows_a_row_a_class(longwave, folder):
    found = longwave("legal", "report", folder)
    assert found.code == 0
    assert "1.000 to 1.000" in found.out
    assert found.out.splitlines()[1].split()[3] == "conclusion"


def test_report_shows_a_row_a_task(longwave, folder):
    found = longwave("legal", "report", folder, "--tasks", "--mode", "lenient")
    assert "diversity_1" in found.out
    assert longwave("legal", "report", folder, "--tasks", "--json").json[0]["measure"] == "balanced_accuracy"


def test_report_of_votes_shows_prompts_and_worst_cases_by_class(longwave, tmp_path):
    words = (
        "--model",
        "fake:random",
        "--scenario",
        "legalbench/proa",
        "--scenario",
        "legalbench/abercrombie",
    )
    how = ("--prompting", "ama", "--votes", 2, "--perturbation", "typos", "--max-instances", 4)
    assert longwave("evaluate", *words, *how, "--out", tmp_path).code == 0
    assert longwave("votes", tmp_path, "--method", "majority").code == 0
    head, *lines = longwave("legal", "report", tmp_path, "--yes-no").out.splitlines()
    assert {"prompt", "worst", "case"} < set(head.split())
    assert [line.split()[4] for line in lines] == ["ama-1", "ama-2", "majority"]
    assert {line.split()[3] for line in lines} == {"interpretation"}
    found = longwave("legal", "report", tmp_path, "--json").json
    assert {row["irac"] for row in found} == {"conclusion", "interpretation"}
    assert all(row["worst"] <= row["value"] for row in found)


def test_report_refuses_an_unknown_mode(longwave, folder):
    found = longwave("legal", "report", folder, "--mode", "kind")
    assert (found.code, found.err.startswith("UnknownName: Unknown mode")) == (2, True)


def test_new_task_makes_a_folder_and_check_says_what_is_to_do(longwave, tmp_path):
    made = longwave("legal", "new-task", "assignment", "--out", tmp_path, "--irac", "issue")
    assert made.out.strip() == str(tmp_path / "assignment")
    assert "longwave legal check" in made.err
    found = longwave("legal", "check", tmp_path / "assignment")
    assert found.code == 1
    assert "50 or more are asked for" in found.out
    assert len(longwave("legal", "check", tmp_path / "assignment", "--json").json) == 7


def test_check_says_that_a_folder_is_ready(longwave, tmp_path, monkeypatch):
    monkeypatch.setattr("longwave.scenarios.legal.check_legal_folder", lambda _: [])
    found = longwave("legal", "check", tmp_path)
    assert (found.code, found.out.strip()) == (0, f"{tmp_path} is ready.")


def test_export_writes_a_finished_task_and_refuses_a_draft(longwave, tmp_path, monkeypatch):
    longwave("legal", "new-task", "assignment", "--out", tmp_path)
    found = longwave("legal", "export", tmp_path / "assignment", "--to", tmp_path / "up")
    assert found.code == 2
    assert "is not ready, 7 complaints" in found.err
    monkeypatch.setattr("longwave.evaluation.legal_export.check_legal_folder", lambda _: [])
    found = longwave("legal", "export", tmp_path / "assignment", "--to", tmp_path / "up")
    assert (found.code, found.out.strip()) == (0, str(tmp_path / "up" / "assignment"))
    assert "offer test.tsv" in found.err


def test_a_command_is_needed(longwave):
    assert "Missing command" in longwave("legal").err or "Usage" in longwave("legal").out
