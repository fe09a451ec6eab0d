from __future__ import annotations

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
