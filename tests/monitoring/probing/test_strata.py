from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError
from longwave.monitoring.probing.strata import make_strata

LABELS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=80)


@settings(max_examples=30)
@given(LABELS, st.data(), st.integers(2, 9))
def test_every_row_has_one_stratum_of_one_kind(labels, data, max_strata):
    before = data.draw(
        st.lists(st.sampled_from(["a", "b", "c", None]), min_size=len(labels), max_size=len(labels))
    )
    strata = make_strata(labels, before, max_strata=max_strata)
    right = np.array([label == known for label, known in zip(labels, before, strict=True)])
    assert strata.n_strata <= max(max_strata, 2)
    assert strata.sizes.sum() == len(labels)
    assert (strata.is_right[strata.stratum] == right).all()
    assert sorted(np.concatenate(strata.queues)) == list(range(len(labels)))


def test_pure_strata_share_label_and_prediction():
    labels, before = ["a"] * 30 + ["b"] * 30, ["a"] * 20 + ["b"] * 40
    strata = make_strata(labels, before, max_strata=10)
    pairs = [{(labels[row], before[row]) for row in queue} for queue in strata.queues]
    assert [len(pair) == 1 for pair in pairs] == strata.is_pure.tolist()
    assert strata.is_pure.all()


def test_rare_pairs_are_put_together_by_kind():
    labels = ["a"] * 50 + list("bcdefg")
    strata = make_strata(labels, [*["a"] * 50, *"bcdxyz"], max_strata=10)
    assert strata.sizes.tolist() == [50, 3, 3]
    assert strata.is_right.tolist() == [True, True, False]
    assert strata.is_pure.tolist() == [True, False, False]


def test_order_depends_on_the_seed_alone():
    first, again, other = (make_strata("ab" * 20, "ab" * 20, max_strata=4, seed=s) for s in (1, 1, 2))
    assert (first.order == again.order).all()
    assert (first.order != other.order).any()


def test_whole_numbers_in_an_array_are_read_like_those_in_a_list():
    y, o = np.array([3, 1, 1, 7]), np.array([3, 3, 1, 9])
    fast, slow = make_strata(y, o, max_strata=4), make_strata(y.tolist(), o.tolist(), max_strata=4)
    assert fast.classes == slow.classes == (1, 3, 7, 9)
    assert (fast.labels == slow.labels).all()
    assert (fast.before == slow.before).all()
    assert fast.fingerprint == slow.fingerprint


def test_series_and_arrays_mix():
    strata = make_strata(pl.Series(["x", "y"]), np.array(["x", "x"]), max_strata=4)
    assert strata.classes == ("x", "y")


def test_a_lone_class_has_no_answer_for_company():
    assert make_strata(["a"], ["a"], max_strata=2).classes == ("a", None)


def test_fingerprint_tells_baselines_apart():
    one = make_strata(["a", "b"], ["a", "a"], max_strata=2)
    other = make_strata(["a", "b"], ["a", "b"], max_strata=2)
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("labels", "before", "message"),
    [
        ([], [], "0 labels and 0 earlier"),
        (["a"], ["a", "b"], "1 labels and 2 earlier"),
        (["a", None], ["a", "b"], "Row 1 has no label"),
        (["a"], [0.5], r"A label is 0\.5"),
    ],
    ids=["empty", "lengths", "null", "float"],
)
def test_wrong_rows_are_refused(labels, before, message):
    with pytest.raises(DataError, match=message):
        make_strata(labels, before, max_strata=4)
