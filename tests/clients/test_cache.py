from __future__ import annotations

import sqlite3

import pytest

from longwave.clients import CachedClient, Completion, FakeClient, Request, Result
from longwave.clients.cache_file import CacheFile
from longwave.errors import ClientError, DataError, StorageError


class Flaky(FakeClient):
    """Fails the prompts that it is told to."""

    def __init__(self, bad=(), **more):
        super().__init__(self._rule, **more)
        self.bad = set(bad)

    def _rule(self, request):
        if request.prompt in self.bad:
            raise ClientError("not now")
        return Completion(text=f"re: {request.prompt}", logprob=-1.5, n_tokens=2, finish_reason="stop")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "inner" / "requests.sqlite"


def ask(client, *prompts):
    return client.complete([Request(prompt=prompt) for prompt in prompts])


class Streaming(Flaky):
    """Hands answers over one by one, the last first, and breaks off after some."""

    def __init__(self, *, breaks_after=99, **more):
        super().__init__(**more)
        self.breaks_after = breaks_after

    def complete_stream(self, requests):
        for count, index in enumerate(reversed(range(len(requests)))):
            if count == self.breaks_after:
                raise ClientError("no more")
            yield [(index, self._answer(requests[index]))]


def test_streamed_answers_come_in_the_order_of_requests(path):
    with CachedClient(Streaming(), path) as client:
        results = ask(client, "a", "b", "c")
    assert [result.completions[0].text for result in results] == ["re: a", "re: b", "re: c"]


def test_streamed_answers_are_kept_as_they_come(path):
    client = Streaming(breaks_after=2)
    with CachedClient(client, path) as cached, pytest.raises(ClientError, match="no more"):
        ask(cached, "a", "b", "c", "d")
    with CachedClient(Flaky(), path) as cached:
        assert [result.is_cached for result in ask(cached, "a", "b", "c", "d")] == [False, False, True, True]


def test_each_streamed_answer_is_on_disk_before_the_next(path):
    seen = []

    class Looking(Streaming):
        def complete_stream(self, requests):
            for index, request in enumerate(requests):
                file = CacheFile(path)
                seen.append(file._connection.execute("SELECT count(*) FROM results").fetchone()[0])
                file.close()
                yield [(index, self._answer(request))]

    with CachedClient(Looking(), path) as client:
        ask(client, "a", "b", "c")
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("places", [[0], [0, 0], [0, 2], [-1, 1]], ids=str)
def test_a_client_that_miscounts_is_told(path, places):
    class Wrong(Streaming):
        def complete_stream(self, requests):
            yield [(place, self._answer(requests[0])) for place in places]

    with CachedClient(Wrong(), path) as cached, pytest.raises(ClientError, match="gave 1 results to 2"):
        ask(cached, "a", "b")


def test_a_second_client_on_the_file_asks_nothing(path):
    with CachedClient(Flaky(), path) as first:
        before = ask(first, "a", "b")
    inner = Flaky()
    with CachedClient(inner, path) as second:
        after = ask(second, "b", "a")
        assert (second.hits, second.misses, inner.n_requests) == (2, 0, 0)
    assert [result.completions for result in after] == [result.completions for result in before[::-1]]
    assert all(result.is_cached for result in after)


def test_equal_requests_in_one_call_are_asked_once(path):
    inner = Flaky()
    with CachedClient(inner, path) as client:
        results = ask(client, "a", "a")
    assert inner.n_requests == 1
    assert results[0].completions == results[1].completions


def test_failures_are_asked_again(path):
    inner = Flaky(bad={"a"})
    with CachedClient(inner, path) as client:
        assert ask(client, "a")[0].error == "not now"
        inner.bad.clear()
        assert ask(client, "a")[0].error is None


@pytest.mark.parametrize("change", [{"name": "other"}, {"version": "2"}])
def test_other_models_do_not_share_answers(path, change):
    with CachedClient(Flaky(), path) as first:
        ask(first, "a")
    other = Flaky(**change)
    with CachedClient(other, path) as second:
        ask(second, "a")
    assert other.n_requests == 1


def test_another_scope_asks_anew(path):
    with CachedClient(Flaky(), path, scope="2025-01-01") as first:
        ask(first, "a")
    other = Flaky()
    with CachedClient(other, path, scope="2025-01-02") as second:
        ask(second, "a")
    assert other.n_requests == 1


def test_answers_are_on_disk_before_they_are_returned(path):
    client = CachedClient(Flaky(), path)
    ask(client, "a")
    with CachedClient(Flaky(bad={"a"}), path) as other:
        assert ask(other, "a")[0].error is None
    client.close()


def test_a_result_survives_the_file_whole(path):
    result = Result(
        completions=(Completion(text="\x00<b>né\u2028", logprob=-0.1, n_tokens=3, finish_reason="stop"),),
        latency_s=0.25,
        tokens_in=7,
        tokens_out=3,
        cost_usd=0.001,
    )
    file = CacheFile(path)
    file.put({"k": result}, {})
    assert file.find(["k"]) == {"k": result}
    file.close()


def test_token_counts_are_asked_once_where_there_is_a_window(path):
    counted = []

    class Counting(Flaky):
        def count_tokens(self, text):
            counted.append(text)
            return len(text)

    with CachedClient(Counting(max_length=9), path) as client:
        assert [client.count_tokens("abc"), client.count_tokens("abc")] == [3, 3]
        assert client.split_text("ab cd ef", 2) == ["ab cd", " ef"]
    with CachedClient(Counting(max_length=9), path) as client:
        assert client.count_tokens("abc") == 3
    assert counted == ["abc"]


def test_a_file_that_is_no_cache_is_refused(path):
    path.parent.mkdir()
    path.write_bytes(b"something else entirely, and long enough to be read" * 50)
    with pytest.raises(DataError, match="is damaged"):
        CachedClient(Flaky(), path)


def test_a_damaged_result_is_refused(path):
    with CachedClient(Flaky(), path) as client:
        ask(client, "a")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE results SET value = '{'")
    connection.close()
    with CachedClient(Flaky(), path) as client, pytest.raises(DataError, match="cannot be read"):
        ask(client, "a")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot use the cache"):
        CachedClient(Flaky(), tmp_path / "file" / "requests.sqlite")


def test_a_full_disk_is_told_and_keeps_what_was_there(path):
    with CachedClient(Flaky(), path) as client:
        ask(client, "a")
        pages = client._file._connection.execute("PRAGMA page_count").fetchone()[0]
        client._file._connection.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StorageError, match="full"):
            ask(client, "b" * 100_000, *map(str, range(500)))
    inner = Flaky()
    with CachedClient(inner, path) as client:
        ask(client, "a")
    assert inner.n_requests == 0


def test_a_cache_of_the_older_form_is_read(tmp_path):
    client = FakeClient(lambda _: Completion(text="new"))
    request = Request(prompt="p")
    with CachedClient(client, tmp_path / "c.sqlite") as cached:
        cached.complete([request])
    old = (
        '{"completions": [{"text": "old", "logprob": -1.0, "n_tokens": 1, "finish_reason": "stop"}], '
        '"latency_s": 2.0, "tokens_in": 3, "tokens_out": 1, "cost_usd": null, '
        '"is_cached": false, "error": null}'
    )
    connection = sqlite3.connect(tmp_path / "c.sqlite")
    connection.execute("UPDATE results SET value = ?", (old,))
    connection.commit()
    connection.close()
    with CachedClient(client, tmp_path / "c.sqlite") as cached:
        (result,) = cached.complete([request])
    assert (result.completions[0].text, result.latency_s, result.is_cached) == ("old", 2.0, True)
