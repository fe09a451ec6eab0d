"""Serving: on this machine only, the report only."""

from __future__ import annotations

import http.client
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from longwave.errors import ConfigError, MissingFile
from longwave.report import serve


@pytest.fixture
def address(tmp_path: Path) -> str:
    (tmp_path / "report" / "static").mkdir(parents=True)
    (tmp_path / "report" / "index.html").write_text("<p>report</p>", "utf-8")
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    found: list[str] = []
    started = threading.Event()

    def on_start(url: str) -> None:
        found.append(url)
        started.set()

    threading.Thread(target=serve, args=(tmp_path,), kwargs={"on_start": on_start}, daemon=True).start()
    assert started.wait(10)
    return found[0]


def get(address: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_first_page_is_served_on_the_loopback_interface(address: str) -> None:
    assert urlsplit(address).hostname == "127.0.0.1"
    assert get(address, "/index.html") == (200, b"<p>report</p>")


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/static/"])
def test_nothing_else_is_served(address: str, path: str) -> None:
    status, body = get(address, path)
    assert status == 404
    assert b"secret" not in body.replace(b"secret.txt", b"")


def test_no_report_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="longwave report"):
        serve(tmp_path)


def test_a_taken_port_is_an_error(address: str, tmp_path: Path) -> None:
    port = urlsplit(address).port
    assert port is not None
    with pytest.raises(ConfigError, match=f"Port {port}"):
        serve(tmp_path, port=port)
