"""What models wrote, beside the predictions it became."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from longwave.errors import TableError
from longwave.predictions import join_completions


@pytest.fixture
def requests() -> pl.DataFrame:
    """Return two written requests and one scored text."""
    return pl.DataFrame(
        {
            "request_hash": ["h0", "h1", "h2"],
            "continuation": [None, None, " Yes"],
            "completions": [["a", "b"], [], [" Yes"]],
        }
    )


def with_hashes(rows: pl.DataFrame, *hashes: str | None) -> pl.DataFrame:
    return rows.with_columns(request_hash=pl.Series(hashes, dtype=pl.String))


def test_completions_are_those_of_the_request(make_rows, requests):
    rows = with_hashes(make_rows(3), "h1", "h0", "h0")
    assert join_completions(rows, requests)["completions"].to_list() == [[], ["a", "b"], ["a", "b"]]


def test_scored_missing_and_unlisted_requests_wrote_nothing(make_rows, requests):
    rows = with_hashes(make_rows(3), "h2", None, "unknown")
    assert join_completions(rows, requests)["completions"].to_list() == [None] * 3


def test_rows_keep_their_order_number_and_columns(make_rows, requests):
    rows = with_hashes(make_rows(4), "h2", "h0", None, "h0")
    twice = pl.concat([requests, requests])
    assert_frame_equal(join_completions(rows, twice).select(rows.columns), rows)


def test_last_of_several_answers_counts(make_rows, requests):
    again = pl.DataFrame({"request_hash": ["h0"], "continuation": [None], "completions": [["new"]]})
    both = pl.concat([requests, again.cast({"continuation": pl.String})])
    assert join_completions(with_hashes(make_rows(1), "h0"), both)["completions"].to_list() == [["new"]]


def test_no_requests_give_nulls(make_rows, requests):
    rows = with_hashes(make_rows(1), "h0")
    assert join_completions(rows, requests.clear())["completions"].to_list() == [None]


def test_frame_without_hashes_is_refused(make_rows, requests):
    with pytest.raises(TableError, match='"request_hash" of the predictions is missing'):
        join_completions(make_rows(1), requests)


def test_frame_that_is_no_requests_table_is_refused(make_rows):
    with pytest.raises(TableError, match='Missing key column "request_hash"'):
        join_completions(with_hashes(make_rows(1), "h0"), pl.DataFrame({"prompt": ["p"]}))
