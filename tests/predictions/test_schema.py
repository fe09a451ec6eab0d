"""The declaration of the tables agrees with itself."""

from __future__ import annotations

import pytest

from longwave.predictions import COLUMNS, INSTANCES, KEY, REQUESTS, SCHEMA, SCORES, SIDE_COLUMNS
from longwave.predictions.schema import TABLES


def test_key_columns_lead_the_schema():
    assert tuple(SCHEMA)[: len(KEY)] == KEY


@pytest.mark.parametrize("table", TABLES)
def test_key_is_part_of_the_table(table):
    assert set(TABLES[table].key) <= set(TABLES[table].schema)


@pytest.mark.parametrize("columns", [COLUMNS, *SIDE_COLUMNS.values()], ids=["predictions", *SIDE_COLUMNS])
def test_every_column_is_described(columns):
    assert all(text and not text.endswith(".") for _, text in columns.values())


def test_side_schemas_are_those_of_the_tables():
    assert [TABLES[name].schema for name in SIDE_COLUMNS] == [REQUESTS, INSTANCES, SCORES]
