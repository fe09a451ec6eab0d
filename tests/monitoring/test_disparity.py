"""Distances between groups against loops, and their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError, ShapeError
from longwave.monitoring.disparity import group_disparity

rows = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from([0, 0.5, 1]), st.sampled_from([0, 0.5, 1])),
    min_size=1,
    max_size=60,
)


@settings(max_examples=40)
@given(rows, st.integers(1, 4))
def test_disparity_equals_a_loop_over_groups(drawn, n_min):
    groups, first, second = (list(each) for each in zip(*drawn, strict=True))
    sizes = {g: groups.count(g) for g in set(groups)}
    kept = sorted(g for g, n in sizes.items() if n >= n_min)
    if len(kept) < 2:
        with pytest.raises(DataError, match=f"{len(kept)} of {len(sizes)} groups have {n_min} rows or more"):
            group_disparity([first, second], groups, n_min=n_min)
        return
    found = group_disparity([first, second], groups, n_min=n_min, n_resamples=20)
    gaps = []
    for scores in (first, second):
        means = {g: np.mean([s for s, h in zip(scores, groups, strict=True) if h == g]) for g in kept}
        gaps.append(max(means.values()) - min(means.values()))
    assert [each.estimate for each in found.by_date] == pytest.approx(gaps)
    assert found.changes[0].estimate == pytest.approx(gaps[1] - gaps[0], abs=1e-12)
    assert found.left_out == tuple(sorted(set(groups) - set(kept)))
    assert set(found.groups["group"]) == set(kept)


def test_worst_and_best_groups_are_named_at_each_date():
    groups = np.repeat(["a", "b", "c"], 40)
    first = np.concatenate([np.ones(40), np.zeros(40), np.tile([0, 1], 20)])
    found = group_disparity([first, 1 - first], groups, dates=["old", "new"])
    assert (found.worst, found.best) == (("b", "a"), ("a", "b"))
    assert found.groups.filter(date="new", group="b")["value"].item() == 1.0


def test_interval_of_two_groups_is_that_of_two_shares():
    rng = np.random.default_rng(3)
    groups = np.repeat(["a", "b"], 400)
    scores = (rng.random(800) < np.repeat([0.8, 0.5], 400)).astype(float)
    found = group_disparity([scores], groups, n_resamples=4000).by_date[0]
    p, q = scores[:400].mean(), scores[400:].mean()
    half = 1.96 * math.sqrt(p * (1 - p) / 400 + q * (1 - q) / 400)
    assert (found.low, found.high) == pytest.approx((p - q - half, p - q + half), abs=0.01)


def test_equal_groups_seem_apart_by_chance():
    rng = np.random.default_rng(0)
    found = group_disparity([rng.integers(0, 2, 400)], np.tile(list("abcdefgh"), 50))
    assert found.by_date[0].low > 0  # as the notes warn; a change of disparity has no such bias


def test_change_on_the_same_rows_is_narrower_than_that_of_other_rows():
    rng = np.random.default_rng(1)
    groups, scores = np.repeat(["a", "b"], 300), rng.integers(0, 2, 600)
    flipped = np.where(rng.random(600) < 0.02, 1 - scores, scores)
    same = group_disparity([scores, flipped], groups).changes[0]
    other = group_disparity([scores, rng.permutation(scores)], groups).changes[0]
    assert same.high - same.low < 0.5 * (other.high - other.low)


def test_rows_without_group_or_score_are_left_out():
    groups = ["a"] * 30 + ["b"] * 30 + [None] * 5
    scores = [1.0] * 30 + [0.0] * 30 + [math.nan] * 5
    assert group_disparity([scores], groups).by_date[0].estimate == 1.0


def test_seed_repeats_the_interval_and_blocks_keep_it_close(monkeypatch):
    rng = np.random.default_rng(2)
    scores, groups = rng.random(90), np.tile(list("abc"), 30)
    first, again = (group_disparity([scores], groups, seed=4).by_date for _ in range(2))
    assert first == again
    monkeypatch.setattr("longwave.monitoring.disparity._BLOCK", 900)
    other = group_disparity([scores], groups, seed=4).by_date[0]
    assert (other.low, other.high) == pytest.approx((first[0].low, first[0].high), abs=0.05)


def test_drawing_speakers_is_wider_than_drawing_their_recordings():
    rng = np.random.default_rng(4)
    skill = rng.uniform(0.4, 1.0, 20)
    scores = (rng.random(1000) < np.repeat(skill, 50)).astype(float)
    groups, speaker = np.repeat(["a", "b"], 500), np.repeat(np.arange(20), 50)
    rows = group_disparity([scores], groups).by_date[0]
    drawn = group_disparity([scores], groups, clusters=speaker).by_date[0]
    assert drawn.estimate == rows.estimate
    assert drawn.high - drawn.low > 2 * (rows.high - rows.low)


def test_clusters_of_one_row_are_drawn_like_rows():
    rng = np.random.default_rng(5)
    scores, groups = rng.integers(0, 2, 400), np.repeat(["a", "b"], 200)
    rows = group_disparity([scores], groups, n_resamples=3000).by_date[0]
    single = group_disparity([scores], groups, clusters=np.arange(400), n_resamples=3000).by_date[0]
    assert (single.low, single.high) == pytest.approx((rows.low, rows.high), abs=0.01)


@pytest.mark.parametrize(
    ("scores", "groups", "dates"),
    [([[1.0]], ["a", "b"], None), ([[1.0, 0.0]], ["a", "b"], ["x", "y"]), ([[1.0], [1.0, 0.0]], ["a"], None)],
    ids=["groups", "dates", "scores"],
)
def test_lengths_must_agree(scores, groups, dates):
    with pytest.raises(ShapeError, match="one value a row"):
        group_disparity(scores, groups, dates=dates)
