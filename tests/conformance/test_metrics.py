"""One contract for every registered metric."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.clients.base import Completion
from longwave.metrics import FAMILIES, TIDY, Answer, AnswerMetric, InstanceMetric, TableMetric, get_metric
from longwave.predictions import SCHEMA
from longwave.registry import entries
from longwave.sandbox import missing_walls
from longwave.scenarios.base import CORRECT, Instance, Reference

NAMES = list(entries("metrics"))
INSTANCE = [name for name in NAMES if isinstance(get_metric(name), InstanceMetric)]
ANSWER = [name for name in NAMES if isinstance(get_metric(name), AnswerMetric)]
TABLE = [name for name in NAMES if isinstance(get_metric(name), TableMetric)]
texts = st.one_of(st.text(), st.lists(st.sampled_from(["the", "a", "7", "1,000", "red", "."])).map(" ".join))


# what a text must hold for the metric to find anything to compare
LEAST = {
    "final_number_exact_match": lambda text: any(letter.isdigit() for letter in text),
    "math_equiv_chain_of_thought": lambda text: "\\boxed" in text,
    "rouge_2": lambda text: len(text.split()) > 1,
    "bleu_4": lambda text: len(text.split()) > 3,
    "bleu_4_helm": lambda text: len(text.split()) > 3,
}
CODE = {"pass_at_1", "strict_acc", "test_avg"}


@pytest.mark.parametrize("name", NAMES)
def test_metric_is_called_as_registered(name):
    assert get_metric(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_family_is_one_of_the_seven(name):
    assert get_metric(name).family in FAMILIES


@pytest.mark.parametrize("name", INSTANCE)
@settings(max_examples=50)
@given(prediction=texts, reference=texts)
def test_value_lies_in_the_range(name, prediction, reference):
    metric = get_metric(name)
    value = metric(prediction, reference)
    assert isinstance(value, float)
    assert metric.low <= value <= metric.high


@pytest.mark.parametrize("name", INSTANCE)
@pytest.mark.parametrize(
    "text", ["Yes", "7", "The 3 red fish.", "so it is 1,234.5", "it is \\boxed{7} red fish"]
)
def test_reference_itself_gets_full_marks(name, text):
    metric = get_metric(name)
    if name not in LEAST or LEAST[name](text):
        assert metric.is_full_marks(metric.score(text, [text]))


@pytest.mark.parametrize("name", INSTANCE)
@settings(max_examples=30)
@given(reference=texts)
def test_empty_prediction_gets_no_marks(name, reference):
    metric = get_metric(name)
    assert metric("", reference) == (metric.low if metric.higher_is_better else metric.high)


@pytest.mark.parametrize("name", INSTANCE)
@settings(max_examples=30)
@given(prediction=texts, references=st.lists(texts, min_size=1, max_size=4))
def test_another_reference_never_lowers_the_score(name, prediction, references):
    metric = get_metric(name)
    more, fewer = metric.score(prediction, references), metric.score(prediction, references[:1])
    assert more >= fewer if metric.higher_is_better else more <= fewer


def _answer(prediction, *written, ranking=()):
    references = [
        Reference(text="Yes", tags=(CORRECT, "relevance=2")),
        Reference(text="no", tags=("relevance=0",)),
    ]
    extra = {"test": "def check(candidate):\n    assert candidate() == 1", "entry_point": "f"}
    extra |= {"inputs": ["1\n", "2\n"], "outputs": ["1\n", "4\n"]}
    instance = Instance(id="0", input="def f():\n", references=tuple(references), split="test", extra=extra)
    completions = tuple(
        Completion(text=text, logprob=-float(i), n_tokens=3) for i, text in enumerate(written)
    )
    return Answer(instance=instance, prediction=prediction, completions=completions, ranking=ranking)


ANSWERS = {
    "nothing": _answer(None),
    "no-prediction": _answer(None, "well"),
    "empty": _answer("", ""),
    "right": _answer("Yes", "Yes", ranking=(0, 1)),
    "code": _answer("    return 1", "    return 1", "    return 2"),
    "unicode": _answer("«Ça» \ud800", "«Ça» \ud800", "日本", ranking=(1, 0)),
    "program": _answer("print(input())", "print(input())"),
}


def _measured(name, answer):
    if name in CODE and missing_walls():
        pytest.skip("no code can be locked in here")
    return get_metric(name).measure(ANSWERS[answer])


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("name", ANSWER)
def test_value_of_an_answer_is_none_or_a_number_in_the_range(name, answer):
    metric = get_metric(name)
    value = _measured(name, answer)
    assert value is None or isinstance(value, float)
    if value is not None:
        assert math.isfinite(value)
        assert metric.low is None or value >= metric.low
        assert metric.high is None or value <= metric.high
        assert metric.is_full_marks(value) in (True, False, None)


@pytest.mark.parametrize("answer", ["nothing", "right", "unicode"])
@pytest.mark.parametrize("name", ANSWER)
def test_value_of_an_answer_is_the_same_every_time(name, answer):
    assert _measured(name, answer) == _measured(name, answer)


@pytest.mark.parametrize("name", ANSWER)
def test_nothing_written_gets_no_full_marks(name):
    metric = get_metric(name)
    if metric.high is not None and metric.higher_is_better and not name.startswith("finish_reason"):
        assert not _measured(name, "nothing")


def _table(n):
    rng = np.random.default_rng(0)
    filled = {
        "scenario": ["boolq@1"] * n,
        "instance": [f"id{i // 2}" for i in range(n)],
        "perturbation": [None, "typos"] * (n // 2),
        **{name: ["x"] * n for name in ("model", "version", "date", "prompt")},
        "trial": [0] * n,
        "correct": rng.random(n) < 0.7,
        "score": rng.random(n),
        "confidence": rng.random(n),
        "logprob": -rng.random(n),
        "group": ["a", "a", "b", "b"] * (n // 4),
        "latency_s": rng.random(n),
        "tokens_in": [3] * n,
        "tokens_out": [3] * n,
        "cost_usd": rng.random(n),
        "error": [None] * n,
    }
    joined = {
        "prediction": ["he", "she", "unknown", "he"] * (n // 4),
        "label": ["he", "she", "unknown", "she"] * (n // 4),
        "completions": [["She is a kind nurse.", "He and Mr Kim met a doctor, a smart one."]] * n,
        "references": [["he", "she", "unknown"]] * n,
        "correct_references": [[2], [2], [0], [0]] * (n // 4),
        "tags": [[["target"], ["non-target"], ["unknown"]]] * n,
        "extra": [
            f'{{"polarity": "neg", "context_condition": "{condition}"}}'
            for condition in (
                "ambig",
                "ambig",
                "ambig",
                "ambig",
                "disambig",
                "disambig",
                "disambig",
                "disambig",
            )
        ]
        * (n // 8),
    }
    frame = pl.DataFrame(filled, schema_overrides=SCHEMA).with_columns(input=pl.lit("some text"))
    return frame.hstack(pl.DataFrame(joined, schema_overrides={"prediction": pl.String, "label": pl.String}))


@pytest.mark.parametrize("name", TABLE)
def test_summary_is_tidy_and_holds_this_metric_only(name):
    summary = get_metric(name).summarize(_table(400), ["model"])
    assert set(summary["metric"]) == {name}
    assert summary.columns[-len(TIDY) :] == list(TIDY)


@pytest.mark.parametrize("name", TABLE)
def test_summary_lies_in_the_range(name):
    metric = get_metric(name)
    low = -math.inf if metric.low is None else metric.low
    high = math.inf if metric.high is None else metric.high
    assert all(low <= value <= high for value in metric.summarize(_table(400))["value"])


@pytest.mark.parametrize("name", TABLE)
def test_summary_of_no_rows_holds_no_value(name):
    assert get_metric(name).summarize(_table(8).clear(), ["model"])["value"].drop_nulls().is_empty()
