"""Token files under interruption and damage, and sources that hold something hostile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import longwave.data.tokens as tokens_module
from longwave.data import (
    BPETokenizer,
    ByteTokenizer,
    TextDataConfig,
    TokenFile,
    build_token_file,
    load_tokenizer,
    prepare_text,
    read_documents,
)
from longwave.errors import DataError

MARK = b"\xef\xbb\xbf"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text("hello")
    return tmp_path / "text.txt"


def edit_meta(folder: Path, **changes: object) -> None:
    path = folder / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGES = pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"dtype": "<u3"}, id="no-type"),
        pytest.param({"dtype": 5}, id="type-is-a-number"),
        pytest.param({"tokens": 6.0}, id="count-is-a-fraction"),
        pytest.param({"tokens": "6"}, id="count-is-text"),
        pytest.param({"tokens": 5}, id="count-too-small"),
        pytest.param({"extra": 1}, id="unknown-key"),
        pytest.param({"schema": 0}, id="older"),
    ],
)


@DAMAGES
def test_a_record_that_cannot_be_meant_is_refused(
    changes: dict[str, object], source: Path, tmp_path: Path
) -> None:
    build_token_file(source, tmp_path / "out", ByteTokenizer())
    edit_meta(tmp_path / "out", **changes)
    with pytest.raises(DataError, match="Delete its folder to build it again"):
        TokenFile(tmp_path / "out")


@DAMAGES
def test_a_record_that_cannot_be_meant_is_built_anew(
    changes: dict[str, object], source: Path, tmp_path: Path
) -> None:
    build_token_file(source, tmp_path / "out", ByteTokenizer())
    edit_meta(tmp_path / "out", **changes)
    built = build_token_file(source, tmp_path / "out", ByteTokenizer())
    assert built.tokens.tolist() == [*b"hello", 256]


@pytest.mark.parametrize("extra", [-1, -2, 1, 2], ids=lambda n: f"{n:+}bytes")
def test_a_token_file_of_another_length_is_told_in_bytes(extra: int, source: Path, tmp_path: Path) -> None:
    build_token_file(source, tmp_path / "out", ByteTokenizer())
    path = tmp_path / "out" / "tokens.bin"
    path.write_bytes((path.read_bytes() + b"\0\0")[: 12 + extra])
    with pytest.raises(DataError, match=f"has {12 + extra} bytes where 12 are due"):
        TokenFile(tmp_path / "out")


def test_a_token_file_that_is_gone_has_no_bytes(source: Path, tmp_path: Path) -> None:
    build_token_file(source, tmp_path / "out", ByteTokenizer())
    (tmp_path / "out" / "tokens.bin").unlink()
    with pytest.raises(DataError, match="has 0 bytes where 12 are due"):
        TokenFile(tmp_path / "out")


def test_ctrl_c_while_tokens_are_written_leaves_nothing_behind(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(text: str) -> Iterator[np.ndarray]:
        yield np.zeros(3, dtype=np.uint8)
        raise KeyboardInterrupt

    tokenizer = ByteTokenizer()
    monkeypatch.setattr(tokenizer, "encode_pieces", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_token_file(source, tmp_path / "out", tokenizer)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupted_rebuild_never_passes_old_tokens_off_as_new(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    build_token_file(source, tmp_path / "out", ByteTokenizer())
    source.write_text("other")
    with monkeypatch.context() as patch:
        patch.setattr(tokens_module, "write_json", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_token_file(source, tmp_path / "out", ByteTokenizer())
    with pytest.raises(DataError, match="No finished token file"):
        TokenFile(tmp_path / "out")


def test_a_source_that_changes_back_and_forth_is_followed(source: Path, tmp_path: Path) -> None:
    seen = []
    for text in ("hello", "other", "hello"):
        source.write_text(text)
        seen.append(build_token_file(source, tmp_path / "out", ByteTokenizer()).tokens.tolist())
    assert seen == [[*b"hello", 256], [*b"other", 256], [*b"hello", 256]]


def test_a_file_added_to_a_folder_is_noticed(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    source.rename(folder / "b.txt")
    build_token_file(folder, tmp_path / "out", ByteTokenizer())
    (folder / "a.txt").write_text("x")
    assert build_token_file(folder, tmp_path / "out", ByteTokenizer()).tokens[0] == ord("x")


def test_a_split_of_a_split_cuts_within_it(source: Path, tmp_path: Path) -> None:
    head, _ = build_token_file(source, tmp_path / "out", ByteTokenizer()).split(0.5)
    first, last = head.split(1 / 3)
    assert (first.tokens.tolist(), last.tokens.tolist()) == ([*b"he"], [*b"l"])


def test_tokens_cannot_be_written_to(source: Path, tmp_path: Path) -> None:
    tokens = build_token_file(source, tmp_path / "out", ByteTokenizer()).tokens
    with pytest.raises(ValueError, match="read-only"):
        tokens[0] = 1


@pytest.mark.parametrize("text", [b"{", b"3", b"\xff", b"null"], ids=["cut", "number", "latin", "null"])
def test_a_damaged_file_beside_a_tokenizer_is_named(text: bytes, tmp_path: Path) -> None:
    BPETokenizer.train(["a b"], 257).save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_bytes(text)
    with pytest.raises(DataError, match=r'tokenizer_config\.json" is damaged'):
        load_tokenizer(tmp_path)


def test_an_end_token_that_is_passed_needs_no_file_beside(tmp_path: Path) -> None:
    BPETokenizer.train(["a b"], 257).save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")
    assert load_tokenizer(tmp_path, end_token="<|endoftext|>").vocab_size == 257


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "tokens/bpe.json"])
def test_a_damaged_trained_tokenizer_is_trained_again(name: str, source: Path, tmp_path: Path) -> None:
    config = TextDataConfig(path=str(source), tokenizer="bpe", vocab_size=260, validation_fraction=0.0)
    before = prepare_text(config, tmp_path / "run")
    (tmp_path / "run" / name).write_text("{")
    after = prepare_text(config, tmp_path / "run")
    assert (after.hash, after.tokenizer.fingerprint) == (before.hash, before.tokenizer.fingerprint)


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_text(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(MARK + (b"hello" if name == "a.txt" else b'{"text": "hello"}\n'))
    assert list(read_documents(tmp_path / name)) == ["hello"]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"text": ' + b"9" * 5000 + b"}", id="long-number"),
        pytest.param(b'{"text": "a"} {"text": "b"}', id="two-objects"),
        pytest.param(b'{"text": "a\x00"}', id="nul"),
    ],
)
def test_a_hostile_line_is_named_by_its_number(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "fine"}\n' + line + b"\n")
    documents = read_documents(tmp_path / "a.jsonl")
    assert next(documents) == "fine"
    with pytest.raises(DataError, match=r"Line 2 of .* is not JSON"):
        next(documents)


def test_only_line_feeds_end_a_json_line(tmp_path: Path) -> None:
    rows = [{"text": "a\u2028b\x85c"}, {"text": "d\r\ne"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\r\n" for r in rows))
    assert list(read_documents(tmp_path / "a.jsonl")) == ["a\u2028b\x85c", "d\r\ne"]


def test_half_a_character_in_json_is_refused_when_it_becomes_tokens(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a\\ud83d"}\n')
    with pytest.raises(DataError, match=r"half a character \('\\ud83d' at position 1\)"):
        build_token_file(tmp_path / "a.jsonl", tmp_path / "out", ByteTokenizer())
