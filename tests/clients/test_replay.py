from __future__ import annotations

import pytest

from longwave.clients import CachedClient, Completion, FakeClient, ReplayClient, Request, open_client
from longwave.clients.replay import CACHE_NAME
from longwave.errors import ConfigError, MissingFile, Refused


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the answers of one model."""
    client = FakeClient(lambda request: Completion(text=request.prompt[::-1]), name="one", max_length=50)
    with CachedClient(client, tmp_path / CACHE_NAME) as cached:
        cached.complete([Request(prompt="abc", max_tokens=5)])
        cached.count_tokens("two words")
        cached.split_text("two words", 1)
    return tmp_path


def test_known_requests_are_answered_as_then(folder):
    client = ReplayClient(folder)
    (result,) = client.complete([Request(prompt="abc", max_tokens=5)])
    assert result.completions[0].text == "cba"
    assert result.is_cached
    client.close()


def test_name_version_and_window_are_those_of_the_model(folder):
    client = ReplayClient(folder)
    assert (client.name, client.version, client.max_length) == ("one", "1", 50)
    client.close()


def test_texts_are_read_as_the_model_read_them(folder):
    client = ReplayClient(folder)
    assert client.count_tokens("two words") == 2
    assert client.split_text("two words", 1) == ["two", " words"]
    client.close()


def test_unknown_requests_get_an_error(folder):
    client = ReplayClient(folder)
    assert "holds no answer" in client.complete([Request(prompt="new")])[0].error
    client.close()


def test_unknown_texts_are_refused(folder):
    client = ReplayClient(folder)
    with pytest.raises(Refused, match='how "one" reads this text'):
        client.count_tokens("new")
    client.close()


def test_one_of_several_models_must_be_named(folder):
    other = FakeClient(lambda _: Completion(text=""), name="two")
    CachedClient(other, folder / CACHE_NAME).close()
    with pytest.raises(ConfigError, match=r"2 models \(one, two\)"):
        open_client(f"replay:{folder}")
    client = open_client(f"replay:two@{folder}")
    assert client.name == "two"
    client.close()


def test_a_model_that_is_not_there_is_refused(folder):
    with pytest.raises(ConfigError, match="one must be named"):
        open_client(f"replay:three@{folder}")


def test_a_folder_without_answers_is_refused(tmp_path):
    with pytest.raises(MissingFile, match="No answers to replay"):
        open_client(f"replay:{tmp_path}")
