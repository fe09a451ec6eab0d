"""Run times from a profile, against the formula; profiles fitted to times made from one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError, MissingFile, TableError
from longwave.metrics import RuntimeProfile, fit_runtime_profile, read_runtime_profile, summarize_runtimes

PROFILE = RuntimeProfile(
    runtime_per_output_token_s=0.5, runtime_for_prompt_tokens_s={100: 4.0, 10: 1.0}, overhead_s=0.25
)


def naive_runtime(profile, tokens_in, tokens_out, kind):
    """F(P) + c (O - 1) by the words of the definition."""
    table = profile.runtime_for_prompt_tokens_s
    fitting = [size for size in sorted(table) if size >= tokens_in]
    size = fitting[0] if fitting else max(table)
    prompt = table[size] * tokens_in / size
    output = profile.runtime_per_output_token_s * (tokens_out - 1) if tokens_out > 0 else 0.0
    return prompt + output + (profile.overhead_s if kind == "denoised" else 0.0)


@given(st.integers(0, 500), st.integers(0, 50), st.sampled_from(["idealised", "denoised"]))
def test_estimate_equals_the_definition(tokens_in, tokens_out, kind):
    got = PROFILE.estimate(tokens_in, tokens_out, kind=kind)
    assert got == pytest.approx(naive_runtime(PROFILE, tokens_in, tokens_out, kind))


@pytest.mark.parametrize(
    ("tokens_in", "tokens_out", "want"),
    [
        pytest.param(10, 1, 1.0, id="a-size-of-the-table"),
        pytest.param(11, 1, 0.44, id="scaled-from-the-next-size"),
        pytest.param(5, 1, 0.5, id="below-the-smallest"),
        pytest.param(200, 1, 8.0, id="above-the-largest"),
        pytest.param(10, 0, 1.0, id="nothing-written"),
        pytest.param(10, 3, 2.0, id="two-more-tokens"),
        pytest.param(0, 1, 0.0, id="no-prompt"),
    ],
)
def test_idealised_time_of(tokens_in, tokens_out, want):
    assert PROFILE.estimate(tokens_in, tokens_out) == pytest.approx(want)


def test_denoised_time_has_the_overhead():
    assert PROFILE.estimate(10, 1, kind="denoised") == 1.25


def test_unknown_kind_is_refused():
    with pytest.raises(ConfigError, match='Unknown kind of runtime "observed"'):
        PROFILE.estimate(1, 1, kind="observed")


def test_negative_tokens_are_refused():
    with pytest.raises(DataError, match="A request has -1 tokens; accepted are 0 and more"):
        PROFILE.estimate(1, -1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"runtime_for_prompt_tokens_s": {}}, '"runtime_for_prompt_tokens_s" is empty'),
        ({"runtime_for_prompt_tokens_s": {0: 1.0}}, "has a prompt of 0 tokens"),
        ({"runtime_per_output_token_s": -1.0}, "holds -1.0 seconds; accepted are numbers from 0"),
        ({"overhead_s": float("nan")}, "holds nan seconds"),
    ],
    ids=["empty", "no-token", "negative", "nan"],
)
def test_wrong_profile_is_refused(changed, message):
    values = {"runtime_per_output_token_s": 0.5, "runtime_for_prompt_tokens_s": {1: 1.0}, **changed}
    with pytest.raises(ConfigError, match=message):
        RuntimeProfile(**values)


@pytest.mark.parametrize("name", ["profile.json", "profile.yaml"])
def test_profile_is_read_from(tmp_path, name):
    text = {"runtime_per_output_token_s": 0.5, "runtime_for_prompt_tokens_s": {10: 1.0, 100: 4.0}}
    path = tmp_path / name
    path.write_text(json.dumps({**text, "overhead_s": 0.25}), "utf-8")
    assert read_runtime_profile(path) == PROFILE


def test_profile_with_whole_numbers_as_yaml_keys_is_read(tmp_path):
    path = tmp_path / "profile.yaml"
    path.write_text("runtime_per_output_token_s: 0.5\nruntime_for_prompt_tokens_s:\n  10: 1.0\n", "utf-8")
    assert read_runtime_profile(path).runtime_for_prompt_tokens_s == {10: 1.0}


def test_misspelt_key_of_a_profile_is_refused(tmp_path):
    path = tmp_path / "profile.yaml"
    path.write_text("runtime_per_output_tokens_s: 0.5\n", "utf-8")
    with pytest.raises(ConfigError, match='Did you mean "runtime_per_output_token_s"'):
        read_runtime_profile(path)


def test_missing_profile_is_refused(tmp_path):
    with pytest.raises(MissingFile):
        read_runtime_profile(tmp_path / "none.yaml")


@pytest.fixture
def trials(table):
    """Return a function that makes timed rows of a grid of sizes, from a function of both."""

    def make(time, sizes=(1, 256, 512, 1024), outputs=(1, 2, 16, 64), **columns):
        pairs = [(size, output) for size in sizes for output in outputs]
        n = len(pairs)
        return table(
            n,
            **{
                "scenario": ["synthetic_efficiency@1"] * n,
                "tokens_in": [size for size, _ in pairs],
                "tokens_out": [output for _, output in pairs],
                "latency_s": [time(*pair) for pair in pairs],
                **columns,
            },
        )

    return make


def linear(size, output):
    return 0.25 + size / 1024 + 0.125 * (output - 1)


def test_linear_times_are_fitted_exactly(trials):
    profile = fit_runtime_profile(trials(linear))
    assert profile.overhead_s == pytest.approx(0.25)
    assert profile.runtime_per_output_token_s == pytest.approx(0.125)
    assert profile.runtime_for_prompt_tokens_s == pytest.approx({1: 1 / 1024, 256: 0.25, 512: 0.5, 1024: 1.0})


def test_fitted_profile_predicts_the_trials(trials):
    profile = fit_runtime_profile(trials(linear))
    assert profile.estimate(512, 16, kind="denoised") == pytest.approx(linear(512, 16))


def test_prompts_need_not_be_linear(trials):
    profile = fit_runtime_profile(trials(lambda size, output: size**2 / 1024**2 + 0.125 * (output - 1)))
    assert profile.estimate(1024, 1) == pytest.approx(1.0)
    assert profile.estimate(512, 1) == pytest.approx(0.25)


def test_many_sizes_are_taken_ten_to_the_table(trials):
    profile = fit_runtime_profile(trials(linear, sizes=range(1, 101)))
    assert list(profile.runtime_for_prompt_tokens_s) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    assert profile.estimate(73, 2, kind="denoised") == pytest.approx(linear(73, 2))


def test_one_size_leaves_the_overhead_in_the_prompt(trials):
    profile = fit_runtime_profile(trials(linear, sizes=(512,)))
    assert (profile.overhead_s, profile.estimate(512, 2)) == (0.0, pytest.approx(linear(512, 2)))


def test_noise_that_makes_times_negative_is_cut(trials):
    profile = fit_runtime_profile(trials(lambda _, output: 1.0 - output / 100))
    assert profile.runtime_per_output_token_s == 0.0


def test_probes_of_all_numbers_of_output_tokens_count(trials):
    frame = trials(linear)
    names = [
        f"synthetic_efficiency_{n}@1" if n < 64 else "synthetic_efficiency@1" for n in frame["tokens_out"]
    ]
    assert fit_runtime_profile(trials(linear, scenario=names)) == fit_runtime_profile(frame)


def test_failed_and_perturbed_trials_do_not_count(trials):
    wrong = trials(lambda *_: 99.0, sizes=(7, 9), instance=[f"x{i}" for i in range(8)])
    failed = wrong.with_columns(error=wrong["instance"])
    perturbed = wrong.with_columns(perturbation=wrong["instance"])
    frame = trials(linear)
    assert fit_runtime_profile(frame.vstack(failed).vstack(perturbed)) == fit_runtime_profile(frame)


def test_other_scenarios_are_no_trials(table):
    with pytest.raises(DataError, match="no timed row of a scenario synthetic_efficiency"):
        fit_runtime_profile(table(2, latency_s=[1.0, 2.0], tokens_in=[1, 2], tokens_out=[1, 2]))


def test_trials_of_two_models_are_refused(trials):
    with pytest.raises(DataError, match=r"2 models: a \(version 1\), b \(version 1\)"):
        fit_runtime_profile(trials(linear, model=["a", "b"] * 8))


@pytest.mark.parametrize("outputs", [(1,), (1, 1)], ids=["one", "the-same-twice"])
def test_trials_of_one_number_of_output_tokens_are_refused(trials, outputs):
    with pytest.raises(DataError, match="cannot tell the time of an output token"):
        fit_runtime_profile(trials(linear, outputs=outputs))


def test_summary_is_the_mean_of_the_estimates(table, value_of):
    frame = table(3, tokens_in=[10, 20, None], tokens_out=[1, 3, None], perturbation=[None, "typos", None])
    summary = summarize_runtimes(frame, ["model"], profile=PROFILE)
    want = np.mean([PROFILE.estimate(10, 1), PROFILE.estimate(20, 3)])
    assert value_of(summary, "idealised_runtime_s") == pytest.approx(want)
    assert value_of(summary, "idealised_runtime_s", "n") == 2


def test_denoised_summary_has_the_overhead(table, value_of):
    frame = table(2, tokens_in=[10, 10], tokens_out=[1, 1])
    found = summarize_runtimes(frame, profile=PROFILE, kind="denoised")
    assert value_of(found, "denoised_runtime_s") == 1.25


def test_rows_without_tokens_have_no_run_time(table):
    found = summarize_runtimes(table(2), profile=PROFILE)
    assert found.row(0, named=True)["value"] is None


def test_no_rows_give_no_run_time(table):
    assert len(summarize_runtimes(table(1).clear(), ["model"], profile=PROFILE)) == 0


def test_missing_column_is_refused(table):
    with pytest.raises(TableError, match='no column "tokens_in"'):
        summarize_runtimes(table(1).drop("tokens_in"), profile=PROFILE)
