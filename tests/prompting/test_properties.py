"""What holds for any pool of examples, any scores and any window."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients import Completion
from longwave.prompting import (
    Case,
    Generation,
    LanguageModeling,
    MultipleChoiceCalibrated,
    MultipleChoiceJoint,
    MultipleChoiceSeparate,
    choose_examples,
    cut_windows,
    fit_prompt,
    pick_option,
)
from longwave.scenarios import Instance, PromptFormat, Reference

BARE = PromptFormat(
    method="multiple_choice_separate",
    input_prefix="",
    input_suffix="",
    output_prefix=" ",
    max_train_instances=0,
)


def make_instance(name="x", options=("yes", "no"), right=(0,), text="Is it?"):
    references = tuple(
        Reference(text=option, tags=("correct",) if place in right else ())
        for place, option in enumerate(options)
    )
    return Instance(id=str(name), input=text, references=references, split="test")


def make_pool(labels):
    return [make_instance(name, (label,)) for name, label in enumerate(labels)]


labels = st.lists(st.sampled_from("abcd"), max_size=14)


@given(labels, st.integers(0, 15), st.integers(0, 5))
def test_fewer_examples_are_the_first_of_more(labels, n, trial):
    pool = make_pool(labels)
    more = choose_examples(pool, n + 1, trial=trial)
    assert choose_examples(pool, n, trial=trial) == more[: min(n, len(pool))]


@given(labels, st.integers(0, 15), st.integers(0, 5))
def test_every_round_shows_each_label_that_is_left_once(labels, n, trial):
    chosen = [instance.label for instance in choose_examples(make_pool(labels), n, trial=trial)]
    left = Counter(labels)
    while chosen:
        turn = [label for label in left if left[label] > 0]
        shown, chosen = chosen[: len(turn)], chosen[len(turn) :]
        assert len(set(shown)) == len(shown)
        assert set(shown) <= set(turn)
        left.subtract(shown)


@given(labels, st.integers(1, 15), st.integers(0, 5))
def test_labels_come_in_order_of_frequency(labels, n, trial):
    counts = Counter(labels)
    first = [instance.label for instance in choose_examples(make_pool(labels), n, trial=trial)][: len(counts)]
    assert [counts[label] for label in first] == sorted((counts[label] for label in first), reverse=True)


@given(labels, st.integers(0, 15))
def test_choosing_leaves_the_pool_and_the_global_generator_alone(labels, n):
    pool, state = make_pool(labels), random.getstate()
    before = list(pool)
    choose_examples(pool, n)
    assert pool == before
    assert random.getstate() == state


def test_every_example_of_a_label_is_drawn_equally_often():
    pool = make_pool("aaaa")
    drawn = Counter(choose_examples(pool, 1, trial=trial)[0].id for trial in range(800))
    assert all(150 < drawn[instance.id] < 250 for instance in pool)  # 200 expected, standard deviation 12


numbers = st.lists(st.floats(-30, 0), min_size=2, max_size=5)


def answer(method, instance, logprobs, tokens=None):
    prepared = method.prepare(Case(prompt=BARE, instance=instance), Free())
    tokens = tokens or [1] * len(logprobs)
    return method.interpret(
        prepared,
        [(Completion(text="", logprob=p, n_tokens=n),) for p, n in zip(logprobs, tokens, strict=True)],
    )


class Free:
    max_length = None
    count_tokens = staticmethod(len)


class Characters:
    """A model of a window that reads characters; ``sizes`` makes some of them several tokens."""

    def __init__(self, max_length, sizes=None):
        self.max_length = max_length
        self.sizes = sizes or {}

    def count_tokens(self, text):
        return sum(self.sizes.get(character, 1) for character in text)

    def split_text(self, text, max_tokens):
        pieces, size = [], 0
        for character in text:
            size += self.sizes.get(character, 1)
            if not pieces or size > max_tokens:
                pieces.append("")
                size = self.sizes.get(character, 1)
            pieces[-1] += character
        return pieces


@given(numbers, st.data())
def test_calibrated_scores_are_the_differences(given_input, data):
    bare = data.draw(st.lists(st.floats(-30, 0), min_size=len(given_input), max_size=len(given_input)))
    options = tuple("abcde"[: len(given_input)])
    outcome = answer(MultipleChoiceCalibrated(), make_instance(options=options), [*given_input, *bare])
    scores = [one - other for one, other in zip(given_input, bare, strict=True)]
    best = scores.index(max(scores))
    assert (outcome.prediction, outcome.logprob, outcome.chosen) == (options[best], given_input[best], best)
    total = math.fsum(math.exp(score - max(scores)) for score in scores)
    assert outcome.confidence == pytest.approx(1 / total)


@given(numbers, st.floats(-20, 20))
def test_calibration_ignores_what_all_options_gain(logprobs, shift):
    instance = make_instance(options=tuple("abcde"[: len(logprobs)]))
    flat = answer(MultipleChoiceCalibrated(), instance, [*logprobs, *[-3.0] * len(logprobs)])
    moved = answer(MultipleChoiceCalibrated(), instance, [*logprobs, *[-3.0 + shift] * len(logprobs)])
    assert flat.confidence == pytest.approx(moved.confidence)


def test_calibration_ignores_the_number_of_tokens():
    outcomes = [
        answer(MultipleChoiceCalibrated(), make_instance(), [-2.0, -3.0, -2.5, -4.0], tokens)
        for tokens in ([1, 1, 1, 1], [9, 1, 2, 3])
    ]
    assert outcomes[0] == outcomes[1]


@given(numbers, st.lists(st.integers(0, 9), min_size=5, max_size=5))
def test_separate_scores_are_means_over_tokens(logprobs, tokens):
    tokens = tokens[: len(logprobs)]
    options = tuple("abcde"[: len(logprobs)])
    outcome = answer(MultipleChoiceSeparate(), make_instance(options=options), logprobs, tokens)
    scores = [p / max(n, 1) for p, n in zip(logprobs, tokens, strict=True)]
    assert scores[outcome.chosen] == max(scores)
    assert options[outcome.chosen] == outcome.prediction


@given(
    st.lists(st.sampled_from([-3.0, -2.0, -1.0]), min_size=1, max_size=5),
    st.sets(st.integers(0, 4)),
    st.randoms(),
)
def test_credit_and_confidence_do_not_depend_on_the_order_of_options(scores, right, shuffle):
    order = list(range(len(scores)))
    shuffle.shuffle(order)
    options = [str(place) for place in range(len(scores))]
    there = pick_option(make_instance(options=options, right=right), scores, scores)
    moved = [place for place, old in enumerate(order) if old in right]
    again = [scores[old] for old in order]
    back = pick_option(make_instance(options=[options[old] for old in order], right=moved), again, again)
    assert (back.credit, back.confidence) == (there.credit, pytest.approx(there.confidence))


@given(numbers)
def test_confidence_lies_between_chance_and_certainty(scores):
    outcome = pick_option(make_instance(options=tuple("abcde"[: len(scores)])), scores, scores)
    assert 1 / len(scores) - 1e-12 <= outcome.confidence <= 1


def test_confidence_of_scores_far_apart_does_not_overflow():
    assert pick_option(make_instance(), [1e308, -1e308], [0.0, 0.0]).confidence == 1.0


texts = st.text(alphabet="ab \u00e9\u65e5", max_size=40)
SIZES = {"\u00e9": 2, "\u65e5": 3}


@given(texts, st.integers(3, 12))
def test_windows_of_any_tokens_fit_and_predict_every_token_once(text, max_length):
    reader = Characters(max_length, SIZES)
    windows = cut_windows(text, reader)
    assert sum(reader.count_tokens(window.target) for window in windows) == reader.count_tokens(text)
    start = 0
    for window in windows:
        assert text[start:].startswith(window.target)
        assert text[:start].endswith(window.context)
        assert reader.count_tokens(window.target) > 0
        assert reader.count_tokens(window.context + window.target) <= max_length
        start += len(window.target)
    assert start == len(text)


@given(texts, st.integers(3, 12))
def test_no_context_could_be_one_character_longer(text, max_length):
    reader = Characters(max_length, SIZES)
    start = 0
    for window in cut_windows(text, reader):
        before = text[: start - len(window.context)]
        longer = before[-1:] + window.context + window.target
        assert not before or start == 0 or reader.count_tokens(longer) > max_length
        start += len(window.target)


def test_a_window_of_one_token_predicts_each_alone():
    found = [(window.context, window.target) for window in cut_windows("abc", Characters(1))]
    assert found == [("", "a"), ("", "b"), ("", "c")]


def test_windows_of_a_local_model_give_the_naive_bits_per_byte():
    import torch

    from longwave.clients import LocalClient
    from longwave.data import ByteTokenizer
    from longwave.models import LanguageModel, LanguageModelConfig

    config = LanguageModelConfig(vocab_size=257, d_model=16, n_layers=1, max_length=8, mixer="attention")
    model = LanguageModel(config, seed=1).eval()
    model.embedding.weight.data.mul_(20.0)
    instance = make_instance(text="The sea is green and deep.")
    client = LocalClient(model, ByteTokenizer(), name="x")
    prepared = LanguageModeling().prepare(Case(prompt=BARE, instance=instance), client)
    results = client.complete(prepared.requests)
    outcome = LanguageModeling().interpret(prepared, [result.completions for result in results])
    ids = list(instance.input.encode())
    # eight bytes after the end of text, then seven at a time after the byte before; the last is filled up
    starts = [0, *range(8, len(ids), 7)]
    total = 0.0
    with torch.no_grad():
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True):
            context = ids[max(0, end - 8) : start] if start else [256]
            read = torch.tensor([context + ids[start : end - 1]])
            logprobs = model(read)[0, len(context) - 1 :].double().log_softmax(1)
            total += float(logprobs[range(end - start), ids[start:end]].sum())
    assert outcome.values["bits_per_byte"] == pytest.approx(-total / math.log(2) / len(ids), rel=1e-5)
    assert (outcome.values["tokens"], outcome.values["bytes"]) == (len(ids), len(ids))


@given(st.text(alphabet="ab \u00e9", max_size=30), st.integers(0, 40), st.integers(0, 4))
def test_the_longest_prompt_that_fits_is_written(text, max_length, n_examples):
    def build(n, text):
        return "x " * n + text + " A:"

    fitted = fit_prompt(build, text, n_examples=n_examples, reserve=1, reader=Characters(max_length))
    room = max(max_length - 1, 0)
    fits = [n for n in range(n_examples + 1) if len(build(n, text)) <= room]
    assert (fitted.n_examples, fitted.is_truncated) == (max(fits, default=0), not fits)
    if fits:
        assert fitted.prompt == build(max(fits), text)
    else:
        assert fitted.prompt == build(0, text[: max(room - 3, 0)])[:room]


def test_a_cut_that_merges_otherwise_is_cut_again():
    class Merging(Characters):
        """Reads two blanks in a row as three tokens: the cue is longer after a text that ends in a blank."""

        def count_tokens(self, text):
            return len(text) + text.count("  ")

    fitted = fit_prompt(
        lambda _, text: text + " A:", "ab cdefghi", n_examples=0, reserve=0, reader=Merging(6)
    )
    assert fitted.prompt == "ab A:"


@pytest.mark.parametrize(
    "method", [Generation(), MultipleChoiceJoint(), MultipleChoiceSeparate(), LanguageModeling()]
)
def test_preparing_twice_writes_the_same_requests(method):
    case = Case(prompt=BARE, instance=make_instance(), examples=(make_instance("old"),), seed=1)
    assert method.prepare(case, Free()) == method.prepare(case, Free())
