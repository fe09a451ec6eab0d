"""The summary claims what the table shows and no more."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import polars as pl
import pytest

from longwave.predictions import INSTANCES
from longwave.report.analysis import Analysis, analyse
from longwave.report.differences import difference_table
from longwave.report.leaderboard import leaderboard_table, significant_best
from longwave.report.reading import CURVES, Results
from longwave.report.source import FrameSource
from longwave.report.summary import summarise

Rows = Callable[..., pl.DataFrame]
Answers = list[tuple[object, ...]]


def analysis_of(frame: pl.DataFrame) -> Analysis:
    return analyse(
        Results(
            source=FrameSource(frame),
            curves=pl.DataFrame(schema=CURVES),
            samples={},
            record=None,
            notes=(),
        )
    )


def summary_of(frame: pl.DataFrame) -> str:
    text = " ".join(summarise(analysis_of(frame)))
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def answers(scenario: str, share: dict[str, float], n: int = 60, perturbation: str | None = None) -> Answers:
    return [
        (scenario, f"i{place}", model, perturbation, float(place < n * part))
        for model, part in share.items()
        for place in range(n)
    ]


def test_a_significant_difference_is_told_with_its_size(rows: Rows) -> None:
    text = summary_of(rows(*answers("s", {"a": 0.9, "b": 0.3})))
    assert "a is better on s (by 60.0 points, p < 0.001)" in text
    assert "no scenario is undecided" in text


def test_a_difference_that_may_be_chance_is_not_claimed(rows: Rows) -> None:
    text = summary_of(rows(*answers("s", {"a": 0.52, "b": 0.5})))
    assert "No difference between them is significant on any of 1 scenario" in text
    assert "better" not in text


def test_lower_is_better_turns_the_winner(rows: Rows) -> None:
    frame = rows(
        *[
            ("books@1", f"i{place}", model, None, value + place / 1000)
            for place in range(30)
            for model, value in (("a", 2.5), ("b", 2.1))
        ]
    )
    assert "b is better on books@1 (by 0.400 bits/byte" in summary_of(frame)
    assert significant_best(analysis_of(frame), "books@1") == "b"


def test_models_at_the_floor_are_named(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.5, "b": 0.55, "floor:random": 0.5}))
    assert "No model beats its floor" in summary_of(frame)


def test_one_model_at_the_floor_is_named_alone(rows: Rows) -> None:
    text = summary_of(rows(*answers("s", {"a": 0.9, "b": 0.5, "floor:random": 0.5})))
    assert "b does not beat its floor on s" in text


def test_models_at_the_same_floors_share_a_sentence(rows: Rows) -> None:
    text = summary_of(rows(*answers("s", {"a": 0.9, "b": 0.5, "c": 0.45, "floor:random": 0.5})))
    assert "b and c do not beat their floor on s" in text


def test_floors_are_not_ranked(rows: Rows) -> None:
    analysis = analysis_of(rows(*answers("s", {"a": 0.9, "b": 0.5, "floor:random": 0.99})))
    assert analysis.systems == ("a", "b")
    assert analysis.win_rates == {"a": 1.0, "b": 0.0}
    assert [row.head.text for row in leaderboard_table(analysis).floors] == ["random"]


def test_the_largest_loss_under_perturbation_is_told(rows: Rows) -> None:
    frame = rows(
        *answers("s", {"a": 0.9, "b": 0.9}), *answers("s", {"a": 0.9, "b": 0.4}, perturbation="typos")
    )
    assert "Perturbed inputs cost at most 50.0 points in the worst case (b on s)" in summary_of(frame)


def test_failed_requests_are_told(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.9}), ("s", "late", "a", None, None)).with_columns(
        error=pl.when(pl.col("score").is_null()).then(pl.lit("timeout"))
    )
    assert "1 request failed" in summary_of(frame)


@pytest.mark.parametrize("n_models", [3, 5])
def test_many_models_are_summed_up(rows: Rows, n_models: int) -> None:
    shares = {f"m{place}": 0.1 + 0.2 * place for place in range(n_models)}
    text = summary_of(rows(*answers("s", shares)))
    assert f"m{n_models - 1} has the highest mean win rate, 1.00" in text
    assert f"of {n_models * (n_models - 1) // 2} paired comparisons" in text


def test_one_model_is_not_compared(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.9}))
    assert "a answered 1 scenario" in summary_of(frame)
    assert difference_table(analysis_of(frame), ["s"]) is None


def test_nothing_scored_is_said(rows: Rows) -> None:
    assert "No answer could be scored" in summary_of(rows(("s", "a", "m", None, None)))


def test_no_rows_are_said(rows: Rows) -> None:
    assert "no predictions" in summary_of(rows(("s", "a", "m", None, 1.0)).clear())


def test_names_are_escaped(rows: Rows) -> None:
    frame = rows(*answers("<s>", {"<a>": 0.9, "<b>": 0.2}))
    assert "<a>" not in " ".join(summarise(analysis_of(frame)))


def test_bits_per_byte_are_a_ratio_of_sums(rows: Rows) -> None:
    frame = rows(("books@1", "short", "m", None, 3.0), ("books@1", "long", "m", None, 1.0))
    frame = frame.with_columns(logprob=pl.when(pl.col("instance") == "short").then(-10.0).otherwise(-100.0))
    instances = pl.DataFrame(
        [
            {**dict.fromkeys(INSTANCES), "scenario": "books@1", "instance": name, "input": "x" * size}
            for name, size in (("short", 5), ("long", 95))
        ],
        schema=INSTANCES,
    )
    plain = analysis_of(frame).results
    source = FrameSource(frame, instances=instances)
    found = analyse(Results(**{**vars(plain), "source": source})).cell("books@1", "m")
    assert found is not None
    assert found.value == pytest.approx(110 / 0.6931471805599453 / 100)
