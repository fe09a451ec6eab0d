from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

import polars as pl
import pytest

from longwave.errors import DataError
from longwave.evaluation import evaluate, select_instances
from longwave.metrics import Answer, get_metric
from longwave.predictions import read_predictions
from longwave.scenarios import get_scenario
from longwave.scenarios.core import _msmarco

BOTH = ("msmarco_regular", "msmarco_trec")


def tags(instance):
    """Return the tags of each document by its first words."""
    return {
        " ".join(ref.text.split()[:3]): sorted(tag for tag in ref.tags if not tag.startswith("passage="))
        for ref in instance.references
    }


@pytest.mark.parametrize(("name", "n_valid"), [("msmarco_regular", 4), ("msmarco_trec", 3)])
def test_queries_have_the_splits_of_their_files(parse, name, n_valid):
    assert Counter(row.split for row in parse(name)) == {"train": 5, "valid": n_valid}


@pytest.mark.parametrize("name", BOTH)
def test_an_example_has_one_relevant_and_one_near_passage(parse, name):
    train = [row for row in parse(name) if row.split == "train"]
    assert all(sorted(ref.is_correct for ref in row.references) == [False, True] for row in train)
    assert all("rank=11" in ref.tags for row in train for ref in row.references if not ref.is_correct)


def test_the_relevant_passage_of_examples_stands_first_and_last(parse):
    orders = {row.references[0].is_correct for row in parse("msmarco_regular") if row.split == "train"}
    assert orders == {True, False}


def test_candidates_are_the_best_found_and_all_judged_passages(parse):
    bear, visa, *_ = (row for row in parse("msmarco_regular") if row.split == "valid")
    assert bear.input == "how much does a spectacled bear weigh"
    assert tags(bear) == {
        "A spectacled bear": ["correct", "rank=2", "relevance=1"],
        'The "spectacles" of': ["rank=1"],
        "Bears of South": ["rank=3"],
    }
    assert tags(visa) == {
        "A visa is": ["rank=1"],
        "A visa costs": ["correct", "rank=2", "relevance=1"],
        "The weather will": ["rank=30"],
        "Children pay half": ["correct", "relevance=1"],
    }
    assert (visa.extra["query"], visa.extra["n_relevant"]) == ("2", 2)


def test_grades_of_trec_are_relevant_from_two_on(parse):
    bear, *_ = (row for row in parse("msmarco_trec") if row.split == "valid")
    assert tags(bear) == {
        "A spectacled bear": ["correct", "rank=2", "relevance=3"],
        'The "spectacles" of': ["rank=1", "relevance=1"],
        "Bears of South": [],
        "The weather will": ["rank=3"],
    }
    assert bear.extra["n_relevant"] == 1


def test_queries_that_trec_judged_without_a_relevant_passage_are_left_out(parse):
    with_one = parse("msmarco_trec")
    fewer = parse("msmarco_trec", "2019qrels-pass.txt", lambda data: data.replace(b" 3\n", b" 1\n"))
    assert len(fewer) == len(with_one) - 1


def test_only_passages_that_are_ranked_are_kept(parse, monkeypatch):
    wanted = []

    def watch(lines, place, columns, keys, select=_msmarco._select):
        for row in select(lines, place, columns, keys):
            wanted.append(row.values.get("text"))
            yield row

    monkeypatch.setattr(_msmarco, "_select", watch)
    parse("msmarco_regular")
    assert "No query names this passage." not in wanted
    assert "A leap year has 366 days." in wanted


@pytest.mark.parametrize(
    ("cell", "text"),
    [('"say ""x"""', 'say "x"'), ('"a" or "b"', '"a" or "b"'), ('"', '"'), ("plain", "plain"), ("", "")],
)
def test_quotes_around_a_whole_cell_are_undone(cell, text):
    assert _msmarco._unquote(cell) == text


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("passages.tsv", lambda data: data.replace(b"\tA visa is", b" A visa is"), 'no passage ".*" of'),
        ("passages.tsv", lambda data: data.replace(b"A visa is", b"A\tvisa"), "3 cells; accepted are 2"),
        ("top1000.dev.tsv", lambda data: data.replace(b"\t31\n", b"\tlast\n"), '"rank" is "last"'),
        ("qrels.dev.small.tsv", lambda data: data + b"9\t0\n", "line 6 has 2 cells; accepted are 4"),
        ("queries.tar.gz", lambda _: b"", "cannot be read as a tar archive"),
    ],
    ids=["missing", "cells", "rank", "grades", "queries"],
)
def test_damaged_files_are_refused(parse, file, change, message):
    with pytest.raises(DataError, match=message):
        parse("msmarco_regular", file, change)


@pytest.mark.parametrize("name", BOTH)
def test_all_measures_of_ranking_are_taken(name):
    scenario = get_scenario(name)
    assert {scenario.main_metric, *scenario.metrics} == set(_msmarco.METRICS)
    assert scenario.main_metric == ("ndcg_10" if name == "msmarco_trec" else "reciprocal_rank_10")


def test_the_order_of_the_search_scores_as_by_hand(parse):
    visa = next(row for row in parse("msmarco_regular") if row.input == "cost of a visa")
    ranks = {
        place: int(tag.removeprefix("rank="))
        for place, ref in enumerate(visa.references)
        for tag in ref.tags
        if tag.startswith("rank=")
    }
    missed = [place for place in range(4) if place not in ranks]
    answer = Answer(instance=visa, ranking=(*missed, *sorted(ranks, key=ranks.get)))
    values = {name: get_metric(name).measure(answer) for name in _msmarco.METRICS}
    assert (values["reciprocal_rank_10"], values["reciprocal_rank_10_retrieved"]) == (1.0, 0.5)
    assert (values["recall_1"], values["recall_10_retrieved"]) == (0.5, 0.5)


def test_examples_of_a_trial_are_drawn_from_the_train_queries(parse):
    scenario = replace(get_scenario("msmarco_trec"), load=partial(parse, "msmarco_trec"))
    selection = select_instances(scenario)
    assert len(selection.examples(selection.instances[0], trial=0)) == 4


@pytest.mark.parametrize("name", BOTH)
def test_a_model_that_knows_everything_gets_full_marks_in_all_measures(parse, name, tmp_path):
    scenario = replace(get_scenario(name), load=partial(parse, name), is_offline=True)
    evaluate(model="fake:oracle", scenarios=[scenario], out=tmp_path)
    rows = read_predictions(tmp_path).filter(pl.col("model") == "fake:oracle")
    assert rows["error"].null_count() == rows.height > 2
    assert rows["score"].to_list() == [1.0] * rows.height
