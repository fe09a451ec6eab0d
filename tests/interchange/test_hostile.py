"""Whatever a file holds, a reader reads it or says what is wrong; nothing else leaves it."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longwave.errors import LongwaveError
from longwave.interchange import read_helm, read_inspect, read_lm_eval
from longwave.predictions import SCHEMA

FIXTURES = Path(__file__).parents[1] / "fixtures" / "interchange"
EVIL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(codec=None), max_size=5),
    st.sampled_from([10**400, -1, 2**63, "1e999", "\ud800", "[1, [", "nan"]),
    st.lists(st.none() | st.integers(), max_size=2),
    st.dictionaries(
        st.text(st.characters(codec=None), max_size=3), st.none() | st.text(max_size=3), max_size=2
    ),
)
CALM = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def places(value, path=()):
    """List the places of a document, the whole one first."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def changed(document, path, value):
    """Return a copy with something else in one place."""
    if not path:
        return value
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


def reads_or_says_why(read, path):
    with contextlib.suppress(LongwaveError):
        assert read(path).predictions.schema == SCHEMA


def load(path):
    return json.loads(path.read_text("utf-8"))


HELM = FIXTURES / "helm" / "tiny"
HELM_FILES = [
    (run, name, load(HELM / run / name))
    for run, name in [
        ("planets-joint", "scenario_state.json"),
        ("planets-calibrated", "scenario_state.json"),
        ("capitals", "scenario_state.json"),
        ("planets-joint", "run_spec.json"),
        ("planets-joint", "per_instance_stats.json"),
        ("planets-joint", "stats.json"),
    ]
]


@CALM
@given(data=st.data())
def test_changed_helm_run_is_read_or_refused(data):
    run, name, document = data.draw(st.sampled_from(HELM_FILES))
    evil = changed(document, data.draw(st.sampled_from(places(document))), data.draw(EVIL))
    with tempfile.TemporaryDirectory() as folder:
        target = shutil.copytree(HELM / run, Path(folder) / "run")
        (target / name).write_text(json.dumps(evil), "utf-8")
        reads_or_says_why(read_helm, target)


LM_EVAL = FIXTURES / "lm_eval" / "org__rule-7b"
LM_EVAL_FILES = [
    (path.name, [json.loads(line) for line in path.read_text("utf-8").splitlines()])
    for path in sorted(LM_EVAL.glob("*.jsonl"))
]


@CALM
@given(data=st.data())
def test_changed_samples_are_read_or_refused(data):
    name, samples = data.draw(st.sampled_from(LM_EVAL_FILES))
    evil = changed(samples, data.draw(st.sampled_from(places(samples)[1:])), data.draw(EVIL))
    with tempfile.TemporaryDirectory() as folder:
        target = shutil.copytree(LM_EVAL, Path(folder) / "m")
        (target / name).write_text("".join(json.dumps(sample) + "\n" for sample in evil), "utf-8")
        reads_or_says_why(read_lm_eval, target / name)


@CALM
@given(data=st.data())
def test_changed_results_are_read_or_refused(data):
    path = next(LM_EVAL.glob("results*"))
    document = load(path)
    evil = changed(document, data.draw(st.sampled_from(places(document))), data.draw(EVIL))
    with tempfile.TemporaryDirectory() as folder:
        target = shutil.copytree(LM_EVAL, Path(folder) / "m")
        (target / path.name).write_text(json.dumps(evil), "utf-8")
        reads_or_says_why(read_lm_eval, target)


INSPECT = load(next((FIXTURES / "inspect" / "json").glob("*.json")))


@CALM
@given(data=st.data())
def test_changed_log_is_read_or_refused(data):
    evil = changed(INSPECT, data.draw(st.sampled_from(places(INSPECT))), data.draw(EVIL))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_text(json.dumps(evil), "utf-8")
        reads_or_says_why(read_inspect, path)


@CALM
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_log_with_one_other_byte_is_read_or_refused(place, byte):
    data = bytearray(next((FIXTURES / "inspect" / "logs").glob("*planets*")).read_bytes())
    data[int(place * len(data))] = byte
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.eval"
        path.write_bytes(bytes(data))
        reads_or_says_why(read_inspect, path)


@CALM
@given(length=st.floats(0, 1))
def test_cut_log_is_refused(length):
    data = next((FIXTURES / "inspect" / "logs").glob("*planets*")).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.eval"
        path.write_bytes(data[: int(length * (len(data) - 1))])
        with pytest.raises(LongwaveError):
            read_inspect(path)


def test_bomb_in_a_log_is_refused(tmp_path, monkeypatch):
    from longwave.interchange import _archive

    monkeypatch.setattr(_archive, "LARGEST_MEMBER", 2**20)
    with zipfile.ZipFile(tmp_path / "a.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", b" " * 2**22)
    with pytest.raises(LongwaveError, match=r'member "header\.json" has at least 4,194,304 bytes'):
        read_inspect(tmp_path / "a.eval")


def test_deep_document_is_refused(tmp_path):
    deep = '{"eval": ' + '{"plan": ' * 100_000 + "1" + "}" * 100_001
    (tmp_path / "a.json").write_text(deep, "utf-8")
    with pytest.raises(LongwaveError, match="nested too deeply"):
        read_inspect(tmp_path / "a.json")
