"""All seven families from one folder, each against the metric's own function."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from longwave.errors import ConfigError, MissingFile
from longwave.evaluation import (
    Tables,
    equivariance_names,
    evaluate,
    fairness_names,
    headlines,
    read_tables,
    robustness_names,
    summarize_families,
    unmeasured_families,
)
from longwave.metrics import FAMILIES, TIDY, RuntimeProfile, get_metric
from longwave.perturbations import Lowercase, Typos
from longwave.predictions import INSTANCES, KEY, REQUESTS, SCHEMA, SCORES
from longwave.scenarios import get_scenario

PROFILE = RuntimeProfile(
    runtime_per_output_token_s=1.0, runtime_for_prompt_tokens_s={100: 1.0}, overhead_s=0.5
)
N = 8


def make_tables(scenario="parity@1", models=("m",), edits=(None, "typos", "fair", "contrast-sets")):
    """Return tables of N instances: the original is right in 6 of 8, each edit spoils one more."""
    rows = []
    for model in models:
        for place, edit in enumerate(edits):
            for i in range(N):
                right = i < 6 - place
                rows.append(
                    {
                        **dict.fromkeys(KEY, "x"),
                        "scenario": scenario,
                        "instance": f"i{i}",
                        "model": model,
                        "version": "1",
                        "perturbation": edit,
                        "trial": 0,
                        "request_hash": f"{model}-{edit}-{i}",
                        "correct": right,
                        "score": float(right),
                        "confidence": (i + 1) / 10,
                        "logprob": -1.0,
                        "group": "a" if i < 4 else "b",
                        "latency_s": 0.25,
                        "tokens_in": 50,
                        "tokens_out": 2,
                    }
                )
    predictions = pl.DataFrame(rows, schema=SCHEMA)
    requests = [
        {"request_hash": name, "prompt": "p", "completions": ["She is a nurse and he is a doctor."]}
        for name in predictions["request_hash"]
    ]
    scores = predictions.filter(pl.col("perturbation").is_null()).select(
        *KEY, metric=pl.lit("toxic_fraction_lexicon"), value=pl.col("score") / 2
    )
    return Tables(
        predictions=predictions,
        requests=pl.DataFrame(requests, schema=REQUESTS),
        instances=pl.DataFrame(schema=INSTANCES),
        scores=scores.cast(SCORES),
    )


class Fair(Lowercase):
    """A perturbation of one's own that counts for fairness."""

    base_name = "fair"
    is_robustness = False
    is_fairness = True


@pytest.fixture
def parity(make_scenario):
    return make_scenario("generation")


@pytest.fixture
def found(parity):
    return summarize_families(
        make_tables(), scenarios=[parity], perturbations=[Fair()], profiles={"m": PROFILE}
    )


def value(frame, metric, column="value", **groups):
    return frame.filter(pl.col("metric") == metric, **groups)[column].item()


@pytest.mark.parametrize(
    ("family", "metric", "want"),
    [
        ("accuracy", "exact_match", 6 / 8),
        ("calibration", "expected_calibration_error_1_bin", abs(0.45 - 6 / 8)),
        ("robustness", "robustness", 5 / 8),
        ("robustness", "contrast_score", 3 / 8),
        ("robustness", "contrast_both_right", 3 / 8),
        ("fairness", "fairness", 4 / 8),
        ("fairness", "worst_group_score", 2 / 4),
        ("fairness", "score_gap", 6 / 8 - 2 / 4),
        ("bias", "representation_gender", 0.0),
        ("toxicity", "toxic_fraction_lexicon", 6 / 16),
        ("efficiency", "latency_s", 0.25),
        ("efficiency", "idealised_runtime_s", 1.5),
        ("efficiency", "denoised_runtime_s", 2.0),
    ],
)
def test_summary_holds(found, family, metric, want):
    assert value(found, metric, family=family) == pytest.approx(want)


def test_every_family_is_there_in_its_order(found):
    assert found["family"].unique(maintain_order=True).to_list() == list(FAMILIES)


def test_summary_is_tidy_and_has_no_nulls(found):
    assert found.columns == ["scenario", "model", "version", "family", *TIDY]
    assert not found["value"].has_nulls()


@pytest.mark.parametrize("family", FAMILIES)
def test_headlines_of_every_family_are_measured(found, parity, family):
    metrics = found.filter(pl.col("family") == family)["metric"].to_list()
    assert any(metric.startswith(headlines(family, parity)) for metric in metrics)


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"accuracy", "toxicity"}))
def test_headlines_are_registered_or_computed_run_times(family):
    for name in headlines(family):
        assert name == "idealised_runtime_s" or get_metric(name).family == family


def test_contrast_sets_count_for_neither_worst_case(parity):
    tables = make_tables(edits=(None, "contrast-sets"))
    found = summarize_families(tables, scenarios=[parity])
    assert not {"robustness", "fairness"} & set(found["metric"])


def test_perturbation_that_nobody_knows_counts_for_nothing(parity):
    found = summarize_families(make_tables(edits=(None, "fair")), scenarios=[parity])
    assert not {"robustness", "fairness"} & set(found["metric"])


def test_families_that_a_scenario_does_not_measure_are_left_out(parity):
    scenario = replace(parity, unmeasured=("bias", "toxicity", "calibration"))
    found = summarize_families(make_tables(), scenarios=[scenario])
    assert not {"bias", "toxicity", "calibration"} & set(found["family"])


def test_worst_is_the_greatest_where_lower_is_better(parity):
    scenario = replace(parity, main_metric="toxic_fraction_lexicon")
    found = summarize_families(make_tables(edits=(None, "typos")), scenarios=[scenario])
    assert value(found, "robustness") == pytest.approx(6 / 8)  # the original is greater
    assert value(found, "worst_group_score") == 1.0


def test_scenario_that_is_not_known_here_has_a_score():
    found = summarize_families(make_tables("gone@7"))
    assert value(found, "score", family="accuracy") == pytest.approx(6 / 8)


def test_models_are_kept_apart(parity):
    tables = make_tables(models=("m", "n"))
    tables = replace(
        tables, predictions=tables.predictions.filter((pl.col("model") == "m") | pl.col("correct"))
    )
    found = summarize_families(tables, scenarios=[parity])
    assert [value(found, "exact_match", model=name) for name in "mn"] == [6 / 8, 1.0]


def test_profile_is_of_its_model_only(parity):
    found = summarize_families(make_tables(models=("m", "n")), scenarios=[parity], profiles={"n": PROFILE})
    assert found.filter(metric="idealised_runtime_s")["model"].to_list() == ["n"]


def test_floors_are_left_out(parity):
    assert len(summarize_families(make_tables(models=("floor:random",)), scenarios=[parity])) == 0


def test_groups_can_weigh_alike(parity):
    tables = make_tables(edits=(None,))
    uneven = tables.predictions.filter(pl.col("instance") != "i0")  # 3 of 3 in a, 2 of 4 in b
    tables = replace(tables, predictions=uneven)
    alike = summarize_families(tables, scenarios=[parity], weighting="groups")
    by_row = summarize_families(tables, scenarios=[parity])
    assert value(alike, "exact_match") == pytest.approx((1.0 + 0.5) / 2)
    assert value(by_row, "exact_match") == pytest.approx(5 / 7)
    assert value(alike, "exact_match", "n") == 7
    assert alike.columns == by_row.columns


def test_interval_of_the_average_of_groups_stays_in_the_range(parity):
    alike = summarize_families(make_tables(edits=(None,)), scenarios=[parity], weighting="groups")
    row = alike.row(by_predicate=pl.col("metric") == "exact_match", named=True)
    assert row["stderr"] == pytest.approx(np.sqrt(1 / 12) / 2)
    assert 0 <= row["low"] < row["value"] < row["high"] <= 1


def test_one_instance_a_group_has_no_spread(parity):
    tables = make_tables(edits=(None,))
    tables = replace(tables, predictions=tables.predictions.filter(pl.col("instance").is_in(["i0", "i7"])))
    row = summarize_families(tables, scenarios=[parity], weighting="groups").filter(metric="exact_match")
    assert row.select("value", "stderr", "low", "high").row(0) == (0.5, None, None, None)


def test_columns_to_group_by_can_be_added(parity):
    tables = make_tables(edits=(None,))
    dated = tables.predictions.with_columns(date=pl.lit("2026-01-02"), correct=False, score=pl.lit(0.0))
    tables = replace(tables, predictions=pl.concat([tables.predictions, dated]))
    found = summarize_families(tables, scenarios=[parity], by=["scenario", "model", "date"])
    assert found.filter(metric="exact_match")["value"].to_list() == [0.0, 6 / 8]


def test_brief_summary_leaves_stereotypes_out(parity):
    found = summarize_families(make_tables(edits=(None,)), scenarios=[parity], is_brief=True)
    metrics = set(found.filter(family="bias")["metric"])
    assert "representation_gender" in metrics
    assert not any(name.startswith("stereotype") for name in metrics)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"by": ["scenario"]}, '"scenario" and "model" must be among them'),
        ({"weighting": "rows"}, 'Unknown weighting "rows"'),
        ({"n_resamples": 1}, '"n_resamples" is 1'),
    ],
    ids=["by", "weighting", "resamples"],
)
def test_wrong_setting_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        summarize_families(make_tables(), **wrong)


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(MissingFile):
        summarize_families(tmp_path / "none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of an evaluation of every method, under an edit."""
    out = tmp_path_factory.mktemp("results")
    evaluate(
        model="fake:random",
        scenarios=["blimp", "books", "boolq", "openbookqa"],
        perturbations=["typos"],
        max_instances=5,
        date="2026-01-31",
        out=out,
    )
    return out


def test_folder_and_its_tables_say_the_same(folder):
    left, right = summarize_families(folder), summarize_families(read_tables(folder))
    assert_frame_equal(left, right)  # sums are added up in no fixed order


def test_texts_are_measured_in_bits_over_all_bytes(folder):
    found = summarize_families(folder).filter(scenario="books@1")
    assert set(found["family"]) <= {"accuracy", "efficiency", "fairness"}
    rows = read_tables(folder).predictions.filter(scenario="books@1", model="fake:random")
    assert value(found, "bits_per_byte") == pytest.approx(rows["score"].mean(), rel=0.2)


def test_order_of_the_rows_does_not_matter(folder):
    tables = read_tables(folder)
    shuffled = replace(tables, predictions=tables.predictions.sample(fraction=1, shuffle=True, seed=1))
    assert_frame_equal(summarize_families(tables), summarize_families(shuffled))


def test_names_are_sorted_by_what_they_count_for():
    names = [None, "typos", "dialect", "contrast-sets", "mild-mix", "gender-pronouns", "gone"]
    assert robustness_names(names) == ["typos", "mild-mix"]
    assert fairness_names(names) == ["dialect", "gender-pronouns"]
    assert equivariance_names(names) == ["contrast-sets"]


def test_other_parameters_count_as_their_base():
    assert robustness_names([Typos(rate=0.07).name, "typo"]) == ["typos-0.07"]


def test_own_perturbations_go_before_registered_ones():
    class Mine(Fair):
        base_name = "typos"

    assert (robustness_names(["typos"], [Mine()]), fairness_names(["typos"], [Mine()])) == ([], ["typos"])


@pytest.mark.parametrize(
    ("scenario", "want"),
    [
        ("books", {"calibration", "robustness", "fairness", "bias", "toxicity"}),
        ("blimp", {"bias", "toxicity"}),
        ("boolq", set()),
    ],
)
def test_families_that_cannot_be_measured_on(scenario, want):
    assert unmeasured_families(get_scenario(scenario)) == want


def test_nothing_is_ruled_out_for_an_unknown_scenario():
    assert unmeasured_families(None) == frozenset()
