from __future__ import annotations

import zipfile

import pytest

from longwave.errors import DataError
from longwave.interchange._zstd import decompress, most_bytes

MAGIC = b"\x28\xb5\x2f\xfd"


def frame(*blocks, checksum=False):
    """Write a frame of raw (bytes) and repeated (byte, times) blocks; RFC 8878, section 3.1.1."""
    data = MAGIC + bytes([0x04 if checksum else 0x00, 0x58])
    for place, block in enumerate(blocks):
        is_last = place == len(blocks) - 1
        kind, size, content = (0, len(block), block) if isinstance(block, bytes) else (1, block[1], block[0])
        data += (is_last | kind << 1 | size << 3).to_bytes(3, "little") + content
    return data + (b"\0\0\0\0" if checksum else b"")


def skippable(content):
    return (0x184D2A51).to_bytes(4, "little") + len(content).to_bytes(4, "little") + content


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(frame(b'{"a": 1}'), b'{"a": 1}', id="raw"),
        pytest.param(frame((b"7", 5)), b"77777", id="repeated"),
        pytest.param(frame(b"[", b"1", b"]"), b"[1]", id="blocks"),
        pytest.param(frame(b"[1,") + frame(b"2]"), b"[1,2]", id="frames"),
        pytest.param(frame(b"[\n1]"), b"[\n1]", id="line-end"),
        pytest.param(frame('"é"'.encode()), '"é"'.encode(), id="unicode"),
    ],
)
def test_text_comes_out_as_it_went_in(data, expected):
    assert decompress(data, limit=100, where="x") == expected
    assert most_bytes(data) == len(expected)


def test_what_may_be_skipped_counts_nothing():
    assert most_bytes(skippable(b"note") + frame(b"12", checksum=True) + skippable(b"")) == 2


def test_real_log_is_bounded_closely(inspect_logs):
    with zipfile.ZipFile(next(inspect_logs.glob("*planets*"))) as archive:
        member = archive.getinfo("header.json")
        offset = member.header_offset + 30 + len(member.filename)
        data = next(inspect_logs.glob("*planets*")).read_bytes()[offset : offset + member.compress_size]
    assert member.file_size <= most_bytes(data) <= member.file_size + 2**17


def test_bomb_is_refused_before_it_is_unpacked():
    bomb = frame(*[(b"0", 2**17)] * 10_000)
    with pytest.raises(DataError, match="becomes up to 1,310,720,000 bytes when unpacked"):
        decompress(bomb, limit=2**30, where="x")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (frame(b"12345")[:-2], "unpacked"),
        (frame(b"12345")[:5], "cut short"),
        (b"PK\x03\x04abcd", "does not begin as Zstandard data do"),
        (MAGIC + b"\x00\x58" + (7).to_bytes(3, "little"), "a block of an unknown kind"),
        (frame(b"\xff\xff"), "unpacked"),
    ],
    ids=["cut", "cut-header", "other", "kind", "no-unicode"],
)
def test_damage_is_told(data, says):
    with pytest.raises(DataError, match=r"^x ") as caught:
        decompress(data, limit=100, where="x")
    assert says in str(caught.value)
