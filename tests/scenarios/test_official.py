"""Fetching from a home on this machine: a small web server in a thread, and transports that fail."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from longwave.errors import DataError, StorageError
from longwave.scenarios import (
    Instance,
    Official,
    Scenario,
    SourceFile,
    cache_folder,
    fetch_official,
    get_scenario,
    load_official,
)

ROWS = b"one\ntwo\n"


class _Home(BaseHTTPRequestHandler):
    """Serves what ``server.files`` holds, redirects /moved, and breaks off in the middle of /short."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/rows.txt")
            self.end_headers()
            return
        content = self.server.files.get(self.path)
        self.send_response(404 if content is None else 200)
        if self.path.endswith(".gz"):
            self.send_header("Content-Encoding", "x-gzip")
        self.send_header("Content-Length", str(len(content or b"") + (self.path == "/short") * 5))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    """Return a web server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Home)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(server: ThreadingHTTPServer) -> ThreadingHTTPServer:
    """Return the server with fresh files, and nothing asked yet."""
    server.files = {"/rows.txt": ROWS, "/short": ROWS}
    server.asked = []
    return server


def _parse(folder: Path) -> list[Instance]:
    lines = (folder / "rows.txt").read_text("utf-8").split()
    return [Instance(id=f"x-{i}", input=line, references=(), split="test") for i, line in enumerate(lines)]


@pytest.fixture
def make_scenario(home: ThreadingHTTPServer) -> Callable[..., Scenario]:
    """Return a function that makes a scenario whose official home is the server."""

    def make(path: str = "/rows.txt", *, sha256: str | None = None, notice: str = "") -> Scenario:
        url = f"http://127.0.0.1:{home.server_port}{path}"
        files = (SourceFile(url=url, name="rows.txt", sha256=sha256),)
        return replace(get_scenario("boolq"), official=Official(files=files, parse=_parse, notice=notice))

    return make


def test_rows_are_fetched_once(make_scenario, home, tmp_path):
    first = load_official(make_scenario(), folder=tmp_path)
    second = load_official(make_scenario(), folder=tmp_path)
    assert [instance.input for instance in first] == ["one", "two"]
    assert first == second
    assert home.asked == ["/rows.txt"]


def test_files_go_to_the_folder_of_the_scenario_in_the_users_cache(make_scenario, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = fetch_official(make_scenario())
    assert folder == tmp_path / "longwave" / "scenarios" / "boolq@1"
    assert sorted(path.name for path in folder.iterdir()) == ["checksums.json", "rows.txt"]


def test_the_cache_lies_in_the_home_folder_by_default(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "longwave" / "scenarios"


def test_a_file_that_moved_is_followed(make_scenario, home, tmp_path):
    assert len(load_official(make_scenario("/moved"), folder=tmp_path)) == 2
    assert home.asked == ["/moved", "/rows.txt"]


def test_the_checksum_of_the_first_download_is_kept(make_scenario, tmp_path):
    scenario = make_scenario()
    fetch_official(scenario, folder=tmp_path)
    known = json.loads((tmp_path / "checksums.json").read_text("utf-8"))
    assert known == {scenario.official.files[0].url: hashlib.sha256(ROWS).hexdigest()}


def test_a_source_that_changed_since_is_told(make_scenario, home, tmp_path):
    fetch_official(make_scenario(), folder=tmp_path)
    (tmp_path / "rows.txt").unlink()
    home.files["/rows.txt"] = b"three\n"
    with pytest.raises(DataError, match=r"its source http.* has changed; delete") as caught:
        fetch_official(make_scenario(), folder=tmp_path)
    assert hashlib.sha256(b"three\n").hexdigest() in str(caught.value)
    assert hashlib.sha256(ROWS).hexdigest() in str(caught.value)


def test_a_published_checksum_is_held_against_the_first_download(make_scenario, tmp_path):
    wrong, right = "0" * 64, hashlib.sha256(ROWS).hexdigest()
    with pytest.raises(DataError, match=rf"accepted is {wrong}.* has changed\."):
        fetch_official(make_scenario(sha256=wrong), folder=tmp_path)
    assert fetch_official(make_scenario(sha256=right), folder=tmp_path) == tmp_path


def test_a_file_put_there_by_hand_is_used_and_remembered(make_scenario, home, tmp_path):
    (tmp_path / "rows.txt").write_bytes(ROWS)
    assert len(load_official(make_scenario(), folder=tmp_path)) == 2
    assert home.asked == []
    (tmp_path / "rows.txt").write_bytes(b"other\n")
    with pytest.raises(DataError, match="has the SHA-256"):
        fetch_official(make_scenario(), folder=tmp_path)


def test_terms_are_told_before_the_first_download_only(make_scenario, tmp_path, caplog):
    scenario = make_scenario(notice="Not for profit.")
    with caplog.at_level(logging.WARNING, logger="longwave"):
        fetch_official(scenario, folder=tmp_path)
        fetch_official(scenario, folder=tmp_path)
    assert [record.getMessage() for record in caplog.records] == ["boolq@1: Not for profit."]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/gone", "404"), ("/short", "peer closed|incomplete")],
    ids=["missing", "broken-off"],
)
def test_a_download_that_fails_leaves_nothing(make_scenario, tmp_path, path, reason):
    with pytest.raises(DataError, match=reason):
        fetch_official(make_scenario(path), folder=tmp_path / "new")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_interrupt_leaves_nothing(make_scenario, tmp_path, monkeypatch):
    def interrupt(_):
        yield b"one"
        raise KeyboardInterrupt

    monkeypatch.setattr(httpx.Response, "iter_raw", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_official(make_scenario(), folder=tmp_path / "new")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_a_network_the_message_says_what_to_do(make_scenario, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise httpx.ConnectError("")

    monkeypatch.setattr(httpx, "stream", refuse)
    with pytest.raises(DataError, match=r"ConnectError\. Try again with a network") as caught:
        load_official(make_scenario(), folder=tmp_path)
    assert f'"{tmp_path}" as "rows.txt"' in str(caught.value)


def test_a_file_that_its_server_calls_an_encoding_stays_compressed(make_scenario, home, tmp_path):
    home.files["/rows.txt.gz"] = gzip.compress(ROWS)
    fetch_official(make_scenario("/rows.txt.gz"), folder=tmp_path)
    assert (tmp_path / "rows.txt").read_bytes() == home.files["/rows.txt.gz"]


def test_a_folder_that_others_filled_need_not_be_writable(make_scenario, tmp_path, monkeypatch):
    (tmp_path / "rows.txt").write_bytes(ROWS)

    def refuse(**_):
        raise PermissionError("read-only")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    assert fetch_official(make_scenario(), folder=tmp_path) == tmp_path


def test_a_source_that_changed_is_taken_once_its_old_checksum_is_gone(make_scenario, home, tmp_path):
    fetch_official(make_scenario(), folder=tmp_path)
    (tmp_path / "rows.txt").unlink()
    (tmp_path / "checksums.json").unlink()
    home.files["/rows.txt"] = b"three\n"
    assert [instance.input for instance in load_official(make_scenario(), folder=tmp_path)] == ["three"]


def test_a_cache_that_cannot_be_written_is_told(make_scenario, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="could not be written"):
        fetch_official(make_scenario(), folder=tmp_path / "file" / "folder")


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 3}'], ids=["no-json", "list", "number"])
def test_checksums_that_are_damaged_are_refused(make_scenario, tmp_path, content):
    (tmp_path / "rows.txt").write_bytes(ROWS)
    (tmp_path / "checksums.json").write_text(content, "utf-8")
    with pytest.raises(DataError, match=r"checksums\.json.*Delete it"):
        fetch_official(make_scenario(), folder=tmp_path)


def test_a_scenario_without_an_official_home_says_so(tmp_path):
    scenario = replace(get_scenario("boolq"), official=None)
    with pytest.raises(DataError, match='"boolq@1" has no official home'):
        load_official(scenario, folder=tmp_path)


def test_files_that_were_fetched_before_an_error_are_kept(make_scenario, home, tmp_path):
    scenario = make_scenario()
    (first,) = scenario.official.files
    gone = SourceFile(url=first.url.replace("rows.txt", "gone"), name="more.txt")
    both = replace(scenario, official=replace(scenario.official, files=(first, gone)))
    for _ in range(2):
        with pytest.raises(DataError, match="404"):
            fetch_official(both, folder=tmp_path)
    assert home.asked == ["/rows.txt", "/gone", "/gone"]


def _rename(scenario, name):
    return replace(scenario, name=name)


def test_a_file_that_another_scenario_fetched_is_not_fetched_again(
    make_scenario, home, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fetch_official(make_scenario())
    assert len(load_official(_rename(make_scenario(), "other"))) == 2
    assert len(load_official(_rename(make_scenario(), "other"))) == 2
    assert home.asked == ["/rows.txt"]


def test_a_file_of_the_same_name_from_elsewhere_is_fetched(make_scenario, home, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fetch_official(make_scenario())
    fetch_official(_rename(make_scenario("/moved"), "other"))
    assert home.asked == ["/rows.txt", "/moved", "/rows.txt"]


def test_a_borrowed_file_must_be_what_it_was(make_scenario, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (fetch_official(make_scenario()) / "rows.txt").write_bytes(b"other")
    with pytest.raises(DataError, match="has the SHA-256"):
        fetch_official(_rename(make_scenario(), "other"))


def test_without_links_a_file_is_fetched_again(make_scenario, home, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    fetch_official(make_scenario())
    fetch_official(_rename(make_scenario(), "other"))
    assert home.asked == ["/rows.txt", "/rows.txt"]
