"""What a metric can say about a scenario, and which perturbations count for what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from longwave import registry
from longwave.errors import LongwaveError
from longwave.metrics import Family, Metric, get_metric
from longwave.perturbations import Perturbation, get_perturbation
from longwave.scenarios import Scenario, get_scenario

__all__ = [
    "equivariance_names",
    "fairness_names",
    "find_metric",
    "find_scenario",
    "is_lower_better",
    "robustness_names",
    "unmeasured_families",
]

# a text that is only predicted has no answer to be sure of and nothing written; an option no writer either
_NEVER: dict[str, frozenset[Family]] = {
    "language_modeling": frozenset({"calibration", "robustness", "fairness", "bias", "toxicity"}),
    "multiple_choice_separate": frozenset({"bias", "toxicity"}),
    "multiple_choice_separate_calibrated": frozenset({"bias", "toxicity"}),
}


def robustness_names(names: Iterable[str | None], perturbations: Sequence[Perturbation] = ()) -> list[str]:
    """Keep the names of perturbations that count for robustness, in their order.

    Parameters
    ----------
    names : iterable of str or None
        As in the ``perturbation`` column; None is the original input. Other parameters than the registered
        ones (typos-0.07) count as their base does.
    perturbations : sequence of Perturbation
        Of one's own, which the registry does not know. A name that nobody knows counts for nothing.
    """
    return [name for name, edit in _edits(names, perturbations) if edit.is_robustness]


def fairness_names(names: Iterable[str | None], perturbations: Sequence[Perturbation] = ()) -> list[str]:
    """Keep the names of perturbations that count for fairness; as `robustness_names`."""
    return [name for name, edit in _edits(names, perturbations) if edit.is_fairness]


def equivariance_names(names: Iterable[str | None], perturbations: Sequence[Perturbation] = ()) -> list[str]:
    """Keep the names of perturbations that change the right answer too; as `robustness_names`."""
    return [name for name, edit in _edits(names, perturbations) if edit.is_equivariance]


def find_scenario(name: str, scenarios: Sequence[Scenario] = ()) -> Scenario | None:
    """Look a scenario up among one's own and in the registry; None for one that is not installed here."""
    own = {scenario.key: scenario for scenario in scenarios}
    if name in own:
        return own[name]
    try:
        return get_scenario(name)
    except LongwaveError:
        return None


def unmeasured_families(scenario: Scenario | None) -> frozenset[str]:
    """Return the families that say nothing about a scenario: its own list, and what its method rules out."""
    if scenario is None:
        return frozenset()
    return frozenset(scenario.unmeasured) | _NEVER.get(scenario.prompt.method, frozenset())


def is_lower_better(scenario: Scenario | None) -> bool:
    """Tell whether a lower score of a scenario is better; not where scenario or metric are unknown."""
    metric = None if scenario is None else find_metric(scenario.main_metric)
    return metric is not None and not metric.higher_is_better


def find_metric(name: str) -> Metric | None:
    """Return a registered metric; None for one that is not installed here."""
    try:
        return get_metric(name)
    except LongwaveError:
        return None


def _edits(
    names: Iterable[str | None], perturbations: Sequence[Perturbation]
) -> Iterator[tuple[str, Perturbation]]:
    known = registry.entries("perturbations")
    own = {edit.name: edit for edit in perturbations}
    for name in names:
        if name is None:
            continue
        bases = [each for each in known if name == each or name.startswith(f"{each}-")]
        if name in own:
            yield name, own[name]
        elif bases:
            yield name, get_perturbation(max(bases, key=len))
