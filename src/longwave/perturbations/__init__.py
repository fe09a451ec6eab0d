"""Perturbations: edits of instances after which the answer is as it was, or known."""

from longwave.perturbations._words import WordList, read_word_list
from longwave.perturbations.base import Perturbation, get_perturbation, match_case
from longwave.perturbations.contrast import ContrastSets
from longwave.perturbations.dialect import Dialect
from longwave.perturbations.gender import GenderPronouns, GenderTerms
from longwave.perturbations.misspellings import MildMix, Misspellings
from longwave.perturbations.names import PersonName
from longwave.perturbations.robustness import (
    Contraction,
    Expansion,
    ExtraSpace,
    FillerWords,
    Lowercase,
    Space,
    Typos,
)
from longwave.perturbations.sets import (
    CANONICAL_FAIRNESS,
    CANONICAL_ROBUSTNESS,
    equivariance_set,
    expand_perturbations,
    fairness_set,
    purpose_of,
    robustness_set,
)
from longwave.perturbations.suffix import Suffix
from longwave.perturbations.swaps import WordSwap
from longwave.perturbations.synonyms import Synonym

__all__ = [
    "CANONICAL_FAIRNESS",
    "CANONICAL_ROBUSTNESS",
    "Contraction",
    "ContrastSets",
    "Dialect",
    "Expansion",
    "ExtraSpace",
    "FillerWords",
    "GenderPronouns",
    "GenderTerms",
    "Lowercase",
    "MildMix",
    "Misspellings",
    "PersonName",
    "Perturbation",
    "Space",
    "Suffix",
    "Synonym",
    "Typos",
    "WordList",
    "WordSwap",
    "equivariance_set",
    "expand_perturbations",
    "fairness_set",
    "get_perturbation",
    "match_case",
    "purpose_of",
    "read_word_list",
    "robustness_set",
]
