"""Chains as data: all bundled files are whole, and what is wrong in one's own is told."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import yaml

from longwave.errors import ConfigError, MissingFile, UnknownName
from longwave.prompting.ama import get_chain_file, list_chain_files, write_transcript

FILES = list_chain_files()
TASKS = dict.fromkeys(("CB", "MultiRC", "ReCoRD", "WSC", "AGNews", "Amazon", "DBPedia", "SST2"), 3)
TASKS |= dict.fromkeys(("DROP", "NQ", "WebQs", "RealTimeQA"), 3)
TASKS |= dict.fromkeys(("BoolQ", "RTE", "WiC", "ANLI R1", "ANLI R2", "ANLI R3"), 5)
TASKS |= {"COPA": 4, "StoryCloze": 6}

_golden = Path(__file__).parents[2] / "golden" / "remake_ama.py"
_spec = importlib.util.spec_from_file_location("remake_ama", _golden)
remake_ama = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(remake_ama)


def test_the_twenty_tasks_have_as_many_chains_as_in_the_paper():
    own = {
        task: len(file.build())
        for name, file in FILES.items()
        for task in file.task.split(", ")
        if "general" not in name
    }
    assert own == TASKS


@pytest.mark.parametrize("name", FILES)
def test_transcripts_are_the_golden_ones_byte_for_byte(name):
    assert remake_ama.render(name).encode() == (remake_ama.FOLDER / f"{name}.txt").read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_every_chain_ends_in_the_label_when_all_is_known(name):
    file = FILES[name]
    ends = [
        write_transcript(chain, file.instance()).rstrip().rpartition("vote: ")[2] for chain in file.build()
    ]
    assert ends == [file.instance().label] * len(ends)


@pytest.mark.parametrize("name", FILES)
def test_no_two_chains_of_a_file_ask_the_same(name):
    file = FILES[name]
    shown = [
        write_transcript(chain, file.instance()) for chain in file.build() if chain.n_examples == 0
    ]  # those with examples of the train split differ in these
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("name", FILES)
def test_demonstrations_of_a_step_are_told_apart_from_its_query(name):
    file = FILES[name]
    for chain in file.build():
        for step in chain.steps:
            assert len({tuple(shown.items()) for shown in step.demonstrations}) == len(step.demonstrations)


def test_a_scenario_is_served_by_one_file():
    served = [name for file in FILES.values() for name in file.scenarios]
    assert len(set(served)) == len(served)


OWN = {
    "task": "mine",
    "description": "Ask.",
    "steps": {"answer": {"input": "Q: {input}", "output": "A: {answer}", "demonstrations": [[["a", "b"]]]}},
    "chains": [{"steps": ["answer"], "decide": [{"rule": "text", "of": ["answer"]}]}],
    "example": {"label": "x"},
}


def own(tmp_path, **changes):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**OWN, **changes}), "utf-8")
    return get_chain_file(str(path))


def test_a_file_of_ones_own_is_read(tmp_path):
    chain = own(tmp_path).build()[0]
    assert chain.name == "answer-1"
    assert chain.steps[0].demonstrations == ({"input": "a", "answer": "b"},)


def test_a_step_takes_over_what_it_leaves_open(tmp_path):
    step = {"use": "short-answer", "given": {"question": "{input}"}, "max_tokens": 3}
    found = own(tmp_path, steps={"answer": step}).build()[0].steps[0]
    assert (found.max_tokens, found.stop, len(found.demonstrations)) == (3, ("\n",), 3)
    assert found.template.instruction.startswith("Answer each question")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"steps": {"answer": {"use": "short-anser"}}},
            UnknownName,
            r'Unknown shared step \(used by "answer"\)',
        ),
        ({"steps": {"answer": {"inputs": "Q"}}}, ConfigError, 'Unknown key "inputs" in StepFile'),
        ({"steps": {"answer": {"input": "Q"}}}, ConfigError, 'The step "answer" has no output format'),
        ({"steps": {"answer": {"output": "{a}"}}}, ConfigError, 'The step "answer" has no input format'),
        ({"steps": {}}, UnknownName, 'Unknown step "answer"'),
        (
            {"steps": {"answer": {**OWN["steps"]["answer"], "demonstrations": [[["a"]]]}}},
            ConfigError,
            'has 1 texts, first "a"; the template has 2 places: input, answer',
        ),
        (
            {"chains": [{"steps": ["answer"], "decide": [], "time": 3}]},
            ConfigError,
            'Unknown key "time" in Plan',
        ),
    ],
    ids=["shared", "key", "output", "input", "step", "texts", "plan"],
)
def test_what_is_wrong_in_a_file_is_told(tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        own(tmp_path, **changes).build()


def test_an_unknown_file_lists_those_there_are(tmp_path):
    with pytest.raises(UnknownName, match=r'Unknown file of chains "bolq"\. Did you mean "boolq"'):
        get_chain_file("bolq")
    with pytest.raises(MissingFile):
        get_chain_file(str(tmp_path / "none.yaml"))
