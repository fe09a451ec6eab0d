"""The store under several writers, cut and foreign files, huge and odd texts, and killed writes."""

from __future__ import annotations

import os
import subprocess
import sys

import polars as pl
import polars.testing
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longwave.errors import TableError
from longwave.predictions import (
    KEY,
    SCHEMA_VERSION,
    append_side,
    done_keys,
    join_instances,
    read_predictions,
    read_side,
    skip_done,
    write_predictions,
)
from longwave.predictions import _shards as shards
from longwave.predictions._conform import conform
from longwave.predictions.schema import TABLES

shared_folder = settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
WRITER = """
import sys
import polars as pl
from longwave.predictions import KEY, SCHEMA, write_predictions
folder, model = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
key = {name: "x" for name in KEY} | {"model": model, "perturbation": None}
for i in range(12):
    row = key | {"instance": f"i{i}", "trial": 0}
    write_predictions(folder, pl.DataFrame([row], schema={name: SCHEMA[name] for name in KEY}))
"""


def _start(folder, model):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )


def test_two_processes_that_write_other_keys_lose_nothing(tmp_path):
    writers = [_start(tmp_path, model) for model in ("a", "b")]
    assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 2
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=30)
    found = read_predictions(tmp_path)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert found.group_by("model").len().sort("model").rows() == [("a", 12), ("b", 12)]
    assert found.select(KEY).is_unique().all()


def test_rows_of_one_writer_stay_in_their_order_beside_another(tmp_path, make_rows):
    for i in range(6):
        write_predictions(tmp_path, make_rows(1, i, model="ab"[i % 2]))
    of_a = read_predictions(tmp_path).filter(pl.col("model") == "a")
    assert of_a["instance"].to_list() == ["id0", "id2", "id4"]


@pytest.fixture(scope="module")
def whole_shard(tmp_path_factory):
    """Return the bytes of a good shard."""
    rows = pl.DataFrame([{**dict.fromkeys(KEY, "x"), "trial": 0}])
    return write_predictions(tmp_path_factory.mktemp("whole"), rows).read_bytes()


@shared_folder
@given(share=st.floats(0, 0.999))
@pytest.mark.parametrize("read", [read_predictions, done_keys], ids=["rows", "keys"])
def test_shard_cut_anywhere_is_named(tmp_path, whole_shard, read, share):
    path = tmp_path / "predictions" / "part-00000001-cut.parquet"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(whole_shard[: int(share * len(whole_shard))])
    with pytest.raises(TableError, match=r"part-00000001-cut.parquet.*delete this file"):
        read(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1PAR1", b"scenario,instance\n", b"\0" * 4096], ids=len
)
def test_file_that_is_no_parquet_is_named(tmp_path, make_rows, content):
    write_predictions(tmp_path, make_rows(2))
    (tmp_path / "predictions" / "part-00000002-x.parquet").write_bytes(content)
    with pytest.raises(TableError, match=r"part-00000002-x.*other shards are unharmed"):
        read_predictions(tmp_path)


def test_folder_named_like_a_shard_is_named(tmp_path):
    (tmp_path / "predictions" / "part-00000001-x.parquet").mkdir(parents=True)
    with pytest.raises(TableError, match="part-00000001-x"):
        read_predictions(tmp_path)


@pytest.mark.parametrize(
    "name", ["part-extra.parquet", "part-.parquet", "part-7-a-b.parquet", "part-²-.parquet"]
)
def test_writing_goes_on_beside_a_shard_of_another_name(tmp_path, make_rows, name):
    folder = tmp_path / "predictions"
    folder.mkdir()
    make_rows(1).write_parquet(folder / name)
    path = write_predictions(tmp_path, make_rows(1, 1))
    assert path.name.startswith("part-00000008" if "7" in name else "part-00000001")
    assert set(read_predictions(tmp_path)["instance"]) == {"id0", "id1"}


@pytest.mark.parametrize("name", ["notes.txt", ".part-00000001-x.parquet.tmp", "data.parquet", "part-1.csv"])
def test_other_files_beside_the_shards_are_left_alone(tmp_path, make_rows, name):
    write_predictions(tmp_path, make_rows(1))
    other = tmp_path / "predictions" / name
    other.write_bytes(b"something else")
    assert len(read_predictions(tmp_path)) == 1
    assert other.read_bytes() == b"something else"


def test_write_killed_before_its_name_leaves_the_table_as_it_was(tmp_path, make_rows, monkeypatch):
    write_predictions(tmp_path, make_rows(1))

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shards.Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            write_predictions(tmp_path, make_rows(1, 1))
    assert len(read_predictions(tmp_path)) == 1
    write_predictions(tmp_path, make_rows(1, 1))
    assert len(read_predictions(tmp_path)) == 2


@pytest.mark.parametrize(
    "text",
    ["x" * 5_000_000, "", "\0", "a\r\nb\tc", "👩‍👩‍👧 \u202e", "'\"\\;--", "null", "\ufeff", "é" * 70_000],
    ids=["5MB", "empty", "nul", "lines", "joined", "quotes", "null-word", "mark", "accents"],
)
def test_text_comes_back_letter_by_letter(tmp_path, make_rows, text):
    write_predictions(tmp_path, make_rows(1, prediction=text))
    append_side(
        tmp_path, "instances", pl.DataFrame({**_instance("id0"), "input": [text], "references": [[text]]})
    )
    found = join_instances(read_predictions(tmp_path), read_side(tmp_path, "instances"))
    assert found.select("prediction", "input", "references").row(0) == (text, text, [text])


def _instance(name):
    return {"scenario": ["boolq@1"], "instance": [name], "perturbation": [None]}


@shared_folder
@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), unique=True, max_size=8))
def test_any_texts_are_keys(make_rows, tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("keys")
    rows = pl.concat([make_rows(1, instance=name) for name in names] or [make_rows(0)])
    write_predictions(folder, rows)
    assert skip_done(rows, folder).is_empty()
    assert done_keys(folder)["instance"].to_list() == names


def test_rows_split_over_shards_read_as_if_written_at_once(tmp_path, make_rows):
    rows = make_rows(9)
    write_predictions(tmp_path / "once", rows)
    for part in (rows[:4], rows[4:4], rows[4:5], rows[5:]):
        write_predictions(tmp_path / "pieces", part)
    once, pieces = (read_predictions(tmp_path / name) for name in ("once", "pieces"))
    polars.testing.assert_frame_equal(once, pieces)


def test_read_rows_may_be_written_elsewhere(tmp_path, make_rows):
    write_predictions(tmp_path / "a", make_rows(3))
    read = read_predictions(tmp_path / "a")
    write_predictions(tmp_path / "b", read)
    polars.testing.assert_frame_equal(read_predictions(tmp_path / "b"), read)


def test_migrations_run_one_after_the_other(tmp_path, make_rows, monkeypatch):
    path = tmp_path / "predictions" / "part-00000001-old.parquet"
    path.parent.mkdir()
    old = make_rows(2).rename({"prediction": "answer"})
    old.write_parquet(path, metadata={"longwave_schema": str(SCHEMA_VERSION)})
    table = "predictions"
    steps = {
        (table, SCHEMA_VERSION): lambda f: f.rename({"answer": "output"}),
        (table, SCHEMA_VERSION + 1): lambda f: f.rename({"output": "prediction"}),
    }
    monkeypatch.setattr(shards, "MIGRATIONS", steps)
    monkeypatch.setattr(shards, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    write_predictions(tmp_path, make_rows(1, 2))
    assert read_predictions(tmp_path)["prediction"].to_list() == ["Yes"] * 3
    assert len(done_keys(tmp_path)) == 3


def test_migration_that_forgets_a_key_is_named_with_its_file(tmp_path, make_rows, monkeypatch):
    path = tmp_path / "predictions" / "part-00000001-old.parquet"
    path.parent.mkdir()
    make_rows(1).write_parquet(path, metadata={"longwave_schema": str(SCHEMA_VERSION)})
    monkeypatch.setattr(shards, "MIGRATIONS", {("predictions", SCHEMA_VERSION): lambda f: f.drop("model")})
    monkeypatch.setattr(shards, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(TableError, match=r'part-00000001-old.parquet": Missing key column "model"'):
        read_predictions(tmp_path)


@pytest.mark.parametrize("number", [2**53 + 1, -(2**62) - 1], ids=["just-beyond", "negative"])
def test_whole_number_that_a_float_would_round_is_refused(make_rows, number):
    rows = make_rows(1).with_columns(score=pl.Series([number]))
    with pytest.raises(TableError, match=rf'"score".*does not fit into Float64: {number} would be rounded'):
        conform(rows, TABLES["predictions"])


@given(st.one_of(st.none(), st.integers(-(2**53), 2**53)))
def test_whole_number_that_a_float_holds_is_kept(number):
    key = {**{name: ["x"] for name in TABLES["scores"].key}, "trial": [0]}
    rows = pl.DataFrame({**key, "value": pl.Series([number], dtype=pl.Int64)})
    assert conform(rows, TABLES["scores"])["value"].to_list() == [number]
