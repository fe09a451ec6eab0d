from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients import open_client
from longwave.clients.text_tokens import ByteTokens, HuggingFaceTokens, load_tokenizer
from longwave.errors import MissingExtra, MissingFile

pytestmark = pytest.mark.extra("hf")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.fixture(scope="module")
def tokens(tiny_transformers):
    return HuggingFaceTokens(tiny_transformers.make_tokenizer(begins=True))


@pytest.mark.parametrize(("text", "count"), [("", 0), ("abcd", 1), ("abcde", 2), ("é\N{SNOWMAN}", 2)])
def test_without_a_tokenizer_four_bytes_are_a_token(text, count):
    assert ByteTokens().count(text) == count


@given(TEXT, st.integers(0, 6))
def test_pieces_by_bytes_joined_are_the_text(text, max_tokens):
    tokens = ByteTokens()
    pieces = tokens.split(text, max_tokens)
    assert "".join(pieces) == text
    assert all(pieces)
    assert all(tokens.count(piece) <= max(max_tokens, 1) for piece in pieces)


@given(TEXT)
def test_no_text_has_more_tokens_than_the_bound(tokens, text):
    assert tokens.count(text) <= ByteTokens().bound(text)
    assert tokens.count(text) <= tokens.bound(text)
    assert ByteTokens().count(text) <= ByteTokens().bound(text)


def test_half_a_surrogate_pair_has_a_size():
    assert ByteTokens().count("\ud800") == 1
    assert ByteTokens().split("a\ud800", 1) == ["a\ud800"]


@given(TEXT, st.integers(0, 6))
def test_pieces_of_a_tokenizer_joined_are_the_text(tokens, text, max_tokens):
    pieces = tokens.split(text, max_tokens)
    assert "".join(pieces) == text
    assert all(tokens.count(piece) <= max_tokens or len(piece) == 1 or max_tokens < 1 for piece in pieces)


def test_ids_come_with_the_ends_of_their_characters(tokens):
    ids, ends = tokens.encode("the sea né")
    assert len(ids) == len(ends)
    assert ends[-1] == 10
    assert ends == sorted(ends)


def test_what_a_tokenizer_puts_around_a_text_is_not_counted(tokens):
    assert len(tokens.tokenizer("the")["input_ids"]) == tokens.count("the") + 1


def test_a_tokenizer_is_loaded_from_its_folder(tiny_transformers, tmp_path):
    tiny_transformers.make_tokenizer().save_pretrained(tmp_path)
    assert HuggingFaceTokens(load_tokenizer(str(tmp_path))).count(" sea") == 1


def test_a_hosted_client_counts_with_it(tiny_transformers, tmp_path):
    tiny_transformers.make_tokenizer().save_pretrained(tmp_path)
    client = open_client(f"openai:gpt@http://127.0.0.1:9?max_length=40&tokenizer={tmp_path}")
    assert client.max_length == 40
    assert client.count_tokens(" sea sea") == 2
    assert client.split_text(" sea sea", 1) == [" sea", " sea"]


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(MissingFile, match="Name a folder that holds one"):
        load_tokenizer(str(tmp_path))


def test_a_slow_tokenizer_is_refused(tiny_transformers, tmp_path, monkeypatch):
    tokenizer = tiny_transformers.make_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    monkeypatch.setattr(type(tokenizer), "is_fast", False)
    with pytest.raises(MissingFile, match="does not tell where in a text"):
        load_tokenizer(str(tmp_path))


def test_without_transformers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"longwave\[hf\]"):
        load_tokenizer("gpt2")
