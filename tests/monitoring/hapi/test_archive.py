from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from longwave.errors import DataError, MissingFile, StorageError
from longwave.monitoring.hapi.archive import unpack


def pack(path: Path, members: list[tuple[str, bytes | None, bytes]], mode: str = "w:gz") -> Path:
    """Write an archive of (name, content, type of tar member)."""
    with tarfile.open(path, mode) as tar:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "/etc/passwd"
            info.size = len(content or b"")
            tar.addfile(info, io.BytesIO(content or b""))
    return path


def plain(name: str, content: bytes = b"content") -> tuple[str, bytes, bytes]:
    return name, content, tarfile.REGTYPE


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_files_and_folders_come_out(tmp_path, mode):
    archive = pack(tmp_path / "a.tar", [("d/e", None, tarfile.DIRTYPE), plain("d/e/f"), plain("./g")], mode)
    folder = unpack(archive, tmp_path / "out")
    assert (folder / "d" / "e" / "f").read_bytes() == (folder / "g").read_bytes() == b"content"
    assert not (tmp_path / "out.partial").exists()


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (plain("../outside"), "would lie outside"),
        (plain("a/../../outside"), "would lie outside"),
        (plain("/tmp/outside"), "would lie outside"),
        (plain("a\\..\\outside"), "would lie outside"),
        (plain("C:/outside"), "would lie outside"),
        (("link", None, tarfile.SYMTYPE), "is a link"),
        (("link", None, tarfile.LNKTYPE), "is a link"),
        (("device", None, tarfile.CHRTYPE), "is no plain file"),
        (("pipe", None, tarfile.FIFOTYPE), "is no plain file"),
    ],
    ids=["up", "up-inside", "absolute", "backslash", "drive", "symbolic", "hard", "device", "pipe"],
)
def test_hostile_member_is_refused_and_nothing_stays(tmp_path, member, message):
    archive = pack(tmp_path / "a.tar.gz", [plain("good"), member])
    with pytest.raises(DataError, match=message):
        unpack(archive, tmp_path / "deep" / "out")
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == {"a.tar.gz", "deep"}


def test_archive_that_unpacks_to_too_much_is_refused_before_it_is_written(tmp_path):
    archive = pack(tmp_path / "a.tar.gz", [plain("zeros", bytes(1000))])
    with pytest.raises(DataError, match="more than 999 bytes"):
        unpack(archive, tmp_path / "out", largest=999)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_archive_that_is_cut_short_is_refused_and_nothing_stays(tmp_path, rng, kept):
    archive = pack(tmp_path / "a.tar.gz", [plain("a", rng.bytes(20_000)), plain("b", rng.bytes(20_000))])
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(DataError, match="damaged or cut short"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_archive_with_a_changed_byte_is_refused(tmp_path, rng):
    archive = pack(tmp_path / "a.tar.gz", [plain("a", rng.bytes(20_000))])
    data = bytearray(archive.read_bytes())
    data[-6] ^= 1  # of gzip's checksum
    archive.write_bytes(data)
    with pytest.raises(DataError, match="damaged or cut short"):
        unpack(archive, tmp_path / "out")


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match="damaged or cut short"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")


def test_member_that_occurs_twice_is_refused(tmp_path):
    archive = pack(tmp_path / "a.tar.gz", [plain("a"), plain("a", b"other")])
    with pytest.raises(DataError, match='member "a" twice'):
        unpack(archive, tmp_path / "out")


def test_unpacking_again_does_nothing(tmp_path):
    archive = pack(tmp_path / "a.tar.gz", [plain("a")])
    folder = unpack(archive, tmp_path / "out")
    (folder / "a").write_bytes(b"mine")
    assert (unpack(archive, folder) / "a").read_bytes() == b"mine"


def test_folder_in_use_is_left_alone(tmp_path):
    archive = pack(tmp_path / "a.tar.gz", [plain("a")])
    folder = unpack(archive, tmp_path / "out")
    pack(archive, [plain("a", b"newer")])
    with pytest.raises(StorageError, match="not unpacked from"):
        unpack(archive, folder)
    assert (folder / "a").read_bytes() == b"content"
    (folder / "unpacked.json").write_text("{")
    with pytest.raises(StorageError, match="not unpacked from"):
        unpack(archive, folder)


def test_missing_archive_is_told(tmp_path):
    with pytest.raises(MissingFile, match="longwave monitor import --download"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")


def test_place_that_cannot_be_written_is_told(tmp_path):
    archive = pack(tmp_path / "a.tar.gz", [plain("a")])
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="Cannot unpack into"):
        unpack(archive, tmp_path / "file" / "out")
