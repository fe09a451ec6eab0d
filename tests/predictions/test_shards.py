"""Shards: versions, damage, and files that another program wrote."""

from __future__ import annotations

import os

import polars as pl
import pytest

from longwave.errors import TableError
from longwave.predictions import SCHEMA, SCHEMA_VERSION, done_keys, read_predictions, write_predictions
from longwave.predictions import _shards as shards


def _write(folder, rows, version, name="part-00000000-old.parquet"):
    path = folder / "predictions" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(path, metadata={} if version is None else {"longwave_schema": str(version)})
    return path


def test_file_carries_the_schema_version(tmp_path, make_rows):
    path = write_predictions(tmp_path, make_rows(1))
    assert pl.read_parquet_metadata(path)["longwave_schema"] == str(SCHEMA_VERSION)


def test_names_increase(tmp_path, make_rows):
    names = [write_predictions(tmp_path, make_rows(1, i)).name for i in range(11)]
    assert names == sorted(names)


def test_two_writers_with_the_same_count_do_not_collide(tmp_path, make_rows, monkeypatch):
    monkeypatch.setattr(shards, "list_shards", lambda _: [])
    paths = {shards.write_shard(tmp_path, make_rows(1)) for _ in range(5)}
    assert len(paths) == 5


@pytest.mark.parametrize("read", [read_predictions, done_keys])
def test_newer_schema_asks_for_an_upgrade(tmp_path, make_rows, read):
    path = _write(tmp_path, make_rows(1), SCHEMA_VERSION + 1)
    with pytest.raises(
        TableError, match=f"{path.name}.* has schema version 2.*pip install --upgrade longwave"
    ):
        read(tmp_path)


def test_older_file_with_fewer_columns_is_filled_with_null(tmp_path, make_rows):
    _write(tmp_path, make_rows(2).drop("score"), 0)
    frame = read_predictions(tmp_path)
    assert (frame.schema, frame["score"].null_count()) == (SCHEMA, 2)


@pytest.fixture
def renamed(monkeypatch):
    """Pretend that version 0 called the column ``prompt`` ``variant``."""
    monkeypatch.setitem(
        shards.MIGRATIONS, ("predictions", 0), lambda frame: frame.rename({"variant": "prompt"})
    )


def test_older_file_is_migrated(tmp_path, make_rows, renamed):
    _write(tmp_path, make_rows(2).rename({"prompt": "variant"}), 0)
    assert read_predictions(tmp_path)["prompt"].to_list() == ["default", "default"]


def test_keys_of_an_older_file_are_migrated(tmp_path, make_rows, renamed):
    _write(tmp_path, make_rows(2).rename({"prompt": "variant"}), 0)
    with pytest.raises(TableError, match="already"):
        write_predictions(tmp_path, make_rows(1))


def test_old_and_new_files_are_read_together(tmp_path, make_rows, renamed):
    _write(tmp_path, make_rows(2).rename({"prompt": "variant"}), 0)
    write_predictions(tmp_path, make_rows(1, 2))
    assert read_predictions(tmp_path)["instance"].to_list() == ["id0", "id1", "id2"]


def test_plain_parquet_of_another_program_is_read(tmp_path, make_rows):
    _write(tmp_path, make_rows(2), None)
    write_predictions(tmp_path, make_rows(1, 2))
    assert len(read_predictions(tmp_path)) == 3


def test_plain_parquet_that_breaks_the_schema_is_named(tmp_path, make_rows):
    write_predictions(tmp_path, make_rows(1, 2))
    _write(tmp_path, make_rows(2).rename({"score": "points"}), None)
    with pytest.raises(TableError, match=r'part-00000000-old\.parquet": Unknown column "points"'):
        read_predictions(tmp_path)


@pytest.mark.parametrize("read", [read_predictions, done_keys])
@pytest.mark.parametrize("kept", [0, 40, 0.5], ids=["empty", "40-bytes", "half"])
def test_damaged_shard_is_named(tmp_path, make_rows, kept, read):
    write_predictions(tmp_path, make_rows(50))
    path = write_predictions(tmp_path, make_rows(50, 50))
    data = path.read_bytes()
    path.write_bytes(data[: kept if isinstance(kept, int) else int(len(data) * kept)])
    with pytest.raises(TableError, match=f"{path.name}.* cannot be read as Parquet.*delete this file"):
        read(tmp_path)


def test_damage_in_the_middle_of_a_shard_is_named(tmp_path, make_rows):
    path = write_predictions(tmp_path, make_rows(200))
    data = bytearray(path.read_bytes())
    data[4:400] = os.urandom(396)
    path.write_bytes(bytes(data))
    with pytest.raises(TableError, match=path.name):
        read_predictions(tmp_path)


def test_version_that_is_no_number_is_damage(tmp_path, make_rows):
    _write(tmp_path, make_rows(1), "one")
    with pytest.raises(TableError, match="cannot be read"):
        read_predictions(tmp_path)


def test_half_written_file_is_ignored(tmp_path, make_rows):
    path = write_predictions(tmp_path, make_rows(2))
    path.with_name(".part-00000002-0123abcd.parquet.tmp").write_bytes(b"PAR1 half")
    assert len(read_predictions(tmp_path)) == 2


def test_rewritten_shard_is_read_anew(tmp_path, make_rows):
    path = write_predictions(tmp_path, make_rows(1))
    done_keys(tmp_path)
    path.unlink()
    write_predictions(tmp_path, make_rows(1))
    assert len(done_keys(tmp_path)) == 1
