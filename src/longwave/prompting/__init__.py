"""Prompting: instances become requests, and what comes back becomes a prediction (HELM's adaptation)."""

from longwave.prompting.base import Case, Outcome, Prepared, PromptMethod, Reader, get_method, name_prompt
from longwave.prompting.few_shot import choose_examples
from longwave.prompting.formats import (
    build_generation_prompt,
    build_joint_prompt,
    fill_instructions,
    option_letters,
)
from longwave.prompting.generation import Generation, likely_first
from longwave.prompting.language_modeling import LanguageModeling, TextWindow, cut_windows
from longwave.prompting.multiple_choice import (
    MultipleChoiceCalibrated,
    MultipleChoiceJoint,
    MultipleChoiceSeparate,
    pick_option,
)
from longwave.prompting.ranking import RankingBinary, rank_documents
from longwave.prompting.window import Fitted, fit_prompt

__all__ = [
    "Case",
    "Fitted",
    "Generation",
    "LanguageModeling",
    "MultipleChoiceCalibrated",
    "MultipleChoiceJoint",
    "MultipleChoiceSeparate",
    "Outcome",
    "Prepared",
    "PromptMethod",
    "RankingBinary",
    "Reader",
    "TextWindow",
    "build_generation_prompt",
    "build_joint_prompt",
    "choose_examples",
    "cut_windows",
    "fill_instructions",
    "fit_prompt",
    "get_method",
    "likely_first",
    "name_prompt",
    "option_letters",
    "pick_option",
    "rank_documents",
]
