from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer

from longwave.errors import DataError
from longwave.metrics.legal_rules import (
    contains_case_name,
    count_classes,
    count_listed,
    find_label,
    first_line,
    is_within_10_percent,
    normalise_answer,
    shares_stem,
)

names = st.lists(st.sampled_from(["Ann Lee", "Bob", "Juniper", "Juniper Inc.", "lee", "", " "]), max_size=4)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        pytest.param(" Common-Law. ", "commonlaw", id="no-blank-left"),
        pytest.param("A", "a", id="article"),
        pytest.param("Procedural  History", "procedural  history", id="inner-blanks"),
        pytest.param("«Ça»", "«ça»", id="unicode"),
        pytest.param("...", "", id="emptied"),
    ],
)
def test_normalising_deletes_punctuation_and_case_only(text, normal):
    assert normalise_answer(text) == normal


@pytest.mark.parametrize("text", ["Hawkers and Peddlers", "authorized", "policies", "skies", "a", ""])
def test_whole_text_is_stemmed_as_nltk_does(text):
    assert normalise_answer(text, stem=True) == PorterStemmer().stem(text.lower())


@pytest.mark.parametrize(
    ("text", "line"),
    [("Yes\n\nQ: next", "Yes"), ("\n  No \nso", "No"), ("", ""), (" \n ", "")],
    ids=["next-question", "after-blank", "empty", "blank"],
)
def test_an_answer_ends_at_its_first_line(text, line):
    assert first_line(text) == line


@pytest.mark.parametrize(
    ("text", "label"),
    [
        pytest.param("Yes, because it is", "Yes", id="first-word"),
        pytest.param("It is. YES!", "Yes", id="case"),
        pytest.param("Yes and no", "Yes", id="first-of-two"),
        pytest.param("Yesterday", None, id="inside-a-word"),
        pytest.param("Not all, so the answer is yes. No doubt.", "Yes", id="conclusion"),
        pytest.param("The answer is plain: no", "No", id="after-a-conclusion"),
        pytest.param("Yes. The answer is unclear", "Yes", id="conclusion-without-label"),
        pytest.param("", None, id="empty"),
    ],
)
def test_first_label_that_is_named_counts(text, label):
    assert find_label(text, ["No", "Yes"]) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        pytest.param("Option B: the", "B", id="option"),
        pytest.param("(C)", "C", id="brackets"),
        pytest.param("A merger may close, hence B", "B", id="article"),
        pytest.param("A", "A", id="letter"),
        pytest.param("A.", "A", id="letter-and-point"),
        pytest.param("because b", None, id="small-letter"),
    ],
)
def test_letters_count_only_as_they_are_written_and_alone(text, label):
    assert find_label(text, ["A", "B", "C"]) == label


def test_the_longer_of_two_labels_at_one_place_counts():
    assert find_label("other than that", ["other", "other than"]) == "other than"


@pytest.mark.parametrize(
    ("prediction", "gold", "counts"),
    [
        ("de facto merger", "de facto merger,mere continuation", (1, 0, 1)),
        ("De Facto Merger", "de facto merger", (0, 0, 1)),
        ("express agreement, mere continuation", "express agreement, fraudulent conveyance", (1, 1, 1)),
        ("", "", (0, 0, 0)),
    ],
    ids=["missed", "as-written", "blank-after-comma", "nothing"],
)
def test_exceptions_are_counted_where_they_are_named(prediction, gold, counts):
    known = ["express agreement", "fraudulent conveyance", "de facto merger", "mere continuation"]
    assert count_classes(prediction, gold, known) == counts


def test_left_over_names_count_once_a_row_and_per_gold_name_in_released_code():
    assert count_listed("Ann,Bob,Carl,Dan", "Ann,Bob") == (2, 2, 0)
    assert count_listed("Ann,Bob,Carl,Dan", "Ann,Bob", is_compat=True) == (2, 3 + 2, 0)


def test_each_listed_name_serves_once_and_may_say_more():
    assert count_listed("Mr. Robyn M. Denholm", "Robyn,Denholm") == (1, 0, 1)


def test_an_empty_list_names_nothing_but_in_released_code():
    assert count_listed("", "") == (0, 0, 0)
    assert count_listed("", "", is_compat=True) == (1, 0, 0)


@given(listed=names, gold=names)
def test_counts_add_up(listed, gold):
    hits, alarms, misses = count_listed(",".join(listed), ",".join(gold))
    items = [[name for name in side if normalise_answer(name)] for side in (listed, gold)]
    assert (hits + alarms, hits + misses) == (len(items[0]), len(items[1]))


@pytest.mark.parametrize(
    ("prediction", "gold", "is_right", "is_right_upstream"),
    [
        pytest.param("$27,181", "$27181", True, True, id="equal"),
        pytest.param("$27,181.50", "$27181", True, False, id="cents"),
        pytest.param("about 30000 dollars", "$27181", False, False, id="far"),
        pytest.param("29,899", "$27181", True, True, id="just-within"),
        pytest.param("$0", "$0", True, False, id="zero"),
        pytest.param("none", "$0", False, False, id="no-number"),
        pytest.param("$.05", "$0", True, False, id="cents-of-zero"),
        pytest.param("9" * 400, "$5", False, False, id="huge"),
    ],
)
def test_amounts_within_ten_percent_are_right(prediction, gold, is_right, is_right_upstream):
    assert is_within_10_percent(prediction, gold) is is_right
    assert is_within_10_percent(prediction, gold, is_compat=True) is is_right_upstream


def test_a_gold_amount_with_a_comma_stops_released_code_only():
    assert is_within_10_percent("$27,181", "$27,181.00")
    with pytest.raises(
        DataError, match=r'cannot read the gold answer "\$27,181\.00"; accepted are whole dollars'
    ):
        is_within_10_percent("$27,181", "$27,181.00", is_compat=True)


def test_a_gold_answer_that_is_no_amount_is_refused():
    with pytest.raises(DataError, match=r'The gold answer "none" holds no amount'):
        is_within_10_percent("5", "none")


def test_terms_are_compared_by_their_stem():
    assert shares_stem("x, Authorizing", "authorized,authorizes")
    assert not shares_stem("banks", "land")


def test_empty_terms_share_nothing_but_in_released_code():
    assert not shares_stem("x,", "land,")
    assert shares_stem("x,", "land,", is_compat=True)


def test_a_case_name_may_stand_anywhere_in_the_answer():
    assert contains_case_name("See Phillips v. AWH Corp., 415 F.3d 1303", "Phillips v. AWH Corp.")
    assert not contains_case_name("Phillips", "Phillips v. AWH Corp.")


def test_no_case_name_is_in_every_answer_but_only_in_released_code():
    assert not contains_case_name("x", "")
    assert contains_case_name("x", "", is_compat=True)
