"""Tokenizers are lossless, deterministic, and know how many bytes each token stands for."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, normalizers, pre_tokenizers

from longwave.data import BPETokenizer, ByteTokenizer, load_tokenizer
from longwave.data._token_bytes import split_at_blanks
from longwave.errors import ConfigError, DataError, MissingExtra, MissingFile, StorageError
from longwave.samples import sample_path

TEXT = sample_path("books/train.txt").read_text("utf-8")[:60_000]


@pytest.fixture(scope="module")
def bpe() -> BPETokenizer:
    return BPETokenizer.train([TEXT], 400)


@pytest.fixture(scope="module")
def both(bpe: BPETokenizer) -> dict[str, ByteTokenizer | BPETokenizer]:
    return {"byte": ByteTokenizer(), "bpe": bpe}


def sentencepiece(folder: Path) -> Path:
    """Write a tokenizer.json of the Llama 2 kind: blanks as U+2581 and single bytes as a fallback."""
    pieces = ["<unk>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), "\u2581", "a", "b", "\u2581a"]
    backend = Backend(
        models.BPE(
            {p: i for i, p in enumerate(pieces)},
            [("\u2581", "a")],
            unk_token="<unk>",
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    backend.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    backend.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    backend.add_special_tokens(["</s>"])
    backend.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize("kind", ["byte", "bpe"])
@given(text=st.text(max_size=200))
@settings(max_examples=60)
def test_any_text_survives_a_round_trip(
    kind: str, both: dict[str, ByteTokenizer | BPETokenizer], text: str
) -> None:
    assert both[kind].decode(both[kind].encode(text)) == text


@pytest.mark.parametrize("kind", ["byte", "bpe"])
@given(text=st.text(max_size=200))
@settings(max_examples=60)
def test_byte_lengths_add_up_to_the_text(
    kind: str, both: dict[str, ByteTokenizer | BPETokenizer], text: str
) -> None:
    ids = both[kind].encode(text)
    assert both[kind].byte_lengths[np.array(ids, dtype=int)].sum() == len(text.encode())


@pytest.mark.parametrize("kind", ["byte", "bpe"])
def test_the_pieces_of_a_long_text_are_its_encoding(
    kind: str, both: dict[str, ByteTokenizer | BPETokenizer]
) -> None:
    pieces = np.concatenate(list(both[kind].encode_pieces(TEXT * 3)))
    assert pieces.tolist() == both[kind].encode(TEXT * 3)


def test_cutting_a_long_text_changes_no_token(bpe: BPETokenizer) -> None:
    whole = bpe._backend.encode(TEXT * 3, add_special_tokens=False).ids
    assert bpe.encode(TEXT * 3) == whole


@pytest.mark.parametrize("size", [1, 7, 1000], ids=lambda size: f"size{size}")
@given(text=st.text(alphabet="ab .\n1é", max_size=60))
def test_split_texts_join_to_the_whole(size: int, text: str) -> None:
    assert "".join(split_at_blanks(text, size)) == text


@pytest.mark.parametrize("kind", ["byte", "bpe"])
def test_half_a_character_decodes_to_the_replacement_sign(
    kind: str, both: dict[str, ByteTokenizer | BPETokenizer]
) -> None:
    ids = both[kind].encode("\U0001f600")
    assert both[kind].decode(ids[:2]) == "\ufffd"


@pytest.mark.parametrize("kind", ["byte", "bpe"])
def test_the_end_token_stands_for_nothing(kind: str, both: dict[str, ByteTokenizer | BPETokenizer]) -> None:
    tokenizer = both[kind]
    assert (tokenizer.decode([tokenizer.end_id]), tokenizer.byte_lengths[tokenizer.end_id]) == ("", 0)


def test_a_special_token_written_in_a_text_is_ordinary_text(bpe: BPETokenizer) -> None:
    ids = bpe.encode("a<|endoftext|>b")
    assert bpe.end_id not in ids
    assert bpe.decode(ids) == "a<|endoftext|>b"


def test_a_larger_vocabulary_needs_fewer_tokens(bpe: BPETokenizer) -> None:
    assert len(bpe.encode(TEXT)) < 0.7 * len(TEXT)


def test_training_twice_gives_the_same_tokenizer(bpe: BPETokenizer) -> None:
    assert BPETokenizer.train(iter([TEXT]), 400).fingerprint == bpe.fingerprint


def test_training_on_nothing_gives_the_bytes() -> None:
    assert BPETokenizer.train([], 300).vocab_size == 257


@pytest.mark.parametrize("kind", ["byte", "bpe"])
def test_a_saved_tokenizer_loads_as_the_same(
    kind: str, both: dict[str, ByteTokenizer | BPETokenizer], tmp_path: Path
) -> None:
    both[kind].save(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert (loaded.fingerprint, loaded.encode("Emma's né")) == (
        both[kind].fingerprint,
        both[kind].encode("Emma's né"),
    )


def test_an_unusual_end_token_is_remembered(bpe: BPETokenizer, tmp_path: Path) -> None:
    backend = Backend.from_str(bpe._backend.to_str())
    backend.add_special_tokens(["<stop>"])
    BPETokenizer(backend, end_token="<stop>").save(tmp_path)
    assert load_tokenizer(tmp_path).end_id == backend.token_to_id("<stop>")


def test_the_end_token_of_a_hub_file_is_read_beside_it(bpe: BPETokenizer, tmp_path: Path) -> None:
    bpe.save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": {"content": "e"}}')
    assert load_tokenizer(tmp_path).end_id == bpe._backend.token_to_id("e")


def test_truncation_in_a_loaded_file_is_off(bpe: BPETokenizer, tmp_path: Path) -> None:
    backend = Backend.from_str(bpe._backend.to_str())
    backend.enable_truncation(2)
    backend.save(str(tmp_path / "tokenizer.json"))
    assert load_tokenizer(tmp_path).decode(load_tokenizer(tmp_path).encode(TEXT[:99])) == TEXT[:99]


def test_a_byte_fallback_tokenizer_counts_bytes(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(sentencepiece(tmp_path))
    ids = tokenizer.encode("a bé")
    assert tokenizer.decode(ids) == " a bé"
    assert tokenizer.byte_lengths[ids].sum() == len(" a bé".encode())


def test_a_tokenizer_that_loses_bytes_is_refused(tmp_path: Path) -> None:
    backend = Backend(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(DataError, match="does not keep every byte"):
        load_tokenizer(tmp_path, end_token="[UNK]")


def test_a_file_without_end_token_asks_for_one(tmp_path: Path) -> None:
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel()
    backend.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(DataError, match="names no token that ends a text"):
        load_tokenizer(tmp_path)


def test_an_unknown_end_token_is_named(bpe: BPETokenizer, tmp_path: Path) -> None:
    bpe.save(tmp_path)
    with pytest.raises(DataError, match='no token "<eot>"'):
        load_tokenizer(tmp_path / "tokenizer.json", end_token="<eot>")


@pytest.mark.parametrize(
    "text", ["not json", "{}", '{"model": {"type": "New"}}'], ids=["text", "empty", "foreign"]
)
def test_a_file_that_is_no_tokenizer_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(text)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
    with pytest.raises(DataError, match=r"is not a tokenizer\.json"):
        load_tokenizer(tmp_path)


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="No tokenizer at"):
        load_tokenizer(tmp_path)


def test_a_vocabulary_below_the_bytes_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 257"):
        BPETokenizer.train([TEXT], 256)


@pytest.mark.parametrize("kind", ["byte", "bpe"])
def test_a_token_outside_the_vocabulary_is_named(
    kind: str, both: dict[str, ByteTokenizer | BPETokenizer]
) -> None:
    with pytest.raises(DataError, match="Token 5000 is outside"):
        both[kind].decode([65, 5000])


@pytest.mark.parametrize("kind", ["byte", "bpe"])
def test_half_a_surrogate_pair_is_refused(kind: str, both: dict[str, ByteTokenizer | BPETokenizer]) -> None:
    with pytest.raises(DataError, match="half a character"):
        both[kind].encode("a\ud800")


def test_training_without_the_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match=r"longwave\[torch\]"):
        BPETokenizer.train([TEXT], 300)


def test_a_full_disk_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill)
    with pytest.raises(StorageError, match="No space left"):
        ByteTokenizer().save(tmp_path)
