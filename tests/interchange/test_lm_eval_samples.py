from __future__ import annotations

import math

import pytest

from longwave.interchange import read_lm_eval


@pytest.fixture
def read(samples_file):
    """Return a function that reads one sample of a task with the given configuration."""

    def read_one(sample, **config):
        metrics = [{"metric": name} for name in config.pop("metrics", ["acc"])]
        results = {"configs": {"task": {"metric_list": metrics, **config}}}
        found = read_lm_eval(samples_file([{"doc_id": 0, "doc": {}, **sample}], results))
        return found.predictions.row(0, named=True), found

    return read_one


def choices(*pairs, context="q", target="0", **more):
    return {
        "target": target,
        "arguments": {
            f"gen_args_{place}": {"arg_0": context, "arg_1": f" {text}"}
            for place, (text, _) in enumerate(pairs)
        },
        "filtered_resps": [[str(logprob), "False"] for _, logprob in pairs],
        "acc": 0.0,
        **more,
    }


PAIRS = (("no", -1.0), ("certainly", -2.0))


@pytest.mark.parametrize(
    ("metric", "expected", "logprob"),
    [("acc", "no", -1.0), ("acc_norm", "certainly", -2.0), ("acc_bytes", "certainly", -2.0)],
)
def test_prediction_is_that_of_the_main_metric(read, metric, expected, logprob):
    """Per character, "certainly" (-2 / 9) beats "no" (-1 / 2)."""
    row, _ = read(choices(*PAIRS, **{metric: 1.0}), output_type="multiple_choice", metrics=[metric])
    assert (row["prediction"], row["logprob"]) == (expected, logprob)


def test_ties_go_to_the_first_option(read):
    row, _ = read(choices(("a", -1.0), ("b", -1.0)), output_type="multiple_choice")
    assert (row["prediction"], row["confidence"]) == ("a", 0.5)


def test_more_than_ten_options_stay_in_order(read):
    row, found = read(choices(*((str(n), -float(20 - n)) for n in range(12))), output_type="multiple_choice")
    assert (row["prediction"], found.instances["references"][0].to_list()) == (
        "11",
        [str(n) for n in range(12)],
    )


@pytest.mark.parametrize(
    ("target", "right"),
    [("1", [1]), ("certainly", [1]), ("[0, 1]", [0, 1]), ("['no']", [0]), ("9", []), ("None", []), ("[", [])],
)
def test_target_names_the_right_options(read, target, right):
    _, found = read(choices(*PAIRS, target=target), output_type="multiple_choice")
    assert found.instances["correct_references"][0].to_list() == right


def test_contexts_are_the_options_where_only_they_differ(read):
    sample = {
        "target": "1",
        "arguments": [["Ann was", " tired"], ["Bob was", " tired"]],
        "filtered_resps": [[-2.0, False], [-1.0, False]],
        "acc": 1.0,
    }
    row, _ = read(sample, output_type="multiple_choice")
    assert (row["prediction"], row["label"]) == ("Bob was", "Bob was")


def test_unconditional_scores_are_no_options(read):
    pairs = (*PAIRS, ("no", -0.1), ("certainly", -0.1))
    row, found = read(choices(*pairs), output_type="multiple_choice", metrics=["acc", "acc_mutual_info"])
    assert (row["prediction"], found.instances["references"][0].to_list()) == ("no", ["no", "certainly"])


def test_missing_score_leaves_no_prediction(read):
    sample = {**choices(*PAIRS), "filtered_resps": [["-1.0", "False"]]}
    row, _ = read(sample, output_type="multiple_choice")
    assert (row["prediction"], row["confidence"], row["logprob"]) == (None, None, None)


@pytest.mark.parametrize(("is_greedy", "expected"), [("True", "moon"), ("False", None)])
def test_greedy_text_is_the_prediction(read, is_greedy, expected):
    sample = {
        "target": " moon",
        "arguments": {"gen_args_0": {"arg_0": "over the", "arg_1": " moon"}},
        "resps": [[["-1.5", is_greedy]]],
        "filtered_resps": [["-1.5", is_greedy]],
        "acc": 1.0,
    }
    row, _ = read(sample, output_type="loglikelihood")
    assert (row["prediction"], row["label"], row["logprob"]) == (expected, " moon", -1.5)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [(["4"], "4"), ([["4", "5"]], "4"), (["[invalid]"], None), ([""], None), ([[]], None), ([], " 4 ")],
    ids=["one", "repeated", "invalid", "empty", "none-left", "unfiltered"],
)
def test_filtered_answer_is_the_prediction(read, kept, expected):
    sample = {
        "target": "4",
        "arguments": {"gen_args_0": {"arg_0": "2+2=", "arg_1": {"until": ["\n"]}}},
        "resps": [[" 4 ", "5"]],
        "filtered_resps": kept,
        "acc": 1.0,
    }
    row, found = read(sample, output_type="generate_until")
    assert (row["prediction"], found.requests["completions"][0].to_list()) == (expected, [" 4 ", "5"])


def test_list_of_targets_is_read_back(read):
    sample = {"target": "['a', 'b']", "arguments": [["q", {}]], "resps": [["a"]], "acc": 1.0}
    _, found = read(sample, output_type="generate_until")
    assert found.instances["references"][0].to_list() == ["a", "b"]


def test_target_that_only_looks_like_a_list_stays(read):
    sample = {"target": "[a, __import__('os')]", "arguments": [["q", {}]], "resps": [["a"]], "acc": 1.0}
    _, found = read(sample, output_type="generate_until")
    assert found.instances["references"][0].to_list() == ["[a, __import__('os')]"]


LONG = "A passage of two parts.\n\nThe second part."


@pytest.mark.parametrize(
    ("prompt", "shots", "expected"),
    [
        (f"Q: x\nA: y\n\nQ: {LONG}\nA:", 1, f"Q: {LONG}\nA:"),
        ("Q: x\nA: y\n\nQ: short\nA:", 1, "Q: short\nA:"),
        ("Q: x\n\n", 1, "Q: x\n\n"),
        ("Q: x\nA: y\n\nQ: short\nA:", 0, "Q: x\nA: y\n\nQ: short\nA:"),
        ("no delimiter", 3, "no delimiter"),
    ],
    ids=["delimiter-inside", "short", "at-the-end", "no-examples", "none"],
)
def test_input_is_the_own_part_of_a_prompt(read, prompt, shots, expected):
    sample = {"doc": {"text": LONG, "n": 1}, "target": "y", "arguments": [[prompt, {}]], "resps": [["y"]]}
    _, found = read({**sample, "acc": 1.0}, output_type="generate_until", num_fewshot=shots)
    assert found.instances["input"][0] == expected


def test_perplexities_follow_from_their_sums(read):
    sample = {
        "target": "ab",
        "arguments": [["ab"]],
        "filtered_resps": ["-2.0"],
        "metrics": ["word_perplexity", "byte_perplexity", "bits_per_byte"],
        "word_perplexity": [-2.0, 1],
        "byte_perplexity": [-2.0, 2],
        "bits_per_byte": [-2.0, 2],
    }
    row, found = read(sample, output_type="loglikelihood_rolling", metrics=["word_perplexity"])
    assert row["score"] == pytest.approx(1 / math.log(2))
    values = dict(found.scores.select("metric", "value").rows())
    assert values == pytest.approx({"word_perplexity": math.exp(2), "byte_perplexity": math.e})
    assert found.requests.select("prompt", "continuation").row(0) == ("", "ab")


@pytest.mark.parametrize("value", [[-2.0, 0], ["x", 2], ["ref", "pred"], {"a": 1}, None])
def test_metric_without_one_number_is_counted(read, value):
    sample = {"target": "y", "arguments": [["q", {}]], "resps": [["y"]], "metrics": ["bits_per_byte"]}
    _, found = read({**sample, "bits_per_byte": value}, output_type="generate_until")
    assert found.summary.skipped['values of "bits_per_byte" that are no single number'] == 1


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([[-1.0, True]], "loglikelihood"),
        ([[-1.0, True]] * 2, "multiple_choice"),
        (["-3"], "loglikelihood_rolling"),
        (["text"], "generate_until"),
        ([], "generate_until"),
    ],
    ids=["pair", "pairs", "number", "text", "none"],
)
def test_kind_is_guessed_where_it_is_not_told(read, answers, expected):
    row, _ = read({"arguments": [["q", " a"]] * max(len(answers), 1), "filtered_resps": answers, "acc": 1.0})
    assert row["prompt"] == f"{expected}-0-shot"
