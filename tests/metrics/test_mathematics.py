"""Mathematical answers: each rule of the normalisation by example, and what holds for all of them."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.metrics import get_metric, last_boxed, math_equiv, normalise_latex

PIECES = [
    "\\frac", "\\dfrac", "\\tfrac", "\\sqrt", "\\left(", "\\right)", "\\text{ cm}", "\\text{yes}",
    "^{\\circ}", "^\\circ", "\\$", "\\%", "\\!", "\\pi", "{", "}", "[", "]", "1", "2", "12", ".5", "0.5", "/",
    "-", "=", "x", " ", ",", "$", "\\",
]  # fmt: skip
answers = st.one_of(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text(max_size=12))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (" 1 + 2\n", "1+2"),
        ("10,\\!000", "10,000"),
        ("\\dfrac{1}{2}", "\\frac{1}{2}"),
        ("\\tfrac{1}{2}", "\\frac{1}{2}"),
        ("\\left(1, 2\\right]", "(1,2]"),
        ("\\leftarrow", "\\leftarrow"),
        ("45^{\\circ}", "45"),
        ("45^\\circ", "45"),
        ("\\$12", "12"),
        ("50\\%", "50"),
        ("5\\text{ cm}", "5"),
        ("5 \\text{ square cm}", "5"),
        ("\\text{ (A)}", "\\text{(A)}"),
        ("\\text{yes}", "\\text{yes}"),
        (".5", "\\frac{1}{2}"),
        (".25", "0.25"),
        ("(.25,.75)", "(0.25,0.75)"),
        ("1.5", "1.5"),
        ("x=5", "5"),
        ("x = 5", "5"),
        ("xy=5", "5"),
        ("xyz=5", "xyz=5"),
        ("x=y=5", "x=y=5"),
        ("x=", "x="),
        ("\\frac12", "\\frac{1}{2}"),
        ("\\frac 12", "\\frac{1}{2}"),
        ("\\frac1{23}", "\\frac{1}{23}"),
        ("\\frac{1}2", "\\frac{1}{2}"),
        ("\\frac\\pi2", "\\frac{\\pi}{2}"),
        ("\\frac{\\frac12}3", "\\frac{\\frac{1}{2}}{3}"),
        ("3/4", "\\frac{3}{4}"),
        ("-3/4", "-\\frac{3}{4}"),
        ("\\frac{-3}{4}", "-\\frac{3}{4}"),
        ("a/4", "a/4"),
        ("0.5", "\\frac{1}{2}"),
        ("\\sqrt3", "\\sqrt{3}"),
        ("2\\sqrt 3", "2\\sqrt{3}"),
        ("\\sqrt{12}", "\\sqrt{12}"),
        ("\\sqrt[3]{8}", "\\sqrt[3]{8}"),
        ("$7$", "7"),
        ("", ""),
    ],
)
def test_rules(text, want):
    assert normalise_latex(text) == want


@settings(max_examples=200)
@given(answers)
def test_normalising_twice_is_once(text):
    once = normalise_latex(text)
    assert normalise_latex(once) == once


@settings(max_examples=100)
@given(answers, answers)
def test_equality_is_symmetric(first, second):
    assert math_equiv(first, second) == math_equiv(second, first)


@given(answers)
def test_an_answer_equals_itself_unless_it_is_blank(text):
    assert math_equiv(text, text) == float(bool(text.strip()))


@pytest.mark.parametrize(
    ("prediction", "reference", "want"),
    [
        ("\\frac{1}{2}", "0.5", 1),
        ("1/2", "\\dfrac12", 1),
        ("x=3", "3", 1),
        ("(1, 2)", "\\left(1,2\\right)", 1),
        ("3", "4", 0),
        ("", "", 0),
        ("", "3", 0),
        ("\\$", "\\%", 0),
        ("\\$", "\\$", 1),
        ("\\text{ (A)}", "\\text{ (B)}", 0),
    ],
)
def test_math_equiv(prediction, reference, want):
    assert math_equiv(prediction, reference) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("\\boxed{5}", "5"),
        ("first \\boxed{1}, then \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("\\fbox{7}", "7"),
        ("\\boxed {7}", "7"),
        ("\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"),
        ("$\\boxed 7$ apples", "7"),
        ("\\boxed{5", None),
        ("no box", None),
        ("", None),
        ("\\boxed{}", ""),
        ("\\boxed", None),
    ],
)
def test_last_boxed(text, want):
    assert last_boxed(text) == want


@pytest.mark.parametrize(
    ("prediction", "reference", "want"),
    [
        ("so \\boxed{0.5}", "hence \\boxed{\\frac12}", 1),
        ("so \\boxed{0.5}", "1/2", 1),
        ("so 0.5", "1/2", 0),
        ("\\boxed{1} or \\boxed{2}", "\\boxed{1}", 0),
        ("\\boxed{}", "\\boxed{}", 0),
    ],
)
def test_chain_of_thought_compares_the_last_boxes(prediction, reference, want):
    assert get_metric("math_equiv_chain_of_thought")(prediction, reference) == want


def test_published_solutions_end_in_their_answers():
    path = files("longwave").joinpath("samples", "scenarios", "math.jsonl.gz")
    if not path.is_file():
        pytest.skip("the sample of MATH is not bundled")
    with path.open("rb") as file, gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    wrong = [
        row["id"]
        for row in rows
        if get_metric("math_equiv_chain_of_thought")(row["extra"]["solution"], row["references"][0]["text"])
        != 1
    ]
    assert wrong == []
