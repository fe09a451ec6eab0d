"""Text of every script keeps its bytes through tokenizer and token file."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.data import BPETokenizer, ByteTokenizer, Tokenizer, build_token_file
from longwave.samples import sample_path

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
SCRIPTS = {
    "nul": "a\x00b\x1f",
    "combining": unicodedata.normalize("NFD", "é ñ ü"),
    "composed": unicodedata.normalize("NFC", "é ñ ü"),
    "emoji-sequence": "👩‍👩‍👧‍👦🏳️‍🌈",
    "right-to-left": "שלום \u202eabc",
    "wide-spaces": "a\u3000b\u00a0c\u2028d",
    "private": "\ue000\U0010ffff",
    "replacement": "\ufffd\ufffd",
    "line-ends": "a\r\nb\rc\n\n",
    "special": "<|endoftext|></s><0x41>▁",
    "spaces": "   a    b ",
    "empty": "",
}


@pytest.fixture(scope="module", params=["byte", "bpe"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    if request.param == "byte":
        return ByteTokenizer()
    return BPETokenizer.train([sample_path("books/train.txt").read_text("utf-8")[:20_000]], 400)


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_every_script_comes_back(text: str, tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_every_script_counts_its_bytes(text: str, tokenizer: Tokenizer) -> None:
    assert tokenizer.byte_lengths[tokenizer.encode(text)].sum() == len(text.encode())


@given(TEXTS, TEXTS)
@settings(max_examples=80)
def test_two_encodings_join_to_the_joined_text(tokenizer: Tokenizer, first: str, second: str) -> None:
    assert tokenizer.decode(tokenizer.encode(first) + tokenizer.encode(second)) == first + second


@given(TEXTS)
@settings(max_examples=80)
def test_no_text_contains_the_end_token(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.end_id not in tokenizer.encode(text)


@given(st.lists(st.integers(0, 256), max_size=40))
@settings(max_examples=80)
def test_any_ids_decode_to_text_that_can_be_written(tokenizer: Tokenizer, ids: list[int]) -> None:
    assert tokenizer.decode(ids).encode().decode() == tokenizer.decode(ids)


def test_every_token_of_a_vocabulary_has_its_own_bytes(tokenizer: Tokenizer) -> None:
    others = np.delete(tokenizer.byte_lengths, tokenizer.end_id)
    assert (others.min(), tokenizer.byte_lengths[tokenizer.end_id]) == (1, 0)


def test_a_file_of_every_script_counts_its_bytes(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in SCRIPTS.values()))
    built = build_token_file(tmp_path / "a.jsonl", tmp_path / tokenizer.fingerprint, tokenizer)
    assert built.meta.bytes == sum(len(text.encode()) for text in SCRIPTS.values())


def test_documents_come_back_out_of_a_token_file(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in SCRIPTS.values()))
    tokens = build_token_file(tmp_path / "a.jsonl", tmp_path / tokenizer.fingerprint, tokenizer).tokens
    ends = np.flatnonzero(tokens == tokenizer.end_id)
    documents = [tokenizer.decode(part[part != tokenizer.end_id]) for part in np.split(tokens, ends)[:-1]]
    assert documents == [text for text in SCRIPTS.values() if text]
