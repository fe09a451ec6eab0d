"""The pieces of sentences: escaped, short, with their letters."""

from __future__ import annotations

import pytest

from longwave.report.analysis import Analysis
from longwave.report.wording import link, listed, names, p_text, sample, score, system_name, whole


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcdef"), "a, b, c, d and 2 more"),
    ],
    ids=["none", "one", "two", "three", "many"],
)
def test_names_are_listed_and_of_many_the_first(given: list[str], told: str) -> None:
    assert names(given, bold=False) == told
    assert names(given).striptags() == told


def test_pieces_are_escaped() -> None:
    assert link('a"b', "<i>") == '<a href="a&#34;b">&lt;i&gt;</a>'
    assert system_name("<i>") == "<b>&lt;i&gt;</b>"
    assert listed([whole("<i>")]) == '<span class="whole">&lt;i&gt;</span>'


def test_numbers_have_their_letter() -> None:
    assert p_text(0.00001).striptags() == "p < 0.001"
    assert sample([60]).striptags() == "n = 60"
    assert sample([60, 24, 24]).striptags() == "n = 24 to 60"


def test_a_score_has_its_interval_and_leads_to_its_rows(mixed: Analysis) -> None:
    found = mixed.cell("boolq@1", "m a")
    assert found is not None
    text = score(mixed, "boolq@1", "m a")
    assert f"n = {found.n}" in text
    assert mixed.measures["boolq@1"].interval(found.low, found.high) in text
    assert 'href="instances/boolq-1.html?model=m+a&amp;input=original"' in text
    assert score(mixed, "boolq@1", "nobody") == "no score"
