from __future__ import annotations

from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios import get_scenario

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "twitter_aae"


@pytest.fixture
def parse(tmp_path):
    """Return a function that parses two files with the given lines."""

    def run(aa, white):
        for name, text in (("aa", aa), ("white", white)):
            (tmp_path / f"{name}_tweets.csv").write_text(text, "utf-8")
        return get_scenario("twitter_aae").official.parse(tmp_path)

    return run


def test_the_files_have_no_line_of_names():
    found = get_scenario("twitter_aae").official.parse(FIXTURE)
    assert [item.group for item in found] == ["aa"] * 4 + ["white"] * 4
    assert found[2].input == 'we finna eat good tonight, "no cap"'


def test_an_empty_tweet_is_left_out_and_keeps_its_number(parse):
    found = parse('one\n""\ntwo\n', "three\n")
    assert [item.id for item in found] == [
        "twitter_aae-test-aa-00000",
        "twitter_aae-test-aa-00002",
        "twitter_aae-test-white-00000",
    ]


def test_a_second_cell_is_refused(parse):
    with pytest.raises(DataError, match=r'white_tweets\.csv", line 1 has 2 cells'):
        parse("one\n", "two,three\n")
