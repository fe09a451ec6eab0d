from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import httpx
import pytest

from longwave.errors import ClientError, ConfigError, DataError, StorageError
from longwave.monitoring.hapi import downloading

URL = "https://example.invalid/data/hapi.tar.gz"
CONTENT = bytes(range(256)) * 40


class Server(httpx.BaseTransport):
    """Serves the file in pieces; breaks off after ``cut`` bytes of each answer while ``breaks`` are left."""

    def __init__(
        self, *, cut: int = 0, breaks: int = 0, md5: bytes | None = None, honest: bool = True
    ) -> None:
        self.content, self.etag = CONTENT, '"v1"'
        self.cut, self.breaks, self.honest = cut, breaks, honest
        self.md5 = hashlib.md5(CONTENT).digest() if md5 is None else md5
        self.asked: list[str | None] = []
        self.status: list[int] = []  # to answer with first

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.headers.get("range"))
        if self.status:
            return httpx.Response(self.status.pop(0))
        start = self._start(request)
        headers = {
            "etag": self.etag,
            "content-length": str(len(self.content) - start),
            "x-goog-hash": f"crc32c=AAAAAA==,md5={base64.b64encode(self.md5).decode()}",
        }
        if start:
            headers["content-range"] = f"bytes {start if self.honest else 0}-9/{len(self.content)}"
        status = 206 if start else 200
        return httpx.Response(status, headers=headers, stream=_Pieces(self._body(start)))

    def _start(self, request: httpx.Request) -> int:
        asked = request.headers.get("range")
        if asked is None or request.headers.get("if-range") != self.etag:
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def _body(self, start: int) -> Iterator[bytes]:
        rest = self.content[start:]
        if self.breaks:
            self.breaks -= 1
            yield rest[: self.cut]
            raise httpx.ReadError("connection reset")
        yield from (rest[place : place + 1000] for place in range(0, len(rest), 1000))


class _Pieces(httpx.SyncByteStream):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces


def fetch(folder, server, **options):
    waits: list[float] = []
    with httpx.Client(transport=server) as client:
        path = downloading.download_release(folder, url=URL, client=client, wait=waits.append, **options)
    return path, waits


def test_file_arrives_and_progress_is_told(tmp_path):
    told: list[tuple[int, int | None]] = []
    path, waits = fetch(tmp_path / "new", Server(), on_progress=lambda *pair: told.append(pair))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["hapi.tar.gz"]
    assert waits == []


def test_broken_download_goes_on_where_it_ended(tmp_path):
    server = Server(cut=3000, breaks=2)
    path, waits = fetch(tmp_path, server)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=3000-", "bytes=6000-"]
    assert len(waits) == 2


def test_next_call_goes_on_where_the_last_one_gave_up(tmp_path):
    server = Server(cut=0, breaks=99)
    (tmp_path / "hapi.tar.gz.part").write_bytes(CONTENT[:5000])
    (tmp_path / "hapi.tar.gz.part.etag").write_text('"v1"')
    with pytest.raises(ClientError, match=r"did not arrive: ReadError.*what is there is kept"):
        fetch(tmp_path, server)
    assert len(server.asked) == downloading.TRIES
    server.breaks = 0
    assert fetch(tmp_path, server)[0].read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=5000-"


def test_two_versions_are_never_put_together(tmp_path):
    server = Server()
    (tmp_path / "hapi.tar.gz.part").write_bytes(b"of an older version")
    (tmp_path / "hapi.tar.gz.part.etag").write_text('"v0"')
    assert fetch(tmp_path, server)[0].read_bytes() == CONTENT


def test_part_of_unknown_version_is_begun_anew(tmp_path):
    server = Server()
    (tmp_path / "hapi.tar.gz.part").write_bytes(CONTENT[:5000])
    assert fetch(tmp_path, server)[0].read_bytes() == CONTENT
    assert server.asked == [None]


def test_wrong_piece_is_thrown_away(tmp_path):
    server = Server(cut=3000, breaks=1, honest=False)
    assert fetch(tmp_path, server)[0].read_bytes() == CONTENT
    assert server.asked == [None, "bytes=3000-", None]


@pytest.mark.parametrize("status", [500, 503, 429, 408, 416])
def test_server_that_is_busy_is_asked_again(tmp_path, status):
    server = Server()
    server.status = [status]
    path, waits = fetch(tmp_path, server)
    assert path.read_bytes() == CONTENT
    assert len(waits) == 1


def test_missing_file_is_told_at_once(tmp_path):
    server = Server()
    server.status = [404]
    with pytest.raises(ClientError, match="answered 404"):
        fetch(tmp_path, server)
    assert len(server.asked) == 1


def test_file_with_another_checksum_of_the_server_is_removed(tmp_path):
    with pytest.raises(DataError, match=r"has md5 .* It is removed"):
        fetch(tmp_path, Server(md5=bytes(16)))
    assert list(tmp_path.iterdir()) == []


def test_checksum_of_the_caller_is_compared(tmp_path):
    right = hashlib.sha256(CONTENT).hexdigest()
    assert fetch(tmp_path, Server(), sha256=right.upper())[0].read_bytes() == CONTENT
    with pytest.raises(DataError, match=r"has sha256 .* Remove it"):
        fetch(tmp_path, Server(), sha256="0" * 64)
    assert (tmp_path / "hapi.tar.gz").read_bytes() == CONTENT


def test_file_that_is_there_is_not_asked_for(tmp_path):
    (tmp_path / "hapi.tar.gz").write_bytes(b"mine")
    server = Server()
    assert fetch(tmp_path, server)[0].read_bytes() == b"mine"
    assert server.asked == []


def test_url_without_a_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="names no file"):
        downloading.download_release(tmp_path, url="https://example.invalid/")


def test_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="Cannot write"):
        fetch(tmp_path / "file", Server())


def test_folder_of_the_reference_package_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("HAPI_DATA_DIR", str(tmp_path))
    assert downloading.data_dir() == tmp_path
    monkeypatch.delenv("HAPI_DATA_DIR")
    assert downloading.data_dir().name == ".hapi"
