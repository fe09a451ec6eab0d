from __future__ import annotations

import pytest

from longwave.clients import Request

REQUEST = Request(prompt="a")


@pytest.mark.parametrize(
    "other",
    [
        Request(prompt="b"),
        Request(prompt="a", continuation=""),
        Request(prompt="a", max_tokens=1),
        Request(prompt="a", temperature=1.0),
        Request(prompt="a", top_p=0.5),
        Request(prompt="a", stop=("x",)),
        Request(prompt="a", n=2),
        Request(prompt="a", seed=0),
    ],
    ids=["prompt", "continuation", "max_tokens", "temperature", "top_p", "stop", "n", "seed"],
)
def test_every_setting_is_part_of_the_hash(other):
    assert other.hash("m", "1") != REQUEST.hash("m", "1")


def test_model_and_version_are_part_of_the_hash():
    assert len({REQUEST.hash("m", "1"), REQUEST.hash("m", "2"), REQUEST.hash("n", "1")}) == 3


def test_equal_requests_have_equal_hashes():
    assert Request(prompt="a", stop=("x",)).hash("m", "1") == Request(prompt="a", stop=("x",)).hash("m", "1")


@pytest.mark.parametrize(
    "same", [Request(prompt="a", temperature=0), Request(prompt="a", top_p=1)], ids=["temperature", "top_p"]
)
def test_whole_numbers_hash_as_the_floats_they_equal(same):
    assert same == REQUEST
    assert same.hash("m", "1") == REQUEST.hash("m", "1")


def test_the_hash_of_a_request_never_changes():
    # the key of every cache and requests table written so far
    request = Request(prompt="n\u00e9", continuation=" b", max_tokens=0, stop=("\n",), seed=3)
    assert (REQUEST.hash("m", "1"), request.hash("m", "1")) == ("dad93d00a70d111b", "b8c1660c245238dc")


@pytest.mark.parametrize(
    "prompts", [("a", "a\x00"), ("\u00e9", "e\u0301"), ("a", "a ")], ids=["nul", "form", "blank"]
)
def test_prompts_that_look_alike_have_their_own_hash(prompts):
    assert len({Request(prompt=prompt).hash("m", "1") for prompt in prompts}) == 2
