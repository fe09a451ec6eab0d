from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients.hosted_settings import HostedSettings, ServerAddress, read_key, read_spec
from longwave.errors import ConfigError

SECRET = "sk-secret-0123456789"


def address(url):
    return ServerAddress.parse(url, allow_http=False)


@pytest.mark.parametrize(
    ("spec", "name", "url"),
    [
        ("gpt@https://api.example.org", "gpt", "https://api.example.org/v1"),
        ("org/gpt-7b@https://h/openai/v1/", "org/gpt-7b", "https://h/openai/v1"),
        ("gpt@main@http://localhost:8000", "gpt@main", "http://localhost:8000/v1"),
        ("gpt@http://[::1]:8000/v1", "gpt", "http://[::1]:8000/v1"),
        ("gpt@HTTPS://Example.org", "gpt", "https://Example.org/v1"),
    ],
)
def test_a_spec_is_a_name_and_an_address(spec, name, url):
    found_name, found_address, _ = read_spec(spec)
    assert (found_name, found_address.url) == (name, url)


@pytest.mark.parametrize("spec", ["", "gpt", "@https://h", "gpt@", "gpt@h", "https://h"])
def test_a_spec_without_name_or_address_is_refused(spec):
    with pytest.raises(ConfigError, match="Write for example openai:"):
        read_spec(spec)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://h", "is not the address of a server"),
        ("http://", "is not the address of a server"),
        ("https://u:p@h", "holds a user name or password"),
        ("https://u@h", "holds a user name or password"),
        ("http://example.org/v1", "unencrypted and not on this machine"),
        ("http://10.0.0.1", "unencrypted and not on this machine"),
        ("https://h:99999", "is not an address: Port"),
        ("https://h/#x", 'holds a "#"'),
    ],
)
def test_unusable_addresses_are_explained(url, message):
    with pytest.raises(ConfigError, match=message):
        address(url)


def test_a_password_in_an_address_is_not_repeated():
    with pytest.raises(ConfigError) as caught:
        address("https://user:hunter2@h")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]", "a.localhost"])
def test_this_machine_may_be_asked_unencrypted(host):
    assert address(f"http://{host}:1").is_loopback


def test_another_machine_may_be_asked_unencrypted_when_allowed():
    _, found, _ = read_spec("gpt@http://10.0.0.1?allow_http=yes")
    assert not found.is_loopback


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"api": "chats"}, "must be one of auto, chat, completions"),
        ({"concurrency": 0}, "at least 1"),
        ({"retries": -1}, "at least 0"),
        ({"timeout_s": 0}, "above 0"),
        ({"max_wait_s": float("inf")}, "finite"),
        ({"price_in": 1.0}, "belong together"),
        ({"price_in": -1.0, "price_out": 1.0}, "at least 0"),
        ({"price_in": 1.0, "price_out": 1.0, "prices": "p.toml"}, "both tell the price"),
        ({"max_usd": 1.0}, "needs prices"),
        ({"max_length": 5}, "needs a tokenizer"),
        ({"omit": "seed,sead"}, 'names "sead"'),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        HostedSettings(**values)


def test_omitted_settings_are_a_set():
    assert HostedSettings(omit="seed,top_p").omitted == {"seed", "top_p"}


@given(st.text(max_size=40))
def test_any_spec_is_read_or_refused(text):
    try:
        name, found, _ = read_spec(text)
    except ConfigError:
        return
    assert name
    assert found.url.startswith(("http://", "https://"))


def test_a_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("LONGWAVE_API_KEY", f" {SECRET}\n")
    assert read_key(address("https://h"), None) == SECRET


def test_openais_key_goes_to_openai_only(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert read_key(address("https://h"), None) is None
    assert read_key(address("https://api.openai.com.example.org"), None) is None
    assert read_key(address("https://api.openai.com/v1"), None) == SECRET


def test_longwaves_key_comes_before_openais(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.setenv("LONGWAVE_API_KEY", SECRET)
    assert read_key(address("https://api.openai.com"), None) == SECRET


def test_a_named_variable_is_the_only_one_read(monkeypatch):
    monkeypatch.setenv("LONGWAVE_API_KEY", "sk-other")
    monkeypatch.setenv("MY_KEY", SECRET)
    assert read_key(address("https://h"), "MY_KEY") == SECRET


def test_a_named_variable_must_be_set(monkeypatch):
    monkeypatch.setenv("LONGWAVE_API_KEY", SECRET)
    with pytest.raises(ConfigError, match='"MY_KEY", which key names, is not set'):
        read_key(address("https://h"), "MY_KEY")


@pytest.mark.parametrize("wrong", ["two words", "line\nend", "né"])
def test_a_key_no_header_can_hold_is_refused_without_showing_it(monkeypatch, wrong):
    monkeypatch.setenv("LONGWAVE_API_KEY", wrong)
    with pytest.raises(ConfigError, match="no key has") as caught:
        read_key(address("https://h"), None)
    assert wrong not in str(caught.value)
