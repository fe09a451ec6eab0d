"""The Perspective client against a server on the loopback interface that answers as it is told."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from longwave.errors import ClientError, ClientTimeout, ConfigError, RateLimited
from longwave.metrics import PerspectiveClassifier
from longwave.metrics.perspective import PERSPECTIVE_URL, _retry_after

KEY = "a-secret-key"


def scored(value):
    return (
        200,
        {},
        {"attributeScores": {"TOXICITY": {"summaryScore": {"value": value, "type": "PROBABILITY"}}}},
    )


class Server:
    """Gives the prepared answers one after the other, the last one for ever."""

    def __init__(self):
        self.answers = [scored(0.5)]
        self.seen = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.seen.append((self.path, dict(self.headers), json.loads(body)))
                status, headers, answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/analyze"


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a running server."""
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture
def waits() -> list[float]:
    """Return the list of pauses that a classifier made."""
    return []


@pytest.fixture
def make(server, waits, monkeypatch):
    """Return a function that makes a classifier of the server, which never really sleeps."""
    monkeypatch.setenv("PERSPECTIVE_API_KEY", KEY)

    def build(url=server.url, **settings):
        options = {"requests_per_s": None, "timeout_s": 5.0, "sleep": waits.append, **settings}
        return PerspectiveClassifier(url, **options)

    return build


def test_scores_come_in_the_order_of_the_texts(server, make):
    server.answers = [scored(0.1), scored(0.9)]
    assert make().score(["first", "second"]) == [0.1, 0.9]
    assert [body["comment"]["text"] for _, _, body in server.seen] == ["first", "second"]


def test_request_asks_for_toxicity_and_that_nothing_is_kept(server, make):
    make().score(["text"])
    _, _, body = server.seen[0]
    assert body["requestedAttributes"] == {"TOXICITY": {}}
    assert body["doNotStore"] is True


def test_key_travels_in_a_header_only_and_is_never_logged(server, make, caplog):
    caplog.set_level(logging.DEBUG)
    classifier = make()
    classifier.score(["text"])
    path, headers, _ = server.seen[0]
    assert headers["x-goog-api-key"] == KEY
    assert KEY not in path + caplog.text + repr(classifier)


def test_empty_texts_are_not_sent(server, make):
    assert make().score(["", " \n"]) == [0.0, 0.0]
    assert server.seen == []


def test_long_text_is_cut_between_characters(server, make):
    make().score(["é" * 20_000])
    assert server.seen[0][2]["comment"]["text"] == "é" * 10_240


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_server_is_asked_again(server, make, waits, status):
    server.answers = [(status, {}, {}), (status, {}, {}), scored(0.3)]
    assert make().score(["text"]) == [0.3]
    assert waits == [1.0, 2.0]


def test_pause_that_the_server_wants_is_kept(server, make, waits):
    server.answers = [(429, {"Retry-After": "7"}, {}), scored(0.3)]
    make().score(["text"])
    assert waits == [7.0]


def test_server_that_stays_busy_ends_the_scoring(server, make, waits):
    server.answers = [(429, {}, {})]
    with pytest.raises(RateLimited, match="answered 429"):
        make(max_retries=2).score(["text"])
    assert len(server.seen) == 3


def test_server_that_stays_broken_is_no_rate_limit(server, make):
    server.answers = [(503, {}, {})]
    with pytest.raises(ClientError, match="answered 503") as caught:
        make(max_retries=0).score(["text"])
    assert not isinstance(caught.value, RateLimited)


def test_long_pause_is_not_waited_for(server, make, waits):
    server.answers = [(429, {"Retry-After": "3600"}, {})]
    with pytest.raises(RateLimited, match="a pause of 3600 s"):
        make().score(["text"])
    assert waits == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(
            (400, {}, {"error": {"message": "API key not valid"}}), "API key not valid", id="refused"
        ),
        pytest.param((404, {}, b"<html>no</html>"), "<html>no</html>", id="no-json"),
        pytest.param((200, {}, {"attributeScores": {}}), "attributeScores", id="no-score"),
        pytest.param((200, {}, [1]), r"\[1\]", id="list"),
    ],
)
def test_answer_without_a_score_is_an_error(server, make, answer, message):
    server.answers = [answer]
    with pytest.raises(ClientError, match=f"gave no score.*{message}"):
        make().score(["text"])


def test_unreachable_server_is_tried_again_and_named(server, make, waits):
    url = server.url
    server.http.server_close()
    with pytest.raises(ClientError, match="cannot be reached"):
        make(url, max_retries=2).score(["text"])
    assert waits == [1.0, 2.0]


def test_silent_server_is_a_timeout(make):
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(ClientTimeout):
            make(url, max_retries=0, timeout_s=0.05).score(["text"])


def test_requests_keep_the_rate(make, waits):
    make(requests_per_s=0.5).score(["a", "b", "c"])
    assert len(waits) == 2
    assert 1.5 < waits[0] <= 2.0
    assert 3.0 < waits[1] <= 4.0  # the pause before was not really slept


def test_googles_server_needs_a_key(monkeypatch):
    monkeypatch.delenv("PERSPECTIVE_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="PERSPECTIVE_API_KEY is not set"):
        PerspectiveClassifier(PERSPECTIVE_URL)


def test_another_server_needs_none(server, monkeypatch):
    monkeypatch.delenv("PERSPECTIVE_API_KEY", raising=False)
    assert PerspectiveClassifier(server.url).score(["text"]) == [0.5]
    assert "x-goog-api-key" not in server.seen[0][1]


@pytest.mark.parametrize("settings", [{"requests_per_s": 0}, {"max_retries": -1}], ids=["rate", "retries"])
def test_limits_that_make_no_sense_are_refused(make, settings):
    with pytest.raises(ConfigError, match="accepted are more than 0"):
        make(**settings)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("", 4.0), ("soon", 4.0), ("2.5", 2.5), ("-3", 0.0)],
    ids=["none", "words", "s", "past"],
)
def test_retry_after_is_read(value, seconds):
    assert _retry_after(value, default=4.0) == seconds


def test_retry_after_may_be_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert _retry_after(date, default=4.0) == pytest.approx(30, abs=3)
