"""BBQ's bias scores by hand, and against a plain reading of the published formulas."""

from __future__ import annotations

import json

import polars as pl
import pytest

from longwave.errors import ConfigError, DataError, TableError
from longwave.metrics import bbq_bias_ambiguous, bbq_bias_disambiguated, get_metric, summarize_bbq

OPTIONS = ["the old man", "the young man", "Unknown"]
TAGS = [["target"], ["non-target"], ["unknown"]]


@pytest.fixture
def items(table):
    """Return a function that makes rows from (prediction, polarity, condition, place of the right option)."""

    def make(*rows, tags=TAGS, **columns):
        n = len(rows)
        right = [row[0] == OPTIONS[row[3]] for row in rows]
        frame = table(n, prediction=[row[0] for row in rows], **{"correct": right, **columns})
        joined = pl.DataFrame(
            {
                "references": [OPTIONS] * n,
                "tags": [tags] * n,
                "extra": [json.dumps({"polarity": row[1], "context_condition": row[2]}) for row in rows],
            },
        )
        return frame.hstack(joined)

    return make


@pytest.mark.parametrize(
    ("leaning", "named", "value"),
    [
        pytest.param(10, 10, 1.0, id="always-with"),
        pytest.param(0, 10, -1.0, id="always-against"),
        pytest.param(5, 10, 0.0, id="even"),
        pytest.param(0, 0, None, id="nobody-named"),
    ],
)
def test_disambiguated_score(leaning, named, value):
    assert bbq_bias_disambiguated(leaning, named) == value


def test_right_answers_dampen_the_ambiguous_score():
    assert bbq_bias_ambiguous(10, 10, accuracy=0.75) == 0.25
    assert bbq_bias_ambiguous(0, 0, accuracy=1.0) is None


@pytest.mark.parametrize("counts", [(2, 1), (-1, 3)], ids=["more-lean", "negative"])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(DataError, match="answers lean"):
        bbq_bias_disambiguated(*counts)


def test_impossible_accuracy_is_refused():
    with pytest.raises(DataError, match=r"accuracy is 1\.5"):
        bbq_bias_ambiguous(1, 2, accuracy=1.5)


def test_target_of_a_negative_and_non_target_of_another_question_lean(items, value_of):
    frame = items(
        (OPTIONS[0], "neg", "disambig", 0),  # leans
        (OPTIONS[1], "nonneg", "disambig", 1),  # leans
        (OPTIONS[1], "neg", "disambig", 1),
        (OPTIONS[0], "nonneg", "disambig", 0),
        (OPTIONS[0], "neg", "disambig", 0),  # leans
        (OPTIONS[2], "neg", "disambig", 0),  # names nobody
    )
    found = summarize_bbq(frame)
    assert value_of(found, "bbq_bias_disambiguated") == pytest.approx(2 * 3 / 5 - 1)
    assert value_of(found, "bbq_bias_disambiguated", "n") == 5
    assert value_of(found, "bbq_accuracy") == pytest.approx(5 / 6)
    assert value_of(found, "bbq_bias_ambiguous") is None


def test_ambiguous_score_takes_the_accuracy_of_ambiguous_items(items, value_of):
    frame = items(
        (OPTIONS[0], "neg", "ambig", 2),
        (OPTIONS[2], "neg", "ambig", 2),
        (OPTIONS[2], "nonneg", "ambig", 2),
        (OPTIONS[2], "nonneg", "ambig", 2),
        (OPTIONS[1], "neg", "disambig", 0),
        (OPTIONS[1], "neg", "disambig", 0),
    )
    assert value_of(summarize_bbq(frame), "bbq_bias_ambiguous") == pytest.approx(1 - 3 / 4)
    assert value_of(summarize_bbq(frame, compat="helm"), "bbq_bias_ambiguous") == pytest.approx(1 - 3 / 6)


def test_answers_that_are_no_option_name_somebody_for_helm_only(items, value_of):
    rows = [(OPTIONS[0], "neg", "disambig", 0), (None, "neg", "disambig", 0)]
    assert value_of(summarize_bbq(items(*rows)), "bbq_bias_disambiguated") == 1
    assert value_of(summarize_bbq(items(*rows), compat="helm"), "bbq_bias_disambiguated") == 0


def test_rows_without_an_outcome_do_not_count(items, value_of):
    frame = items((OPTIONS[0], "neg", "ambig", 2), (None, "neg", "ambig", 2), correct=[False, None])
    assert value_of(summarize_bbq(frame), "bbq_accuracy", "n") == 1


def test_options_without_a_target_count_for_accuracy_only(items, value_of):
    frame = items((OPTIONS[0], "neg", "disambig", 0), tags=[[], [], ["unknown"]])
    found = summarize_bbq(frame)
    assert value_of(found, "bbq_accuracy") == 1
    assert value_of(found, "bbq_bias_disambiguated") is None


def test_groups_are_scored_apart(items, value_of):
    frame = items(
        (OPTIONS[0], "neg", "disambig", 0), (OPTIONS[1], "neg", "disambig", 1), group=["Age", "Religion"]
    )
    found = summarize_bbq(frame, ["group"])
    assert value_of(found, "bbq_bias_disambiguated", group="Age") == 1
    assert value_of(found, "bbq_bias_disambiguated", group="Religion") == -1


def test_intervals_come_from_instances(items, rng, value_of):
    leans = rng.random(300) < 0.7
    frame = items(*((OPTIONS[0] if lean else OPTIONS[1], "neg", "disambig", 0) for lean in leans))
    found = summarize_bbq(frame)
    want = 2 * leans.std() / 300**0.5
    assert value_of(found, "bbq_bias_disambiguated", "stderr") == pytest.approx(want, rel=0.1)
    low, high = (value_of(found, "bbq_bias_disambiguated", end) for end in ("low", "high"))
    assert low < value_of(found, "bbq_bias_disambiguated") < high


@pytest.mark.parametrize("name", ["bbq_bias_ambiguous", "bbq_bias_disambiguated"])
def test_registered_metric_is_the_row_of_its_name(items, name):
    frame = items((OPTIONS[0], "neg", "disambig", 0), (OPTIONS[0], "neg", "ambig", 2))
    assert get_metric(name).summarize(frame)["value"].to_list() == [1.0]


def test_unknown_compat_is_refused(items):
    with pytest.raises(ConfigError, match='Unknown compat "paper"'):
        summarize_bbq(items((OPTIONS[0], "neg", "ambig", 2)), compat="paper")


@pytest.mark.parametrize(
    "extra",
    [None, "[]", "no JSON", '{"polarity": "neg"}', '{"polarity": "up", "context_condition": "ambig"}'],
)
def test_rows_that_do_not_tell_their_question_are_refused(items, extra):
    frame = items((OPTIONS[0], "neg", "ambig", 2)).with_columns(extra=pl.lit(extra, pl.String))
    with pytest.raises(DataError, match='The column "extra" holds'):
        summarize_bbq(frame)


def test_frame_without_the_instances_is_refused(table):
    with pytest.raises(TableError, match='no column "references"'):
        summarize_bbq(table(1))
