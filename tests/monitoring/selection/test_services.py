from __future__ import annotations

import polars as pl
import pytest

from longwave.errors import ConfigError, DataError, TableError, UnknownName
from longwave.monitoring import HapiStore, Run
from longwave.monitoring.selection.services import Services

ONE = pl.DataFrame(
    {
        "instance": ["a", "b", "c"],
        "prediction": ["x", None, "y"],
        "label": ["x", "x", "x"],
        "confidence": [0.9, None, 0.4],
        "group": ["g", "g", "h"],
    }
)
TWO = pl.DataFrame(
    {"instance": ["c", "a", "z"], "prediction": ["x", "x", "x"], "correct": [True, False, True]}
)
PRICES = {"one": 1.0, "two": 3.0}


def test_rows_are_matched_by_instance():
    services = Services.from_tables({"one": ONE, "two": TWO}, prices=PRICES)
    assert services.n_rows == 2
    assert services.classes == ("x", "y")
    assert services.predictions.tolist() == [[0, 0], [1, 0]]
    assert services.score.tolist() == [[1, 0], [0, 1]]
    assert services.confidence.tolist() == [[0.9, 0], [0.4, 0]]
    assert services.groups == ("g", "h")
    assert services.prices.tolist() == [1, 3]


def test_a_row_without_answer_is_wrong():
    other = ONE.with_columns(pl.lit("x").alias("prediction"))
    services = Services.from_tables({"one": ONE, "other": other}, prices={"one": 1, "other": 1})
    assert services.score[:, 0].tolist() == [1, 0, 0]
    assert services.classes[services.predictions[1, 0]] is None


def test_without_ids_rows_are_matched_by_position():
    tables = {"one": ONE.drop("instance"), "other": ONE.drop("instance")}
    assert Services.from_tables(tables, prices={"one": 1, "other": 1}).n_rows == 3


def test_prices_default_to_what_was_paid():
    paid = ONE.with_columns(cost_usd=pl.lit(0.0002))
    services = Services.from_tables({"one": paid, "two": TWO}, prices={"two": 3})
    assert services.prices.tolist() == pytest.approx([2, 3])


def test_marks_in_parts_are_kept():
    parts = ONE.with_columns(score=pl.Series([0.25, 1.0, 0.5]))
    assert Services.from_tables({"one": parts, "two": TWO}, prices=PRICES).score[:, 0].tolist() == [0.25, 0.5]


def test_lists_of_tags_share_a_threshold():
    tags = pl.DataFrame({"row": [0, 1], "predicted_label": [["car"], []], "score": [1.0, 0.0]})
    assert Services.from_tables({"one": tags, "two": tags}, prices=PRICES).classes == ("tags",)


def test_a_subset_keeps_its_rows_together():
    services = Services.from_tables({"one": ONE, "two": TWO}, prices=PRICES)
    part = services.subset([1])
    assert (part.n_rows, part.groups, part.score.tolist()) == (1, ("h",), [[0, 1]])


def _store() -> HapiStore:
    store = HapiStore.empty("small")
    store.add_labels("sa", "imdb", [{"example_id": f"i{row}", "true_label": row % 2} for row in range(4)])
    ids = [f"i{row}" for row in range(4)]
    for api, date, label in (
        ("google_sa", "20-03-29", 0),
        ("google_sa", "21-03-29", 1),
        ("amazon_sa", "20-03-29", 1),
    ):
        rows = pl.DataFrame({"example_id": ids, "predicted_label": [label] * 4, "confidence": [0.5] * 4})
        run = Run(
            task="sa", dataset="imdb", api=api, date=date, cost_per_10k=2.5 if "google" in api else None
        )
        store.add_run(run, rows)
    return store


def test_an_archive_gives_the_latest_run_of_each_service():
    services = Services.from_store(_store(), task="sa", dataset="imdb", prices={"amazon_sa": 0.75})
    assert services.names == ("amazon_sa", "google_sa")
    assert services.prices.tolist() == [0.75, 2.5]
    assert services.predictions.tolist() == [[0, 0]] * 4  # only the label 1 is left
    assert services.score.mean() == 0.5


def test_an_earlier_date_can_be_asked_for():
    prices = {"amazon_sa": 0.75}
    services = Services.from_store(_store(), task="sa", dataset="imdb", date="20-03-29", prices=prices)
    assert services.predictions[:, 1].tolist() == [0] * 4


def test_unknown_services_are_refused():
    services = Services.from_tables({"one": ONE, "two": TWO}, prices=PRICES)
    assert services.place("two") == 1
    with pytest.raises(UnknownName, match='service "too"'):
        services.place("too")


@pytest.mark.parametrize(
    ("tables", "prices", "error", "message"),
    [
        ({"one": ONE}, {"one": 1}, DataError, "1 services leave nothing to choose"),
        ({"one": ONE[:1], "two": TWO[:1]}, PRICES, DataError, "share no rows"),
        ({"one": ONE, "two": TWO}, {"one": 1}, ConfigError, 'price of "two" is None'),
        ({"one": ONE, "two": TWO}, {"one": 1, "two": -1}, ConfigError, 'price of "two" is -1'),
        ({"one": ONE.drop("prediction"), "two": TWO}, PRICES, TableError, '"one" lacks "prediction"'),
        ({"one": ONE.drop("label"), "two": TWO}, PRICES, TableError, "which answers are right"),
        ({"one": pl.concat([ONE, ONE]), "two": TWO}, PRICES, TableError, 'row "a" twice'),
    ],
    ids=["one", "disjoint", "no-price", "negative", "prediction", "label", "twice"],
)
def test_what_cannot_be_compared_is_refused(tables, prices, error, message):
    with pytest.raises(error, match=message):
        Services.from_tables(tables, prices=prices)
