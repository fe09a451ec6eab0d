from __future__ import annotations

from itertools import cycle

import pytest

from longwave.errors import ConfigError
from longwave.scenarios.synthetic.splits import split_rows


def test_an_input_that_came_before_is_skipped():
    rows = [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")]
    found = split_rows(rows, {"train": 1, "test": 2}, name="letters", by="kind", value="latin")
    assert [(row.split, row.input, row.label) for row in found] == [
        ("train", "a", "1"),
        ("test", "b", "2"),
        ("test", "c", "4"),
    ]


def test_rows_know_their_place_and_kind():
    row = split_rows([("a", "1")], {"valid": 1}, name="letters", by="kind", value="latin")[0]
    assert row.id == "letters-valid-latin-00000"
    assert row.group == "latin"
    assert row.extra == {"kind": "latin"}


@pytest.mark.parametrize("sizes", [{"validation": 1}, {"test": -1}])
def test_unknown_split_or_negative_size_is_refused(sizes):
    with pytest.raises(ConfigError, match="accepted are train, valid and test with 0 rows or more"):
        split_rows(cycle([("a", "1")]), sizes, name="letters", by="kind", value="latin")
