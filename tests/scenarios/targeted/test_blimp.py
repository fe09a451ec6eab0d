from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios import get_scenario
from longwave.scenarios.rows import read_sample
from longwave.scenarios.targeted.blimp import ARCHIVE

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "blimp"


def test_the_acceptable_sentence_is_first_in_about_half_of_the_pairs():
    first = [instance.references[0].is_correct for instance in get_scenario("blimp").load()]
    assert 0.45 < sum(first) / len(first) < 0.55


def test_shuffling_is_the_same_every_time():
    assert get_scenario("blimp").load() == get_scenario("blimp").load()


def test_shuffling_keeps_both_sentences():
    for shown, source in zip(get_scenario("blimp").load(), read_sample("blimp"), strict=True):
        assert set(shown.references) == set(source.references)


def test_official_pairs_are_grouped_by_phenomenon():
    found = get_scenario("blimp").official.parse(FIXTURE)
    assert [(item.id, item.group) for item in found][::2] == [
        ("blimp-test-adjunct_island-0000", "island_effects"),
        ("blimp-test-principle_A_case_1-0000", "binding"),
        ("blimp-test-superlative_quantifiers_1-0000", "quantifiers"),
    ]
    assert found[0].label == "Who had Mark met before leaving?"


@pytest.mark.parametrize(
    ("member", "text", "message"),
    [
        ("x.jsonl", "{}", 'holds no paradigms under "data/"'),
        ("data/x.jsonl", "{}", 'line 1: the field "linguistics_term" is missing'),
    ],
    ids=["folder", "row"],
)
def test_a_damaged_archive_is_named(tmp_path, member, text, message):
    with zipfile.ZipFile(tmp_path / ARCHIVE, "w") as archive:
        archive.writestr(member, text)
    with pytest.raises(DataError, match=message):
        get_scenario("blimp").official.parse(tmp_path)
