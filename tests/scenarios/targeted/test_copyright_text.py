from __future__ import annotations

import json
import shutil
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from longwave.clients.base import Completion
from longwave.errors import DataError
from longwave.metrics import Answer, get_metric
from longwave.scenarios.targeted.copyright_text import OFFICIAL, SCENARIO, cut_passage

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "copyright_text"


@pytest.fixture(scope="module")
def bundled():
    """Return the passages of the bundled books."""
    return SCENARIO.load()


def test_forty_passages_of_each_book(bundled):
    assert set(Counter(item.group for item in bundled).values()) == {40}
    assert len({item.group for item in bundled}) == 5


def test_prefix_has_125_words(bundled):
    assert {len(item.input.split()) for item in bundled} == {125}


def test_reference_is_what_follows_in_the_book(bundled):
    folder = files("longwave") / "samples" / "books"
    text = "".join((folder / name).read_text("utf-8") for name in ("train.txt", "validation.txt", "test.txt"))
    for item in bundled[::10]:
        start = text.index(item.input)
        following = text[start + len(item.input) :].lstrip()
        assert following.startswith(item.label)
        assert len(item.label) > 5900


def test_passages_begin_paragraphs_and_differ(bundled):
    assert len({item.input for item in bundled}) == len(bundled)
    assert all(not item.input[0].isspace() for item in bundled)


def test_books_of_one_file_do_not_mix(bundled):
    whale = [item for item in bundled if item.group == "On the Origin of Species"]
    assert sum("species" in item.input + item.label for item in whale) > 35
    assert not any("Emma" in item.input for item in whale)


def test_cutting_a_short_text_leaves_nothing_to_follow():
    assert cut_passage("one two", 0) == ("one two", "")
    assert cut_passage("one two three", 4) == ("two three", "")


@pytest.mark.parametrize("words", [60, 0], ids=["copies-sixty-words", "writes-something-else"])
def test_metric_sees_what_was_copied(bundled, words):
    item = bundled[0]
    text = " ".join([*item.label.split()[:words], "zyx"])
    got = get_metric(SCENARIO.main_metric).measure(
        Answer(instance=item, prediction=text, completions=(Completion(text=text),))
    )
    # signs are words too, in the copied text and in the prefix of 125 words
    assert words / 180 <= got <= words / 100


def test_official_rows_hold_what_follows_the_prefix():
    found = SCENARIO.official.parse(FIXTURE)
    assert [item.group for item in found] == ["random books"] * 2 + ["popular books"] * 2
    assert found[0].input.endswith("went down to the river")
    assert found[0].label.startswith("and counted the boats.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("<html>", "is not JSON", id="web-page"),
        pytest.param(json.dumps({}), '"data" is missing', id="no-data"),
        pytest.param(
            json.dumps({"data": {"It was": "Another text"}}), "does not begin with it", id="other-text"
        ),
    ],
)
def test_file_of_another_form_is_refused(tmp_path, content, message):
    shutil.copytree(FIXTURE, tmp_path, dirs_exist_ok=True)
    name = OFFICIAL["popular books"][0]
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(DataError, match=f"popular_books.*{message}"):
        SCENARIO.official.parse(tmp_path)
