"""Perturbations: edits of inputs that should not change an answer."""

from longwave.perturbations.base import Perturbation, get_perturbation, match_case
from longwave.perturbations.robustness import (
    Contraction,
    Expansion,
    ExtraSpace,
    FillerWords,
    Lowercase,
    Space,
    Typos,
)

__all__ = [
    "Contraction",
    "Expansion",
    "ExtraSpace",
    "FillerWords",
    "Lowercase",
    "Perturbation",
    "Space",
    "Typos",
    "get_perturbation",
    "match_case",
]
