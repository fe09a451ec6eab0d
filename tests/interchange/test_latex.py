from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.interchange._latex import escape, tabular


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & c% #1 $x$", r"a\_b \& c\% \#1 \$x\$"),
        ("\\{}~^", r"\textbackslash{}\{\}\textasciitilde{}\textasciicircum{}"),
        ("[a]*", "{[}a{]}{*}"),
        ("a\n\tb\x00c", "a b c"),
        ("Ü–λ", "Ü–λ"),
        ("", ""),
    ],
    ids=["special", "braces", "brackets", "control", "unicode", "empty"],
)
def test_text_prints_as_it_is(text, expected):
    assert escape(text) == expected


@given(st.text())
def test_no_sign_of_a_text_is_a_command(text):
    rest = re.sub(r"\\(?:text\w+\{\}|[{}&%$#_])|\{[\[\]*]\}", "", escape(text))
    assert not set(rest) & set("\\{}&%$#_~^[]*\n")


def test_table_is_that_of_booktabs():
    assert tabular(["model", "s_1"], [["a&b", "$1$"]], caption="50%") == (
        "\\begin{table}\n\\centering\n\\caption{50\\%}\n\\begin{tabular}{lr}\n\\toprule\nmodel & s\\_1 \\\\\n"
        "\\midrule\na\\&b & $1$ \\\\\n\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    )
