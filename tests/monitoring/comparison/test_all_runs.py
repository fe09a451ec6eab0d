"""All series of the bundled sample: what changed between the snapshots of two language models."""

from __future__ import annotations

import pytest

from longwave.errors import ConfigError, DataError, UnknownName
from longwave.monitoring import load_sample
from longwave.monitoring.comparison.all_runs import compare_all
from longwave.monitoring.comparison.two_runs import compare
from longwave.monitoring.paired.corrections import benjamini_hochberg
from longwave.predictions import holm


@pytest.fixture(scope="module")
def store():
    return load_sample()


@pytest.fixture(scope="module")
def found(store):
    return compare_all(store, task="llm", n_resamples=20)


def test_every_series_with_two_dates_has_a_row(found, store):
    series = store.series(task="llm")
    assert len(found.table) == len(found.details) == len(series.filter(n_dates=2)) == 8


@pytest.mark.parametrize(
    ("dataset", "api", "before", "after", "verdict"),
    [
        ("prime", "openai_gpt-4", 0.840, 0.502, "declined"),
        ("prime", "openai_gpt-3.5", 0.518, 0.680, "improved"),
        ("counthappy", "openai_gpt-4", 0.836, 0.352, "declined"),
        ("counthappy", "openai_gpt-3.5", 0.306, 0.482, "improved"),
    ],
)
def test_published_changes_of_language_models_are_found(found, dataset, api, before, after, verdict):
    row = found.table.filter(dataset=dataset, api=api).row(0, named=True)
    assert (row["accuracy_before"], row["accuracy_after"]) == pytest.approx((before, after))
    assert row["verdict"] == verdict
    assert row["date_status"] == row["date_status_after"] == "model_snapshot"


def test_series_without_truth_have_no_verdict(found):
    unknown = found.table.filter(dataset="opinionqa")
    assert unknown["verdict"].null_count() == unknown["p_adjusted"].null_count() == 2
    assert unknown.filter(api="openai_gpt-4")["no_answer_after"].item() == pytest.approx(0.753, abs=5e-4)


def test_p_values_are_corrected_over_the_series_that_have_one(store, found):
    raw = found.table["p_value"].drop_nulls().to_numpy()
    assert found.table["p_adjusted"].drop_nulls().to_list() == pytest.approx(holm(raw).tolist())
    other = compare_all(store, task="llm", adjust="bh", n_resamples=5).table
    assert other["p_adjusted"].drop_nulls().to_list() == pytest.approx(benjamini_hochberg(raw).tolist())


def test_details_are_those_of_compare(store, found):
    place = found.table.with_row_index().filter(dataset="prime", api="openai_gpt-4")["index"].item()
    sides = [
        store.table(task="llm", dataset="prime", api="openai_gpt-4", date=date).collect()
        for date in ("23-03-14", "23-06-13")
    ]
    alone = compare(*sides, no_answer="none", n_resamples=20)
    assert found.details[place].change == alone.change
    assert found.details[place].no_answer == alone.no_answer


@pytest.mark.parametrize("across", ["neighbours", "ends"])
def test_two_dates_are_one_pair_in_any_way(store, found, across):
    other = compare_all(store, task="llm", dataset="prime", across=across, n_resamples=20)
    assert other.table["change"].to_list() == found.table.filter(dataset="prime")["change"].to_list()


def test_apis_of_a_dataset_are_compared_in_pairs(store):
    found = compare_all(store, dataset="digit", across="apis", by=["true_label"], n_resamples=5)
    assert len(found.table) == 6
    pair = found.table.filter(api="google_scr", api_after="microsoft_scr").row(0, named=True)
    assert (pair["accuracy_before"], pair["accuracy_after"]) == pytest.approx((0.3010, 0.8265))
    assert (pair["cost_per_10k"], pair["cost_per_10k_after"]) == (60.0, 41.0)


def test_codes_are_called_by_their_names(store):
    found = compare_all(
        store, dataset="ferplus", api=["google_fer", "facepp_fer"], across="apis", n_resamples=5
    )
    assert found.details[0].shift.labels[:4] == ("anger", "fear", "disgust", "happy")
    assert set(found.details[0].calibration["mapping"]) == {"isotonic"}


def test_tags_outside_the_common_space_are_known(store):
    found = compare_all(
        store, dataset="pascal", api=["google_mic", "microsoft_mic"], across="apis", n_resamples=5
    )
    sets = found.details[0].label_sets
    assert len(sets.tags.filter("is_known")) == 20
    assert (sets.unknown_before, sets.unknown_after) == (0.0, 0.0)
    assert found.table["change"].item() == pytest.approx(0.7482 - 0.5449, abs=1e-4)


def test_nothing_to_compare_is_refused(store):
    with pytest.raises(DataError, match=r'no two runs to compare .* across="apis"'):
        compare_all(store, dataset="digit")


def test_options_are_checked(store):
    with pytest.raises(ConfigError, match='Unknown across "time"'):
        compare_all(store, across="time")
    with pytest.raises(UnknownName, match="digits"):
        compare_all(store, dataset="digits")
