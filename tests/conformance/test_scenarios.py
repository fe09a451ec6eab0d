"""One contract for every registered scenario."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest

from longwave.clients import FakeClient
from longwave.evaluation import floor_rows, select_instances
from longwave.metrics import FAMILIES, AnswerMetric, get_metric
from longwave.prompting import Case, get_method
from longwave.scenarios import list_scenarios

NAMES = [entry.name for entry in list_scenarios()]
WINDOW = 300  # words of a prompt that the fake model reads: so few that prompts must be fitted

_golden = Path(__file__).parents[1] / "golden" / "remake_prompts.py"
_spec = importlib.util.spec_from_file_location("remake_prompts", _golden)
remake_prompts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(remake_prompts)


@pytest.fixture(params=NAMES)
def scenario(request):
    """Return a scenario whose rows need no network."""
    return remake_prompts.offline_scenario(request.param)


@pytest.fixture
def prepared(scenario):
    """Return the prepared requests of a few instances, for a model with a small window."""
    reader = _small_reader(scenario)
    selection = select_instances(scenario, max_instances=12)
    return [
        get_method(scenario.prompt.method).prepare(
            Case(prompt=scenario.prompt, instance=item, examples=selection.examples(item, trial=0)), reader
        )
        for item in selection.instances
    ]


def _small_reader(scenario):
    return FakeClient(lambda _: None, max_length=WINDOW + scenario.prompt.max_tokens)


@pytest.mark.parametrize("name", NAMES)
def test_prompt_is_the_golden_one_byte_for_byte(name):
    assert remake_prompts.render(name).encode() == (remake_prompts.FOLDER / f"{name}.txt").read_bytes()


def test_ids_are_unique(scenario):
    ids = [instance.id for instance in scenario.load()]
    assert len(set(ids)) == len(ids)


def test_loading_twice_gives_the_same_instances(scenario):
    assert scenario.load() == scenario.load()


def test_loading_needs_no_network(scenario, monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert scenario.load() or not scenario.is_offline


def test_every_evaluated_instance_has_what_its_method_needs(scenario):
    asked = select_instances(scenario).instances
    if scenario.prompt.method == "language_modeling":
        assert all(instance.input for instance in asked)
    elif isinstance(get_metric(scenario.main_metric), AnswerMetric) and not asked[0].references:
        assert not any(instance.references for instance in asked)  # what was written is judged by itself
    else:
        assert all(instance.label and instance.references for instance in asked)


def test_official_files_become_instances_of_every_split_that_is_asked(scenario):
    if scenario.official is None:
        assert scenario.is_offline
        return
    found = scenario.official.parse(remake_prompts.FIXTURES / scenario.name)
    asked = [instance for instance in found if instance.split in scenario.eval_splits]
    assert asked
    assert len({instance.id for instance in found}) == len(found)
    assert all(file.url.startswith("https://") and file.name for file in scenario.official.files)


def test_taxonomy_source_and_licence_are_filled(scenario):
    texts = (scenario.task, scenario.what, scenario.who, scenario.when, scenario.language, scenario.source)
    assert all(texts)
    assert scenario.description
    assert scenario.licence


def test_metrics_are_registered(scenario):
    for name in (scenario.main_metric, *scenario.metrics):
        assert get_metric(name).name == name
    assert set(scenario.unmeasured) <= set(FAMILIES)


def test_requests_fit_a_small_window(scenario, prepared):
    reader = _small_reader(scenario)
    for item in prepared:
        for request in item.requests:
            completion = max(request.max_tokens, reader.count_tokens(request.continuation or ""))
            assert reader.count_tokens(request.prompt) + completion <= reader.max_length


def test_examples_come_from_the_train_split_only(scenario):
    selection = select_instances(scenario, max_instances=3)
    for instance in selection.instances:
        assert all(example.split == "train" for example in selection.examples(instance, trial=1))


def test_ideal_answers_are_right(scenario, prepared):
    method = get_method(scenario.prompt.method)
    for item in prepared:
        outcome = method.interpret(item, [(completion,) for completion in method.ideal(item)])
        right = [reference.text for reference in item.case.instance.references if reference.is_correct]
        if scenario.prompt.method == "language_modeling":
            assert outcome.values["bits_per_byte"] == 0
        else:
            assert outcome.prediction in [text.strip() for text in right] or not right


def test_preparing_twice_writes_the_same_requests(scenario, prepared):
    method = get_method(scenario.prompt.method)
    reader = _small_reader(scenario)
    assert [method.prepare(item.case, reader) for item in prepared] == prepared


def test_no_evaluated_input_is_also_an_example(scenario):
    selection = select_instances(scenario)
    shown = {(item.input, item.references) for item in selection.train}
    assert not shown & {(item.input, item.references) for item in selection.instances}


def test_floors_lie_between_never_and_always(scenario):
    selection = select_instances(scenario, max_instances=40)
    rows = list(floor_rows(scenario, selection.train, selection.instances, date="2025-01-01"))
    # free answers, of which all are right, have no floor
    options = {
        item.id
        for item in selection.instances
        if scenario.prompt.method == "language_modeling"
        or (item.label is not None and not all(reference.is_correct for reference in item.references))
    }
    assert options <= {row["instance"] for row in rows} <= {item.id for item in selection.instances}
    ceiling = 8.0 if scenario.prompt.method == "language_modeling" else 1.0
    assert all(0 <= row["score"] <= ceiling for row in rows)


def test_hashes_of_requests_tell_instances_apart(prepared):
    hashes = [item.requests[0].hash("m", "1") for item in prepared]
    assert len(set(hashes)) == len(hashes)
