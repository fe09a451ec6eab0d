from __future__ import annotations

import math

import pytest

from longwave.interchange import read_helm

QUESTION = {"id": "a", "input": {"text": "q"}, "split": "test"}


def options(*texts, right=0):
    listed = [
        {"output": {"text": text}, "tags": ["correct"] * (place == right)} for place, text in enumerate(texts)
    ]
    return {**QUESTION, "references": listed}


def state(instance=QUESTION, prompt="q", said=(), **more):
    completions = [
        {"text": text, "logprob": logprob, "tokens": [{"text": text, "logprob": logprob}]}
        for text, logprob in said
    ]
    return {
        "instance": instance,
        "request": {"prompt": prompt},
        "result": {"success": True, "completions": completions},
        **more,
    }


def scored(place, text, *tokens, mode="original", prompt="q"):
    completion = {"text": "", "tokens": [{"text": t, "logprob": p} for t, p in tokens], "logprob": -9.0}
    return state(
        options("one", "two five"),
        f"{prompt} {text}",
        reference_index=place,
        request_mode=mode,
        result={"success": True, "completions": [completion]},
    )


def stats(**values):
    listed = [
        {"name": {"name": name.replace("_at_", "@")}, "mean": value, "sum": value}
        for name, value in values.items()
    ]
    return [{"instance_id": "a", "stats": listed}]


def read_row(folder):
    found = read_helm(folder)
    return found.predictions.row(0, named=True), found


def test_option_follows_from_the_tokens_where_helm_names_none(helm_run):
    """Per token, "two five" (-2 / 2) is likelier than "one" (-1.5)."""
    states = [
        scored(0, "one", ("q", -0.1), (" one", -1.5)),
        scored(1, "two five", ("q", -0.1), (" two", -0.5), (" fi", -1.25), ("ve", -0.25)),
    ]
    row, found = read_row(helm_run(states, adapter={"method": "multiple_choice_separate_original"}))
    assert (row["prediction"], row["logprob"]) == ("two five", -2.0)
    assert found.requests["continuation"].to_list() == [" one", " two five"]


def test_calibrated_option_is_compared_with_its_bare_score(helm_run):
    """Against "Answer:", "one" gains 0.5 and "two five" loses 0.5."""
    states = [
        scored(0, "one", (" one", -1.5)),
        scored(0, "one", (" one", -2.0), mode="calibration", prompt="Answer:"),
        scored(1, "two five", (" two five", -1.0)),
        scored(1, "two five", (" two five", -0.5), mode="calibration", prompt="Answer:"),
    ]
    row, found = read_row(helm_run(states, adapter={"method": "multiple_choice_separate_calibrated"}))
    assert (row["prediction"], row["logprob"], len(found.requests)) == ("one", -1.5, 4)


@pytest.mark.parametrize("tokens", [[("nothing", -1.0)], [(" one", None)], []], ids=["other", "null", "none"])
def test_option_without_its_tokens_has_no_log_probability(helm_run, tokens):
    states = [scored(0, "one", *tokens), scored(1, "two five", (" two five", -1.0))]
    row, found = read_row(helm_run(states, adapter={"method": "multiple_choice_separate_original"}))
    assert (row["prediction"], row["logprob"]) == (None, None)
    assert found.summary.skipped["options without a log-probability (their tokens do not spell them)"] == 1


def test_prompt_that_does_not_end_with_the_option_stays_whole(helm_run):
    states = [scored(0, "other", (" one", -1.0)), scored(1, "two five", (" two five", -2.0))]
    _, found = read_row(helm_run(states, adapter={"method": "multiple_choice_separate_original"}))
    assert found.requests.row(0, named=True)["prompt"] == "q other"
    assert found.requests.row(0, named=True)["continuation"] is None


def test_ranking_puts_the_surest_yes_first(helm_run):
    said = [("No", -0.1), ("Yes", -0.5), ("yes", -0.2), ("perhaps", -0.1)]
    states = [
        state(options("d0", "d1", "d2", "d3"), said=[one], reference_index=place, request_mode="original")
        for place, one in enumerate(said)
    ]
    folder = helm_run(states, stats(RR_at_10=0.5), adapter={"method": "ranking_binary"})
    row, _ = read_row(folder)
    assert (row["prediction"], row["logprob"], row["score"]) == ("d2", -0.2, 0.5)


def test_ranking_takes_the_least_sure_no_where_there_is_no_yes(helm_run):
    states = [
        state(options("d0", "d1"), said=[(" no", logprob)], reference_index=place)
        for place, logprob in enumerate([-0.1, -0.9])
    ]
    row, _ = read_row(helm_run(states, adapter={"method": "ranking_binary"}))
    assert row["prediction"] == "d1"


def test_windows_of_a_text_are_one_row_in_bits_per_byte(helm_run):
    states = [state(prompt=prompt, said=[("", -1.0)]) for prompt in ("first", "second")]
    folder = helm_run(
        states, stats(logprob=-8 * math.log(2), num_bytes=4.0), adapter={"method": "language_modeling"}
    )
    row, found = read_row(folder)
    assert (len(found.predictions), len(found.requests)) == (1, 2)
    assert (row["score"], row["prediction"], row["correct"]) == (pytest.approx(2.0), None, None)
    assert row["request_hash"] == found.requests["request_hash"][0]


def test_letter_outside_the_options_is_no_prediction(helm_run):
    mapping = {"A": "one", "B": "two"}
    folder = helm_run(
        [state(options("one", "two"), said=[(" E", -0.1)], output_mapping=mapping)],
        stats(exact_match=0.0),
        adapter={"method": "multiple_choice_joint"},
    )
    row, found = read_row(folder)
    assert (row["prediction"], row["correct"]) == (None, False)
    assert found.summary.skipped == {"answers that name no option (the row has no prediction)": 1}


def test_empty_completion_is_no_prediction(helm_run):
    row, _ = read_row(helm_run([state(said=[("  ", -0.1)])], stats(exact_match=0.0)))
    assert row["prediction"] is None


def test_zeros_of_a_model_without_log_probabilities_are_none(helm_run):
    row, _ = read_row(helm_run([state(said=[(" x", 0)])], stats(exact_match=1.0, max_prob=1.0)))
    assert (row["logprob"], row["confidence"]) == (None, None)


def test_confidence_follows_from_the_completion_where_helm_gives_none(helm_run):
    row, _ = read_row(helm_run([state(said=[(" x", -1.0), (" y", -0.5)])], stats(exact_match=1.0)))
    assert (row["prediction"], row["confidence"]) == ("y", pytest.approx(math.exp(-0.5)))


def test_further_requests_of_a_row_are_counted(helm_run):
    _, found = read_row(helm_run([state(said=[("x", -1.0)]), state(prompt="again", said=[("y", -1.0)])]))
    assert found.summary.skipped["further requests of one row (the first one's answer is kept)"] == 1


@pytest.mark.parametrize("result", [None, {}, {"success": False}], ids=["null", "empty", "failed"])
def test_request_without_an_answer_is_an_error(helm_run, result):
    row, found = read_row(helm_run([state(result=result)]))
    assert (row["error"], found.requests["completions"].to_list()) == ("the request was not answered", [[]])


def test_parts_of_a_split_join_the_group(helm_run):
    spec = {"scenario_spec": {"class_name": "x", "args": {"demographic": "male", "b": 2}}}
    row, _ = read_row(helm_run([state({**QUESTION, "sub_split": "toxic"})], spec=spec))
    assert (row["group"], row["instance"]) == ("b=2,demographic=male,toxic", "b=2,demographic=male/a")


def test_further_tags_and_data_are_kept(helm_run):
    reference = {"output": {"text": "x"}, "tags": ["correct", "relevance=2"]}
    _, found = read_row(helm_run([state({**QUESTION, "references": [reference], "extra_data": {"k": "é"}})]))
    instance = found.instances.row(0, named=True)
    assert (instance["tags"], instance["extra"]) == ([["relevance=2"]], '{"k": "é"}')


def test_images_are_counted(helm_run):
    picture = {"text": "look", "multimedia_content": {"media_objects": []}}
    _, found = read_row(helm_run([state({**QUESTION, "input": picture})]))
    assert found.instances["input"].to_list() == ["look"]
    assert found.summary.skipped["images and sounds (only the texts beside them are kept)"] == 1


def test_two_edits_of_one_name_are_two_rows(helm_run):
    edits = [{"name": "typos", "prob": 0.1}, {"name": "typos", "prob": 0.3}]
    found = read_helm(helm_run([state({**QUESTION, "perturbation": edit}) for edit in edits]))
    assert found.predictions["perturbation"].to_list() == ["typos", "typos-0.3"]


def test_run_without_states_is_empty(helm_run):
    assert read_helm(helm_run([])).summary.rows == 0
