from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients.options import read_options, split_options
from longwave.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Settings:
    count: int | None = None
    name: str | None = None
    kind: Literal["one", "two"] = "one"
    rate: float = 1.0
    is_on: bool = False

    def __post_init__(self):
        if self.count == 13:
            raise ConfigError("Not 13. Take 12.")


@pytest.mark.parametrize(
    ("rest", "place", "options"),
    [
        ("gpt", "gpt", {}),
        ("a@http://h:1/v1?rpm=6", "a@http://h:1/v1", {"rpm": "6"}),
        ("a?x=1&y=b=c", "a", {"x": "1", "y": "b=c"}),
        ("a?x=%26%3F%20", "a", {"x": "&? "}),
    ],
)
def test_options_follow_the_first_question_mark(rest, place, options):
    assert split_options(rest) == (place, options)


@pytest.mark.parametrize("rest", ["a?", "a?x", "a?x=", "a?=1", "a?x=1&"])
def test_an_option_without_a_value_is_told(rest):
    with pytest.raises(ConfigError, match="Write option=value"):
        split_options(rest)


def test_an_option_comes_once():
    with pytest.raises(ConfigError, match='"x" of "a" comes twice'):
        split_options("a?x=1&x=2")


@given(st.text(max_size=30))
def test_any_text_is_split_or_refused(text):
    try:
        place, _ = split_options(text)
    except ConfigError:
        return
    assert text.startswith(place)


def test_values_get_the_type_of_their_field():
    found = read_options(
        Settings(), {"count": "3", "name": "1.0", "kind": "two", "rate": "2", "is_on": "yes"}
    )
    assert found == Settings(count=3, name="1.0", kind="two", rate=2.0, is_on=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": "x"}, "valid integer"),
        ({"kind": "three"}, "'one' or 'two'"),
        ({"rate": "["}, "cannot be read"),
        ({"nam": "x"}, 'Did you mean "name"'),
        ({"count": "13"}, r"^Not 13\. Take 12\.$"),
    ],
)
def test_wrong_options_are_explained(options, message):
    with pytest.raises(ConfigError, match=message):
        read_options(Settings(), options)
