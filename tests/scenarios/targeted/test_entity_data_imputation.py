from __future__ import annotations

import hashlib
import io
import tarfile
from collections import Counter
from pathlib import Path
from shutil import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import DataError
from longwave.scenarios import get_scenario
from longwave.scenarios.targeted.entity_data_imputation import _split

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "entity_data_imputation"
IMPUTATION = get_scenario("entity_data_imputation")


def write_restaurants(folder, text):
    copy(FIXTURE / "Abt-Buy.zip", folder)
    with tarfile.open(folder / "restaurant.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("fz.arff")
        info.size = len(text.encode())
        archive.addfile(info, io.BytesIO(text.encode()))
    return folder


def test_splits_are_those_of_the_published_code():
    # as drawn by the library that it uses: sample(frac=0.1), then sample(frac=0.2) of the rest, seed 1234
    assert _split(25)["test"] == [7, 16]
    assert _split(25)["valid"] == [8, 14, 2, 3, 1]
    drawn = _split(864)["test"], _split(864)["valid"]
    assert hashlib.sha256(repr(drawn).encode()).hexdigest()[:12] == "331d171ce336"


@given(st.integers(0, 300))
def test_splits_share_out_all_rows(n_rows):
    found = _split(n_rows)
    assert sorted(found["train"] + found["valid"] + found["test"]) == list(range(n_rows))
    assert len(found["test"]) == round(n_rows * 0.1)


def test_restaurants_hide_their_city():
    row = next(row for row in IMPUTATION.official.parse(FIXTURE) if "cafe a" in row.input)
    assert row.input == (
        "name: cafe a. addr: 1 mill st.  near the bridge, north. phone: 01904/5500. type: bistro. city?"
    )
    assert row.label == "york"


def test_products_hide_their_maker_and_show_missing_prices():
    row = next(row for row in IMPUTATION.official.parse(FIXTURE) if row.id.endswith("train-Buy-00001"))
    assert row.input == "name: Birch tea kettle B2. description: Tea kettle, new. price: nan. manufacturer?"
    assert row.label == "Birch"
    assert row.group == row.extra["dataset"] == "Buy"


def test_records_without_description_city_or_maker_are_left_out():
    rows = IMPUTATION.official.parse(FIXTURE)
    assert not any("Alder floor lamp A9" in row.input or "spare part" in row.input for row in rows)
    assert all(row.label for row in rows)
    assert Counter(row.group for row in rows) == {"Buy": 15, "Restaurant": 14}


def test_bundled_rows_do_not_show_the_number_of_the_restaurant():
    rows = IMPUTATION.load()
    assert Counter(row.split for row in rows) == {"train": 60, "test": 240}
    assert all(" class: " not in row.input for row in rows)
    assert all(row.input.endswith(". city?") and row.group == "Restaurant" for row in rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('@attribute city string\n@data\n"york", "x"\n', "line 3 has 2 cells; accepted are 1"),
        ("@attribute name string\n@data\n", 'has no column "city"; there are: name'),
        ("", 'has no column "city"; there are: none'),
    ],
    ids=["cells", "column", "empty"],
)
def test_damaged_table_is_told_with_its_place(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        IMPUTATION.official.parse(write_restaurants(tmp_path, text))
