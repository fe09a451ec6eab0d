from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path
from shutil import copytree

import pytest

from longwave.errors import DataError
from longwave.scenarios import get_scenario

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "entity_matching"
MATCHING = get_scenario("entity_matching")
DATASETS = ("Beer", "Abt_Buy", "Dirty_iTunes_Amazon")


def replace_pairs(folder, pairs):
    """Copy the fixture, with other pairs in the test file of Beer."""
    copytree(FIXTURE, folder, dirs_exist_ok=True)
    path = folder / "beer_exp_data.zip"
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["exp_data/test.csv"] = f"ltable_id,rtable_id,label\n{pairs}\n".encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return folder


def test_pair_is_written_as_two_records_and_a_question():
    row = next(row for row in MATCHING.official.parse(FIXTURE) if row.split == "valid")
    assert row.input == (
        "Product A is Beer_Name: Old Mill. Brew_Factory_Name: Mill House. Style: Porter. ABV: nan. "
        "Product B is Beer_Name: Mill Stream. Brew_Factory_Name: River House. Style: Porter. ABV: -. "
        "Are A and B the same?"
    )
    assert row.label == "No"
    assert row.group == row.extra["dataset"] == "Beer"


def test_training_pairs_are_half_matches():
    train = [row for row in MATCHING.official.parse(FIXTURE) if row.split == "train"]
    found = Counter((row.group, row.label) for row in train)
    assert found == {
        ("Beer", "Yes"): 3,
        ("Beer", "No"): 3,
        ("Abt_Buy", "Yes"): 1,
        ("Abt_Buy", "No"): 1,
        ("Dirty_iTunes_Amazon", "Yes"): 1,
        ("Dirty_iTunes_Amazon", "No"): 1,
    }


def test_kept_pairs_stand_in_the_order_of_the_source():
    ids = [row.id for row in MATCHING.official.parse(FIXTURE) if row.split == "train" and row.group == "Beer"]
    assert ids == sorted(ids)


def test_evaluated_pairs_are_all_kept():
    test = [row for row in MATCHING.official.parse(FIXTURE) if row.split == "test"]
    assert Counter(row.group for row in test) == {"Beer": 2, "Abt_Buy": 1, "Dirty_iTunes_Amazon": 1}


def test_bundled_pairs_end_in_the_question_too():
    rows = MATCHING.load()
    assert Counter(row.split for row in rows) == {"train": 180, "test": 350}
    assert {row.group for row in rows} == set(DATASETS)
    assert all(row.input.endswith(". Are A and B the same?") for row in rows)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("0,99,1", '"rtable_id" is "99", which no record has'),
        ("0,0,2", '"label" is 2; accepted are 0 to 1'),
        ("0,0,yes", '"label" is "yes"; it must be a whole number'),
        ("0,0", "has 2 cells; accepted are 3"),
    ],
    ids=["record", "label", "text", "cells"],
)
def test_damaged_pair_is_told_with_its_place(tmp_path, pairs, message):
    with pytest.raises(DataError, match=message) as error:
        MATCHING.official.parse(replace_pairs(tmp_path, pairs))
    assert "exp_data/test.csv" in str(error.value)
