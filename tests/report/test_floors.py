"""Floors: measured ones first, else what guessing would score."""

from __future__ import annotations

import polars as pl
import pytest

from longwave.predictions import INSTANCES
from longwave.report.estimates import ESTIMATE
from longwave.report.floors import floor_values
from longwave.report.measures import Measure

SHARE = Measure(name="accuracy", is_share=True, is_lower_better=False)
LOSS = Measure(name="bits per byte", is_share=False, is_lower_better=True, unit="bits/byte")
NO_CELLS = pl.DataFrame(schema={"scenario": pl.String, "system": pl.String, **ESTIMATE})


def listed(*right: int, options: tuple[str, ...] = ("yes", "no")) -> pl.DataFrame:
    rows = [
        {
            **dict.fromkeys(INSTANCES),
            "scenario": "s",
            "instance": f"i{place}",
            "references": list(options),
            "correct_references": [one],
        }
        for place, one in enumerate(right)
    ]
    return pl.DataFrame(rows, schema=INSTANCES)


def test_guessing_and_the_most_frequent_answer() -> None:
    found = floor_values(NO_CELLS, listed(0, 0, 0, 1), {"s": SHARE})
    assert dict(found.select("floor", "value").iter_rows()) == {"random": 0.5, "majority": 0.75}


def test_the_majority_may_be_a_place_in_the_list() -> None:
    own = [
        listed(2, options=(f"a{place}", f"b{place}", f"c{place}")).with_columns(instance=pl.lit(f"i{place}"))
        for place in range(3)
    ]
    found = floor_values(NO_CELLS, pl.concat(own), {"s": SHARE})
    assert dict(found.select("floor", "value").iter_rows())["majority"] == 1


def test_measured_floors_take_the_place_of_computed_ones() -> None:
    cells = pl.DataFrame([{"scenario": "s", "system": "floor:random", "value": 0.4}], schema=NO_CELLS.schema)
    found = floor_values(cells, listed(0, 1), {"s": SHARE})
    assert found.filter(pl.col("floor") == "random").select("value", "is_measured").rows() == [(0.4, True)]
    assert found.filter(pl.col("floor") == "majority")["is_measured"].item() is False


@pytest.mark.parametrize(
    ("instances", "measure"),
    [(listed(0, 1, options=("only",)), SHARE), (listed(0, 1), LOSS), (listed(), SHARE)],
    ids=["open", "loss", "unknown"],
)
def test_no_floor_where_nothing_can_be_guessed(instances: pl.DataFrame, measure: Measure) -> None:
    assert not len(floor_values(NO_CELLS, instances, {"s": measure}))
