from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

Longwave = Callable[..., object]


@pytest.fixture
def results(longwave: Longwave, tmp_path: Path) -> Path:
    """Return the folder of a small evaluation."""
    words = ("--model", "fake:first", "--scenario", "blimp", "--max-instances", 2)
    longwave("evaluate", *words, "--out", tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what would be opened in the browser."""
    pages: list[str] = []
    monkeypatch.setattr("typer.launch", pages.append)
    return pages


def test_the_page_goes_to_stdout(longwave: Longwave, results: Path) -> None:
    ran = longwave("report", results)
    assert (ran.code, ran.out, ran.err) == (0, f"{results / 'report' / 'index.html'}\n", "")


def test_the_page_is_there(longwave: Longwave, results: Path) -> None:
    assert "blimp@1" in Path(longwave("report", results).out.strip()).read_text("utf-8")


def test_pages_go_where_out_says(longwave: Longwave, results: Path, tmp_path: Path) -> None:
    assert longwave("report", results, "--out", tmp_path / "pages").out == f"{tmp_path}/pages/index.html\n"


def test_json_is_one_document(longwave: Longwave, results: Path) -> None:
    assert longwave("report", results, "--json").json == {"report": f"{results / 'report' / 'index.html'}"}


def test_open_hands_the_page_to_the_browser(longwave: Longwave, results: Path, opened: list[str]) -> None:
    longwave("report", results, "--open")
    assert opened == [(results / "report" / "index.html").resolve().as_uri()]


def test_ctrl_c_ends_the_server_as_it_should(
    longwave: Longwave, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", interrupt)
    ran = longwave("report", results, "--serve")
    assert (ran.code, "Serving http://127.0.0.1:" in ran.err) == (0, True)


def test_a_port_that_is_taken_exits_2(longwave: Longwave, results: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ran = longwave("report", results, "--serve", "--port", server.getsockname()[1])
    assert (ran.code, "cannot be used" in ran.err) == (2, True)


def test_an_empty_folder_exits_2(longwave: Longwave, tmp_path: Path) -> None:
    ran = longwave("report", tmp_path)
    assert (ran.code, ran.err.count("\n"), "holds no results" in ran.err) == (2, 1, True)


def test_a_missing_folder_exits_2(longwave: Longwave, tmp_path: Path) -> None:
    ran = longwave("report", tmp_path / "no")
    assert (ran.code, "No folder" in ran.err) == (2, True)


def test_a_table_of_a_newer_version_exits_2(longwave: Longwave, results: Path) -> None:
    shard = next((results / "predictions").glob("part-*.parquet"))
    pl.read_parquet(shard).write_parquet(shard, metadata={"longwave_schema": "99"})
    ran = longwave("report", results)
    assert (ran.code, ran.err.count("\n"), "99" in ran.err) == (2, 1, True)


def test_a_damaged_table_exits_2(longwave: Longwave, results: Path) -> None:
    next((results / "predictions").glob("part-*.parquet")).write_bytes(b"damaged")
    ran = longwave("report", results)
    assert (ran.code, "TableError: " in ran.err) == (2, True)


def test_a_full_disk_exits_1(longwave: Longwave, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_bytes(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    ran = longwave("report", results)
    assert (ran.code, ran.err.count("\n"), "No space left on device" in ran.err) == (1, 1, True)
