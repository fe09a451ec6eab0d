"""Prompting: instances become requests, and what comes back becomes a prediction (HELM's adaptation)."""

from longwave.prompting.ama import AskMeAnything, Chain, chains_for, write_transcript
from longwave.prompting.ama.choosing import VOTES
from longwave.prompting.base import (
    Case,
    ManyRounds,
    Outcome,
    Prepared,
    PromptMethod,
    PromptVariant,
    Reader,
    get_method,
    name_prompt,
)
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
from longwave.prompting.variants import ama_variants, own_variant
from longwave.prompting.votes import VoteMatrix, collect_votes
from longwave.prompting.window import Fitted, fit_prompt

__all__ = [
    "VOTES",
    "AskMeAnything",
    "Case",
    "Chain",
    "Fitted",
    "Generation",
    "LanguageModeling",
    "ManyRounds",
    "MultipleChoiceCalibrated",
    "MultipleChoiceJoint",
    "MultipleChoiceSeparate",
    "Outcome",
    "Prepared",
    "PromptMethod",
    "PromptVariant",
    "RankingBinary",
    "Reader",
    "TextWindow",
    "VoteMatrix",
    "ama_variants",
    "build_generation_prompt",
    "build_joint_prompt",
    "chains_for",
    "choose_examples",
    "collect_votes",
    "cut_windows",
    "fill_instructions",
    "fit_prompt",
    "get_method",
    "likely_first",
    "name_prompt",
    "option_letters",
    "own_variant",
    "pick_option",
    "rank_documents",
    "write_transcript",
]
