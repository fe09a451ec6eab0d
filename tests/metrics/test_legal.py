"""Whole tasks in the three modes, trap by trap, and the metrics of single rows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from longwave.errors import DataError, ShapeError, UnknownName
from longwave.metrics import Answer, evaluate_legal, get_metric, legal_measure
from longwave.metrics.legal import is_outside_labels, read_answer
from longwave.scenarios.base import CORRECT, Instance, Reference

MODES = ("strict", "compat", "lenient")
pairs = st.lists(
    st.tuples(st.sampled_from(["Yes", "no.", "NO", "maybe", "Yes, so"]), st.sampled_from(["Yes", "No"])),
    min_size=1,
)


@given(rows=pairs)
def test_balanced_accuracy_is_that_of_scikit_learn(rows):
    got, gold = ([read_answer(text, ()) for text in column] for column in zip(*rows, strict=True))
    known = set(gold)
    recall = [
        sum(g == w for g, w in zip(got, gold, strict=True) if w == name) / gold.count(name) for name in known
    ]
    found = evaluate_legal("hearsay", *([list(column) for column in zip(*rows, strict=True)]))
    assert found.value == pytest.approx(sum(recall) / len(known))
    if set(got) <= known and len(known) > 1:  # else scikit-learn warns
        assert found.value == pytest.approx(balanced_accuracy_score(gold, got))


@given(rows=pairs)
def test_modes_agree_where_every_answer_is_a_label(rows):
    got, gold = ([text.strip(".") for text in column] for column in zip(*rows, strict=True))
    got = [text if text in ("Yes", "NO") else "no" for text in got]
    assert len({evaluate_legal("hearsay", got, gold, mode=mode).value for mode in MODES}) == 1


def values(task, written, answers):
    """Score answers in the order of `MODES`: strict, compat, lenient."""
    return [evaluate_legal(task, written, answers, mode=mode).value for mode in MODES]


def test_trap_1_successor_liability_is_scored_by_the_wrong_branch():
    answers = ["de facto merger,mere continuation", "express agreement"]
    written = ["mere continuation,de facto merger", "express agreement"]
    assert values("successor_liability", written, answers) == [1, 0.5, 1]
    found = [evaluate_legal("successor_liability", written, answers, mode=mode).measure for mode in MODES]
    assert found == ["set_f1", "balanced_accuracy", "set_f1"]


def test_trap_2_rows_with_several_names_are_punished_several_times():
    assert values("ssla_plaintiff", ["Ann,Bob,Carl,Dan"], ["Ann,Bob"]) == [
        4 / (4 + 2),
        4 / (4 + 5),
        4 / (4 + 2),
    ]


def test_trap_2_even_a_right_list_is_punished():
    written, answers = ["Ruth C May, Donna E Ledgerwood"], ["['Ruth C May', 'Donna E Ledgerwood']"]
    assert values("ssla_plaintiff", written, answers) == [1, 0.8, 1]


def test_trap_3_amounts_lose_their_point_and_none_is_near_zero():
    written, answers = ["$27,181.50", "$0", "$62,000"], ["$27181", "$0", "$62000"]
    assert values("sara_numeric", written, answers) == [1, pytest.approx(1 / 3), 1]


@pytest.mark.parametrize("mode", ["strict", "lenient"])
def test_trap_3_a_gold_amount_with_a_comma_is_read(mode):
    assert evaluate_legal("sara_numeric", ["$1,050"], ["$1,000"], mode=mode).value == 1


def test_trap_3_a_gold_amount_with_a_comma_raises():
    with pytest.raises(DataError, match="released evaluator cannot read"):
        evaluate_legal("sara_numeric", ["$5"], ["$1,000"], mode="compat")


@pytest.mark.parametrize("mode", MODES)
def test_trap_4_nothing_named_and_nothing_gold_is_no_division_by_zero(mode):
    assert evaluate_legal("ssla_plaintiff", [""], [""], mode=mode).value == 1
    if mode != "compat":  # which compares the texts, and "none" is no empty one
        assert evaluate_legal("successor_liability", ["none"], [""], mode=mode).value == 1


@pytest.mark.parametrize("task", ["hearsay", "sara_numeric"])
def test_trap_4_no_rows_are_nan_in_released_code(task):
    assert math.isnan(evaluate_legal(task, [], [], mode="compat").value)


@pytest.mark.parametrize(
    ("task", "mode"),
    [
        ("hearsay", "strict"),
        ("sara_numeric", "lenient"),
        ("ssla_plaintiff", "compat"),
        ("definition_extraction", "compat"),
    ],
)
def test_trap_4_no_rows_are_refused(task, mode):
    with pytest.raises(DataError, match=f'There are no answers to "{task}" to score'):
        evaluate_legal(task, [], [], mode=mode)


def test_trap_5_released_code_does_not_cut_at_the_next_question():
    written, answers = ["Yes\n\nQ: more\nA: No", " No\n"], ["Yes", "No"]
    assert values("hearsay", written, answers) == [1, 0.5, 1]


def test_trap_6_a_reason_after_the_label_is_wrong_unless_lenient_and_is_told():
    written, answers = ["Yes, because ...", "No"], ["Yes", "No"]
    found = [evaluate_legal("hearsay", written, answers, mode=mode) for mode in MODES]
    assert [score.value for score in found] == [0.5, 0.5, 1]
    assert [score.outside for score in found] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("mode", MODES)
def test_trap_7_a_class_that_is_only_predicted_counts_as_an_error(mode):
    found = evaluate_legal("abercrombie", ["fanciful", "generic"], ["generic", "generic"], mode=mode)
    assert (found.value, found.n_classes, found.majority) == (0.5, 1, 1)


@pytest.mark.parametrize("mode", MODES)
def test_trap_8_a_dropped_task_is_still_known(mode):
    found = evaluate_legal("intra_rule_distinguishing", ["Hearsay"], ["hearsay"], mode=mode)
    assert (found.value, found.n) == (1, 1)


@pytest.mark.parametrize("mode", MODES)
def test_manual_tasks_are_refused(mode):
    with pytest.raises(DataError, match=r'"rule_qa" is graded by hand: a person trained in law'):
        evaluate_legal("rule_qa", ["x"], ["y"], mode=mode)


def test_no_answer_is_a_wrong_one():
    assert evaluate_legal("hearsay", [None, "No"], ["Yes", "No"]).value == 0.5
    assert evaluate_legal("hearsay", [None], ["None"], mode="compat").value == 1  # as str(None) gives


@pytest.mark.parametrize(
    ("task", "written", "answer"),
    [
        ("definition_extraction", "Authorizing", "authorized,authorizes"),
        ("citation_prediction_open", "In Phillips v. AWH Corp., 415 F.3d", "Phillips v. AWH Corp."),
        ("ssla_plaintiff", "Mr. Ryan Kelly", "['Ryan Kelly']"),
        ("maud_tail_period_length", "c", "C"),
        ("cuad_audit_rights", "yes.", "Yes"),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_right_answers_are_right_in_every_mode(task, written, answer, mode):
    assert evaluate_legal(task, [written], [answer], mode=mode).value == 1


def test_labels_of_ones_own_are_read():
    found = evaluate_legal(
        "hearsay", ["I say perhaps", "no"], ["Perhaps", "No"], mode="lenient", labels=["Perhaps"]
    )
    assert found.value == 1


def test_lengths_must_agree():
    with pytest.raises(ShapeError, match=r"1 predictions but 2 answers"):
        evaluate_legal("hearsay", ["Yes"], ["Yes", "No"])


def test_an_unknown_task_or_mode_is_refused():
    with pytest.raises(UnknownName, match=r'Unknown task of LegalBench "hearsey"\. Did you mean "hearsay"'):
        legal_measure("hearsey")
    with pytest.raises(UnknownName, match='Unknown mode of scoring "exact"'):
        evaluate_legal("hearsay", ["Yes"], ["Yes"], mode="exact")


def test_an_answer_outside_the_labels_is_told_whatever_its_case():
    assert not is_outside_labels("YES.", ["Yes", "No"])
    assert is_outside_labels("Yes, so", ["Yes", "No"])
    assert is_outside_labels(None, ["Yes", "No"])


def _answer(prediction, *right, wrong=()):
    references = [Reference(text=text, tags=(CORRECT,)) for text in right]
    references += [Reference(text=text) for text in wrong]
    return Answer(
        instance=Instance(id="0", input="", references=tuple(references), split="test"), prediction=prediction
    )


@pytest.mark.parametrize(
    ("metric", "answer", "value"),
    [
        ("legal_exact_match", _answer("yes.", "Yes", wrong=["No"]), 1.0),
        ("legal_exact_match", _answer("Yes, so", "Yes", wrong=["No"]), 0.0),
        ("legal_lenient_match", _answer("Yes, so", "Yes", wrong=["No"]), 1.0),
        ("legal_lenient_match", _answer(None, "Yes", wrong=["No"]), 0.0),
        ("legal_outside_labels", _answer("Yes, so", "Yes", wrong=["No"]), 1.0),
        ("legal_outside_labels", _answer("No", "Yes", wrong=["No"]), 0.0),
        ("legal_within_10_percent", _answer("$100.40", "$100"), 1.0),
        ("legal_stem_match", _answer("Policy", "policies"), 1.0),
        ("legal_contains", _answer("the Roe v. Wade", "Roe v. Wade"), 1.0),
        ("legal_set_f1", _answer("mere continuation", "mere continuation,de facto merger"), 2 / 3),
        ("legal_list_f1", _answer("Ann,Bob", "Ann"), 2 / 3),
        ("legal_list_f1", _answer("Ann"), 0.0),
        ("legal_manual", _answer("whatever", "x"), None),
    ],
)
def test_rows_are_measured_one_by_one(metric, answer, value):
    assert get_metric(metric).measure(answer) == value
