"""Several workers fill the table that one would fill, to the byte."""

from __future__ import annotations

import json

import pytest

from longwave.errors import ConfigError, LongwaveError, MissingExtra, MissingFile
from longwave.evaluation import evaluate
from longwave.evaluation.engines import _died, _Job, _rebuild, run_part
from longwave.predictions import read_predictions

ASKED = {"models": ["fake:random", "fake:first"], "date": "2025-01-01", "perturbations": ["lowercase"]}


@pytest.fixture
def parity(tmp_path):
    """Return the path of a scenario of twelve rows, in a file as workers need it."""
    rows = [
        {
            "id": f"n{n}",
            "input": f"Is {n} EVEN?",
            "references": [
                {"text": "yes", "tags": ["correct"] if n % 2 == 0 else []},
                {"text": "no", "tags": ["correct"] if n % 2 else []},
            ],
            "split": "train" if n < 4 else "test",
        }
        for n in range(16)
    ]
    (tmp_path / "parity.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "parity.yaml").write_text(
        "{name: parity, rows: parity.jsonl, main_metric: exact_match, "
        "prompt: {method: multiple_choice_joint}}"
    )
    return str(tmp_path / "parity.yaml")


def tables(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob("*/*.parquet"))
    }


@pytest.mark.parametrize("count", [2, 3, 8])
def test_shards_in_any_order_end_in_the_bytes_of_one_run(parity, tmp_path, count):
    evaluate(**ASKED, scenarios=[parity], out=tmp_path / "one")
    for index in (*range(count, 1, -1), 1):
        evaluate(**ASKED, scenarios=[parity], out=tmp_path / "parts", shard=f"{index}/{count}")
    assert tables(tmp_path / "parts") == tables(tmp_path / "one")
    assert len(tables(tmp_path / "one")) == 4


def test_a_shard_asks_its_part_and_no_more(parity, tmp_path):
    rows = evaluate(model="fake:first", scenarios=[parity], out=tmp_path / "out", shard="2/3")
    assert rows["instance"].to_list() == ["n8", "n9", "n10", "n11"]
    assert "floor:random" not in rows["model"]


@pytest.mark.slow
def test_local_workers_end_in_the_bytes_of_one_run(parity, tmp_path):
    seen = []
    evaluate(**ASKED, scenarios=[parity], out=tmp_path / "one")
    rows = evaluate(**ASKED, scenarios=[parity], out=tmp_path / "many", workers=3, on_progress=seen.append)
    assert tables(tmp_path / "many") == tables(tmp_path / "one")
    assert (seen[-1].done, seen[-1].total) == (48, 48)
    assert len(rows) == len(read_predictions(tmp_path / "one"))


@pytest.mark.slow
def test_a_ray_cluster_ends_in_the_bytes_of_one_run(parity, tmp_path):
    pytest.importorskip("ray")
    evaluate(**ASKED, scenarios=[parity], out=tmp_path / "one")
    evaluate(**ASKED, scenarios=[parity], out=tmp_path / "ray", workers=2, engine="ray")
    assert tables(tmp_path / "ray") == tables(tmp_path / "one")


@pytest.mark.slow
def test_the_error_of_a_worker_is_told_as_it_was(tmp_path):
    (tmp_path / "gone.yaml").write_text(
        "name: gone\nrows: gone.jsonl\nmain_metric: exact_match\nprompt: {method: generation}\n"
    )
    with pytest.raises(MissingFile, match=r"gone\.jsonl"):
        evaluate(model="fake:first", scenarios=[str(tmp_path / "gone.yaml")], out=tmp_path / "out", workers=2)


def test_a_part_returns_its_error_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {"models": ["fake:first"], "scenarios": ["bolq"]}
    name, message = run_part(_Job(settings=asked, out="out", place=str(tmp_path)), "1/2")
    assert name == "UnknownName"
    assert "boolq" in message


def test_objects_cannot_be_sent_to_workers(make_scenario, tmp_path):
    with pytest.raises(ConfigError, match="Several workers need models, scenarios"):
        evaluate(model="fake:first", scenarios=[make_scenario()], out=tmp_path, workers=2)


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"workers": 0}, '"workers" is 0'), ({"workers": 2, "engine": "slurm"}, 'The engine is "slurm"')],
    ids=["none", "engine"],
)
def test_wrong_workers_are_refused(parity, tmp_path, keys, message):
    with pytest.raises(ConfigError, match=message):
        evaluate(model="fake:first", scenarios=[parity], out=tmp_path / "out", **keys)


def test_ray_is_an_extra(parity, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"longwave\[ray\]"):
        evaluate(model="fake:first", scenarios=[parity], out=tmp_path / "out", workers=2, engine="ray")


def test_the_base_of_all_errors_stands_for_a_death():
    error = _rebuild(*_died("2/3", "exit code -9"))
    assert type(error) is LongwaveError
    assert "part 2/3 ended (exit code -9)" in str(error)
