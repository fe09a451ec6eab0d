"""Documents come out of every kind of source, and a bad one is named with its place."""

from __future__ import annotations

import gzip
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from longwave.data import hash_source, read_documents
from longwave.errors import DataError, MissingExtra, MissingFile, UnknownName


def lines(*texts: str, field: str = "text") -> bytes:
    return "".join(json.dumps({field: text}) + "\n" for text in texts).encode()


class FakeRows(list):
    """Stands for a Hugging Face data set."""

    num_rows = 3


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[object, ...]]]:
    calls: list[tuple[object, ...]] = []

    def load_dataset(name: str, config: str | None, *, split: str) -> FakeRows:
        calls.append((name, config, split))
        if name == "gone":
            raise FileNotFoundError("no such data set")
        return FakeRows([{"body": "one"}, {"body": ""}, {"body": "two"}])

    module = types.ModuleType("datasets")
    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)
    return calls


def test_a_text_file_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("né\r\n\r\nend".encode())
    assert list(read_documents(tmp_path / "a.txt")) == ["né\r\n\r\nend"]


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfhello")
    assert list(read_documents(tmp_path / "a.txt")) == ["hello"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_json_lines_are_documents_and_blank_ones_are_left_out(name: str, tmp_path: Path) -> None:
    data = lines("one") + b"\n" + lines("", "two")
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert list(read_documents(str(tmp_path / name))) == ["one", "two"]


def test_the_field_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines("one", field="body"))
    assert list(read_documents(tmp_path / "a.jsonl", text_field="body")) == ["one"]


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("second")
    (tmp_path / "a.jsonl").write_bytes(lines("first"))
    (tmp_path / "sub" / "c.txt").write_text("third")
    (tmp_path / "notes.md").write_text("not text for training")
    assert list(read_documents(tmp_path)) == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("split", "start"),
    [("train", "EMMA"), ("validation", "Phase the First"), ("test", "PART FIRST")],
    ids=["train", "validation", "test"],
)
def test_the_bundled_books_have_three_splits(split: str, start: str) -> None:
    (text,) = read_documents("sample:books", split=split)
    assert text.startswith(start)


def test_an_unknown_sample_is_named() -> None:
    with pytest.raises(UnknownName, match=r"bocks/train\.txt"):
        list(read_documents("sample:bocks"))


def test_a_hub_data_set_is_read_by_field_and_split(hub: list[tuple[object, ...]]) -> None:
    texts = list(read_documents("hf:org/name:config", text_field="body", split="test"))
    assert (texts, hub) == (["one", "two"], [("org/name", "config", "test")])


def test_a_hub_data_set_without_the_field_names_the_others(hub: list[tuple[object, ...]]) -> None:
    with pytest.raises(DataError, match=r'no text under "text" in row 0 of "hf:org/name" \(found: body\)'):
        list(read_documents("hf:org/name"))


def test_a_hub_data_set_that_does_not_load_is_named(hub: list[tuple[object, ...]]) -> None:
    with pytest.raises(DataError, match=r'"hf:gone".*no such data set'):
        list(read_documents("hf:gone"))


def test_a_hub_data_set_without_the_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"longwave\[hf\]"):
        list(read_documents("hf:name"))


def test_hub_hashes_tell_splits_apart(hub: list[tuple[object, ...]]) -> None:
    assert hash_source("hf:name", split="train") != hash_source("hf:name", split="test")


@pytest.mark.parametrize(
    ("name", "data", "place"),
    [
        ("a.txt", b"caf\xe9", "byte 3 is 0xe9"),
        ("a.txt", b"\xef\xbb\xbfcaf\xe9", "byte 6 is 0xe9"),
        ("a.jsonl", lines("one") + b'{"text": "caf\xe9"}\n', "byte 29 is 0xe9"),
    ],
    ids=["text", "text-with-mark", "json-lines"],
)
def test_text_that_is_not_utf8_is_named_with_its_byte(
    name: str, data: bytes, place: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=f'{name}" is not UTF-8: {place}'):
        list(read_documents(tmp_path / name))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{text}\n", 'Line 2 of ".*" is not JSON'),
        (b'{"body": "x"}\n', r'no text under "text" in line 2 of ".*" \(found: body\)'),
        (b'{"text": 5}\n', 'no text under "text" in line 2'),
        (b"[1]\n", r"\(found: list\)"),
    ],
    ids=["no-json", "no-field", "no-text", "no-object"],
)
def test_a_bad_line_is_named(line: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines("one") + line)
    with pytest.raises(DataError, match=message):
        list(read_documents(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(
    "data", [b"plain text", gzip.compress(lines("one") * 500)[:-20]], ids=["plain", "cut"]
)
def test_a_damaged_gzip_file_is_named(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(data)
    with pytest.raises(DataError, match="damaged gzip"):
        list(read_documents(tmp_path / "a.jsonl.gz"))


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"No text at .*gone\.txt"):
        list(read_documents(tmp_path / "gone.txt"))


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_text("x")
    with pytest.raises(DataError, match=r"Accepted: \.txt, \.jsonl"):
        list(read_documents(tmp_path / "a.pdf"))


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no text"):
        list(read_documents(tmp_path))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.txt").write_text("x")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        list(read_documents(tmp_path / "a.txt"))


def test_the_hash_depends_on_content_not_on_the_place(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("same")
    assert hash_source(tmp_path / "a.txt") == hash_source(str(tmp_path / "b.txt"))


def test_the_hash_notices_one_changed_letter(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("same")
    before = hash_source(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_text("sane")
    assert hash_source(tmp_path / "a.txt") != before
