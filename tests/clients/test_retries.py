from __future__ import annotations

import datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients.retries import Backoff, asked_wait, parse_duration, parse_retry_after

NOW = datetime.datetime(2025, 6, 1, 12, 0, 0, tzinfo=datetime.UTC)
NOW_S = NOW.timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 1.5 ", 1.5),
        ("120", 120),
        ("Sun, 01 Jun 2025 12:00:30 GMT", 30),
        ("Sun, 01 Jun 2025 11:00:00 GMT", 0),
        ("Sunday, 01-Jun-25 12:01:00 GMT", 60),
        ("Sun, 01 Jun 2025 12:00:30 -0000", 30),
        ("Sun, 01 Jun 2025 14:00:00 +0200", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert parse_retry_after(text, now_s=NOW_S) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "1e9", "nan", "inf", "7 s", "32 Jun 2025", "١", "0x10"])
def test_retry_after_that_is_neither_says_nothing(text):
    assert parse_retry_after(text, now_s=NOW_S) is None


@given(st.text())
def test_any_retry_after_is_read_or_left(text):
    found = parse_retry_after(text, now_s=NOW_S)
    assert found is None or found >= 0


@given(st.integers(0, 10**6))
def test_dates_and_seconds_agree(seconds):
    moment = NOW + datetime.timedelta(seconds=seconds)
    assert parse_retry_after(format_datetime(moment, usegmt=True), now_s=NOW_S) == seconds
    assert parse_retry_after(str(seconds), now_s=NOW_S) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("120ms", 0.12), ("1h2m3.5s", 3723.5), ("2d", 172800), ("5", 5), ("0s", 0)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "1x", "1s 2", "-1s", "1m-2s", "9" * 400 + "s"])
def test_what_is_no_duration_says_nothing(text):
    assert parse_duration(text) is None


@given(st.text(alphabet="0123456789.msdh ", max_size=12))
def test_any_duration_is_read_or_left(text):
    found = parse_duration(text)
    assert found is None or 0 <= found < float("inf")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "3", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "soon", "x-ratelimit-reset-tokens": "2s"}, 2),
        ({"x-ratelimit-reset-requests": "9s", "x-ratelimit-reset-tokens": "2s"}, 9),
        (
            {
                "x-ratelimit-reset-requests": "9s",
                "x-ratelimit-reset-tokens": "2s",
                "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-remaining-tokens": "0",
            },
            2,
        ),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-requests": "9s"}, None),
    ],
    ids=str,
)
def test_headers_tell_how_long_to_wait(headers, seconds):
    assert asked_wait(headers, now_s=NOW_S) == seconds


@given(st.integers(0, 10**6), st.integers(0, 200))
def test_waits_lie_in_the_upper_half_of_a_doubling_bound(key, tries):
    bound = min(60.0, 2.0**tries) if tries < 10 else 60.0
    assert bound / 2 <= Backoff().wait_s(key, tries) <= bound


def test_waits_repeat_with_their_seed_and_differ_among_requests():
    one = [Backoff(seed=1).wait_s(key, 3) for key in range(5)]
    assert one == [Backoff(seed=1).wait_s(key, 3) for key in range(5)]
    assert len({*one, *(Backoff(seed=2).wait_s(key, 3) for key in range(5))}) == 10
