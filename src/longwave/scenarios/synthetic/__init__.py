"""Generators of scenarios that need no data: every row follows from a seed."""

from longwave.scenarios.synthetic.dyck import BRACKETS, close_brackets, make_dyck
from longwave.scenarios.synthetic.natural import DIFFICULTIES, Difficulty, make_natural_reasoning
from longwave.scenarios.synthetic.probes import PROMPT_WORDS, make_probes
from longwave.scenarios.synthetic.reasoning import MODES, Mode, make_reasoning, matches

__all__ = [
    "BRACKETS",
    "DIFFICULTIES",
    "MODES",
    "PROMPT_WORDS",
    "Difficulty",
    "Mode",
    "close_brackets",
    "make_dyck",
    "make_natural_reasoning",
    "make_probes",
    "make_reasoning",
    "matches",
]
