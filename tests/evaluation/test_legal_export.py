"""A finished task in LegalBench's form, read again by the loader of the official home."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError, MissingFile, StorageError
from longwave.evaluation import export_legal_folder
from longwave.evaluation.legal_export import _table
from longwave.prompting.few_shot import choose_examples
from longwave.prompting.formats import build_generation_prompt
from longwave.scenarios import get_scenario
from longwave.scenarios.base import CORRECT, Instance, Reference
from longwave.scenarios.legal import LegalTask, build_legal_scenario, new_legal_folder
from longwave.scenarios.reading import parse_csv

LICENCE = "CC-BY-NC-4.0"  # the loader reads template and rows of such a task from its folder


@pytest.fixture
def folder(tmp_path):
    """Return a folder that is ready."""
    made = new_legal_folder("assignment", tmp_path, irac="interpretation", licence=LICENCE)
    edit(made, "README.md", "**Size (samples)**: 3", "**Size (samples)**: 54")
    edit(made, "README.md", "(to be written)", "Clauses by hand.")
    edit(made, "README.md", "right one tagged", "right one tagged\n- `court`: where it was decided")
    edit(made, "scenario.yaml", "(to be written)", "Does the clause allow it?")
    rows = [row(f"train-{n}", "train") for n in range(4)] + [row(f"test-{n}") for n in range(49)]
    rows.append(row("test-49", text='It says "no\nassignment",\tand ends.', right="No"))
    (made / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return made


def edit(made, file, old, new):
    text = (made / file).read_text("utf-8")
    assert old in text
    (made / file).write_text(text.replace(old, new), "utf-8")


def row(name, split="test", *, text=None, right="Yes", **more):
    references = [{"text": label, "tags": ["correct"] if label == right else []} for label in ("Yes", "No")]
    filled = {"group": "sales", "extra": {"court": "SDNY"}, **more}
    return {
        "id": name,
        "split": split,
        "input": text or f"Clause {name}.",
        "references": references,
        **filled,
    }


def task_of(name):
    return LegalTask(
        name=name,
        release="2023",
        irac="interpretation",
        measure="balanced_accuracy",
        description="d",
        licence=LICENCE,
        source="s",
        form="Binary classification",
        labels=("No", "Yes"),
    )


def test_the_loader_of_the_official_home_reads_the_same_rows_and_prompts(folder, tmp_path):
    written = export_legal_folder(folder, tmp_path / "upstream")
    own = get_scenario(str(folder / "scenario.yaml"))
    loaded = own.load()
    asked = [each for each in loaded if each.split == "test"]
    official = build_legal_scenario(task_of("assignment"))
    read = official.official.parse(written)
    assert [each.label for each in read] == [each.label for each in asked]
    assert [each.input for each in read] == [f"Q: {each.input}\nA:" for each in asked]
    assert [each.group for each in read] == [each.group for each in asked]
    assert {each.extra["court"] for each in read} == {"SDNY"}
    examples = choose_examples(
        [each for each in loaded if each.split == "train"], own.prompt.max_train_instances
    )
    assert [build_generation_prompt(official.prompt, each, []) for each in read] == [
        build_generation_prompt(own.prompt, each, examples) for each in asked
    ]


def test_files_have_the_form_of_legalbench(folder, tmp_path):
    written = export_legal_folder(folder, tmp_path / "upstream")
    assert sorted(path.name for path in written.iterdir()) == [
        "README.md",
        "base_prompt.txt",
        "test.tsv",
        "train.tsv",
    ]
    train = (written / "train.tsv").read_text("utf-8").splitlines()
    assert train[:2] == ["index\tanswer\ttext\tslice\tcourt", "0\tYes\tClause train-0.\tsales\tSDNY"]
    prompt = (written / "base_prompt.txt").read_text("utf-8")
    assert prompt.startswith("Does the clause allow it?\n")
    assert prompt.endswith("Q: {{text}}\nA:")
    assert prompt.count("\nA: Yes\n") == 4


def test_the_readme_names_the_columns_of_the_tables(folder, tmp_path):
    text = (export_legal_folder(folder, tmp_path / "upstream") / "README.md").read_text("utf-8")
    columns = text.partition("## Data column names\n")[2].split("\n")
    assert [line.partition(":")[0] for line in columns if line] == [
        "- `index`",
        "- `answer`",
        "- `text`",
        "- `court`",
    ]
    assert "**Size (samples)**: 54" in text


@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")), min_size=1)
)
def test_any_text_comes_back_from_a_table(texts):
    rows = [
        Instance(id=str(n), input=text, references=(Reference(text="Yes", tags=(CORRECT,)),), split="test")
        for n, text in enumerate(texts)
    ]
    read = list(parse_csv(_table(rows).encode(), "table", delimiter="\t"))
    assert [each.text("text") for each in read] == texts
    assert [each.integer("index") for each in read] == list(range(len(texts)))


def test_a_task_that_is_not_ready_is_refused(tmp_path):
    made = new_legal_folder("draft", tmp_path)
    with pytest.raises(DataError, match=r"is not ready, 7 complaints; the first: README\.md: the field"):
        export_legal_folder(made, tmp_path / "upstream")
    with pytest.raises(MissingFile, match="There is no folder"):
        export_legal_folder(tmp_path / "none", tmp_path)
    assert not (tmp_path / "upstream").exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param(
            "scenario.yaml", "method: generation", "method: multiple_choice_joint", "method", id="method"
        ),
        pytest.param(
            "rows.jsonl",
            "Clause train-0.",
            "Clause {{court}}.",
            'row "test-0" cannot be written',
            id="braces",
        ),
        pytest.param(
            "rows.jsonl", "Clause test-3.", "Clause\\r3.", 'row "test-3" holds a carriage', id="return"
        ),
        pytest.param("rows.jsonl", '"court"', '"answer"', 'an extra column "answer"', id="clash"),
    ],
)
def test_what_has_no_place_in_the_form_is_told(folder, tmp_path, file, old, new, message):
    edit(folder, file, old, new)
    edit(folder, "README.md", "`court`", "`court` `answer`")
    with pytest.raises(DataError, match=message):
        export_legal_folder(folder, tmp_path / "upstream")


def test_a_folder_that_exists_or_cannot_be_written_is_told(folder, tmp_path):
    export_legal_folder(folder, tmp_path / "upstream")
    with pytest.raises(ConfigError, match=r"exists\. Choose another place with --to"):
        export_legal_folder(folder, tmp_path / "upstream")
    with pytest.raises(StorageError, match="could not be written"):
        export_legal_folder(folder, folder / "README.md")
