"""Changes by group against loops, and the sums they must obey."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError, TableError
from longwave.monitoring.paired.rows import pair_rows
from longwave.monitoring.paired.significance import paired_change
from longwave.monitoring.shift.groups import GROUP_SHIFT, group_shift, hidden_changes, mix_change
from longwave.predictions import holm

rows = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 3), st.sampled_from("abc")),
    min_size=1,
    max_size=50,
)


def _pair(drawn, **more):
    truth, first, second, group = (list(each) for each in zip(*drawn, strict=True))
    place = range(len(drawn))
    before = pl.DataFrame(
        {"row": place, "predicted_label": first, "true_label": truth, "group": group, **more}
    )
    after = pl.DataFrame({"row": place, "predicted_label": second})
    return pair_rows(before, after, by=["group", "true_label", *more])


@settings(max_examples=30)
@given(rows)
def test_each_group_equals_a_loop_over_its_rows(drawn):
    found = group_shift(_pair(drawn), ["group"])
    assert found["group"].to_list() == sorted({g for *_, g in drawn})
    for row in found.iter_rows(named=True):
        mine = [each for each in drawn if each[3] == row["group"]]
        before = [float(p == y) for y, p, _, _ in mine]
        after = [float(q == y) for y, _, q, _ in mine]
        want = paired_change(before, after)
        assert (row["change"], row["low"], row["high"]) == (want.estimate, want.low, want.high)
        assert row["before"] == pytest.approx(np.mean(before))
        assert row["overlap"] == pytest.approx(np.mean([p == q for _, p, q, _ in mine]))
        moved = {}
        for y, p, q, _ in mine:
            if p != y:
                moved[y, p] = moved.get((y, p), 0) - 1
            if q != y:
                moved[y, q] = moved.get((y, q), 0) + 1
        assert row["error_shift"] == pytest.approx(sum(map(abs, moved.values())) / 2 / len(mine))


@settings(max_examples=30)
@given(rows)
def test_weighted_changes_of_groups_add_up_to_the_change(drawn):
    found = group_shift(_pair(drawn), ["group", "true_label"], adjust="none")
    change = np.mean([(q == y) - (p == y) for y, p, q, _ in drawn])
    for by in ("group", "true_label"):
        part = found.filter(pl.col("by") == by)
        assert part["weight"].sum() == pytest.approx(1)
        assert (part["weight"] * part["change"]).sum() == pytest.approx(change, abs=1e-12)


def test_p_values_are_corrected_over_all_groupings(rng):
    drawn = [(*rng.integers(0, 3, 3).tolist(), str(rng.choice(list("abc")))) for _ in range(200)]
    found = group_shift(_pair(drawn), ["group", "true_label"])
    assert found["p_adjusted"].to_list() == pytest.approx(holm(found["p_value"].to_numpy()).tolist())


def test_rows_without_a_group_are_left_out_of_the_grouping():
    found = group_shift(_pair([(0, 0, 1, "a"), (0, 0, 1, None), (0, 1, 0, "b")]), ["group"])
    assert found.select("group", "n", "weight").rows() == [("a", 1, 0.5), ("b", 1, 0.5)]


def test_labels_are_called_by_their_names():
    frame = pl.DataFrame({"row": [0, 1], "predicted_label": [0, 1], "true_label": [1, 0]})
    pair = pair_rows(frame, frame, by=["true_label"], labels=[0, 1], names=["cat", "dog"])
    assert group_shift(pair, ["true_label"])["group"].to_list() == ["cat", "dog"]


def test_no_grouping_gives_an_empty_frame():
    assert group_shift(_pair([(0, 0, 1, "a")]), []).schema == GROUP_SHIFT


def test_lists_are_no_groups():
    frame = pl.DataFrame({"row": [0], "predicted_label": [["a"]], "true_label": [["a"]]})
    with pytest.raises(DataError, match='"true_label" holds lists'):
        group_shift(pair_rows(frame, frame, by=["true_label"]), ["true_label"])


def test_an_unknown_grouping_is_refused():
    with pytest.raises(TableError, match='no column "speaker"'):
        group_shift(_pair([(0, 0, 1, "a")]), ["speaker"])


def _groups(*listed):
    columns = ("by", "group", "n", "change", "p_adjusted")
    return pl.DataFrame(
        [dict(zip(columns, row, strict=True)) for row in listed], schema_overrides=GROUP_SHIFT
    )


def test_a_group_that_fell_while_the_whole_rose_is_named():
    groups = _groups(("group", "a", 50, -0.2, 0.001), ("group", "b", 200, 0.1, 0.001))
    assert hidden_changes(groups, 0.04) == (
        'The whole rose (+4.0 points), but group "a" fell by 20.0 points (n = 50).',
    )


def test_groups_that_cancel_are_both_named():
    groups = _groups(("group", "a", 50, -0.2, 0.001), ("group", "b", 50, 0.2, 0.001))
    named = hidden_changes(groups, 0.0)
    assert [text.split('"')[1] for text in named] == ["a", "b"]
    assert named[0].startswith("The whole stood still (+0.0 points)")


@pytest.mark.parametrize(
    "row",
    [("g", "a", 29, -0.2, 0.001), ("g", "a", 50, -0.2, 0.2), ("g", "a", 50, -0.005, 0.001)],
    ids=["small-group", "by-chance", "small-change"],
)
def test_what_may_be_chance_is_not_named(row):
    assert hidden_changes(_groups(row), 0.1) == ()


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), min_size=1, max_size=30),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), min_size=1, max_size=30),
)
def test_mix_and_within_add_up_to_the_change(first, second):
    shared = {g for g, _ in first} & {g for g, _ in second}
    frames = [
        pl.DataFrame(side, schema={"g": pl.String, "score": pl.Float64}, orient="row")
        for side in (first, second)
    ]
    if not shared:
        with pytest.raises(DataError, match="share no group"):
            mix_change(*frames, by="g")
        return
    found = mix_change(*frames, by="g")
    means = [np.mean([v for g, v in side if g in shared]) for side in (first, second)]
    assert found.within + found.mix == pytest.approx(found.change, abs=1e-9)
    assert found.change == pytest.approx(means[1] - means[0], abs=1e-9)
    assert set(found.left_out) == ({g for g, _ in first} ^ {g for g, _ in second})


def test_other_shares_of_groups_can_reverse_every_change():
    # both groups get worse, but the second set has mostly easy rows
    before = pl.DataFrame({"g": ["easy"] * 10 + ["hard"] * 90, "score": [1.0] * 9 + [0.0] + [0.5] * 90})
    after = pl.DataFrame({"g": ["easy"] * 90 + ["hard"] * 10, "score": [0.85] * 90 + [0.4] * 10})
    found = mix_change(before, after, by="g")
    assert found.is_reversed
    assert found.change > 0.2
    assert found.within < 0 < found.mix


def test_the_same_rows_are_never_reversed(rng):
    group = rng.choice(list("ab"), 60)
    frames = [pl.DataFrame({"g": group, "score": rng.random(60)}) for _ in range(2)]
    found = mix_change(*frames, by="g")
    assert not found.is_reversed
    assert found.mix == pytest.approx(0, abs=1e-12)
