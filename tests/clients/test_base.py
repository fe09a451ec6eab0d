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
