from __future__ import annotations

import polars as pl
import pytest

from longwave.errors import MissingFile
from longwave.monitoring import HapiStore, read_runs, to_predictions
from longwave.samples import sample_path


@pytest.fixture
def table(tmp_path):
    to_predictions(read_runs(sample_path("hapi")), tmp_path / "out", task="llm", dataset="prime")
    return tmp_path / "out"


def test_hapi_data_are_known_by_their_folder():
    assert isinstance(read_runs(sample_path("hapi")), HapiStore)


def test_predictions_table_is_known_by_its_folder_shards_or_file(table):
    (shard,) = (table / "predictions").glob("*.parquet")
    for path in (table, table / "predictions", shard):
        assert read_runs(path).series()["dataset"].cast(pl.String).unique().to_list() == ["hapi-llm-prime@1"]


def test_two_snapshots_of_a_table_are_two_dates(table):
    assert read_runs(table).series()["dates"].to_list() == [
        ["2023-03-01", "2023-06-13"],
        ["2023-03-14", "2023-06-13"],
    ]


def test_missing_path_is_told(tmp_path):
    with pytest.raises(MissingFile, match="No file or folder"):
        read_runs(tmp_path / "absent")
