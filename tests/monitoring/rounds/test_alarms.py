"""Alarms are read as written, refused with the place of the fault, and judged as their formulas say."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.monitoring.paired.rows import PairedRows, pair_rows
from longwave.monitoring.paired.significance import share_change
from longwave.monitoring.rounds.alarm_verdicts import MOST_ROWS, AlarmVerdict, judge_alarm
from longwave.monitoring.rounds.alarms import MEASURES, Alarm, parse_alarm
from longwave.predictions import wilson_interval

NAMES = ("s@1", "acme", "2026-01-01", "2026-02-01")


def pair(
    before: list[str | None],
    after: list[str | None],
    *,
    truth: list[str] | None = None,
    groups: list[str | None] | None = None,
    **numbers: tuple[list[float], list[float]],
) -> PairedRows:
    n = len(before)
    sides = []
    for place, said in enumerate((before, after)):
        columns: dict[str, object] = {
            "row": range(n),
            "example_id": [f"i{row}" for row in range(n)],
            "predicted_label": pl.Series(said, dtype=pl.String),
            "true_label": truth or ["yes"] * n,
            "group": pl.Series(groups or [None] * n, dtype=pl.String),
        }
        columns |= {name: values[place] for name, values in numbers.items()}
        sides.append(pl.DataFrame(columns))
    return pair_rows(*sides, by=("group", "example_id"))


def judge(text: str, rows: PairedRows, *, n_series: int = 1) -> AlarmVerdict:
    return judge_alarm(parse_alarm(text), rows, names=NAMES, n_series=n_series)


@pytest.mark.parametrize(
    ("text", "measure", "limit", "confidence"),
    [
        ("accuracy drop > 2pp at 95%", "accuracy drop", 0.02, 0.95),
        ("group accuracy drop > 5pp at 95%", "group accuracy drop", 0.05, 0.95),
        ("flips > 3%", "flips", 0.03, None),
        ("overlap < 97%", "overlap", 0.97, None),
        ("cost rise > 10%", "cost rise", 0.1, None),
        ("latency rise > 120%", "latency rise", 1.2, None),
        ("no answer rise > 1pp", "no answer rise", 0.01, None),
        ("  Negative   FLIPS>0.5 %at 99.5 % ", "negative flips", 0.005, 0.995),
    ],
)
def test_an_alarm_is_read(text: str, measure: str, limit: float, confidence: float | None) -> None:
    found = parse_alarm(text)
    assert found.measure == measure
    assert found.limit == pytest.approx(limit)
    assert found.confidence == (None if confidence is None else pytest.approx(confidence))
    assert found.text == text.strip()


@given(
    measure=st.sampled_from(sorted(MEASURES)),
    limit=st.decimals(0, 100, places=2),
    confidence=st.none() | st.decimals("50.0", "99.9", places=1),
    blanks=st.integers(0, 3),
)
def test_what_the_grammar_writes_is_read_back(
    measure: str, limit: object, confidence: object, blanks: int
) -> None:
    sign, unit, gap = MEASURES[measure].sign, MEASURES[measure].unit, " " * blanks
    end = "" if confidence is None else f" at {confidence}%"
    found = parse_alarm(f"{measure}{gap}{sign}{gap}{limit}{gap}{unit}{end}")
    assert found.measure == measure
    assert found.limit == pytest.approx(float(str(limit)) / 100)
    assert (found.confidence is None) == (confidence is None)


@pytest.mark.parametrize(
    ("text", "position", "accepted"),
    [
        ("", "it ends", "a measure: accuracy drop"),
        ("accuraci drop > 2pp", "position 1", 'Did you mean "accuracy drop"'),
        ("weather > 2pp", "position 1", "a measure"),
        ("accuracy drop < 2pp", "position 15", '">", which is what "accuracy drop" is compared by'),
        ("accuracy drop > two pp", "position 17", "the limit, a number"),
        ("accuracy drop > 2%", "position 18", '"pp", the unit of "accuracy drop"'),
        ("accuracy drop > 2", "it ends", '"pp", the unit'),
        ("flips > 3pp", "position 10", '"%", the unit of "flips"'),
        ("flips > 3% with 95%", "position 12", 'the end, or "at"'),
        ("flips > 3% at", "it ends", "a confidence, for example 95%"),
        ("flips > 3% at 40%", "position 15", "a confidence from 50% to below 100%"),
        ("flips > 3% at 100%", "position 15", "a confidence from 50% to below 100%"),
        ("flips > 3% at 95", "it ends", '"%", the unit of a confidence'),
        ("flips > 3% at 95% now", "position 19", "the end"),
        ("overlap < 101%", "position", "at most 100%"),
        ("flips ≥ 3%", "position 7", '">"'),
    ],
)
def test_a_wrong_alarm_names_the_place_and_what_is_accepted(text: str, position: str, accepted: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_alarm(text)
    assert position in str(caught.value)
    assert accepted in str(caught.value)
    assert 'for example "accuracy drop > 2pp at 95%"' in str(caught.value)


BEFORE: list[str | None] = ["yes"] * 80 + ["no"] * 20
AFTER: list[str | None] = ["no"] * 30 + ["yes"] * 60 + [None] * 10


def test_an_accuracy_drop_is_that_of_the_paired_test() -> None:
    found = judge("accuracy drop > 2pp at 95%", pair(BEFORE, AFTER))
    both, lost, gained = 50, 30, 10
    expected = share_change(both, lost, gained, 100 - both - lost - gained, confidence=0.95)
    assert found.estimate == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(-expected.high), pytest.approx(-expected.low))
    assert found.state == "raised"
    assert (found.n, found.n_rows) == (100, 30)
    assert found.rows == tuple(f"i{row}" for row in range(30))


def test_with_a_confidence_the_interval_decides_and_without_it_the_estimate() -> None:
    rows = pair(BEFORE, AFTER)
    assert judge("accuracy drop > 15pp at 95%", rows).state == "quiet"
    assert judge("accuracy drop > 15pp", rows).state == "raised"
    assert judge("accuracy drop > 20pp", rows).state == "quiet"  # not more than 20


def test_an_interval_is_widened_for_all_series_of_the_alarm() -> None:
    rows = pair(BEFORE, AFTER)
    one, many = (
        judge("accuracy drop > 2pp at 95%", rows),
        judge("accuracy drop > 2pp at 95%", rows, n_series=10),
    )
    assert one.confidence == pytest.approx(0.95)
    assert many.confidence == pytest.approx(0.995)
    assert many.low < one.low  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "count", "n_rows"),
    [("flips > 3% at 95%", 50, 50), ("overlap < 97% at 95%", 50, 50), ("negative flips > 3% at 95%", 30, 30)],
)
def test_a_share_has_the_interval_of_wilson(text: str, count: int, n_rows: int) -> None:
    found = judge(text, pair(BEFORE, AFTER))
    bounds = wilson_interval(count, 100)
    assert found.estimate == pytest.approx(bounds.estimate)
    assert (found.low, found.high) == (pytest.approx(bounds.low), pytest.approx(bounds.high))
    assert found.state == "raised"
    assert found.n_rows == n_rows
    assert len(found.rows) == min(n_rows, MOST_ROWS)


def test_no_answer_is_counted_by_who_lost_it() -> None:
    found = judge("no answer rise > 1pp", pair(BEFORE, AFTER))
    assert found.estimate == pytest.approx(0.1)
    assert found.rows == tuple(f"i{row}" for row in range(90, 100))


def test_the_group_that_lost_most_sets_the_alarm_off_and_small_groups_never() -> None:
    groups: list[str | None] = ["a"] * 40 + ["b"] * 40 + ["tiny"] * 20
    before: list[str | None] = ["yes"] * 100
    after: list[str | None] = ["yes"] * 40 + ["no"] * 20 + ["yes"] * 20 + ["no"] * 20
    found = judge("group accuracy drop > 5pp at 95%", pair(before, after, groups=groups))
    assert found.group == "b"
    assert found.estimate == pytest.approx(0.5)
    assert found.confidence == pytest.approx(0.975)  # two groups count
    assert found.state == "raised"
    assert found.rows == tuple(f"i{row}" for row in range(40, 60))


def test_price_rises_by_the_ratio_of_means_and_latency_by_that_of_medians() -> None:
    prices = [1.0, 1.0, 1.0, 5.0] * 10
    rows = pair(
        ["yes"] * 40,
        ["yes"] * 40,
        cost_usd=(prices, [1.5 * price for price in prices]),
        latency_s=(prices, [2 * price for price in prices]),
    )
    cost, latency = judge("cost rise > 10% at 95%", rows), judge("latency rise > 20% at 95%", rows)
    assert cost.estimate == pytest.approx(0.5)
    assert latency.estimate == pytest.approx(1.0)
    assert (cost.low, cost.high) == (pytest.approx(0.5), pytest.approx(0.5))  # every row alike
    assert cost.state == latency.state == "raised"
    assert cost.rows == ()


def test_the_interval_of_a_rise_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(60):
        first, second = rng.gamma(4.0, 1.0, (2, 80))
        rows = pair(["yes"] * 80, ["yes"] * 80, cost_usd=(first.tolist(), (1.2 * second).tolist()))
        found = judge("cost rise > 10% at 95%", rows)
        hits += found.low <= 0.2 <= found.high  # type: ignore[operator]
    assert 50 <= hits <= 60


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cost rise > 10%", "no row has cost_usd in both rounds"),
        ("group accuracy drop > 5pp", "no group has 30 rows or more"),
    ],
)
def test_what_a_round_lacks_is_said_and_not_judged(text: str, reason: str) -> None:
    found = judge(text, pair(["yes"] * 3, ["no"] * 3))
    assert (found.state, found.reason) == ("not judged", reason)
    assert found.estimate is None


def test_free_latency_has_no_rise() -> None:
    found = judge("latency rise > 20%", pair(["yes"], ["yes"], latency_s=([0.0], [1.0])))
    assert found.reason == "latency_s was 0 before, so that no rise is relative to it"


def test_scores_that_are_no_shares_have_no_points() -> None:
    rows = pair(["yes"], ["yes"], score=([3.5], [4.5]))
    assert "no share between 0 and 1" in judge("accuracy drop > 2pp", rows).reason
    assert judge("flips > 3%", rows).state == "quiet"


def test_without_any_score_accuracy_is_not_judged() -> None:
    rows = pair_rows(
        *(
            pl.DataFrame({"row": [0], "example_id": ["i"], "group": ["g"], "predicted_label": ["a"]})
            for _ in range(2)
        ),
        by=("group", "example_id"),
    )
    assert judge("accuracy drop > 2pp", rows).reason == "no row has a score in both rounds"


@given(
    st.lists(
        st.tuples(st.sampled_from(["yes", "no", None]), st.sampled_from(["yes", "no", None])),
        min_size=1,
        max_size=60,
    )
)
def test_overlap_and_flips_add_up_and_no_drop_exceeds_the_negative_flips(
    said: list[tuple[str | None, str | None]],
) -> None:
    rows = pair([one for one, _ in said], [other for _, other in said])
    flips, overlap = judge("flips > 3%", rows), judge("overlap < 97%", rows)
    drop, broke = judge("accuracy drop > 2pp", rows), judge("negative flips > 3%", rows)
    assert flips.estimate + overlap.estimate == pytest.approx(1)  # type: ignore[operator]
    assert drop.estimate <= broke.estimate + 1e-12  # type: ignore[operator]
    for one in (flips, overlap, drop, broke):
        assert one.low - 1e-12 <= one.estimate <= one.high + 1e-12  # type: ignore[operator]


def test_a_verdict_is_plain_json() -> None:
    found = json.loads(json.dumps(judge("flips > 3%", pair(BEFORE, AFTER)).to_dict()))
    assert found["scenario"] == "s@1"
    assert found["model"] == "acme"
    assert (found["before"], found["after"]) == ("2026-01-01", "2026-02-01")
    assert len(found["rows"]) == MOST_ROWS


def test_the_limit_itself_is_not_beyond_it() -> None:
    above = Alarm(text="", measure="flips", limit=0.5, confidence=None)
    below = Alarm(text="", measure="overlap", limit=0.5, confidence=0.9)
    assert not above.is_beyond(0.5, 0.4, 0.6)
    assert above.is_beyond(0.51, 0.4, 0.6)
    assert not below.is_beyond(0.3, 0.2, 0.5)
    assert below.is_beyond(0.3, 0.2, 0.49)
