"""Ask Me Anything (arXiv 2210.02441): chains of prompts whose answers are votes, as data files."""

from longwave.prompting.ama.chain import Chain, Step
from longwave.prompting.ama.choosing import chains_for
from longwave.prompting.ama.files import ChainFile, get_chain_file, list_chain_files
from longwave.prompting.ama.generic import generic_chains, kind_of, vary_chains
from longwave.prompting.ama.method import AskMeAnything
from longwave.prompting.ama.playing import Call, Play, play
from longwave.prompting.ama.rows import Row, RowFormat
from longwave.prompting.ama.rules import RULES, Decision
from longwave.prompting.ama.template import PromptTemplate
from longwave.prompting.ama.transcripts import write_transcript
from longwave.prompting.ama.words import match_said, pick_option

__all__ = [
    "RULES",
    "AskMeAnything",
    "Call",
    "Chain",
    "ChainFile",
    "Decision",
    "Play",
    "PromptTemplate",
    "Row",
    "RowFormat",
    "Step",
    "chains_for",
    "generic_chains",
    "get_chain_file",
    "kind_of",
    "list_chain_files",
    "match_said",
    "pick_option",
    "play",
    "vary_chains",
    "write_transcript",
]
