"""A key goes to its server and nowhere else: not into results, records, caches, logs or messages."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from longwave.cli import main
from longwave.clients.hosted_settings import read_spec
from longwave.errors import ConfigError
from longwave.predictions import read_predictions

KEY = "sk-canary-7d1f0c9a4b"


class Server(BaseHTTPRequestHandler):
    """Answers most requests, and repeats the key in the complaints about others, as some servers do."""

    seen: list[str]
    count = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers.get("Authorization", "")
        type(self).seen.append(key)
        type(self).count += 1
        if type(self).count % 3 == 0:
            status, body = (
                401,
                {"error": {"message": f"Incorrect API key provided: {key}", "type": key, "code": key}},
            )
        elif type(self).count % 5 == 0:
            status, body = 200, {"nothing": key}
        else:
            choice = {
                "text": " Yes",
                "message": {"role": "assistant", "content": "Yes"},
                "finish_reason": "stop",
                "index": 0,
            }
            status, body = 200, {"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def address() -> Iterator[str]:
    Server.seen, Server.count = [], 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join()


def places_with(folder: Path, secret: str) -> list[str]:
    """Return the files that hold a text, also inside Parquet and SQLite."""
    found = [
        path.name for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()
    ]
    for path in folder.rglob("*.parquet"):
        import polars as pl

        frame = pl.read_parquet(path, glob=False)
        if any(secret in str(row) for row in frame.iter_rows()):
            found.append(path.name)
    for path in folder.rglob("*.sqlite"):
        with sqlite3.connect(path) as connection:
            found += [path.name for line in connection.iterdump() if secret in line]
        connection.close()
    return found


def test_a_key_is_in_nothing_that_an_evaluation_writes_or_says(
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("LONGWAVE_API_KEY", KEY)
    model = f"openai:m@{address}?retries=0&concurrency=1&omit=logprobs"
    words = [
        "evaluate",
        "--model",
        model,
        "--scenario",
        "boolq",
        "--max-instances",
        "12",
        "--date",
        "2026-01-01",
        "--json",
    ]
    main([*words, "--out", str(tmp_path / "out")])
    main(["report", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert f"Bearer {KEY}" in Server.seen  # the server was asked, with the key
    errors = read_predictions(tmp_path / "out")["error"].drop_nulls()
    assert len(errors)  # and its complaints are in the rows
    assert places_with(tmp_path, KEY) == []
    assert KEY not in said.out + said.err + caplog.text


def test_the_search_finds_a_key_wherever_it_is(tmp_path: Path) -> None:
    import polars as pl

    pl.DataFrame({"error": [KEY]}).write_parquet(tmp_path / "a.parquet", compression="zstd")
    connection = sqlite3.connect(tmp_path / "a.sqlite")
    connection.execute("CREATE TABLE t (a TEXT)")
    connection.execute("INSERT INTO t VALUES (?)", (KEY,))
    connection.commit()
    connection.close()
    assert set(places_with(tmp_path, KEY)) == {"a.parquet", "a.sqlite"}


@pytest.mark.parametrize(
    "spec", [f"m@https://user:{KEY}@host/v1", f"m@https://{KEY}@host/v1"], ids=["password", "user"]
)
def test_a_key_in_an_address_is_refused_without_being_repeated(spec: str) -> None:
    with pytest.raises(ConfigError, match="Keys belong into the environment") as caught:
        read_spec(spec)
    assert KEY not in str(caught.value)
