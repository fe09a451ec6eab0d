from __future__ import annotations

import pytest

from longwave import registry
from longwave.interchange._helm_names import is_accuracy, main_metric, metric_name, perturbation_name

PEOPLE = {"source_class": "race=white_american", "target_class": "race=black_american"}


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ({}, None),
        ({"name": None}, None),
        ({"name": "mild_mix", "robustness": True, "fairness": True, "computed_on": "perturbed"}, "mild-mix"),
        ({"name": "typos", "prob": 0.1}, "typos"),
        ({"name": "typos", "prob": 0.3}, "typos-0.3"),
        ({"name": "misspelling", "prob": 0.05}, "misspellings-0.05"),
        ({"name": "filler_words", "insert_prob": 0.1}, "filler-words-0.1"),
        ({"name": "synonym", "prob": 0.1}, "synonym-0.1"),
        ({"name": "space", "max_spaces": 3}, "space"),
        ({"name": "extra_space", "num_spaces": 4}, "extra-space-4"),
        ({"name": "contrast_sets"}, "contrast-sets"),
        ({"name": "dialect", "prob": 1.0, "source_class": "SAE", "target_class": "AAVE"}, "dialect"),
        ({"name": "dialect", "prob": 0.3, "mapping_file_path": "/home/x/SAE.json"}, "dialect-0.3"),
        (
            {"name": "gender", "mode": "pronouns", "source_class": "male", "target_class": "female"},
            "gender-pronouns",
        ),
        (
            {
                "name": "gender",
                "mode": "terms",
                "prob": 0.5,
                "source_class": "female",
                "target_class": "male",
            },
            "gender-terms-female-male-0.5",
        ),
        ({"name": "gender", "mode": "terms", "bidirectional": True}, "gender-terms-both-ways"),
        ({"name": "person_name", "person_name_type": "first_name", **PEOPLE}, "person-name"),
        (
            {"name": "person_name", "person_name_type": "last_name", "prob": 1.0, **PEOPLE},
            "person-name-last-white-black",
        ),
        ({"name": "person_name", "preserve_gender": False, **PEOPLE}, "person-name-any-gender"),
        ({"name": "style", "suffix": "oil painting"}, "suffix-suffix=oil painting"),
        ({"name": "new_edit", "seed": 3, "b": None, "a": [1]}, "new-edit-a=[1]-seed=3"),
    ],
)
def test_perturbation_has_its_name(description, expected):
    assert perturbation_name(description) == expected


@pytest.mark.parametrize(
    "name", ["typos", "mild_mix", "dialect", "person_name", "extra_space", "contraction"]
)
def test_usual_edits_have_registered_names(name):
    assert perturbation_name({"name": name}) in registry.entries("perturbations")


@pytest.mark.parametrize(
    ("scenario", "method", "there", "expected"),
    [
        ("boolq", "generation", {"exact_match", "quasi_exact_match"}, "quasi_exact_match"),
        ("mmlu", "multiple_choice_joint", {"exact_match", "quasi_exact_match"}, "exact_match"),
        ("quac", "generation", {"quasi_exact_match", "f1_score"}, "f1_score"),
        ("gsm", "generation", {"exact_match_indicator", "quasi_exact_match"}, "exact_match_indicator"),
        ("msmarco", "ranking_binary", {"NDCG@10", "RR@10"}, "RR@10"),
        ("mine", "generation", {"rouge_l"}, "rouge_l"),
        ("mine", "generation", {"other"}, None),
    ],
    ids=["boolq", "mmlu", "quac", "gsm", "msmarco", "own", "none"],
)
def test_main_metric_is_that_of_the_paper(scenario, method, there, expected):
    assert main_metric(scenario, method, there) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("exact_match", True), ("quasi_exact_match@5", True), ("f1_score", True), ("pass", True)),
        *(("toxic_frac", False), ("num_bytes", False), ("edit_distance", False)),
    ],
)
def test_accuracies_are_known(name, expected):
    assert is_accuracy(name) is expected


def test_other_names_of_metrics():
    assert [metric_name(name) for name in ("bleu_4", "num_train_instances", "x")] == [
        "bleu_4_helm",
        "n_examples",
        "x",
    ]
