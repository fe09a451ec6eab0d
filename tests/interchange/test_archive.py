from __future__ import annotations

import struct
import zipfile

import pytest

from longwave.errors import DataError, MissingFile
from longwave.interchange import _archive
from longwave.interchange._archive import Archive


def test_members_are_read_whatever_their_names(eval_log):
    names = {"../../etc/a.json": [1], "/b.json": {"c": 2}, "C:\\d.json": None}
    with Archive(eval_log(names)) as archive:
        assert {name: archive.read_json(name) for name in archive.names} == names


def test_nothing_is_written(eval_log, tmp_path):
    path = eval_log({"../escape.json": [1]})
    with Archive(path) as archive:
        archive.read_json("../escape.json")
    assert [found.name for found in tmp_path.rglob("*")] == [path.name]
    assert not (tmp_path.parent / "escape.json").exists()


def test_of_equal_names_the_last_counts(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.eval", "w") as file:
        file.writestr("a.json", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.json", "2")
    with Archive(tmp_path / "a.eval") as archive:
        assert (archive.names, archive.read_json("a.json")) == (("a.json",), 2)


def test_zstandard_members_are_read(inspect_logs):
    with Archive(next(inspect_logs.glob("*planets*"))) as archive:
        assert archive.read_json("header.json")["eval"]["task"] == "planets"


def test_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFile, match=r"none\.eval"):
        Archive(tmp_path / "none.eval")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"text" * 50], ids=["empty", "cut", "text"])
def test_other_file_is_refused(tmp_path, data):
    (tmp_path / "a.eval").write_bytes(data)
    with pytest.raises(DataError, match="is no ZIP archive"):
        Archive(tmp_path / "a.eval")


def test_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        Archive(tmp_path)


def test_member_that_says_it_is_large_is_refused(eval_log, monkeypatch):
    monkeypatch.setattr(_archive, "LARGEST_MEMBER", 10)
    says = r'member "a\.json" has at least 11 bytes when unpacked'
    with Archive(eval_log({"a.json": "0" * 11})) as archive, pytest.raises(DataError, match=says):
        archive.read_json("a.json")


def test_member_that_lies_about_its_size_is_refused(eval_log, monkeypatch):
    monkeypatch.setattr(_archive, "LARGEST_MEMBER", 10)
    with Archive(eval_log({"a.json": "0" * 1000})) as archive:
        archive._members["a.json"].file_size = 3
        with pytest.raises(DataError):
            archive.read_json("a.json")


def test_heap_of_members_is_refused(eval_log, monkeypatch):
    monkeypatch.setattr(_archive, "MOST_MEMBERS", 1)
    with pytest.raises(DataError, match="has 2 members; accepted are 1"):
        Archive(eval_log({"a": 1, "b": 2}))


def test_wrong_checksum_is_told(eval_log):
    path = eval_log({"a.json": '"' + "text" * 50 + '"'})
    data = bytearray(path.read_bytes())
    data[data.index(b"a.json") + 10] ^= 0xFF
    path.write_bytes(bytes(data))
    with Archive(path) as archive, pytest.raises(DataError, match=r'member "a\.json" cannot be unpacked'):
        archive.read_json("a.json")


def test_wrong_checksum_of_zstandard_is_told(inspect_logs):
    with Archive(next(inspect_logs.glob("*planets*"))) as archive:
        archive._members["header.json"].CRC ^= 1
        with pytest.raises(DataError, match="its checksum is wrong"):
            archive.read_json("header.json")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"header_offset": 1}, "its header is not where it should be"),
        ({"compress_size": 2**40}, "it is cut short"),
        ({"flag_bits": 1}, "is encrypted"),
        ({"compress_type": 99}, "cannot be unpacked"),
    ],
    ids=["offset", "size", "encrypted", "method"],
)
def test_damaged_directory_is_told(inspect_logs, change, says):
    with Archive(next(inspect_logs.glob("*planets*"))) as archive:
        for name, value in change.items():
            setattr(archive._members["header.json"], name, value)
        with pytest.raises(DataError, match=says):
            archive.read_json("header.json")


def test_local_header_is_read_as_the_format_says():
    assert struct.calcsize("<4s22xHH") == 30
