"""``longwave serve``: from the start to the signal that ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

Longwave = Callable[..., object]

START_S = 60.0
CODE = "import sys; from longwave.cli import main; sys.exit(main())"
KEY = "lw-secret-0123456789"


@contextmanager
def started(*words: object, **settings: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start a server in a process of its own and yield its address once it says it."""
    command = [sys.executable, "-c", CODE, "serve", *map(str, words), "--port", "0", "--json"]
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **settings},
    )
    try:
        lines = ""
        while "}" not in lines:
            line = server.stdout.readline()
            assert line, server.stderr.read()
            lines += line
        yield json.loads(lines)["url"], server
    finally:
        server.kill()
        server.communicate()


@pytest.mark.parametrize("end", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_trained_model_is_served_until_a_signal(trained: Path, end: signal.Signals) -> None:
    words = ("--max-batch", 1, "--api-key-env", "SERVE_KEY")
    headers = {"Authorization": f"Bearer {KEY}"}
    body = {"model": "hyena", "prompt": "It is a secret", "max_tokens": 50, "stream": True, "n": 8}
    with (
        started(trained, *words, SERVE_KEY=KEY) as (url, server),
        httpx.Client(headers=headers, timeout=START_S) as client,
    ):
        (model,) = client.get(f"{url}/models").json()["data"]
        assert (model["id"], model["max_model_len"]) == ("hyena", 64)
        assert client.get(f"{url}/models", headers={"Authorization": ""}).status_code == 401
        with client.stream("POST", f"{url}/completions", json=body) as answer:
            lines = answer.iter_lines()
            next(lines)
            server.send_signal(end)
            rest = [line for line in lines if line]
        out, err = server.communicate(timeout=START_S)
    assert rest[-1] == "data: [DONE]"  # what runs is finished
    assert sum('"finish_reason":null' not in line for line in rest[:-1]) == 8
    assert (server.returncode, out) == (0, "")
    assert "POST /v1/completions 200" in err
    assert err.endswith("Stopped.\n")
    assert not any(word in err for word in (KEY, "It is a secret", "Warning"))


@pytest.fixture
def unserved(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Keep the server from running, and return what it would have been run with."""
    seen: dict[str, object] = {}

    def run_server(app: object, *, host: str, port: int, on_start: Callable[[str], None]) -> None:
        seen.update(app=app, host=host, port=port)
        on_start(f"http://{host}:{port}")

    monkeypatch.setattr("longwave.serving.run_server", run_server)
    return seen


def test_it_listens_on_this_machine_only_unless_told(
    longwave: Longwave, trained: Path, unserved: dict[str, object]
) -> None:
    ran = longwave("serve", trained)
    assert (unserved["host"], unserved["port"]) == ("127.0.0.1", 8000)
    assert (ran.code, ran.out) == (0, 'Serving "hyena" at http://127.0.0.1:8000/v1\n')
    assert "Warning" not in ran.err


@pytest.mark.usefixtures("unserved")
def test_an_open_server_without_a_key_is_warned_of(
    longwave: Longwave, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Warning: anybody who reaches 0.0.0.0" in longwave("serve", trained, "--host", "0.0.0.0").err
    monkeypatch.setenv("SERVE_KEY", KEY)
    ran = longwave("serve", trained, "--host", "0.0.0.0", "--api-key-env", "SERVE_KEY")
    assert ("Warning" in ran.err, KEY in ran.err + ran.out) == (False, False)


def test_limits_and_the_name_reach_the_server(
    longwave: Longwave, trained: Path, unserved: dict[str, object]
) -> None:
    words = (
        "--name",
        "mine",
        "--max-batch",
        2,
        "--max-waiting",
        3,
        "--max-length",
        32,
        "--timeout",
        5,
        "--grace",
        1,
    )
    ran = longwave("serve", f"checkpoint:{trained}", *words, "--json")
    assert ran.json == {"url": "http://127.0.0.1:8000/v1", "model": "mine"}
    service = unserved["app"].state.service
    config = service.config
    assert (config.name, config.max_choices, config.timeout_s, config.grace_s) == ("mine", 5, 5.0, 1.0)
    assert (service.engine.config.max_batch, service.engine.max_length) == (2, 32)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["--api-key-env", "NO_SUCH_KEY"], '"NO_SUCH_KEY" is not set or empty', id="no-key"),
        pytest.param(["--max-length", "65"], '"max_length" is 65', id="max-length"),
        pytest.param(["--timeout", "0"], '"timeout_s" is 0', id="timeout"),
        pytest.param(["--device", "tpu0"], 'device is "tpu0"', id="device"),
    ],
)
@pytest.mark.usefixtures("unserved")
def test_a_mistake_exits_2_with_one_line(
    words: list[str], message: str, longwave: Longwave, trained: Path
) -> None:
    ran = longwave("serve", trained, *words)
    assert (ran.code, ran.out, ran.err.count("\n"), message in ran.err) == (2, "", 1, True)


def test_a_port_that_is_taken_exits_2(longwave: Longwave, trained: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = longwave("serve", trained, "--port", taken.getsockname()[1])
    assert (ran.code, "cannot listen at 127.0.0.1" in ran.err) == (2, True)


def test_a_folder_without_a_model_exits_2(longwave: Longwave, tmp_path: Path) -> None:
    ran = longwave("serve", tmp_path / "nothing")
    assert (ran.code, "No trained model in" in ran.err) == (2, True)


@pytest.mark.parametrize("module", ["fastapi", "uvicorn", "prometheus_client"])
def test_what_is_missing_is_named_with_how_to_install_it(
    longwave: Longwave, trained: Path, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("app", "connection", "draining", "failures", "gate", "measures", "routes"):
        monkeypatch.delitem(sys.modules, f"longwave.serving.{name}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    ran = longwave("serve", trained, "--port", 0)
    assert (ran.code, 'pip install "longwave[serve]"' in ran.err) == (2, True)
