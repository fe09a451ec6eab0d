"""Token files are packed, exact, reused while they fit, and whole or absent."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import IO

import numpy as np
import pytest

import longwave.data.tokens as tokens_module
from longwave.data import BPETokenizer, ByteTokenizer, TokenFile, build_token_file
from longwave.errors import DataError, MissingFile, StorageError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows = [{"text": "né"}, {"text": ""}, {"text": "two"}]
    (tmp_path / "text.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "text.jsonl"


class WideTokenizer(ByteTokenizer):
    """Bytes, in a vocabulary too large for 16 bits."""

    def __init__(self) -> None:
        super().__init__()
        self.vocab_size = 70_000
        self.fingerprint = "wide"


def test_documents_are_packed_with_end_tokens(source: Path, tmp_path: Path) -> None:
    built = build_token_file(source, tmp_path / "out", ByteTokenizer())
    assert built.tokens.tolist() == [*"né".encode(), 256, *b"two", 256]


def test_the_counts_are_recorded(source: Path, tmp_path: Path) -> None:
    meta = build_token_file(source, tmp_path / "out", ByteTokenizer()).meta
    assert (meta.tokens, meta.documents, meta.bytes, meta.vocab_size) == (8, 2, 6, 257)


@pytest.mark.parametrize(
    ("tokenizer", "dtype"), [(ByteTokenizer(), "uint16"), (WideTokenizer(), "uint32")], ids=["small", "large"]
)
def test_the_type_fits_the_vocabulary(
    tokenizer: ByteTokenizer, dtype: str, source: Path, tmp_path: Path
) -> None:
    assert build_token_file(source, tmp_path / "out", tokenizer).tokens.dtype == dtype


def test_the_bytes_do_not_depend_on_the_tokenizer(source: Path, tmp_path: Path) -> None:
    bpe = BPETokenizer.train(["né two"] * 9, 270)
    built = [build_token_file(source, tmp_path / t.fingerprint, t) for t in (bpe, ByteTokenizer())]
    assert built[0].meta.bytes == built[1].meta.bytes
    assert len(built[0]) < len(built[1])


def test_the_tokens_are_mapped_not_loaded(source: Path, tmp_path: Path) -> None:
    assert isinstance(build_token_file(source, tmp_path / "out", ByteTokenizer()).tokens, np.memmap)


def test_a_finished_file_is_reused(source: Path, tmp_path: Path) -> None:
    build_token_file(source, tmp_path / "out", ByteTokenizer())
    before = (tmp_path / "out" / "tokens.bin").stat().st_mtime_ns
    build_token_file(source, tmp_path / "out", ByteTokenizer())
    assert (tmp_path / "out" / "tokens.bin").stat().st_mtime_ns == before


@pytest.mark.parametrize("change", ["text", "tokenizer", "damage", "unfinished"])
def test_a_file_that_does_not_fit_is_built_anew(change: str, source: Path, tmp_path: Path) -> None:
    build_token_file(source, tmp_path / "out", ByteTokenizer())
    tokenizer: ByteTokenizer = ByteTokenizer()
    if change == "text":
        source.write_text('{"text": "new"}\n')
    elif change == "tokenizer":
        tokenizer = WideTokenizer()
    elif change == "damage":
        (tmp_path / "out" / "tokens.bin").write_bytes(b"\0")
    else:
        (tmp_path / "out" / "meta.json").unlink()
    built = build_token_file(source, tmp_path / "out", tokenizer)
    expected = [*b"new", 256] if change == "text" else [*"né".encode(), 256, *b"two", 256]
    assert built.tokens.tolist() == expected


def test_splitting_cuts_off_the_end(source: Path, tmp_path: Path) -> None:
    head, tail = build_token_file(source, tmp_path / "out", ByteTokenizer()).split(0.25)
    assert (head.tokens.tolist(), tail.tokens.tolist()) == ([*"né".encode(), 256, *b"tw"], [ord("o"), 256])


@pytest.mark.parametrize("text", ["", '{"text": ""}\n'], ids=["no-line", "no-text"])
def test_a_corpus_without_text_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "text.jsonl").write_text(text)
    with pytest.raises(DataError, match="holds no text"):
        build_token_file(tmp_path / "text.jsonl", tmp_path / "out", ByteTokenizer())


def test_a_folder_without_tokens_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="No finished token file"):
        TokenFile(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("meta.json", "{", "is damaged"),
        ("meta.json", "{}", "is damaged"),
        ("meta.json", None, "has format 2"),
        ("tokens.bin", "x", "has 1 bytes where 16 are due"),
    ],
    ids=["no-json", "no-keys", "newer", "short"],
)
def test_a_damaged_file_is_named(
    name: str, text: str | None, message: str, source: Path, tmp_path: Path
) -> None:
    build_token_file(source, tmp_path / "out", ByteTokenizer())
    path = tmp_path / "out" / name
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 2') if text is None else text)
    with pytest.raises(DataError, match=message):
        TokenFile(tmp_path / "out")


def test_a_full_disk_leaves_nothing_unfinished(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(documents: object, file: IO[bytes], tokenizer: object) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tokens_module, "_stream_tokens", fill)
    with pytest.raises(StorageError, match="No space left"):
        build_token_file(source, tmp_path / "out", ByteTokenizer())
    assert list((tmp_path / "out").iterdir()) == []


def test_a_bad_source_is_not_blamed_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff")
    with pytest.raises(DataError, match="not UTF-8"):
        build_token_file(tmp_path / "a.txt", tmp_path / "out", ByteTokenizer())


@pytest.mark.slow
def test_many_documents_need_little_memory(tmp_path: Path) -> None:
    line = json.dumps({"text": "Emma Woodhouse, handsome, clever, and rich. " * 2500}) + "\n"
    (tmp_path / "text.jsonl").write_text(line * 600)
    script = (
        "import resource\n"
        "from longwave.data import ByteTokenizer, build_token_file\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"build_token_file({str(tmp_path / 'text.jsonl')!r}, {str(tmp_path / 'out')!r}, ByteTokenizer())\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    grown = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown) * unit < 20e6  # for 66 MB of text
