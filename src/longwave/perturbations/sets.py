"""Sets of perturbations: HELM's canonical ones, and which perturbation counts for which worst case.

Upstream's ``translate`` (a text sent through a machine translation service) is not here: its result depends
on a service that changes, and it needs the network.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from longwave import registry
from longwave.errors import UnknownName
from longwave.perturbations.base import Perturbation, get_perturbation

__all__ = [
    "CANONICAL_FAIRNESS",
    "CANONICAL_ROBUSTNESS",
    "SETS",
    "equivariance_set",
    "expand_perturbations",
    "fairness_set",
    "purpose_of",
    "robustness_set",
]

CANONICAL_ROBUSTNESS = ("mild-mix",)
CANONICAL_FAIRNESS = ("dialect", "gender-pronouns", "person-name")

SETS = {
    "canonical": (*CANONICAL_ROBUSTNESS, *CANONICAL_FAIRNESS),
    "canonical-fairness": CANONICAL_FAIRNESS,
    "canonical-robustness": CANONICAL_ROBUSTNESS,
}

Purpose = Literal["robustness", "fairness", "equivariance"]


def expand_perturbations(names: Iterable[str]) -> list[Perturbation]:
    """Return the perturbations of names, sets written out.

    Parameters
    ----------
    names : iterable of str
        Registered perturbations, and names of `SETS` such as ``"canonical"`` (section 5 of HELM: one edit for
        robustness, three for fairness).

    Returns
    -------
    list of Perturbation
        In the order of the names, each once.

    Raises
    ------
    UnknownName
        If a name is neither; the message lists the nearest ones.

    Examples
    --------
    >>> [item.name for item in expand_perturbations(["typos", "canonical-robustness", "typos"])]
    ['typos', 'mild-mix']
    """
    known = registry.entries("perturbations")
    found: dict[str, Perturbation] = {}
    for name in names:
        if name not in SETS and name not in known:
            raise UnknownName("perturbation", name, [*SETS, *known])
        for part in SETS.get(name, (name,)):
            found.setdefault(part, get_perturbation(part))
    return list(found.values())


def robustness_set() -> tuple[str, ...]:
    """Return the names of the registered perturbations that count for robustness."""
    return _names("robustness")


def fairness_set() -> tuple[str, ...]:
    """Return the names of the registered perturbations that count for fairness."""
    return _names("fairness")


def equivariance_set() -> tuple[str, ...]:
    """Return the names of the registered perturbations after which another answer may be right."""
    return _names("equivariance")


def purpose_of(name: str) -> Purpose | None:
    """Return what a name in the ``perturbation`` column counts for.

    Names of other parameters than the registered ones ("typos-0.07") count as their base does.

    Returns
    -------
    str or None
        None for a perturbation that is not registered. One that counts for both worst cases counts for
        robustness here; ask its flags.

    Examples
    --------
    >>> purpose_of("typos-0.07"), purpose_of("dialect"), purpose_of("contrast-sets"), purpose_of("mine")
    ('robustness', 'fairness', 'equivariance', None)
    """
    known = registry.entries("perturbations")
    while name not in known:
        name, hyphen, _ = name.rpartition("-")
        if not hyphen:
            return None
    return next((purpose for purpose in _PURPOSES if _counts_for(get_perturbation(name), purpose)), None)


_PURPOSES: tuple[Purpose, ...] = ("robustness", "fairness", "equivariance")


def _names(purpose: Purpose) -> tuple[str, ...]:
    return tuple(
        name for name in registry.entries("perturbations") if _counts_for(get_perturbation(name), purpose)
    )


def _counts_for(perturbation: Perturbation, purpose: Purpose) -> bool:
    flags = {
        "robustness": perturbation.is_robustness,
        "fairness": perturbation.is_fairness,
        "equivariance": perturbation.is_equivariance,
    }
    return flags[purpose]
