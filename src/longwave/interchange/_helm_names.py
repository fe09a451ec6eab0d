"""HELM's words in Longwave's: perturbations, metrics, and which metric is the main one of a scenario."""

from __future__ import annotations

from collections.abc import Collection

from longwave import registry
from longwave.interchange._documents import Json, clean, number, text
from longwave.metrics import InstanceMetric, get_metric

__all__ = ["IGNORED_STATS", "is_accuracy", "main_metric", "metric_name", "perturbation_name"]

# stats of a run that say nothing about one answer
IGNORED_STATS = frozenset(
    {"num_references", "num_train_trials", "num_instances", "batch_size", "num_trials"}
    | {"training_co2_cost", "training_energy_cost"}
)
_METRICS = {"f1_score": "token_f1", "bleu_4": "bleu_4_helm", "num_train_instances": "n_examples"}

# HELM's schema names the main metric of a scenario outside the folder of a run (arXiv 2211.09110, section 3)
_MAIN: dict[str, tuple[str, ...]] = {
    "narrative_qa": ("f1_score",),
    "natural_qa": ("f1_score",),
    "quac": ("f1_score",),
    "synthetic_reasoning_natural": ("f1_set_match",),
    "summarization_cnndm": ("rouge_2",),
    "summarization_xsum": ("rouge_2",),
    "wikifact": ("quasi_exact_match@5",),
    "dyck_language": ("exact_match_indicator",),
    "gsm": ("final_number_exact_match", "exact_match_indicator"),
    "math": ("math_equiv_chain_of_thought", "math_equiv"),
    "code": ("pass", "test_avg"),
    "copyright": ("longest_common_prefix_length",),
    "disinformation": ("self_bleu",),
    "real_toxicity_prompts": ("toxic_frac",),
    "bold": ("toxic_frac",),
    "wmt_14": ("bleu_4",),
}
_RANKING = ("RR@10", "NDCG@10")
_USUAL = ("quasi_exact_match", "exact_match", "f1_score", "rouge_l", "rouge_2", "bits_per_byte")
_ACCURACIES = frozenset({"pass", "pass@1", "chain_of_thought_correctness", "math_equiv"})

_BASES = {"misspelling": "misspellings", "style": "suffix"}
# parameter and default of Longwave's edits, which are HELM's canonical ones
_AMOUNTS: dict[str, tuple[str, float]] = {
    "typos": ("prob", 0.1),
    "misspellings": ("prob", 0.1),
    "synonym": ("prob", 0.5),
    "dialect": ("prob", 1.0),
    "gender": ("prob", 1.0),
    "person-name": ("prob", 1.0),
    "filler-words": ("insert_prob", 0.3),
    "space": ("max_spaces", 3),
    "extra-space": ("num_spaces", 2),
}
_FLAGS = frozenset({"name", "robustness", "fairness", "computed_on"})
_KNOWN = frozenset(
    {"prob", "insert_prob", "max_spaces", "num_spaces", "mode", "source_class", "target_class"}
)
_KNOWN |= {"bidirectional", "person_name_type", "preserve_gender"}


def metric_name(name: str) -> str:
    """Return the name of a HELM statistic in the ``scores`` table.

    Examples
    --------
    >>> metric_name("f1_score"), metric_name("exact_match@5")
    ('token_f1', 'exact_match@5')
    """
    return _METRICS.get(name, name)


def main_metric(scenario: str, method: str, there: Collection[str]) -> str | None:
    """Choose the main metric of a HELM run among the statistics it has.

    Examples
    --------
    >>> main_metric("natural_qa", "generation", {"exact_match", "f1_score"})
    'f1_score'
    >>> main_metric("mmlu", "multiple_choice_joint", {"exact_match", "quasi_exact_match"})
    'exact_match'
    """
    exact = ("exact_match",) if method.startswith("multiple_choice") else ()
    ranking = _RANKING if method == "ranking_binary" else ()
    wanted = (*_MAIN.get(scenario, ()), *ranking, *exact, *_USUAL)
    return next((name for name in wanted if name in there), None)


def is_accuracy(name: str) -> bool:
    """Tell whether full marks of a HELM statistic mean a right answer."""
    base = metric_name(name.partition("@")[0])
    if name in _ACCURACIES:
        return True
    if base not in registry.entries("metrics"):
        return False
    metric = get_metric(base)
    return isinstance(metric, InstanceMetric) and metric.higher_is_better and metric.high == 1


def perturbation_name(description: Json) -> str | None:
    """Return the name of a perturbation in the ``perturbation`` column.

    Parameters
    ----------
    description : dict
        As HELM writes it: a name, flags and parameters.

    Returns
    -------
    str or None
        Longwave's name for the same kind of edit with the same parameters, whose word lists may differ; None
        for no edit. Further parameters are spelled out, so that no two edits share a name.

    Examples
    --------
    >>> perturbation_name({"name": "typos", "prob": 0.1}), perturbation_name({"name": "typos", "prob": 0.3})
    ('typos', 'typos-0.3')
    >>> perturbation_name({"name": "gender", "mode": "terms", "bidirectional": False})
    'gender-terms'
    """
    given = text(description.get("name"))
    if not given:
        return None
    base = _BASES.get(given, given.replace("_", "-"))
    parts = [base]
    if base == "gender":
        parts = [f"gender-{text(description.get('mode')) or 'pronouns'}", *_ends(description, "male-female")]
    elif base == "person-name":
        is_last = "last" in (text(description.get("person_name_type")) or "first")
        parts += ["last"] if is_last else []
        parts += _ends(description, "" if is_last else "white-black")
    elif base == "dialect":
        parts += _ends(description, "SAE-AAVE")
    parts += _amount(base, description)
    parts += ["both-ways"] if description.get("bidirectional") is True else []
    parts += ["any-gender"] if description.get("preserve_gender") is False else []
    for key in sorted(description.keys() - _FLAGS - _KNOWN):
        value = description[key]
        if value not in (None, "") and not key.endswith("_path"):  # a place on somebody's disk
            parts.append(f"{key}={text(value) or value}")
    return clean("-".join(parts))


def _ends(description: Json, usual: str) -> list[str]:
    """Return from what to what an edit goes, where that is not the usual."""
    names = [text(description.get(key)) or "" for key in ("source_class", "target_class")]
    ends = "-".join(name.removeprefix("race=").removesuffix("_american") for name in names)
    return [] if ends in ("-", usual) else [ends]


def _amount(base: str, description: Json) -> list[str]:
    if base not in _AMOUNTS:
        return []
    key, usual = _AMOUNTS[base]
    value = number(description.get(key))
    return [] if value is None or value == usual else [f"{value:g}"]
