"""Measures of toxicity, and the scoring of a finished evaluation, which can be interrupted."""

from __future__ import annotations

import codecs

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from longwave.clients.base import Completion
from longwave.errors import ClientError, ConfigError, DataError, MissingFile, TableError
from longwave.metrics import (
    TIDY,
    Answer,
    LexiconClassifier,
    get_metric,
    measure_toxicity,
    score_toxicity,
    summarize_toxicity,
)
from longwave.predictions import KEY, append_side, read_side, write_predictions
from longwave.scenarios.base import Instance

INSULT = codecs.decode("vqvbg", "rot13")
NAMES = ("expected_max_toxicity", "max_toxicity_probability", "toxic_fraction")


class Lengths:
    """Finds longer texts more toxic, remembers what it was asked, and may fail at a text."""

    name = "lengths"

    def __init__(self, *, fails_at=None):
        self.asked = []
        self.fails_at = fails_at

    def score(self, texts):
        if self.fails_at in texts:
            raise ClientError("The server is down.")
        self.asked += texts
        return [min(len(text) / 10, 1.0) for text in texts]


@pytest.fixture
def folder(tmp_path, table):
    """Return the folder of a small evaluation: written, empty, scored and failed requests."""
    completions = {
        "a": ["123", "1234567"],
        "b": ["", " "],
        "c": ["12345", ""],
        "scored": ["not written"],
    }
    append_side(
        tmp_path,
        "requests",
        pl.DataFrame(
            {
                "request_hash": list(completions),
                "prompt": ["p"] * 4,
                "continuation": [None, None, None, "given"],
                "completions": list(completions.values()),
            }
        ),
    )
    hashes = ["a", "b", "c", "scored", None, "a"]
    write_predictions(tmp_path, table(6, request_hash=hashes, perturbation=[None] * 5 + ["typos"]))
    return tmp_path


def values(folder, metric):
    found = read_side(folder, "scores").filter(pl.col("metric") == metric)
    return dict(found.select("instance", "value").iter_rows())


def test_measures_by_hand():
    assert measure_toxicity([0.2, 0.5, 0.4, 0.9]) == {
        "expected_max_toxicity": 0.9,
        "max_toxicity_probability": 1.0,
        "toxic_fraction": 0.5,
    }


def test_threshold_can_be_moved():
    assert measure_toxicity([0.2, 0.3], threshold=0.25)["toxic_fraction"] == 0.5


@given(st.lists(st.floats(0, 1), min_size=1))
def test_fraction_never_exceeds_the_probability(scores):
    found = measure_toxicity(scores)
    assert 0 <= found["toxic_fraction"] <= found["max_toxicity_probability"] <= 1


@pytest.mark.parametrize("scores", [[], [1.5], [-0.1], [float("nan")]], ids=["none", "high", "low", "nan"])
def test_scores_that_are_no_probabilities_are_refused(scores):
    with pytest.raises(DataError, match="accepted are"):
        measure_toxicity(scores)


def test_every_written_completion_is_scored_and_kept(folder):
    assert score_toxicity(folder, Lengths()) == 3
    assert values(folder, "expected_max_toxicity_lengths") == {"id0000": 0.7, "id0002": 0.5, "id0005": 0.7}
    assert values(folder, "toxic_fraction_lengths") == {"id0000": 0.5, "id0002": 1.0, "id0005": 0.5}


def test_equal_texts_are_asked_for_once(folder):
    classifier = Lengths()
    score_toxicity(folder, classifier)
    assert sorted(classifier.asked) == ["123", "12345", "1234567"]


def test_scoring_again_asks_nothing(folder):
    score_toxicity(folder, Lengths())
    before = read_side(folder, "scores")
    classifier = Lengths()
    assert score_toxicity(folder, classifier) == 0
    assert classifier.asked == []
    assert_frame_equal(read_side(folder, "scores"), before)


def test_interrupted_scoring_continues(folder):
    with pytest.raises(ClientError):
        score_toxicity(folder, Lengths(fails_at="12345"), batch_size=1)
    assert set(values(folder, "toxic_fraction_lengths")) == {"id0000"}
    assert score_toxicity(folder, Lengths(), batch_size=1) == 2


def test_another_classifier_scores_anew(folder):
    score_toxicity(folder, Lengths())
    assert score_toxicity(folder, LexiconClassifier()) == 3
    assert set(read_side(folder, "scores")["metric"]) == {
        f"{name}_{judge}" for name in NAMES for judge in ("lengths", "lexicon")
    }


def test_scores_of_the_same_rows_agree_with_the_metrics_of_answers(folder):
    score_toxicity(folder, LexiconClassifier())
    answer = Answer(
        instance=Instance(id="x", input="", references=(), split="test"),
        completions=(Completion(text="123"), Completion(text="1234567")),
    )
    got = get_metric("toxic_fraction_lexicon").measure(answer)
    assert values(folder, "toxic_fraction_lexicon")["id0000"] == got


class Silent(Lengths):
    def score(self, texts):
        return super().score(texts)[:0]


def test_classifier_that_leaves_texts_out_is_refused(folder):
    with pytest.raises(DataError, match=r"gave 0 scores for 3 texts"):
        score_toxicity(folder, Silent())


def test_batch_of_nothing_is_refused(folder):
    with pytest.raises(ConfigError, match="batch_size is 0"):
        score_toxicity(folder, Lengths(), batch_size=0)


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(MissingFile):
        score_toxicity(tmp_path / "nowhere", Lengths())


def test_evaluation_without_text_has_nothing_to_score(tmp_path, table):
    write_predictions(tmp_path, table(2))
    assert score_toxicity(tmp_path, Lengths()) == 0


def test_summary_averages_originals_by_group_and_metric(folder, value_of):
    score_toxicity(folder, Lengths())
    found = summarize_toxicity(read_side(folder, "scores"), ["model"])
    assert found.columns == ["model", *TIDY]
    assert value_of(found, "expected_max_toxicity_lengths") == pytest.approx(0.6)
    assert value_of(found, "toxic_fraction_lengths", "n") == 2
    by_edit = summarize_toxicity(read_side(folder, "scores"), ["perturbation"])
    assert value_of(by_edit, "toxic_fraction_lengths", perturbation="typos") == 0.5


def test_summary_leaves_other_metrics_out(folder, table):
    other = table(1).select(KEY).with_columns(metric=pl.lit("token_f1"), value=pl.lit(0.3))
    append_side(folder, "scores", other)
    found = summarize_toxicity(read_side(folder, "scores"))
    assert found.is_empty()
    assert found.columns == list(TIDY)


def test_summary_needs_the_scores_table(table):
    with pytest.raises(TableError, match='no column "metric"'):
        summarize_toxicity(table(1))


@pytest.mark.parametrize(("name", "value"), list(zip(NAMES, [0.6, 1.0, 0.5], strict=True)), ids=NAMES)
def test_metrics_of_answers_skip_empty_outputs(name, value):
    answer = Answer(
        instance=Instance(id="x", input="", references=(), split="test"),
        completions=tuple(Completion(text=text) for text in ("tea", "", f"you {INSULT}", " \n")),
    )
    assert get_metric(f"{name}_lexicon").measure(answer) == pytest.approx(value)


@pytest.mark.parametrize("name", NAMES)
def test_metrics_of_answers_say_nothing_about_no_text(name):
    answer = Answer(
        instance=Instance(id="x", input="", references=(), split="test"), completions=(Completion(text=" "),)
    )
    assert get_metric(f"{name}_lexicon").measure(answer) is None
