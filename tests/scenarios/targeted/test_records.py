from __future__ import annotations

import pytest

from longwave.scenarios.targeted.records import write_record


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({}, ""),
        ({"name": "Ale"}, "name: Ale"),
        ({"name": "Ale ", "price": "$ 1.29"}, "name: Ale. price: $ 1.29"),
        ({"name": "", "price": "2"}, "name: nan. price: 2"),
        ({"name": "Bock – hell"}, "name: Bock – hell"),
    ],
    ids=["none", "one", "blanks", "empty", "unicode"],
)
def test_columns_stand_one_after_the_other(record, text):
    assert write_record(record) == text
