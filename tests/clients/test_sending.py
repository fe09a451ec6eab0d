"""Tries, waits and limits against a made-up server: in this process, and over a loopback socket."""

from __future__ import annotations

import re
import threading

import httpx
import pytest

from longwave.clients import CachedClient, Request

ASKED = [Request(prompt=f"Question {i}", max_tokens=3) for i in range(20)]
ONE = ASKED[:1]


def test_a_server_that_says_when_is_asked_then(api, open_hosted):
    server = api.FakeServer(script=[api.complaint(429, "Slow down.", retry_after="7")])
    time = api.FakeTime()
    assert open_hosted(server, time=time).complete(ONE)[0].error is None
    assert time.sleeps == [7.0]


def test_all_requests_heed_a_pause(api, open_hosted):
    server = api.FakeServer(script=[None, api.complaint(429, "Slow down.", retry_after="50")])
    time = api.FakeTime()
    sent = []
    client = open_hosted(server, "concurrency=4&api=completions", time=time)
    usual = server.answer
    server.answer = lambda *asked: (sent.append(time.now_s), usual(*asked))[1]
    assert all(result.error is None for result in client.complete(ASKED))
    assert len(sent) == 21
    assert sum(moment >= 1050.0 for moment in sent) >= 17  # but for those under way, nothing was sent before


def test_a_used_up_quota_is_waited_for_before_the_server_complains(api, open_hosted):
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20s"}
    server = api.FakeServer()
    reply = server.answer("/v1/completions", {}, {"model": "m", "prompt": "a", "max_tokens": 1})
    reply.headers = headers
    server.script = [reply]
    time = api.FakeTime()
    open_hosted(server, time=time).complete(ASKED[:2])
    assert time.sleeps == [20.0]


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_failures_that_pass_are_tried_again_with_longer_waits(api, open_hosted, status):
    server = api.FakeServer(script=[api.Reply(status)] * 3)
    time = api.FakeTime()
    assert open_hosted(server, time=time).complete(ONE)[0].error is None
    assert [0.5 <= time.sleeps[0] <= 1, 1 <= time.sleeps[1] <= 2, 2 <= time.sleeps[2] <= 4] == [True] * 3


def test_broken_json_is_asked_for_again(api, open_hosted):
    server = api.FakeServer(script=[api.Reply(body='{"choices": [')])
    assert open_hosted(server).complete(ONE)[0].error is None


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ({"status": 429}, "asks to slow down.*Tried 3 times"),
        ({"status": 500}, "server failed.*Tried 3 times"),
        ({"body": "{"}, "not JSON.*Tried 3 times"),
        ({"error": httpx.ReadError("reset")}, "was lost.*Tried 3 times"),
        ({"error": httpx.ReadTimeout("")}, "gave no answer within 120 s.*Tried 3 times"),
        ({"error": httpx.ConnectError("refused")}, "No connection.*Tried 3 times"),
        ({"status": 429, "headers": {"retry-after": "9999"}}, "wait for 9999 s, more than max_wait_s=300"),
    ],
)
def test_the_last_try_is_the_error_of_its_request(api, open_hosted, reply, message):
    n_tries = 1 if "headers" in reply else 3
    server = api.FakeServer(script=[api.Reply(**reply)] * n_tries)
    bad, good = open_hosted(server, "retries=2&api=completions&concurrency=1").complete(ASKED[:2])
    assert re.search(message, bad.error)
    assert good.error is None
    assert len(server.requests) == n_tries + 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 307])
def test_what_no_other_try_mends_is_tried_once(api, open_hosted, status):
    server = api.FakeServer(script=[api.Reply(status)])
    time = api.FakeTime()
    (result,) = open_hosted(server, "api=chat", time=time).complete(ONE)
    assert f"HTTP {status}" in result.error
    assert (len(server.requests), time.sleeps) == (1, [])


def test_a_web_page_instead_of_an_answer_is_explained(api, open_hosted):
    server = api.FakeServer(script=[api.Reply(body="<html><title>Hello</title></html>")])
    (result,) = open_hosted(server, "api=chat").complete(ONE)
    assert 'a page titled "Hello"' in result.error
    assert "base URL" in result.error


def test_a_server_that_is_down_is_not_waited_for_by_every_request(api, open_hosted):
    server = api.FakeServer(script=[api.Reply(error=httpx.ConnectError("refused"))] * 100)
    time = api.FakeTime()
    results = open_hosted(server, "retries=4&concurrency=1&api=chat", time=time).complete(ASKED)
    assert all("No connection" in result.error for result in results)
    assert len(server.requests) == 5 + 19
    assert len(time.sleeps) == 4


def test_a_server_that_comes_back_is_waited_for_again(api, open_hosted):
    down = api.Reply(error=httpx.ConnectError("refused"))
    server = api.FakeServer(script=[down, down, None, down, None])
    results = open_hosted(server, "retries=1&concurrency=1&api=chat").complete(ASKED[:3])
    assert [result.error is None for result in results] == [False, True, True]


def test_requests_a_minute_are_kept(api, open_hosted):
    time = api.FakeTime()
    server = api.FakeServer()
    open_hosted(server, "rpm=5", time=time).complete(ASKED)
    assert time.now_s == 1000.0 + 3 * 60


def test_tokens_a_minute_are_kept(api, open_hosted):
    time = api.FakeTime()
    open_hosted(api.FakeServer(), "tpm=24", time=time).complete(ASKED[:10])  # 3 + 3 tokens each
    assert time.now_s == 1000.0 + 2 * 60


def test_a_socket_answers_as_the_process_does(api, open_hosted):
    server = api.FakeServer()
    with api.serve(server) as url:
        there = open_hosted(server, url=url).complete(ASKED)
    here = open_hosted(api.FakeServer()).complete(ASKED)
    assert [result.completions for result in there] == [result.completions for result in here]


def test_an_answer_that_breaks_off_is_asked_for_again(api, open_hosted):
    server = api.FakeServer(script=[api.Reply(error=httpx.ReadError("half"))])
    with api.serve(server) as url:
        assert open_hosted(server, url=url).complete(ONE)[0].error is None
    assert len(server.requests) == 2


def test_a_slow_answer_is_given_up(api, open_hosted):
    is_over = threading.Event()
    server = api.FakeServer()
    with api.serve(server, before=lambda: is_over.wait(5)) as url:
        (result,) = open_hosted(server, "timeout_s=0.05&retries=1", url=url).complete(ONE)
        is_over.set()
    assert re.search(r"no answer within 0.05 s.*Tried 2 times", result.error)


def test_nobody_there_is_told(api, open_hosted):
    with api.serve(api.FakeServer()) as url:
        pass  # the port is free again
    (result,) = open_hosted(None, "retries=1", url=url).complete(ONE)
    assert re.search(f'No connection to "{url}/v1".*Check that the server runs', result.error)


def test_a_server_that_dies_in_the_middle_loses_no_answer(api, open_hosted, tmp_path):
    path = tmp_path / "requests.sqlite"
    server = api.FakeServer(script=[None] * 6 + [api.Reply(error=httpx.ReadError("gone"))] * 1000)
    with api.serve(server) as url:
        client = open_hosted(server, "concurrency=2&retries=1&version=1", url=url)
        with CachedClient(client, path) as cached:
            results = cached.complete(ASKED)
    assert [result.error is None for result in results].count(True) == 6
    assert all("was lost" in result.error for result in results if result.error is not None)
    again = api.FakeServer()
    with api.serve(again) as url, CachedClient(open_hosted(again, "version=1", url=url), path) as cached:
        assert all(result.error is None for result in cached.complete(ASKED))
    assert len(again.requests) == 14


def test_who_is_interrupted_keeps_what_was_answered(api, open_hosted, tmp_path):
    path = tmp_path / "requests.sqlite"
    may_go_on = threading.Event()
    server = api.FakeServer()

    def hold_the_fourth():
        if len(server.requests) >= 3:
            may_go_on.wait(5)

    class Interrupted(CachedClient):
        def _ask(self, missing):
            put = self._file.put
            kept = []

            def put_and_stop(results, texts):
                put(results, texts)
                kept.extend(results)
                if len(kept) >= 3:
                    raise KeyboardInterrupt

            self._file.put = put_and_stop
            try:
                return super()._ask(missing)
            finally:
                self._file.put = put

    with api.serve(server, before=hold_the_fourth) as url:
        client = open_hosted(server, "concurrency=1&version=1", url=url)
        with Interrupted(client, path) as cached, pytest.raises(KeyboardInterrupt):
            cached.complete(ASKED)
        may_go_on.set()
    with CachedClient(open_hosted(api.FakeServer(), "version=1"), path) as cached:
        assert sum(result.is_cached for result in cached.complete(ASKED)) == 3
