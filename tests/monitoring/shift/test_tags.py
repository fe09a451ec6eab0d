"""Label sets against loops over rows."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError
from longwave.monitoring.paired.rows import pair_rows
from longwave.monitoring.shift.tags import label_sets

tags = st.lists(st.sampled_from(["car", "cat", "dog", "fox"]), max_size=4)
rows = st.lists(st.tuples(tags, tags, tags), min_size=1, max_size=25)
KIND = pl.List(pl.String)


def _pair(drawn, *, has_truth=True):
    truth, first, second = zip(*drawn, strict=True)
    place = range(len(drawn))
    columns = {"row": place, "predicted_label": pl.Series(list(first), dtype=KIND)}
    if has_truth:
        columns["true_label"] = pl.Series(list(truth), dtype=KIND)
    after = pl.DataFrame({"row": place, "predicted_label": pl.Series(list(second), dtype=KIND)})
    return pair_rows(pl.DataFrame(columns), after)


@settings(max_examples=30)
@given(rows)
def test_every_tag_equals_a_loop_over_rows(drawn):
    found = label_sets(_pair(drawn))
    assert set(found.tags["label"]) == {tag for triple in drawn for part in triple for tag in part}
    for row in found.tags.iter_rows(named=True):
        tag = row["label"]
        true = [tag in y for y, _, _ in drawn]
        for side, name in ((1, "before"), (2, "after")):
            said = [tag in triple[side] for triple in drawn]
            hits = sum(a and b for a, b in zip(true, said, strict=True))
            assert row[f"n_{name}"] == sum(said)
            assert row[f"frequency_{name}"] == pytest.approx(sum(said) / len(drawn))
            assert row[f"precision_{name}"] == (pytest.approx(hits / sum(said)) if any(said) else None)
            assert row[f"recall_{name}"] == (pytest.approx(hits / sum(true)) if any(true) else None)


@settings(max_examples=30)
@given(rows)
def test_counts_of_rows_equal_a_loop(drawn):
    found = label_sets(_pair(drawn))
    for side, name in ((1, "before"), (2, "after")):
        sizes = [len(set(triple[side])) for triple in drawn]
        assert getattr(found, f"mean_tags_{name}") == pytest.approx(sum(sizes) / len(sizes))
        assert getattr(found, f"empty_{name}") == pytest.approx(sizes.count(0) / len(sizes))


def test_added_removed_kept_and_unused_tags_are_told_apart():
    found = label_sets(_pair([(["elk"], ["cat", "car"], ["cat", "dog"])]))
    assert dict(found.tags.select("label", "status").rows()) == {
        "cat": "kept",
        "car": "removed",
        "dog": "added",
        "elk": "unused",
    }
    assert (found.added, found.removed) == (("dog",), ("car",))


def test_labels_outside_the_common_space_are_counted_apart():
    found = label_sets(
        _pair([(["cat"], ["cat", "kitten"], []), ([], ["dog"], ["puppy"])]), known=["cat", "dog"]
    )
    assert (found.unknown_before, found.unknown_after) == pytest.approx((1 / 3, 1.0))
    assert dict(found.tags.select("label", "is_known").rows())["kitten"] is False


def test_the_most_changed_tag_comes_first():
    found = label_sets(_pair([([], ["a"], ["b"]), ([], ["a"], ["b"]), ([], ["c"], [])]))
    assert found.tags["label"].to_list() == ["a", "b", "c"]


def test_single_labels_are_sets_of_one():
    before = pl.DataFrame({"row": [0, 1], "predicted_label": [3, None], "true_label": [3, 4]})
    after = pl.DataFrame({"row": [0, 1], "predicted_label": [3, 4]})
    found = label_sets(pair_rows(before, after))
    assert (found.empty_before, found.empty_after) == (0.5, 0.0)
    assert found.added == ("4",)


def test_without_truth_there_is_no_precision():
    row = label_sets(_pair([([], ["a"], ["a"])], has_truth=False)).tags.row(0, named=True)
    assert (row["n_true"], row["precision_before"], row["recall_after"]) == (None, None, None)


def test_no_rows_are_refused():
    pair = _pair([([], ["a"], ["a"])])
    with pytest.raises(DataError, match="at least 1"):
        label_sets(type(pair)(frame=pair.frame.clear(), before="a", after="b"))
