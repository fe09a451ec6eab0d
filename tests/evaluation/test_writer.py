from __future__ import annotations

import polars as pl
import pytest

from longwave.errors import StorageError
from longwave.evaluation import select_instances, writer
from longwave.evaluation.scoring import Answered
from longwave.evaluation.writer import TableWriter, write_instances
from longwave.predictions import read_predictions, read_side


def row(instance):
    return {
        "scenario": "s@1",
        "instance": instance,
        "model": "m",
        "version": "1",
        "date": "2025-01-01",
        "prompt": "p",
        "perturbation": None,
        "trial": 0,
    }


def test_rows_carry_the_run_and_scores_their_key(tmp_path):
    table = TableWriter(tmp_path, run="r1")
    table.add([Answered(row=row("a"), scores=[{**row("a"), "metric": "x", "value": 0.5}])], [])
    table.flush()
    assert read_predictions(tmp_path)["run"].to_list() == ["r1"]
    assert read_side(tmp_path, "scores")["value"].to_list() == [0.5]


def test_nothing_is_written_before_it_is_time(tmp_path):
    table = TableWriter(tmp_path, run="r1")
    table.add([Answered(row=row("a"))], [])
    assert not (tmp_path / "predictions").exists()


@pytest.mark.parametrize("limit", [("FLUSH_ROWS", 2), ("FLUSH_S", 0.0)], ids=["rows", "seconds"])
def test_rows_are_written_when_it_is_time(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(writer, *limit)
    table = TableWriter(tmp_path, run="r1")
    table.add([Answered(row=row("a")), Answered(row=row("b"))], [])
    assert len(read_predictions(tmp_path)) == 2


def test_a_full_disk_is_told(tmp_path):
    (tmp_path / "predictions").write_text("in the way")
    table = TableWriter(tmp_path, run="r1")
    table.add([Answered(row=row("a"))], [])
    with pytest.raises(StorageError):
        table.flush()


def test_instances_are_written_once(make_scenario, tmp_path):
    selection = select_instances(make_scenario(n=3))
    write_instances(tmp_path, [selection])
    write_instances(tmp_path, [selection])
    assert len(list((tmp_path / "instances").iterdir())) == 1
    found = read_side(tmp_path, "instances")
    assert found["references"].to_list() == [["yes", "no"]] * 3
    assert found["correct_references"].to_list() == [[0], [1], [0]]


def request_row(name):
    return {
        "request_hash": name,
        "prompt": "p",
        "continuation": None,
        "completions": ["c"],
        "logprobs": [None],
        "settings": "{}",
    }


def test_a_request_is_written_once_a_start(tmp_path):
    table = TableWriter(tmp_path, run="r1")
    for names in (["a", "b"], ["b", "c"]):
        table.add([], [request_row(name) for name in names])
        table.flush()
    parts = [pl.read_parquet(part) for part in sorted((tmp_path / "requests").iterdir())]
    assert sorted(name for part in parts for name in part["request_hash"]) == ["a", "b", "c"]


def test_flushing_twice_writes_nothing_more(tmp_path):
    table = TableWriter(tmp_path, run="r1")
    table.add([Answered(row=row("a"))], [request_row("a")])
    table.flush()
    table.flush()
    assert len(list((tmp_path / "predictions").iterdir())) == 1


def test_an_empty_writer_leaves_no_file(tmp_path):
    TableWriter(tmp_path, run="r1").flush()
    assert list(tmp_path.glob("*/*.parquet")) == []


def test_instances_added_later_join_those_before(make_scenario, tmp_path):
    write_instances(tmp_path, [select_instances(make_scenario(n=2))])
    write_instances(
        tmp_path, [select_instances(make_scenario(n=5)), select_instances(make_scenario(name="b"))]
    )
    found = read_side(tmp_path, "instances")
    assert len(found) == 5 + 8
    assert found.select("scenario", "instance", "perturbation").is_unique().all()


@pytest.mark.parametrize(
    "lists",
    [
        pytest.param([([" A"], [-0.5])], id="one"),
        pytest.param([([], []), ([" A", "é"], [None, -1.5]), ([], [])], id="empty-beside-several"),
        pytest.param([([""], [None])], id="no-logprob"),
        pytest.param([([], [])], id="all-empty"),
    ],
)
def test_lists_come_back_as_they_were_answered(tmp_path, lists):
    table = TableWriter(tmp_path, run="r1")
    requests = [
        {
            "request_hash": str(number),
            "prompt": "p",
            "continuation": None,
            "completions": completions,
            "logprobs": logprobs,
            "settings": "{}",
        }
        for number, (completions, logprobs) in enumerate(lists)
    ]
    table.add([Answered(row=row("a"))], requests)
    table.flush()
    found = read_side(tmp_path, "requests").sort("request_hash")
    assert found.select("completions", "logprobs").rows() == lists


def test_references_of_an_instance_come_back_in_order(make_scenario, tmp_path):
    selection = select_instances(make_scenario(n=3))
    write_instances(tmp_path, [selection])
    found = dict(read_side(tmp_path, "instances").select("instance", "references").iter_rows())
    assert found == {item.id: [listed.text for listed in item.references] for item in selection.instances}
