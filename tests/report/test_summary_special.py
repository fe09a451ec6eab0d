"""Sentences about votes, days, groups and resolutions: what was tested, on how many, and where it stands."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence

import polars as pl
import pytest

from longwave.evaluation import VoteFigures
from longwave.evaluation.vote_summary import ACCURACY, DIFFERENCES, PAIRS
from longwave.report.analysis import Analysis, analyse
from longwave.report.monitoring_series import watch, watched_scenarios
from longwave.report.reading import CURVES, Results
from longwave.report.source import FrameSource, describe_rows
from longwave.report.summary_special import (
    group_sentences,
    resolution_sentences,
    shift_sentences,
    votes_sentences,
)

Rows = Callable[..., pl.DataFrame]
RAW = ("system", "input_name", "outcome", "is_floor")  # what `describe_rows` adds


def analysis_of(frame: pl.DataFrame) -> Analysis:
    results = Results(
        source=FrameSource(describe_rows(frame.drop(RAW))),
        curves=pl.DataFrame(schema=CURVES),
        samples={},
        record=None,
        notes=(),
    )
    return analyse(results)


def plain(sentences: Sequence[str]) -> list[str]:
    return [html.unescape(re.sub(r"<[^>]+>", "", one)) for one in sentences]


# ---- votes ----


def figures(*differences: Mapping[str, object]) -> VoteFigures:
    base = {
        "model": "a",
        "version": "1",
        "date": "d",
        "prompt": "label-model",
        "baseline": "majority",
        "n": 50,
    }
    rows = [{**base, "low_pp": -1.0, "high_pp": 9.0, "p_value": one["p_holm"], **one} for one in differences]
    return VoteFigures(
        accuracy=pl.DataFrame(schema=ACCURACY),
        differences=pl.DataFrame(rows, schema=DIFFERENCES),
        pairs=pl.DataFrame(schema=PAIRS),
    )


def votes(rows: Rows, *differences: Mapping[str, object]) -> list[str]:
    frame = rows(*[(name, f"i{n}", "a", None, 1.0) for name in ("s", "t") for n in range(3)])
    return plain(votes_sentences(analysis_of(frame), figures(*differences)))


@pytest.mark.parametrize(
    ("p", "told"), [(0.2, "not a significant difference"), (0.001, "a significant difference")]
)
def test_the_gain_over_the_majority_vote_is_told_with_its_test(rows: Rows, p: float, told: str) -> None:
    (text,) = votes(rows, {"scenario": "s", "difference_pp": 4.0, "p_holm": p})
    assert text == (
        "Weighing votes by the label model instead of by majority changes the score by +4.0 points: a on s "
        f"(−1.0 to +9.0, p = {'0.20' if p == 0.2 else '0.001'}, n = 50), {told}."
    )


def test_several_pairs_are_counted_and_corrected_together(rows: Rows) -> None:
    (text,) = votes(
        rows,
        {"scenario": "s", "difference_pp": 4.0, "p_holm": 0.03},
        {"scenario": "t", "difference_pp": -6.0, "p_holm": 0.001},
    )
    assert "significantly better in 1 and worse in 1 of 2 pairs" in text
    assert "the largest difference is −6.0 points: a on t" in text
    (text,) = votes(
        rows,
        {"scenario": "s", "difference_pp": 4.0, "p_holm": 0.03},
        {"scenario": "t", "difference_pp": 3.0, "p_holm": 0.04},
    )
    assert "significantly better in 0 and worse in 0 of 2 pairs" in text


def test_votes_that_were_not_weighed_are_said(rows: Rows) -> None:
    (text,) = votes(rows)
    assert "has not weighed their votes yet" in text


def test_without_votes_nothing_is_said(rows: Rows) -> None:
    assert votes_sentences(analysis_of(rows(("s", "i", "a", None, 1.0))), None) == []


# ---- days ----


def rounds(rows: Rows, *right: int, n: int = 60) -> list[str]:
    """Return what is said of a model that has so many right answers on one day after the other."""
    days = []
    for place, k in enumerate(right, 1):
        frame = rows(*[("s", f"i{i}", "acme", None, float(i < k)) for i in range(n)])
        said = pl.when(pl.col("score") == 1).then(pl.lit("yes")).otherwise(pl.lit("no"))
        days.append(
            frame.with_columns(
                date=pl.lit(f"2026-0{place}-01"),
                label=pl.lit("yes"),
                prediction=said,
                run=pl.lit(f"r{place}"),
            )
        )
    analysis = analysis_of(pl.concat(days))
    return plain(shift_sentences(analysis, [watch(analysis, name) for name in watched_scenarios(analysis)]))


def test_the_largest_change_is_told_with_its_days(rows: Rows) -> None:
    (text,) = rounds(rows, 50, 48, 20)
    assert text.startswith("acme declined most over time, on s from 2026-02-01 to 2026-03-01: −46.7 points (")
    assert "p < 0.001, n = 60)" in text
    assert text.endswith("1 of 2 steps from one day to the next declined and 0 improved.")


def test_a_gain_is_told_as_a_gain(rows: Rows) -> None:
    (text,) = rounds(rows, 20, 50)
    assert "acme improved most over time" in text
    assert "+50.0 points" in text


def test_changes_that_may_be_chance_are_not_told(rows: Rows) -> None:
    assert rounds(rows, 50, 48) == [
        "In 1 step from one day to the next (n = 60) no score moved by a significant point or more."
    ]


def test_a_single_day_says_nothing(rows: Rows) -> None:
    assert rounds(rows, 50) == []


# ---- groups ----


def grouped(rows: Rows, right: Mapping[str, tuple[int, int]], *, seeds: int = 1) -> Analysis:
    """Return two groups of forty points, and how many of each a method gets right."""
    frames = []
    for seed in range(seeds):
        frame = rows(
            *[
                ("groups:birds", f"{group}-{i:02d}", method, None, float(i < counts[place]))
                for method, counts in right.items()
                for place, group in enumerate(("sea", "wood"))
                for i in range(40)
            ]
        )
        group = pl.col("instance").str.split("-").list.first()
        frames.append(frame.with_columns(group=group, trial=pl.lit(seed, pl.Int32)))
    return analysis_of(pl.concat(frames).with_columns(pl.col("trial").cast(frames[0].schema["trial"])))


def test_the_worst_group_is_told_before_and_after(rows: Rows) -> None:
    (text,) = plain(
        group_sentences(grouped(rows, {"zero-shot": (36, 8), "erm": (30, 16), "contrastive": (34, 32)}))
    )
    assert text == (
        "On groups:birds, the worst group of zero-shot is “wood”, at 20.0 % (10.5–34.8, n = 40); "
        "contrastive, the best of 2 methods, has its own, “wood”, at 80.0 % (65.2–89.5, n = 40); on the "
        "first group itself it is significantly better (+60.0 points, p < 0.001, n = 40)."
    )


def test_a_gain_that_may_be_chance_is_not_claimed(rows: Rows) -> None:
    (text,) = plain(group_sentences(grouped(rows, {"zero-shot": (36, 20), "erm": (36, 22)})))
    assert "it is not significantly better (+5.0 points" in text


def test_the_choice_among_methods_is_corrected_for(rows: Rows) -> None:
    right = {"zero-shot": (36, 20), "erm": (36, 26)}
    (one,) = plain(group_sentences(grouped(rows, right)))
    assert "it is significantly better (+15.0 points, p = 0.031" in one
    (two,) = plain(group_sentences(grouped(rows, {**right, "jtt": (36, 19)})))
    assert "it is not significantly better (+15.0 points, p = 0.062" in two


def test_methods_without_a_start_are_told_alone(rows: Rows) -> None:
    (text,) = plain(group_sentences(grouped(rows, {"jtt": (36, 20), "dfr": (36, 30)})))
    assert text == (
        "On groups:birds, dfr, the best of 2 methods, has its worst group, “wood”, at 75.0 % (59.8–85.8, "
        "n = 40)."
    )


def test_seeds_have_a_spread_instead_of_an_interval(rows: Rows) -> None:
    (text,) = plain(group_sentences(grouped(rows, {"zero-shot": (36, 8), "erm": (34, 32)}, seeds=2)))
    assert "at 80.0 % (± 0.0 over 2 seeds, n = 40)" in text


def test_a_single_method_or_none_says_nothing(rows: Rows) -> None:
    assert group_sentences(grouped(rows, {"zero-shot": (36, 8)})) == []
    assert group_sentences(analysis_of(rows(("s", "i", "a", None, 1.0)))) == []


# ---- resolutions ----


def seen(rows: Rows, right: Mapping[str, Mapping[str | None, int]], scenario: str = "pets@1") -> list[str]:
    lines = [
        (scenario, f"i{i}", model, grid, float(i < k))
        for model, grids in right.items()
        for grid, k in grids.items()
        for i in range(50)
    ]
    return plain(resolution_sentences(analysis_of(rows(*lines))))


def test_the_largest_loss_on_another_grid_is_told_beside_the_least(rows: Rows) -> None:
    (text,) = seen(
        rows,
        {
            "conv": {None: 45, "resolution-14": 30, "resolution-28": 10, "shrunk-28": 45},
            "s4nd": {None: 44, "resolution-14": 44, "resolution-28": 43},
        },
    )
    assert text == (
        "On pets@1, conv loses most on another grid: 90.0 % on that of its training, 20.0 % at 28 points "
        "(p < 0.001, n = 50); s4nd changes least there, by −2.0 points."
    )


def test_losses_that_may_be_chance_are_not_told(rows: Rows) -> None:
    (text,) = seen(rows, {"conv": {None: 45, "resolution-28": 43}})
    assert text == (
        "On pets@1, no model is significantly worse on another grid than on that of its training (n = 50)."
    )


def test_lower_errors_on_another_grid_are_no_loss(rows: Rows) -> None:
    lines = [
        ("pde:flow", f"i{i}", "t1", grid, error + i / 1000)
        for grid, error in ((None, 0.2), ("resolution-32", 0.1), ("resolution-64", 0.5))
        for i in range(12)
    ]
    (text,) = plain(resolution_sentences(analysis_of(rows(*lines))))
    assert "t1 loses most on another grid: 0.206 on that of its training, 0.506 at 64 points" in text


def test_images_of_one_size_say_nothing(rows: Rows) -> None:
    assert seen(rows, {"conv": {None: 45, "typos": 10}}) == []
