"""The request cache and its replay when files are damaged, closed, shared or interrupted."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.clients import CachedClient, Completion, FakeClient, ReplayClient, Request, Result
from longwave.clients.cache_file import CacheFile, cut_at, text_key
from longwave.clients.replay import CACHE_NAME
from longwave.errors import ClientError, ConfigError, DataError, Refused, StorageError


def make_client(**more):
    return FakeClient(
        lambda request: Completion(text=request.prompt[::-1], logprob=-1.0), **{"max_length": 999, **more}
    )


def ask(client, *prompts):
    return [result.completions[0].text for result in client.complete([Request(prompt=p) for p in prompts])]


def damage(path, statement, *values):
    connection = sqlite3.connect(path)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


@pytest.fixture
def path(tmp_path):
    """Return a cache that holds one answer, one token count and one cut."""
    with CachedClient(make_client(), tmp_path / CACHE_NAME) as client:
        ask(client, "abc")
        client.count_tokens("two words")
        client.split_text("two words", 1)
    return tmp_path / CACHE_NAME


DAMAGED_RESULTS = [
    "",
    "{",
    "null",
    "[]",
    "{}",
    '{"completions": 3}',
    '{"completions": [{"txt": "a"}]}',
    "\x00",
]


@pytest.mark.parametrize("value", DAMAGED_RESULTS)
def test_no_damaged_answer_is_taken_for_one(path, value):
    damage(path, "UPDATE results SET value = ?", value)
    with CachedClient(make_client(), path) as client, pytest.raises(DataError, match="cannot be read"):
        ask(client, "abc")


@pytest.mark.parametrize("value", ["zz", "", "null", '"3"', "{}", "[1.5]", '[1, "2"]'])
@pytest.mark.parametrize("call", ["count", "split"])
@pytest.mark.parametrize("kind", ["cache", "replay"])
def test_no_damaged_number_of_tokens_is_taken_for_one(path, value, call, kind):
    damage(path, "UPDATE texts SET value = ?", value)
    client = CachedClient(make_client(), path) if kind == "cache" else ReplayClient(path.parent)
    with pytest.raises(DataError, match="where a number of tokens or lengths"):
        client.count_tokens("two words") if call == "count" else client.split_text("two words", 1)
    client.close()


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9], ids=str)
def test_a_file_cut_short_is_refused(path, keep):
    damage(path, "INSERT INTO results VALUES ('pad', ?)", "x" * 50_000)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with (
        pytest.raises(DataError, match=r"is damaged.*delete the file"),
        CachedClient(make_client(), path) as c,
    ):
        c._file.find(["pad"])


def test_an_empty_file_is_a_new_cache(tmp_path):
    (tmp_path / CACHE_NAME).touch()
    with CachedClient(make_client(), tmp_path / CACHE_NAME) as client:
        assert ask(client, "abc") == ["cba"]


def test_a_closed_cache_is_not_called_damaged(path):
    client = CachedClient(make_client(), path)
    client.close()
    with pytest.raises(StorageError, match=r"closed database\. Open it again"):
        ask(client, "abc")


def test_a_cache_of_another_thread_is_not_called_damaged(path):
    with CachedClient(make_client(), path) as client, ThreadPoolExecutor(1) as pool:
        with pytest.raises(StorageError, match="in every thread its own"):
            pool.submit(ask, client, "abc").result()
        assert ask(client, "abc") == ["cba"]


def test_clients_of_several_threads_share_one_file(tmp_path):
    start = threading.Barrier(4)

    def work(number):
        with CachedClient(make_client(), tmp_path / CACHE_NAME) as client:
            start.wait()
            return [ask(client, f"own {number} {i}", f"shared {i}") for i in range(8)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    assert found == [[[f"own {n} {i}"[::-1], f"shared {i}"[::-1]] for i in range(8)] for n in range(4)]
    inner = make_client()
    with CachedClient(inner, tmp_path / CACHE_NAME) as client:
        ask(client, *(f"own {n} {i}" for n in range(4) for i in range(8)), *(f"shared {i}" for i in range(8)))
    assert inner.n_requests == 0


def test_a_file_that_another_process_holds_is_told(path, monkeypatch):
    monkeypatch.setattr("longwave.clients.cache_file.LOCK_TIMEOUT_S", 0.01)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match="end the other process"):
        CachedClient(make_client(), path)
    holder.close()


def test_a_client_that_fails_leaves_the_file_as_it_was(path):
    class Failing(FakeClient):
        def complete(self, _):
            raise ClientError("offline")

    with CachedClient(Failing(None, max_length=999), path) as client:
        with pytest.raises(ClientError, match="offline"):
            ask(client, "abc", "new")
        assert ask(client, "abc") == ["cba"]  # known answers need no client
    inner = make_client()
    with CachedClient(inner, path) as client:
        ask(client, "new")
    assert inner.n_requests == 1


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_client_that_loses_requests_is_told(path, n):
    class Losing(FakeClient):
        def complete(self, _):
            return [Result()] * n

    with (
        CachedClient(Losing(None), path) as client,
        pytest.raises(ClientError, match=f"gave {n} results to 2"),
    ):
        ask(client, "x", "y")


def test_more_keys_than_one_statement_takes_are_found(tmp_path):
    prompts = [str(number) for number in range(1203)]
    with CachedClient(make_client(), tmp_path / CACHE_NAME) as client:
        assert ask(client, *prompts) == [prompt[::-1] for prompt in prompts]
        assert ask(client, *prompts[::-1]) == [prompt[::-1] for prompt in prompts[::-1]]
        assert (client.hits, client.misses) == (1203, 1203)


@settings(max_examples=30)
@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=5), max_size=5))
def test_hits_and_misses_are_those_of_a_set(calls):
    seen, client = set(), CachedClient(inner := make_client(), Path(":memory:"))
    for call in calls:
        assert ask(client, *call) == call  # one letter is its own reverse
        seen |= set(call)
        assert inner.n_requests == client.misses == len(seen)
    assert client.hits + client.misses == sum(map(len, calls))
    client.close()


def test_without_a_window_nothing_is_remembered_of_texts(tmp_path):
    with CachedClient(make_client(max_length=None), tmp_path / CACHE_NAME) as client:
        assert (client.count_tokens("a b"), client.split_text("a b", 1)) == (2, ["a", " b"])
    replay = ReplayClient(tmp_path)
    assert (replay.count_tokens("any text at all"), replay.split_text("any text", 1)) == (4, ["any text"])
    replay.close()


def test_an_empty_answer_and_a_count_of_zero_are_known(tmp_path):
    with CachedClient(make_client(), tmp_path / CACHE_NAME) as client:
        assert (ask(client, ""), client.count_tokens(""), client.split_text("", 3)) == ([""], 0, [])
    replay = ReplayClient(tmp_path)
    assert (ask(replay, ""), replay.count_tokens(""), replay.split_text("", 3)) == ([""], 0, [])
    replay.close()


def test_a_cut_of_another_size_is_another_cut(path):
    client = ReplayClient(path.parent)
    with pytest.raises(Refused, match="does not tell"):
        client.split_text("two words", 2)
    client.close()


@given(st.text(max_size=20), st.lists(st.integers(0, 20), max_size=4))
def test_a_cut_comes_back_from_its_lengths(text, cuts):
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    pieces = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    assert cut_at(text, [len(piece) for piece in pieces]) == pieces


def test_text_keys_tell_everything_apart():
    keys = [
        text_key("m", "1", "t"),
        text_key("m", "2", "t"),
        text_key("n", "1", "t"),
        text_key("m", "1", "u"),
        text_key("m", "1", "t", 1),
        text_key("m", "1", "t", 2),
    ]
    assert len(set(keys)) == len(keys)


def test_a_replay_takes_the_latest_version_and_date(tmp_path):
    for version, scope in (("1", "2025-01-01"), ("2", "2025-01-01"), ("2", "2025-02-01")):
        answers = FakeClient(lambda _, text=f"{version} {scope}": Completion(text=text), version=version)
        with CachedClient(answers, tmp_path / CACHE_NAME, scope=scope) as client:
            client.complete([Request(prompt="a")])
    replay = ReplayClient(tmp_path)
    assert ask(replay, "a") == ["2 2025-02-01"]
    replay.close()


def test_a_replay_of_an_empty_cache_is_refused(tmp_path):
    CacheFile(tmp_path / CACHE_NAME).close()
    with pytest.raises(ConfigError, match=r"0 models \(none\).*replay:MODEL@"):
        ReplayClient(tmp_path)


def test_a_replay_answers_what_it_can(path):
    client = ReplayClient(path.parent)
    known, unknown, again = client.complete([Request(prompt=p) for p in ("abc", "new", "abc")])
    assert known == again
    assert (known.error, unknown.completions) == (None, ())
    client.close()
