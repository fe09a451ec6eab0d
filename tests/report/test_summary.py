"""What the first page says was found is what the tables show, and no more."""

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
from longwave.report.summary import MOST_SENTENCES, summarise

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


def sentences_of(frame: pl.DataFrame) -> list[str]:
    return [html.unescape(re.sub(r"<[^>]+>", "", one)) for one in summarise(analysis_of(frame))]


def summary_of(frame: pl.DataFrame) -> str:
    return " ".join(sentences_of(frame))


def answers(scenario: str, share: dict[str, float], n: int = 60, perturbation: str | None = None) -> Answers:
    return [
        (scenario, f"i{place}", model, perturbation, float(place < n * part))
        for model, part in share.items()
        for place in range(n)
    ]


def best_of(rows: Rows, shares: dict[str, float]) -> str:
    """Return the sentence about the only scenario."""
    return sentences_of(rows(*answers("s", shares)))[1]


def test_a_significant_difference_is_told_with_both_scores(rows: Rows) -> None:
    assert best_of(rows, {"a": 0.9, "b": 0.3}) == (
        "On s, a is significantly better than b: 90.0 % (79.9–95.3, n = 60) against 30.0 % (19.9–42.5, "
        "n = 60); p < 0.001."
    )


def test_a_difference_that_may_be_chance_is_not_claimed(rows: Rows) -> None:
    text = best_of(rows, {"a": 0.55, "b": 0.5})
    assert text.startswith("On s, a is not told apart from b: 55.0 % (")
    assert text.endswith("p = 0.25.")
    assert "better" not in text


def test_of_several_the_best_is_better_than_each(rows: Rows) -> None:
    text = best_of(rows, {"a": 0.9, "b": 0.3, "c": 0.2})
    assert text.startswith("On s, a is significantly better than each of 2 other models: 90.0 % (")
    assert "against 30.0 % (19.9–42.5, n = 60) of b; p < 0.001." in text


def test_of_several_those_that_are_not_told_apart_are_named(rows: Rows) -> None:
    text = best_of(rows, {"a": 0.9, "b": 0.88, "c": 0.2})
    assert text.endswith("is significantly better than 1 of 2 others, but not told apart from b.")


def test_of_several_none_may_be_told_apart(rows: Rows) -> None:
    text = best_of(rows, {"a": 0.55, "b": 0.53, "c": 0.5})
    assert "On s, a has the best score, 55.0 % (" in text
    assert text.endswith(", but is not told apart from b and c.")


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ({"a": 0.5, "b": 0.5}, "On s, both models have the same score, 50.0 % (37.7–62.3, n = 60)."),
        (
            {"a": 0.5, "b": 0.5, "c": 0.5},
            "On s, all 3 models have the same score, 50.0 % (37.7–62.3, n = 60).",
        ),
        ({"a": 0.5, "b": 0.5, "c": 0.1}, "On s, a and b share the best score, 50.0 % (37.7–62.3, n = 60)."),
        ({"a": 0.5}, "On s, a scores 50.0 % (37.7–62.3, n = 60); no other model has a score to compare."),
    ],
    ids=["both", "all", "some", "alone"],
)
def test_ties_and_single_models_are_said(rows: Rows, shares: dict[str, float], told: str) -> None:
    assert best_of(rows, shares) == told


def test_models_on_other_instances_are_not_compared(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.9}), *[("s", f"x{n}", "b", None, 0.0) for n in range(20)])
    assert sentences_of(frame)[1].endswith("no instances in common.")
    assert "is not told apart from b" in sentences_of(frame)[1]


def test_lower_is_better_turns_the_winner(rows: Rows) -> None:
    frame = rows(
        *[
            ("books@1", f"i{place}", model, None, value + place / 1000)
            for place in range(30)
            for model, value in (("a", 2.5), ("b", 2.1))
        ]
    )
    assert "On books@1, b is significantly better than a: 2.11 bits/byte (" in summary_of(frame)
    assert significant_best(analysis_of(frame), "books@1") == "b"


def test_scores_without_a_direction_have_no_best(rows: Rows) -> None:
    frame = rows(*[("odd", f"i{n}", m, None, v + n) for n in range(9) for m, v in (("a", 5.5), ("b", 0.5))])
    assert sentences_of(frame) == ["a and b answered 1 scenario (18 predictions)."]


QUESTIONS = ("boolq@1", "openbookqa@1", "truthful_qa@1")


def test_scenarios_of_one_kind_share_a_sentence(rows: Rows) -> None:
    shares = ({"a": 0.9, "b": 0.2}, {"a": 0.1, "b": 0.9}, {"a": 0.5, "b": 0.5})
    lines = [one for name, share in zip(QUESTIONS, shares, strict=True) for one in answers(name, share)]
    assert sentences_of(rows(*lines))[1] == (
        "Of 3 question answering scenarios (n = 60), a is significantly better than the other on boolq@1 "
        "(90.0 %, 79.9–95.3 against 20.0 %, 11.8–31.8); b is significantly better than the other on "
        "openbookqa@1 (90.0 %, 79.9–95.3 against 10.0 %, 4.7–20.1); on the other one none is."
    )


def test_a_model_that_is_best_on_all_is_said_so(rows: Rows) -> None:
    lines = [one for name in QUESTIONS for one in answers(name, {"a": 0.9, "b": 0.2})]
    assert sentences_of(rows(*lines))[1].startswith(
        "On all of 3 question answering scenarios (n = 60), a is significantly better than the other, as on "
        "boolq@1 (90.0 %"
    )


def test_scenarios_on_which_nobody_is_best_are_counted(rows: Rows) -> None:
    lines = [one for name in QUESTIONS for one in answers(name, {"a": 0.5, "b": 0.5, "c": 0.5})]
    assert sentences_of(rows(*lines))[1] == (
        "On none of 3 question answering scenarios (n = 60) is one model significantly better than every "
        "other."
    )


def test_scenarios_of_a_single_model_are_not_compared(rows: Rows) -> None:
    lines = [one for name in QUESTIONS for one in answers(name, {"a": 0.5})]
    assert "only one model has a score, so nothing is compared" in sentences_of(rows(*lines))[1]


def test_there_are_ten_sentences_at_most(rows: Rows) -> None:
    names = ["blimp@1", "boolq@1", "gsm@1", "imdb@1", "wikifact@1", "lsat_qa@1", "entity_matching@1"]
    names += [
        "entity_data_imputation@1",
        "legal_support@1",
        "dyck_language@1",
        "synthetic_reasoning@1",
        "raft@1",
    ]
    found = sentences_of(rows(*[one for name in names for one in answers(name, {"a": 0.5, "b": 0.5}, 4)]))
    assert len(found) == MOST_SENTENCES
    assert any(text.startswith("On none of 4 other scenarios (n = 4)") for text in found)


def test_models_at_the_floor_are_named(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.5, "b": 0.55, "floor:random": 0.5}))
    assert "No score on s is clear of its floor" in summary_of(frame)


def test_one_model_at_the_floor_is_named_alone(rows: Rows) -> None:
    text = summary_of(rows(*answers("s", {"a": 0.9, "b": 0.5, "floor:random": 0.5})))
    assert "would score: b on s (n = 60); all other scores are." in text


def test_models_at_the_same_floors_share_a_part(rows: Rows) -> None:
    text = summary_of(rows(*answers("s", {"a": 0.9, "b": 0.5, "c": 0.45, "floor:random": 0.5})))
    assert "would score: b and c on s (n = 60)" in text


def test_a_scenario_where_all_are_at_the_floor_comes_first(rows: Rows) -> None:
    shares = {"a": 0.9, "b": 0.5, "floor:random": 0.5}
    text = summary_of(rows(*answers("s", shares), *answers("t", {**shares, "a": 0.5})))
    assert "would score: every model on t; b on s (n = 60)" in text


def test_models_above_every_floor_are_said_so(rows: Rows) -> None:
    text = summary_of(rows(*answers("s", {"a": 0.9, "b": 0.8, "floor:random": 0.25})))
    assert "Every score on s is clear of its floor" in text


def test_unknown_floors_are_said(rows: Rows) -> None:
    assert "No floor is known here" in summary_of(rows(*answers("s", {"a": 0.9})))


def test_floors_are_not_ranked(rows: Rows) -> None:
    analysis = analysis_of(rows(*answers("s", {"a": 0.9, "b": 0.5, "floor:random": 0.99})))
    assert analysis.systems == ("a", "b")
    assert analysis.win_rates == {"a": 1.0, "b": 0.0}
    assert [row.head.text for row in leaderboard_table(analysis).floors] == ["random"]


def test_the_largest_loss_under_perturbation_is_told(rows: Rows) -> None:
    frame = rows(
        *answers("s", {"a": 0.9, "b": 0.9}), *answers("s", {"a": 0.9, "b": 0.4}, perturbation="typos")
    )
    assert "costs b on s most: 50.0 points (n = 60)." in summary_of(frame)


def test_edits_without_a_loss_are_said(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.9}), *answers("s", {"a": 0.9}, perturbation="typos"))
    assert "Edited inputs turn no right answer wrong (n = 60)." in summary_of(frame)


def test_failed_requests_are_told(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.9}), ("s", "late", "a", None, None)).with_columns(
        error=pl.when(pl.col("score").is_null()).then(pl.lit("timeout"))
    )
    assert "1 request of 61 failed; the rows say why." in summary_of(frame)


def test_one_model_is_not_compared(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.9}))
    assert "a answered 1 scenario (60 predictions)." in summary_of(frame)
    assert difference_table(analysis_of(frame), ["s"]) is None


def test_nothing_scored_is_said(rows: Rows) -> None:
    assert "No answer could be scored" in summary_of(rows(("s", "a", "m", None, None)))


def test_no_rows_are_said(rows: Rows) -> None:
    assert "no predictions" in summary_of(rows(("s", "a", "m", None, 1.0)).clear())


def test_names_are_escaped(rows: Rows) -> None:
    frame = rows(*answers("<s>", {"<a>": 0.9, "<b>": 0.2}), *answers("<t>", {"<a>": 0.9, "<b>": 0.2}))
    text = " ".join(summarise(analysis_of(frame)))
    assert "&lt;a&gt;" in text
    assert "<a>" not in text
    assert "<s>" not in text


def test_every_sentence_leads_somewhere(rows: Rows) -> None:
    frame = rows(
        *answers("s", {"a": 0.9, "b": 0.2, "floor:random": 0.5}),
        *answers("s", {"a": 0.5, "b": 0.2}, perturbation="typos"),
        *answers("books@1", {"a": 0.5}),
    )
    assert all("<a href=" in one for one in summarise(analysis_of(frame)))


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
