"""What is known about models and scenarios, and files of one's own."""

from __future__ import annotations

from collections import Counter

import pytest

from longwave.errors import ConfigError, MissingFile
from longwave.evaluation import (
    ContaminationPoint,
    find_contamination,
    known_contamination,
    read_contamination,
)


def test_the_bundled_list_has_nine_points():
    assert Counter(point.level for point in known_contamination()) == {"strong": 8, "weak": 1}


@pytest.mark.parametrize(
    ("scenario", "model", "level"),
    [
        ("the_pile@1", "BLOOM", "strong"),
        ("the_pile@1", "hf:EleutherAI/gpt-j-6b", "strong"),
        ("the_pile@2", "together/gpt-neox-20b", "strong"),
        ("the_pile", "opt-175b", "strong"),
        ("the_pile", "OPT-66B", "strong"),
        ("the_pile", "TNLG v2", "strong"),
        ("the_pile", "Anthropic-LM v4-s3", "strong"),
        ("the_pile", "YaLM", "strong"),
        ("imdb@1", "T0++", "strong"),
        ("summarization_xsum@1", "bigscience/t0pp", "strong"),
        ("natural_qa_openbook_longans@1", "openai:davinci", "weak"),
        ("natural_qa_closedbook@1", "openai:text-davinci-002@https://api.example.org/v1", "weak"),
        ("quac@1", "code-cushman-001", "weak"),
        ("mmlu@1", "T0++", None),
        ("the_pile@1", "opt-1.3b", None),
        ("imdb@1", "openai:davinci", None),
        ("boolq@1", "bloomberg", None),
        ("quac@1", "checkpoint:runs/ada", None),
        ("quac@1", "fake:first", None),
        ("quac@1", "", None),
    ],
)
def test_mark_of(scenario, model, level):
    found = find_contamination(scenario, model)
    assert (found.level if found else None) == level


def _point(level="weak", models=("*",), groups=("*",)):
    return ContaminationPoint(models=models, groups=groups, level=level, description=level)


@pytest.mark.parametrize("points", [[_point("weak"), _point("strong")], [_point("strong"), _point("weak")]])
def test_the_strongest_evidence_counts(points):
    assert find_contamination("x@1", "m", points=points).level == "strong"


def test_own_points_stand_alone_or_beside_the_bundled_ones():
    own = [_point(models=("mine",), groups=("boolq",))]
    assert find_contamination("boolq@1", "T0++", points=own) is None
    assert find_contamination("boolq@1", "T0++", points=[*known_contamination(), *own]) is not None


def test_a_version_can_be_told():
    own = [_point(groups=("boolq@2",))]
    assert [find_contamination(name, "m", points=own) is None for name in ("boolq@1", "boolq@2")] == [
        True,
        False,
    ]


@pytest.mark.parametrize("case", ["boolq", "BoolQ"])
def test_case_does_not_matter(case):
    assert find_contamination("boolq@1", "Mine", points=[_point(models=("mINE",), groups=(case,))])


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "own.yaml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_file_is_read(write):
    path = write("points:\n  - {models: [m*], groups: [boolq], level: weak, description: seen}\n")
    point = ContaminationPoint(models=("m*",), groups=("boolq",), level="weak", description="seen")
    assert read_contamination(path) == (point,)


GOOD = "models: [m], groups: [g], level: weak, description: d"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("points:\n  - {models: [m], groups: [g], level: huge, description: d}\n", '"level" in Contam'),
        (f"points:\n  - {{{GOOD}, note: n}}\n", 'Point 1 of .* Unknown key "note"'),
        (f"points:\n  - {{{GOOD}}}\n  - {{}}\n", "Point 2 of .* Field required"),
        (f"points:\n  - {{{GOOD.replace('[m]', '[]')}}}\n", "Point 1 of .* has no models"),
        (f"points:\n  - {{{GOOD.replace('[g]', '[]')}}}\n", "has no groups"),
        ("points: [text]\n", "Point 1 of .* is str; accepted are mappings"),
        ("points: none\n", "has the keys points; accepted is"),
        ("points: []\nmore: 1\n", "has the keys points, more; accepted is"),
        ("points: [}\n", "not valid YAML"),
        ("- a\n", "not a mapping"),
    ],
    ids=[
        "level", "unknown-key", "missing-key", "no-models", "no-groups", "text", "no-list", "another-key",
        "no-yaml", "no-mapping",
    ],
)  # fmt: skip
def test_wrong_file_is_refused(write, text, message):
    with pytest.raises(ConfigError, match=message):
        read_contamination(write(text))


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(MissingFile):
        read_contamination(tmp_path / "none.yaml")


def test_empty_list_is_accepted(write):
    assert read_contamination(write("points: []\n")) == ()
