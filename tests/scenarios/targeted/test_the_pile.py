"""The documents of the Pile that are measured, read from compressed JSON lines."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from longwave.errors import DataError, MissingFile
from longwave.scenarios import get_scenario
from longwave.scenarios.targeted.the_pile import SUBSETS, TEXTS

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "the_pile"


@pytest.fixture
def folder(tmp_path):
    """Return a copy of the fixture's folder."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "the_pile"))


def parse(path):
    return get_scenario("the_pile").official.parse(path)


def test_only_measured_documents_of_the_six_kinds_are_read():
    found = [item.id.removeprefix("the_pile-test-") for item in parse(FIXTURE)]
    assert found == [
        "ArXiv-00000",
        "ArXiv-00002",
        "BookCorpus2-00000",
        "BookCorpus2-00001",
        "Enron_Emails-00000",
        "Enron_Emails-00001",
        "Github-00001",
        "PubMed_Central-00000",
        "Wikipedia_(en)-00000",
        "Wikipedia_(en)-00001",
    ]


def test_texts_are_kept_to_the_last_character():
    texts = [item.input for item in parse(FIXTURE)]
    assert "int main(void) { return 0; }\n" in texts
    assert "Dun (river)\n\nThe Dun is 30 km long – and slow." in texts


def test_lines_may_be_uncompressed(folder):
    lines = [{"text": subset, "meta": {"pile_set_name": subset}} for subset in SUBSETS for _ in range(3)]
    (folder / TEXTS).write_text("\n".join(map(json.dumps, lines)), "utf-8")
    assert {item.input for item in parse(folder)} == set(SUBSETS)


def test_a_list_of_places_beyond_the_documents_is_refused(folder):
    (folder / "github-group0.json").write_text("[2]", "utf-8")
    with pytest.raises(DataError, match="2 is no place of a document of Github; there are 2"):
        parse(folder)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"text": "x", "meta": ', "cannot be read as JSON lines"),
        ('{"text": null, "meta": {"pile_set_name": "Github"}}', 'without "text"'),
        ('{"text": "x", "meta": {"pile_set_name": "Github"}}', "no document of ArXiv, BookCorpus2"),
    ],
    ids=["json", "null", "kinds"],
)
def test_damaged_lines_are_refused(folder, lines, message):
    (folder / TEXTS).write_text(lines, "utf-8")
    with pytest.raises(DataError, match=re.escape(message)):
        parse(folder)


def test_missing_texts_are_named(tmp_path):
    with pytest.raises(MissingFile, match=re.escape(TEXTS)):
        parse(tmp_path)
