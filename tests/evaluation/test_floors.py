from __future__ import annotations

import math

import polars as pl
import pytest

from longwave.evaluation import floor_rows, select_instances
from longwave.predictions import SCHEMA
from longwave.scenarios import Instance, Reference, get_scenario


def floors(scenario, instances, train=()):
    rows = list(floor_rows(scenario, train, instances, date="2025-01-01"))
    return {row["model"]: row for row in rows}


def test_random_is_right_options_over_options(make_scenario, own_rows):
    (instance,) = own_rows(1, "test", ("a", "b", "c", "d", "e"))
    assert floors(make_scenario("multiple_choice_separate"), [instance])["floor:random"]["score"] == 0.2


def test_majority_is_the_most_frequent_answer_of_fixed_classes(make_scenario, own_rows):
    instances = own_rows(3, "test")  # yes, no, yes
    rows = list(floor_rows(make_scenario(), [], instances, date="2025-01-01"))
    majority = [row for row in rows if row["model"] == "floor:majority"]
    assert [(row["prediction"], row["score"]) for row in majority] == [
        ("yes", 1.0),
        ("yes", 0.0),
        ("yes", 1.0),
    ]


def test_majority_is_the_most_frequent_place_where_options_differ(make_scenario):
    def instance(name, right):
        references = tuple(
            Reference(text=f"{name}{place}", tags=("correct",) if place == right else ())
            for place in range(3)
        )
        return Instance(id=name, input="", references=references, split="test")

    asked = [instance("a", 2), instance("b", 2), instance("c", 0)]
    rows = list(floor_rows(make_scenario("multiple_choice_joint"), [], asked, date="2025-01-01"))
    assert [row["prediction"] for row in rows if row["model"] == "floor:majority"] == ["a2", "b2", "c2"]


def test_language_modelling_is_held_against_eight_bits_per_byte(make_scenario, own_rows):
    (instance,) = own_rows(1, "test")
    found = floors(make_scenario("language_modeling"), [instance])
    assert set(found) == {"floor:random"}
    assert found["floor:random"]["score"] == 8.0
    n_bytes = len(instance.input.encode())
    assert found["floor:random"]["logprob"] == pytest.approx(-n_bytes * 8 * math.log(2))


def test_free_answers_have_no_floor(make_scenario):
    only = Instance(id="x", input="", references=(Reference(text="42", tags=("correct",)),), split="test")
    assert floors(make_scenario(), [only], train=[]).keys() <= {"floor:majority"}


@pytest.mark.parametrize("name", ["boolq", "mmlu", "books", "blimp"])
def test_rows_fit_the_schema(name):
    selection = select_instances(get_scenario(name), max_instances=5)
    rows = list(floor_rows(selection.scenario, selection.train, selection.instances, date="2025-01-01"))
    assert pl.DataFrame(rows, schema=SCHEMA)["score"].is_not_null().all()


def test_the_random_floor_of_a_ranking_is_the_mean_over_orders(make_scenario):
    documents = tuple(Reference(text=f"document {n}", tags=("correct",) if n == 0 else ()) for n in range(4))
    asked = Instance(id="q", input="Which?", references=documents, split="test")
    scenario = make_scenario("ranking_binary", main_metric="reciprocal_rank_10", rows=[asked])
    rows = list(floor_rows(scenario, [], [asked], date="2025-01-01"))
    assert [row["model"] for row in rows] == ["floor:random"]
    assert rows[0]["score"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4, abs=0.08)
