"""Keys, limits, clients that leave, the end of the server, and what it tells about itself."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from longwave.data import ByteTokenizer
from longwave.errors import ConfigError
from longwave.serving import ServerConfig, build_app, running_server
from longwave.serving.draining import DrainingServer

ASKED = {"model": "tiny", "prompt": "ab", "max_tokens": 8}
KEY = "lw-secret-0123456789"


def until(is_so: Callable[[], bool], within_s: float = 5.0) -> bool:
    """Wait for another thread to get somewhere."""
    end = time.monotonic() + within_s
    while not is_so() and time.monotonic() < end:
        time.sleep(0.005)
    return is_so()


WEB = httpx.Client(verify=False, timeout=10)  # reading certificates takes longer than everything else


@pytest.fixture(scope="module", autouse=True)
def close_connections() -> Iterator[None]:
    yield
    WEB.close()


def post(url: str, **options: object) -> httpx.Response:
    return WEB.post(f"{url}/v1/completions", json=ASKED, **options)


@pytest.mark.parametrize(
    "given", [None, "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer é"], ids=ascii
)
def test_a_wrong_key_is_refused(serve, engine, given) -> None:
    headers = {} if given is None else {"authorization": given.encode()}
    answer = post(serve(api_key=KEY), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert KEY not in answer.text
    assert engine.requests == []


def test_the_right_key_is_let_in(serve, connect) -> None:
    url = serve(api_key=KEY)
    assert post(url, headers={"Authorization": f"Bearer {KEY}"}).is_success
    assert connect(url, KEY).models.retrieve("tiny").id == "tiny"


def test_only_the_pages_of_health_need_no_key(serve) -> None:
    url = serve(api_key=KEY)
    assert [WEB.get(url + page).status_code for page in ("/health", "/ready")] == [200, 200]
    pages = ("/metrics", "/v1/models", "/openapi.json", "/nothing")
    assert {WEB.get(url + page).status_code for page in pages} == {401}


@pytest.mark.parametrize("key", ["", "  ", "schlüssel", "a\nb"], ids=ascii)
def test_a_key_that_no_header_can_hold_is_refused(engine, key) -> None:
    with pytest.raises(ConfigError, match="API key"):
        build_app(engine, ByteTokenizer(), ServerConfig(name="tiny"), api_key=key)


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "chunked"])
def test_a_body_that_is_too_long_is_not_read(serve, engine, is_declared) -> None:
    body = json.dumps({**ASKED, "prompt": "x" * 3000}).encode()
    content = body if is_declared else iter([body[:1500], body[1500:]])
    headers = {"content-type": "application/json"}
    answer = WEB.post(f"{serve(max_body_bytes=2000)}/v1/completions", content=content, headers=headers)
    assert (answer.status_code, "2000 bytes" in answer.json()["error"]["message"]) == (413, True)
    assert engine.requests == []


def test_a_body_that_does_not_arrive_is_not_waited_for(serve) -> None:
    url = httpx.URL(serve(body_timeout_s=0.05))
    with socket.create_connection((url.host, url.port), timeout=5) as line:
        line.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        answer = http.client.HTTPResponse(line)
        answer.begin()
        assert (answer.status, b"0.05 s" in answer.read()) == (408, True)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_request_has_its_time(serve, connect, engine, stream) -> None:
    engine.is_stuck = True
    client = connect(serve(timeout_s=0.1))
    with pytest.raises(openai.APIError, match=r"not ready within 0\.1 s") as caught:
        list(client.completions.create(model="tiny", prompt="x", stream=stream))
    assert stream or caught.value.status_code == 504
    assert (engine.n_open, engine.n_cancelled) == (0, 1)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("prompt", ["a", ["a", "b", "c"]], ids=["one", "three"])
def test_a_client_that_leaves_gives_its_place_back(serve, engine, stream, prompt) -> None:
    engine.is_stuck = True
    url = httpx.URL(serve())
    body = json.dumps({**ASKED, "prompt": prompt, "stream": stream}).encode()
    with socket.create_connection((url.host, url.port), timeout=5) as line:
        head = f"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        line.sendall(f"{head}content-type: application/json\r\n\r\n".encode() + body)
        assert until(lambda: engine.n_open == len(prompt))
        assert until(lambda: engine.n_tokens >= 2 * len(prompt))
    assert until(lambda: engine.n_open == 0)
    assert engine.n_cancelled == len(prompt)


def test_more_requests_than_allowed_are_told_to_come_back(serve, engine) -> None:
    engine.is_stuck = True
    url = serve(max_requests=2)
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(post, url) for _ in range(2)]
        assert until(lambda: engine.n_open == 2)
        answer = post(url)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert WEB.get(f"{url}/health").is_success
        engine.is_stuck = False
        assert all(each.result().is_success for each in running)


def test_running_requests_finish_and_new_ones_get_503_when_the_server_stops(engine) -> None:
    engine.is_stuck = True
    app = build_app(engine, ByteTokenizer(), ServerConfig(name="tiny", grace_s=10.0))
    with ThreadPoolExecutor() as pool:
        with running_server(app) as url:
            running = pool.submit(post, url)
            assert until(lambda: engine.n_open == 1)
            stopping = threading.Thread(
                target=lambda: (until(lambda: is_closing(app)), probe(url, seen, engine))
            )
            seen: list[httpx.Response] = []
            stopping.start()
        stopping.join()
        assert running.result().is_success
    refused, ready, health = seen
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stopping")
    assert (ready.status_code, health.status_code) == (503, 200)
    assert engine.is_closed


def is_closing(app: object) -> bool:
    return app.state.service.traffic.is_closing


def probe(url: str, seen: list[httpx.Response], engine: object) -> None:
    seen += [post(url), WEB.get(f"{url}/ready"), WEB.get(f"{url}/health")]
    engine.is_stuck = False


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_does_not_finish_in_the_time_of_grace_is_told_so(engine, stream) -> None:
    engine.is_stuck = True
    app = build_app(engine, ByteTokenizer(), ServerConfig(name="tiny", grace_s=0.05))
    with ThreadPoolExecutor() as pool:
        with running_server(app) as url:
            running = pool.submit(WEB.post, f"{url}/v1/completions", json={**ASKED, "stream": stream})
            assert until(lambda: engine.n_open == 1)
        assert "The server is stopping." in running.result().text
    assert engine.n_open == 0


def test_a_second_signal_does_not_wait(engine) -> None:
    engine.is_stuck = True
    app = build_app(engine, ByteTokenizer(), ServerConfig(name="tiny", grace_s=600.0))
    started = threading.Event()
    server = DrainingServer(app, on_start=started.set)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        running = pool.submit(server.run, sockets=[listener])
        assert started.wait(10)
        asked = pool.submit(post, f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert until(lambda: engine.n_open == 1)
        server.handle_exit(signal.SIGINT, None)
        assert until(lambda: is_closing(app))
        server.handle_exit(signal.SIGINT, None)
        running.result(10)
        assert asked.exception() is not None or asked.result().status_code == 503
    assert engine.n_open == 0


def test_a_request_id_is_made_or_kept(serve) -> None:
    url = serve()
    made = [post(url).headers["x-request-id"] for _ in range(2)]
    assert len({*made}) == 2
    assert post(url, headers={"x-request-id": "mine-7"}).headers["x-request-id"] == "mine-7"
    assert post(url, headers={"x-request-id": "a b"}).headers["x-request-id"].startswith("req-")


def test_the_log_has_a_line_a_request_and_no_prompt(serve, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        url = serve(api_key=KEY)
        headers = {"Authorization": f"Bearer {KEY}", "x-request-id": "mine-7"}
        body = {**ASKED, "prompt": "a private matter"}
        WEB.post(f"{url}/v1/completions?q=private", json=body, headers=headers)
        WEB.post(f"{url}/v1/completions", json={**body, "n": "private"}, headers=headers)
    ours = ("longwave", "uvicorn")
    told = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith(ours))
    lines = [line for line in told.splitlines() if line.startswith("mine-7")]
    assert lines[0].startswith("mine-7 POST /v1/completions 200 ")
    assert lines[1].startswith("mine-7 POST /v1/completions 400 ")
    assert len(lines) == 2
    assert not any(word in told for word in (KEY, "private"))


def test_metrics_are_counted_in_a_registry_of_their_own(serve, engine) -> None:
    url = serve()
    post(url)
    WEB.get(f"{url}/v1/models/other")
    WEB.get(f"{url}/elsewhere/{'x' * 50}")
    answer = WEB.get(f"{url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert values["longwave_http_requests_total", "/v1/completions", "200"] == 1
    assert values["longwave_http_requests_total", "/v1/models/{model}", "404"] == 1
    assert values["longwave_http_requests_total", "other", "404"] == 1
    assert values["longwave_first_token_seconds_count",] == 1
    assert values["longwave_tokens_total", "new"] == 8
    assert values["longwave_completions_total", "reached_length"] == 1
    assert values["longwave_completions_running",] == 0


def test_a_client_that_left_is_counted_as_such(serve, engine) -> None:
    engine.is_stuck = True
    url = serve()

    async def leave() -> None:
        async with httpx.AsyncClient(verify=False) as client:
            task = asyncio.ensure_future(client.post(f"{url}/v1/completions", json=ASKED))
            while engine.n_open == 0:
                await asyncio.sleep(0.005)
            task.cancel()

    asyncio.run(leave())
    assert until(lambda: 'status="499"' in WEB.get(f"{url}/metrics").text)


def test_an_address_that_is_taken_is_told(engine) -> None:
    app = build_app(engine, ByteTokenizer(), ServerConfig(name="tiny"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port}"), running_server(app, port=port):
            pass
