from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError
from longwave.monitoring import HapiStore, Run, align, load_sample, pair_runs


def frame(**columns):
    return pl.DataFrame(columns)


@pytest.fixture
def store():
    made = HapiStore.empty("small")
    made.add_labels("sa", "imdb", [{"example_id": name, "true_label": 0, "group": name} for name in "abc"])
    for api, date, codes, ids in (
        ("google_sa", "20-03-29", (0, 1, 1), "abc"),
        ("google_sa", "22-05-23", (1, 0), "cb"),
        ("amazon_sa", "20-03-29", (0, 0, 0), "abc"),
    ):
        rows = [
            {"example_id": name, "predicted_label": code, "confidence": 0.5}
            for name, code in zip(ids, codes, strict=True)
        ]
        made.add_run(Run(task="sa", dataset="imdb", api=api, date=date), rows, allow_partial=True)
    return made


def test_two_dates_stand_side_by_side(store):
    pair = pair_runs(store, task="sa", dataset="imdb", api="google_sa", before="20-03-29", after="22-05-23")
    assert pair.how == "row"
    assert pair.frame.columns == [
        "row", "example_id", "true_label", "group", "predicted_label_before", "confidence_before",
        "score_before", "predicted_label_after", "confidence_after", "score_after",
    ]  # fmt: skip
    columns = ("row", "example_id", "group", "predicted_label_before", "predicted_label_after")
    assert pair.frame.select(columns).rows() == [(1, "b", "b", 1, 0), (2, "c", "c", 1, 1)]
    assert (pair.only_before, pair.only_after) == (1, 0)
    assert pair.note == "2 rows are on both sides; 1 before and 0 after have no partner."


def test_two_apis_stand_side_by_side(store):
    pair = pair_runs(
        store, task="sa", dataset="imdb", api=("google_sa", "amazon_sa"), before="20-03-29", after="20-03-29",
        columns=["score"],
    )  # fmt: skip
    assert pair.frame.select("score_before", "score_after").rows() == [(1, 1), (0, 1), (0, 1)]
    assert pair.note is None


def test_repeated_ids_do_not_multiply_rows():
    pair = pair_runs(
        load_sample(), task="scr", dataset="command", api=("google_scr", "ibm_scr"), before="20-03-29",
        after="20-03-29", columns=["score"],
    )  # fmt: skip
    assert len(pair.frame) == 64_727
    assert pair.frame["score_before"].mean() == pytest.approx(0.8736, abs=1e-4)
    assert pair.frame["score_after"].mean() == pytest.approx(0.8056, abs=1e-4)


def test_equal_sequences_of_repeated_ids_are_matched_by_position_and_it_is_told():
    pair = align(
        frame(example_id=["a", "a", "b"], x=[1, 2, 3]), frame(example_id=["a", "a", "b"], x=[4, 5, 6])
    )
    assert pair.how == "position"
    assert pair.frame.select("x_before", "x_after").rows() == [(1, 4), (2, 5), (3, 6)]
    assert pair.note.startswith("An example_id stands for several examples (2 ids, 3 rows)")


def test_equal_sequences_of_unique_ids_need_no_word():
    pair = align(frame(example_id=["a", "b"], x=[1, 2]), frame(example_id=["a", "b"], x=[3, 4]))
    assert (pair.how, pair.note) == ("position", None)


@settings(max_examples=30)
@given(before=st.permutations("abcdefg"), after=st.permutations("cdefghi"))
def test_unique_ids_are_matched_whatever_their_order(before, after):
    pair = align(frame(example_id=before, x=before), frame(example_id=after, x=after))
    expected = [name for name in before if name in after]
    assert pair.frame["example_id"].to_list() == expected
    assert pair.frame["x_before"].to_list() == pair.frame["x_after"].to_list() == expected
    assert (pair.only_before, pair.only_after) == (2, 2)


@settings(max_examples=30)
@given(ids=st.lists(st.sampled_from("ab"), min_size=3, max_size=9), data=st.data())
def test_repeated_ids_in_another_order_are_always_refused(ids, data):
    shuffled = data.draw(st.permutations(ids).filter(lambda other: other != ids or len(set(ids)) == 1))
    if shuffled == ids:
        shuffled = ids[:-1]
    with pytest.raises(DataError, match="the two sides do not list the same ids in the same order"):
        align(frame(example_id=ids), frame(example_id=shuffled))


@settings(max_examples=30)
@given(
    rows=st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.booleans()), unique_by=lambda row: row[0])
)
def test_rows_decide_where_there_are_any(rows):
    before = [row for row, there, _ in rows if there]
    after = [row for row, _, there in rows if there]
    left = pl.DataFrame({"row": before, "x": before}, schema={"row": pl.Int32, "x": pl.Int64})
    right = pl.DataFrame({"row": after, "x": after}, schema={"row": pl.Int32, "x": pl.Int64})
    pair = align(left, right)
    assert pair.frame["row"].to_list() == [row for row in before if row in after]
    assert pair.frame["x_before"].equals(pair.frame["x_after"])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (frame(x=[1]), frame(x=[1]), 'Nothing to match by: both frames need a column "row"'),
        (frame(row=[1]), frame(example_id=["a"]), "Nothing to match by"),
        (frame(row=[1, 1]), frame(row=[1]), "Row 1 occurs more than once before"),
        (frame(row=[1]), frame(row=[2, 2]), "Row 2 occurs more than once after"),
        (
            frame(row=[0, 1], example_id=["a", "b"]),
            frame(row=[0, 1], example_id=["a", "c"]),
            r'Row 1 is "b" before and "c" after \(1 such rows\)',
        ),
        (frame(example_id=["a", "b"]), frame(example_id=["a", "a"]), '"a" occurs more than once after'),
    ],
    ids=["nothing", "different", "twice-before", "twice-after", "other-dataset", "repeated"],
)
def test_what_cannot_be_matched_is_refused(before, after, message):
    with pytest.raises(DataError, match=message):
        align(before, after)


def test_nothing_in_common_is_no_rows():
    pair = align(frame(row=[1], x=[1]), frame(row=[2], x=[2]))
    assert (len(pair.frame), pair.only_before, pair.only_after) == (0, 1, 1)
