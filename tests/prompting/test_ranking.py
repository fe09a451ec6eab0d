from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients import Completion, FakeClient
from longwave.errors import DataError
from longwave.metrics import Answer, get_metric
from longwave.prompting import Case, RankingBinary, get_method, rank_documents
from longwave.scenarios import Instance, PromptFormat, Reference

RANKING = PromptFormat(
    method="ranking_binary",
    reference_prefix="Passage: ",
    input_prefix="Query: ",
    output_prefix="Does the passage answer the query?\nAnswer: ",
    max_train_instances=4,
    max_tokens=5,
    stop=("\n",),
)
ONE = "Passage: wet\nQuery: why\nDoes the passage answer the query?\nAnswer:"


def said(*pairs):
    return [Completion(text=text, logprob=logprob) for text, logprob in pairs]


@pytest.fixture
def train(make_instance):
    """Return two queries with a right and a wrong document each, once the wrong one first."""
    return (
        make_instance("how", ("good", "bad"), id="a", split="train"),
        make_instance("who", ("off", "on", "more"), right=(1, 2), id="b", split="train"),
    )


@pytest.fixture
def prepare(make_instance, reader):
    def run(
        documents=("dry", "wet"), *, prompt=RANKING, examples=(), max_length=None, query="why", right=(1,)
    ):
        instance = make_instance(query, tuple(documents), right=right, split="valid")
        case = Case(prompt=prompt, instance=instance, examples=tuple(examples), seed=7)
        return RankingBinary().prepare(case, reader(max_length))

    return run


def test_the_method_is_registered():
    assert isinstance(get_method("ranking_binary"), RankingBinary)


def test_every_document_is_asked_about(prepare):
    first, second = prepare().requests
    assert second.prompt == ONE
    assert first.prompt == ONE.replace("wet", "dry")
    assert (first.max_tokens, first.stop, first.n, first.seed) == (5, ("\n",), 1, None)


def test_each_train_instance_shows_a_right_and_another_document(prepare, train):
    prepared = prepare(examples=train)
    block = "Passage: {}\nQuery: {}\nDoes the passage answer the query?\nAnswer: {}\n"
    pairs = [("good", "how", "Yes"), ("bad", "how", "No"), ("off", "who", "No"), ("on", "who", "Yes")]
    shown = [block.format(*pair) for pair in pairs]
    assert prepared.requests[1].prompt == "\n".join([*shown, ONE])
    assert prepared.n_examples == 4


@pytest.mark.parametrize("shots", [0, 1, 3])
def test_no_more_examples_are_shown_than_the_format_allows(prepare, train, shots):
    prepared = prepare(prompt=replace(RANKING, max_train_instances=shots), examples=train)
    assert prepared.n_examples == shots
    assert prepared.requests[0].prompt.count("Passage: ") == shots + 1


def test_a_train_instance_with_one_kind_of_document_gives_one_example(prepare, make_instance):
    prepared = prepare(examples=(make_instance("how", ("good",), split="train"),))
    assert prepared.n_examples == 1


def test_instructions_come_first(prepare):
    prompt = replace(RANKING, instructions="Judge.")
    assert prepare(prompt=prompt).requests[1].prompt == f"Judge.\n\n{ONE}"


def test_sampled_answers_carry_the_seed(prepare):
    assert prepare(prompt=replace(RANKING, temperature=0.5)).requests[0].seed == 7


def test_a_window_drops_examples_from_the_end(prepare, train):
    whole = len(prepare(examples=train).requests[0].prompt)
    prepared = prepare(examples=train, max_length=whole + 5 - 1)
    assert (prepared.n_examples, prepared.is_truncated) == (3, False)


def test_a_long_document_is_cut_and_its_query_is_not(prepare):
    prepared = prepare(documents=("dry", "w" * 500), max_length=100)
    cut = prepared.requests[1].prompt
    assert prepared.is_truncated
    assert len(cut) == 95
    assert cut.endswith("w\nQuery: why\nDoes the passage answer the query?\nAnswer:")


def test_a_tokenizer_of_characters_may_write_yes(prepare):
    (request, _) = prepare(prompt=replace(RANKING, max_tokens=1)).requests
    assert request.max_tokens == len(" Yes")


def test_an_instance_without_documents_is_refused(prepare):
    with pytest.raises(DataError, match="has no documents to rank"):
        prepare(documents=())


@pytest.mark.parametrize(
    ("answers", "ranking"),
    [
        (said((" No", -0.1), (" Yes", -2.0), (" Yes", -0.5)), (2, 1, 0)),
        (said((" No", -0.1), (" No", -1.0), (" No", -0.5)), (1, 2, 0)),
        (said(("maybe", -0.1), ("", -3.0), (" No", -0.1)), (2, 1, 0)),
        (said(("YES\n", -0.1), (" yes", -0.1), ("no ", -0.1)), (0, 1, 2)),
        (said((" No", None), (" Yes", None), (" Yes", None)), (1, 2, 0)),
        (said(("Yes, it does", -0.1), (" No", -9.0)), (1, 0)),
        (said((" Yes", -math.inf), (" No", -math.inf)), (0, 1)),
    ],
    ids=[
        "sure-first",
        "unsure-no-first",
        "neither-last",
        "case-and-ties",
        "no-logprobs",
        "more",
        "impossible",
    ],
)
def test_documents_are_ordered_by_answer_and_probability(answers, ranking):
    assert rank_documents(answers) == ranking


answers = st.lists(
    st.builds(
        Completion, text=st.sampled_from([" Yes", " No", " Who"]), logprob=st.none() | st.floats(-9, 0)
    ),
    min_size=1,
    max_size=8,
)


@given(answers)
def test_a_ranking_holds_every_document_once(found):
    ranking = rank_documents(found)
    assert sorted(ranking) == list(range(len(found)))
    kinds = [(" Yes", " No", " Who").index(found[place].text) for place in ranking]
    assert kinds == sorted(kinds)


def test_the_outcome_is_that_of_the_first_document(prepare):
    outcome = RankingBinary().interpret(
        prepare(), [(item,) for item in said((" No", -0.2), (" Yes", math.log(0.25)))]
    )
    assert (outcome.prediction, outcome.chosen, outcome.ranking) == ("wet", 1, (1, 0))
    assert outcome.confidence == pytest.approx(0.25)
    assert outcome.logprob == pytest.approx(math.log(0.25))


@pytest.mark.parametrize(
    ("text", "logprob", "confidence"),
    [(" No", math.log(0.25), 0.75), (" Yes", 0.5, 1.0), ("?", -1.0, None), (" Yes", None, None)],
    ids=["no", "rounded-up", "neither", "no-logprob"],
)
def test_confidence_is_that_of_the_first_document_being_right(prepare, text, logprob, confidence):
    prepared = prepare(documents=("wet",), right=(0,))
    outcome = RankingBinary().interpret(prepared, [said((text, logprob))])
    assert outcome.confidence == pytest.approx(confidence)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=9))
def test_ideal_answers_give_the_best_order(true):
    method = RankingBinary()
    references = tuple(
        Reference(text=f"d{place}", tags=(f"relevance={grade}", *(("correct",) * (grade > 1))))
        for place, grade in enumerate(true)
    )
    instance = Instance(id="q", input="why", references=references, split="valid")
    prepared = method.prepare(Case(prompt=RANKING, instance=instance), FakeClient(lambda _: None))
    outcome = method.interpret(prepared, [(item,) for item in method.ideal(prepared)])
    answer = Answer(instance=instance, prediction=outcome.prediction, ranking=outcome.ranking)
    assert get_metric("ndcg_10").measure(answer) == float(any(true))
    assert get_metric("reciprocal_rank_10").measure(answer) == float(max(true) > 1)
