"""Text on pages: escaped, bounded, nothing hidden."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.report.text import embed_json, markup, plain

ANY_TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)


@given(ANY_TEXT)
def test_markup_leaves_no_tag_of_the_text(text: str) -> None:
    shown = str(markup("<" + text + ">"))
    assert "<" not in shown.replace('<span class="hidden-char"', "").replace("</span>", "")


@given(ANY_TEXT)
def test_embedded_json_is_the_value_and_holds_no_markup(text: str) -> None:
    embedded = str(embed_json({"text": text}))
    assert json.loads(embedded) == {"text": text}
    assert not set("<>&\u2028\u2029") & set(embedded)


@pytest.mark.parametrize(
    "name", ["\x00", "\x1b", "\x85", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028"], ids=ascii
)
def test_hidden_characters_are_shown(name: str) -> None:
    assert name not in str(markup(f"a{name}b"))
    assert name not in plain(f"a{name}b")
    assert 'class="hidden-char"' in str(markup(f"a{name}b"))


@pytest.mark.parametrize("text", ["tab\tand\nline", "naïve – “quotes”", "مرحبا", "👩‍👩‍👧"], ids=ascii)
def test_ordinary_characters_stay(text: str) -> None:
    assert str(markup(text)) == text


def test_markup_cuts_long_text_and_says_how_much_is_missing() -> None:
    shown = str(markup("y" * 1500, limit=500))
    assert shown.count("y") == 500
    assert "1,000 more characters" in shown


def test_plain_is_one_line_within_the_limit() -> None:
    assert plain("a\nb") == "a⏎b"
    assert plain("z" * 300, limit=10) == "z" * 9 + "…"


def test_embed_json_refuses_numbers_json_does_not_know() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        embed_json([float("nan")])


@given(st.text(max_size=40))
def test_embedded_json_of_half_characters_can_be_written_and_read(text: str) -> None:
    embedded = str(embed_json([text + "\ud800", {"\udfff": text}]))
    assert json.loads(embedded.encode("utf-8")) == [text + "\ud800", {"\udfff": text}]


@given(st.text(max_size=300), st.integers(1, 50))
def test_plain_keeps_to_one_line_of_the_length_asked_for(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert len(shown.splitlines()) <= 1
    assert shown.count("⟨") <= limit
    assert plain(shown, len(shown)) == shown
