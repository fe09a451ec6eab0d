from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients.http_failures import (
    FailedTry,
    failure_of_exception,
    failure_of_status,
    read_json,
    redact,
)
from longwave.errors import ClientError, ClientTimeout, RateLimited, Refused

URL = "http://127.0.0.1:9/v1"


def respond(status=200, content=b"", **headers):
    return httpx.Response(status, content=content, headers=headers)


def failed_by(status, content=b"", *, has_key=True, **headers):
    return failure_of_status(respond(status, content, **headers), has_key=has_key, now_s=0.0)


def test_success_is_no_failure():
    assert failed_by(200) is None


@pytest.mark.parametrize(
    ("status", "kind", "is_transient"),
    [
        (301, Refused, False),
        (400, Refused, False),
        (401, Refused, False),
        (403, Refused, False),
        (404, Refused, False),
        (408, ClientTimeout, True),
        (409, Refused, True),
        (413, Refused, False),
        (422, Refused, False),
        (429, RateLimited, True),
        (500, ClientError, True),
        (501, ClientError, False),
        (502, ClientError, True),
        (503, ClientError, True),
        (504, ClientTimeout, True),
        (529, ClientError, True),
    ],
)
def test_statuses_say_whether_another_try_may_help(status, kind, is_transient):
    failed = failed_by(status)
    assert type(failed.error) is kind
    assert failed.is_transient is is_transient
    assert f"HTTP {status}" in str(failed.error)


def test_an_account_without_money_is_not_asked_again():
    failed = failed_by(429, b'{"error": {"message": "No money.", "code": "insufficient_quota"}}')
    assert not failed.is_transient
    assert "Top it up" in str(failed.error)


@pytest.mark.parametrize("status", [401, 403])
def test_who_sent_no_key_is_told_where_to_put_it(status):
    assert "Set LONGWAVE_API_KEY" in str(failed_by(status, has_key=False).error)
    assert "Check the key" in str(failed_by(status, has_key=True).error)


def test_a_redirect_names_where_it_leads():
    assert "https://other/v1" in str(failed_by(308, location="https://other/v1").error)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"error": {"message": "Too long."}}', "Too long."),
        (b'{"error": "Too long."}', "Too long."),
        (b'{"detail": "Too long."}', "Too long."),
        (b'{"message": "Too long."}', "Too long."),
        (b'{"detail": [{"loc": "n"}]}', '[{"loc": "n"}]'),
        (b'{"error": {"message": ["a"]}}', '["a"]'),
        (b"Too\n  long.", "Too long."),
        (b"<html><head><title>Bad\nGateway</title>", 'a page titled "Bad Gateway"'),
        (b"<!DOCTYPE html><p>hm", "a page without a title"),
        (b"", "empty"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[1]", "[1]"),
    ],
)
def test_a_servers_own_words_are_quoted_wherever_it_puts_them(content, words):
    assert words in str(failed_by(400, content).error)


def test_long_words_are_cut():
    assert len(str(failed_by(400, b"x" * 10_000).error)) < 500


def test_the_setting_a_server_complains_of_is_read():
    failed = failed_by(400, b'{"error": {"message": "no", "param": "logprobs"}}')
    assert (failed.param, failed.words, failed.status) == ("logprobs", "no", 400)


def test_a_wait_is_read_from_the_headers():
    assert failed_by(503, **{"retry-after": "3"}).wait_s == 3


def test_json_objects_are_answers():
    assert read_json(respond(content=b'{"choices": []}'), has_key=False, now_s=0) == {"choices": []}


@pytest.mark.parametrize(
    ("content", "headers", "message", "is_transient"),
    [
        (b'{"choices": [', {}, "is not JSON", True),
        (b"", {}, "is not JSON", True),
        (b"[" * 100_000, {}, "is not JSON", True),
        (b"<html><title>Welcome</title></html>", {}, 'web page \\(a page titled "Welcome"', False),
        (b"hm", {"content-type": "text/html"}, "web page", False),
        (b"[1]", {}, "JSON list", False),
        (b"null", {}, "JSON NoneType", False),
        (b'{"error": {"message": "Busy.", "code": 429}}', {}, "slow down", True),
        (b'{"error": {"message": "Bad.", "code": "x"}}', {}, "Bad", False),
        (b'{"error": "Bad."}', {}, "Bad", False),
    ],
)
def test_what_is_no_answer_is_explained(content, headers, message, is_transient):
    with pytest.raises(FailedTry, match=message) as caught:
        read_json(respond(content=content, **headers), has_key=False, now_s=0)
    assert caught.value.is_transient is is_transient


@given(st.binary(max_size=60), st.sampled_from([200, 400, 404, 429, 500]))
def test_any_bytes_are_an_answer_or_a_failure(content, status):
    response = respond(status, content)
    failed = failure_of_status(response, has_key=False, now_s=0)
    if failed is None:
        try:
            failed = read_json(response, has_key=False, now_s=0)
        except FailedTry as found:
            failed = found
    assert isinstance(failed, dict) or str(failed.error)


@pytest.mark.parametrize(
    ("error", "kind", "is_transient", "may_be_billed", "is_unreachable"),
    [
        (httpx.ConnectError("refused"), ClientError, True, False, True),
        (httpx.ConnectTimeout("slow"), ClientTimeout, True, False, True),
        (httpx.ReadTimeout("slow"), ClientTimeout, True, True, False),
        (TimeoutError(), ClientTimeout, True, True, False),
        (httpx.ReadError(""), ClientError, True, True, False),
        (httpx.RemoteProtocolError("half"), ClientError, True, True, False),
        (httpx.LocalProtocolError("ours"), ClientError, False, True, False),
        (httpx.DecodingError("gzip"), ClientError, False, True, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_lost_connections(error, kind, is_transient, may_be_billed, is_unreachable):
    failed = failure_of_exception(error, url=URL, timeout_s=5)
    assert type(failed.error) is kind
    assert failed.is_transient is is_transient
    assert failed.may_be_billed is may_be_billed
    assert failed.is_unreachable is is_unreachable
    assert URL in str(failed.error)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Bearer abc123 is wrong", "Bearer *** is wrong"),
        ("key provided: sk-ab***yz. See", "key provided: sk-***"),
        ("nothing here", "nothing here"),
    ],
)
def test_keys_are_taken_out_of_texts(text, clean):
    assert redact(text, "abc123").startswith(clean)


def test_without_a_key_texts_stay():
    assert redact("a text", None) == "a text"
