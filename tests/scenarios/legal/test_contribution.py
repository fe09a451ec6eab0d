"""The kit: a new folder, and every thing that keeps one from being ready."""

from __future__ import annotations

import json
import re

import pytest

from longwave.errors import ConfigError, MissingFile, StorageError, UnknownName
from longwave.scenarios import get_scenario
from longwave.scenarios.legal import check_legal_folder, new_legal_folder
from longwave.scenarios.legal.contribution import SECTIONS


@pytest.fixture
def folder(tmp_path):
    """Return a folder that is ready."""
    made = new_legal_folder("assignment", tmp_path, irac="conclusion", licence="MIT")
    readme = (made / "README.md").read_text("utf-8")
    readme = readme.replace("**Size (samples)**: 3", "**Size (samples)**: 53")
    (made / "README.md").write_text(readme.replace("(to be written)", "Clauses by hand."), "utf-8")
    yaml = (made / "scenario.yaml").read_text("utf-8")
    (made / "scenario.yaml").write_text(yaml.replace("(to be written)", "Does it allow assignment?"), "utf-8")
    write_rows(made, [row(f"train-{n}", "train") for n in range(3)] + [row(f"test-{n}") for n in range(50)])
    return made


def row(name, split="test", *, text=None, right="Yes", labels=("Yes", "No"), **more):
    references = [{"text": label, "tags": ["correct"] if label == right else []} for label in labels]
    return {"id": name, "split": split, "input": text or f"Clause {name}.", "references": references, **more}


def write_rows(made, rows):
    (made / "rows.jsonl").write_text("\n".join(json.dumps(each) for each in rows), "utf-8")


def read_rows(made):
    return [json.loads(line) for line in (made / "rows.jsonl").read_text("utf-8").splitlines()]


def edit(made, file, old, new):
    text = (made / file).read_text("utf-8")
    assert old in text
    (made / file).write_text(text.replace(old, new), "utf-8")


def test_a_folder_that_is_filled_in_is_ready(folder):
    assert check_legal_folder(folder) == []


def test_a_new_folder_says_all_that_is_to_do(tmp_path):
    found = check_legal_folder(new_legal_folder("privacy-notice", tmp_path))
    assert len(found) == 7
    assert "rows.jsonl: there are 1 test rows; 50 or more are asked for." in found


def test_a_new_folder_can_be_evaluated_as_it_is(tmp_path):
    scenario = get_scenario(str(new_legal_folder("privacy_notice", tmp_path) / "scenario.yaml"))
    assert scenario.key == "privacy_notice@1"
    assert [instance.split for instance in scenario.load()] == ["train", "train", "test"]


def test_readme_has_the_fields_of_legalbench_in_order(tmp_path):
    text = (new_legal_folder("x", tmp_path, irac="rhetorical") / "README.md").read_text("utf-8")
    fields = re.findall(r"^\*\*(.+?)\*\*: ", text, re.MULTILINE)
    assert fields == ["Source", "License", "Size (samples)", "Legal reasoning type", "Task type"]
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == list(SECTIONS)
    assert "**Legal reasoning type**: Rhetorical-understanding" in text


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("README.md", "**Source**: Clauses by hand.", "", 'the field "Source" is not filled in'),
        (
            "README.md",
            "## Dataset construction\n\nClauses by hand.",
            "",
            'the section "Dataset construction" is empty',
        ),
        (
            "README.md",
            "**License**: MIT",
            "**License**: Free",
            'the licence is "Free"; accepted are Apache-2.0',
        ),
        ("README.md", "**License**: MIT", "**License**: CC0-1.0", 'says "CC0-1.0" and scenario.yaml "MIT"'),
        ("README.md", "**: 53", "**: 50", 'the size is "50", but rows.jsonl holds 53 rows'),
        (
            "README.md",
            "Rule-conclusion",
            "Spotting",
            'the legal reasoning type is "Spotting"; accepted are Issue',
        ),
        (
            "scenario.yaml",
            "source: Does it allow assignment?",
            "source: (to be written)",
            '"source" is not filled in',
        ),
        ("scenario.yaml", '"Does it allow', '"(to be written) it', '"prompt.instructions" is not filled in'),
        (
            "scenario.yaml",
            "legal reasoning: conclusion",
            "law",
            '"task" is "law"; accepted are legal reasoning: issue',
        ),
    ],
    ids=["field", "section", "licence", "two-licences", "size", "type", "source", "instructions", "class"],
)
def test_what_is_wrong_with_a_file_is_said(folder, file, old, new, message):
    edit(folder, file, old, new)
    found = check_legal_folder(folder)
    assert len(found) == 1
    assert message in found[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param(
            row("test-0", text="Clause test-1."), 'asks what "test-0" asks. Leave one out', id="twice"
        ),
        pytest.param(
            row("test-0", text="Clause train-1."), 'asks what "train-1" asks in the split train', id="shown"
        ),
        pytest.param(row("test-0", text=" "), 'the row "test-0" has no input', id="no-input"),
        pytest.param(row("test-0", right="Maybe"), 'the row "test-0" has no right answer', id="no-answer"),
        pytest.param(
            row("test-0", labels=("Yes", "Yes", "No")),
            "has 2 right answers among its options",
            id="two-right",
        ),
        pytest.param(
            row("test-0", labels=("Yes", "no")),
            "has other labels than most rows, which have No, Yes",
            id="labels",
        ),
        pytest.param(row("test-0", extra={"court": "x"}), 'the column "court" is not explained', id="column"),
        pytest.param(row("test-0", "valid"), 'rows are in the split "valid"', id="split"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(folder, changed, message):
    rows = read_rows(folder)
    write_rows(folder, [changed if each["id"] == changed["id"] else each for each in rows])
    assert any(message in line for line in check_legal_folder(folder))


@pytest.mark.parametrize("count", [1, 6])
def test_there_must_be_two_to_five_train_rows(folder, count):
    tests = [each for each in read_rows(folder) if each["split"] == "test"]
    write_rows(folder, [row(f"train-{n}", "train") for n in range(count)] + tests)
    assert f"rows.jsonl: there are {count} train rows; 2 to 5 are asked for." in check_legal_folder(folder)


def test_free_answers_need_no_options(folder):
    rows = [
        {**each, "references": [{"text": "the buyer", "tags": ["correct"]}]} for each in read_rows(folder)
    ]
    write_rows(folder, rows)
    assert check_legal_folder(folder) == []


@pytest.mark.parametrize(
    ("file", "message"),
    [("README.md", "There is no"), ("scenario.yaml", "scenario.yaml"), ("rows.jsonl", "rows.jsonl")],
)
def test_a_missing_file_is_named(folder, file, message):
    (folder / file).unlink()
    found = check_legal_folder(folder)
    assert len(found) == 1
    assert message in found[0]


def test_an_unknown_metric_is_said(folder):
    edit(folder, "scenario.yaml", "legal_exact_match", "legal_exact")
    assert 'Unknown metric "legal_exact"' in check_legal_folder(folder)[0]


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(
        MissingFile, match=r'There is no folder ".*none"\. Make one with longwave legal new-task'
    ):
        check_legal_folder(tmp_path / "none")


@pytest.mark.parametrize("name", ["", "My Task", "1st", "a/b", "ünfair"])
def test_an_unfit_name_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="A task cannot be called"):
        new_legal_folder(name, tmp_path)


def test_a_folder_that_exists_is_not_overwritten(folder):
    with pytest.raises(ConfigError, match=r"exists\. Choose another name"):
        new_legal_folder("assignment", folder.parent)


def test_an_unknown_class_or_licence_is_refused(tmp_path):
    with pytest.raises(UnknownName, match='Unknown class of reasoning "law"'):
        new_legal_folder("x", tmp_path, irac="law")
    with pytest.raises(UnknownName, match='Unknown licence "Free"'):
        new_legal_folder("x", tmp_path, licence="Free")


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(StorageError, match=r"could not be written: .*Choose another place"):
        new_legal_folder("x", tmp_path / "file")
