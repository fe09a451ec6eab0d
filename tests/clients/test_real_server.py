"""A server that is not ours, with a tiny untrained model: ``transformers serve`` on a free loopback port."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace

import httpx
import pytest
from polars.testing import assert_frame_equal

from longwave.clients import Request, open_client
from longwave.clients.replay import CACHE_NAME
from longwave.evaluation import evaluate
from longwave.scenarios import get_scenario

pytestmark = [pytest.mark.slow, pytest.mark.extra("hf")]

START_S = 180.0


@pytest.fixture(scope="module")
def folder(tiny_transformers, tmp_path_factory):
    pytest.importorskip("fastapi", reason="transformers serve needs it")
    pytest.importorskip("uvicorn", reason="transformers serve needs it")
    pytest.importorskip("openai", reason="transformers serve needs its types")
    return tiny_transformers.save_tiny(
        tmp_path_factory.mktemp("served") / "tiny", template=tiny_transformers.CHAT, n_positions=1024
    )


@contextmanager
def serving(folder):
    """Start the server, wait until it answers, and end it; yield its base URL and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    log = (folder.parent / f"{port}.log").open("wb")
    settings = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_S
        while not is_up(url):
            assert server.poll() is None, (folder.parent / f"{port}.log").read_text("utf-8", "replace")
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.2)  # another process starts; nothing here can make it faster
        yield url, server
    finally:
        server.kill()
        server.wait()
        log.close()


def is_up(url):
    try:
        return httpx.get(f"{url}/health", timeout=5.0).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def served(folder):
    with serving(folder) as (url, _):
        yield url


def joint(max_tokens=4):
    """Return openbookqa asked by letters, which needs no scoring of given texts."""
    scenario = get_scenario("openbookqa")
    prompt = replace(
        scenario.prompt, method="multiple_choice_joint", max_train_instances=1, max_tokens=max_tokens
    )
    return replace(scenario, prompt=prompt)


@pytest.mark.parametrize("api", ["completions", "chat", "auto"])
def test_both_interfaces_answer(served, folder, api):
    client = open_client(f"openai:{folder}@{served}?api={api}")
    requests = [Request(prompt=f"the sea {i}", max_tokens=5) for i in range(6)]
    results = client.complete(requests)
    assert [result.error for result in results] == [None] * 6
    assert all(1 <= result.tokens_out <= 5 and result.tokens_in > 0 for result in results)
    assert [result.completions for result in client.complete(requests)] == [
        result.completions for result in results
    ]


def test_greedy_text_is_that_of_the_model_itself(served, folder):
    asked = [Request(prompt=prompt, max_tokens=8) for prompt in ("the sea", "yes no", "Question: one")]
    there = open_client(f"openai:{folder}@{served}?api=completions").complete(asked)
    here = open_client(f"hf:{folder}?device=cpu").complete(asked)
    assert [r.completions[0].text for r in there] == [r.completions[0].text for r in here]
    assert [r.tokens_in for r in there] == [r.tokens_in for r in here]


def test_stop_strings_are_cut_here(served, folder):
    client = open_client(f"openai:{folder}@{served}?api=completions")
    (whole,) = client.complete([Request(prompt="the sea", max_tokens=8)])
    text = whole.completions[0].text
    stop = next(text[i : i + 2] for i in range(2, len(text)) if "\ufffd" not in text[i : i + 2])
    (cut,) = client.complete([Request(prompt="the sea", max_tokens=8, stop=(stop,))])
    assert cut.completions[0].text == text[: text.find(stop)]


def test_several_samples_are_asked_for_one_by_one(served, folder):
    client = open_client(f"openai:{folder}@{served}?api=completions")
    (result,) = client.complete([Request(prompt="the sea", max_tokens=4, n=3, temperature=1.0, seed=1)])
    assert len(result.completions) == 3
    assert sum(completion.n_tokens for completion in result.completions) == result.tokens_out


def test_it_cannot_score_and_says_so(served, folder):
    (result,) = open_client(f"openai:{folder}@{served}").complete(
        [Request(prompt="the", continuation=" sea")]
    )
    assert "cannot score a given text" in result.error


def test_an_unknown_model_is_told(served):
    (result,) = open_client(f"openai:nobody@{served}").complete([Request(prompt="the", max_tokens=1)])
    assert re.search(r"HTTP 4\d\d.*nobody", result.error)


def test_an_evaluation_fills_the_table(served, folder, tmp_path):
    spec = f"openai:{folder}@{served}?concurrency=2&price_in=1&price_out=2&max_usd=1"
    rows = evaluate(model=spec, scenarios=[joint()], max_instances=6, out=tmp_path)
    mine = rows.filter(rows["model"] == str(folder))
    assert len(mine) == 6
    assert mine["error"].null_count() == 6
    assert mine["cost_usd"].min() > 0


def count_answers(path):
    if not path.is_file():
        return 0
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        has_table = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'results'")
        if not has_table.fetchone()[0]:
            return 0
        return connection.execute("SELECT count(*) FROM results").fetchone()[0]


def test_a_server_that_is_killed_loses_no_answer(folder, tmp_path):
    def run(spec):
        rows = evaluate(model=spec, scenarios=[joint(max_tokens=48)], max_instances=12, out=tmp_path)
        return rows.filter(rows["model"] == str(folder)).sort("instance")

    def kill_after_three_answers():
        while count_answers(tmp_path / CACHE_NAME) < 3:
            time.sleep(0.01)  # until another thread gets there
        server.kill()

    with serving(folder) as (url, server):
        killer = threading.Thread(target=kill_after_three_answers, daemon=True)
        killer.start()
        spec = f"openai:{folder}@{url}?concurrency=1&retries=1&api=completions&version=1"
        rows = run(spec)
        killer.join(timeout=60)
    reasons = rows["error"].drop_nulls().to_list()
    assert len(rows) == 12
    assert 1 <= len(reasons) <= 9
    assert all("No connection" in reason or "was lost" in reason for reason in reasons)
    assert count_answers(tmp_path / CACHE_NAME) == 12 - len(reasons)
    assert_frame_equal(run(spec), rows)  # nothing is asked again, nothing is lost
