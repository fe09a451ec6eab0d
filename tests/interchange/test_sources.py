from __future__ import annotations

import pytest

from longwave.errors import DataError
from longwave.interchange.rows import Shown
from longwave.interchange.sources import ImportSummary, Source, read_sources

ROW = {"model": "m", "version": "1", "date": "2024-01-01", "prompt": "p", "trial": 0}


def source(path, instance="i", score=1.0, **options):
    def read(part):
        part.add(Shown(scenario="s@1", instance=instance), {**ROW, "score": score}, {"x": 1.0})

    return Source(tool="t", name=path.name, files=(path,), options=options, read=read)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("1", "utf-8")
    return path


def test_hash_follows_content_and_options_and_not_the_place(file, tmp_path):
    copy = tmp_path / "other" / "b.json"
    copy.parent.mkdir()
    copy.write_text("1", "utf-8")
    first = source(file, metric="x").hash()
    assert source(copy, metric="x").hash() == first
    assert source(file, metric="y").hash() != first
    copy.write_text("2", "utf-8")
    assert source(copy, metric="x").hash() != first


def test_same_run_twice_is_read_once(file):
    found = read_sources("t", [source(file), source(file)])
    assert (found.summary.rows, len(found.summary.runs)) == (1, 1)


def test_of_equal_keys_the_first_run_counts(file):
    found = read_sources("t", [source(file, score=1.0, v="1"), source(file, score=0.0, v="2")])
    assert found.predictions["score"].to_list() == [1.0]
    assert found.summary.skipped == {"rows whose key another run has (the first is kept)": 1}
    assert len(found.scores) == found.summary.scores == 1


def test_nothing_gives_empty_tables():
    found = read_sources("t", [])
    assert (len(found.predictions), found.summary) == (0, ImportSummary(tool="t"))


def test_summary_is_plain_values():
    assert ImportSummary(tool="t", runs=("a",), skipped={"b": 1}).to_dict()["runs"] == ["a"]


def test_file_that_went_away_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.json"):
        source(tmp_path / "gone.json").hash()


def test_what_is_too_deep_to_be_written_is_damage(file):
    def read(part):
        raise RecursionError

    with pytest.raises(DataError, match=r'"a\.json" is nested too deeply'):
        Source(tool="t", name="a.json", files=(file,), options={}, read=read).part("r")
