from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients.rate_limits import RateLimiter


def run(limiter, sizes, *, start_s=0.0):
    """Send one request after the other and return when each went."""
    now_s, sent = start_s, []
    for size in sizes:
        while (wait_s := limiter.take(now_s, size)) > 0:
            now_s += wait_s
        sent.append(now_s)
    return sent


def test_without_limits_nothing_waits():
    assert run(RateLimiter(), [10**9] * 5) == [0.0] * 5


def test_requests_a_minute():
    assert run(RateLimiter(rpm=2), [1] * 5) == [0.0, 0.0, 60.0, 60.0, 120.0]


def test_tokens_a_minute():
    assert run(RateLimiter(tpm=100), [60, 40, 1, 99, 50]) == [0.0, 0.0, 60.0, 60.0, 120.0]


def test_waiting_for_tokens_ends_when_enough_requests_have_aged():
    limiter = RateLimiter(tpm=100)
    assert limiter.take(0.0, 50) == 0
    assert limiter.take(10.0, 50) == 0
    assert limiter.take(20.0, 50) == 40.0  # the first one ages at 60
    assert limiter.take(20.0, 51) == 50.0  # both have to


def test_a_request_above_the_limit_goes_alone():
    assert run(RateLimiter(tpm=10), [5, 50, 5]) == [0.0, 60.0, 120.0]


def test_a_pause_holds_everything_and_the_longest_counts():
    limiter = RateLimiter()
    limiter.pause(0.0, 30.0)
    limiter.pause(0.0, 10.0)
    assert limiter.take(1.0, 1) == 29.0
    assert limiter.take(30.0, 1) == 0.0


@given(
    st.integers(1, 5),
    st.integers(1, 50),
    st.lists(st.integers(0, 60), max_size=25),
    st.floats(0, 1e9),
)
def test_no_minute_holds_more_than_it_may(rpm, tpm, sizes, start_s):
    sent = run(RateLimiter(rpm=rpm, tpm=tpm), sizes, start_s=start_s)
    assert sent == sorted(sent)
    for place, begin in enumerate(sent):
        inside = [size for time, size in zip(sent, sizes, strict=True) if begin <= time < begin + 60.0 - 1e-6]
        assert len(inside) <= rpm
        assert sum(inside) <= tpm or max(inside) == inside[0] > tpm or sizes[place] > tpm


@pytest.mark.parametrize("now_s", [0.0, 0.1, 1e9 + 0.3])
def test_a_wait_is_over_when_it_was_waited(now_s):
    limiter = RateLimiter(rpm=1)
    assert limiter.take(now_s, 1) == 0
    waits = 0
    while (wait_s := limiter.take(now_s, 1)) > 0:
        now_s, waits = now_s + wait_s, waits + 1
    assert waits <= 2
