"""Evaluation: ask models about scenarios and fill the predictions table, resumably."""

from longwave.evaluation.applicability import (
    equivariance_names,
    fairness_names,
    robustness_names,
    unmeasured_families,
)
from longwave.evaluation.chosen import ChosenInstances, earlier_settings, open_chosen
from longwave.evaluation.config import EvaluateConfig
from longwave.evaluation.contamination import (
    ContaminationPoint,
    find_contamination,
    known_contamination,
    read_contamination,
)
from longwave.evaluation.families import headlines, summarize_families
from longwave.evaluation.floors import floor_rows
from longwave.evaluation.grid import GridCell, GridTable, build_grid
from longwave.evaluation.irac import summarize_irac, summarize_legal_tasks
from longwave.evaluation.launch import evaluate, launch
from longwave.evaluation.legal_export import export_legal_folder
from longwave.evaluation.plan import Shard
from longwave.evaluation.preview import preview
from longwave.evaluation.progress import Progress
from longwave.evaluation.runner import Own, run_evaluation
from longwave.evaluation.selection import Selection, select_instances
from longwave.evaluation.suites import Suite, get_suite, list_suites
from longwave.evaluation.tables import Tables, read_tables
from longwave.evaluation.vote_summary import VoteFigures, summarize_votes
from longwave.evaluation.votes import aggregate_votes

__all__ = [
    "ChosenInstances",
    "ContaminationPoint",
    "EvaluateConfig",
    "GridCell",
    "GridTable",
    "Own",
    "Progress",
    "Selection",
    "Shard",
    "Suite",
    "Tables",
    "VoteFigures",
    "aggregate_votes",
    "build_grid",
    "earlier_settings",
    "equivariance_names",
    "evaluate",
    "export_legal_folder",
    "fairness_names",
    "find_contamination",
    "floor_rows",
    "get_suite",
    "headlines",
    "known_contamination",
    "launch",
    "list_suites",
    "open_chosen",
    "preview",
    "read_contamination",
    "read_tables",
    "robustness_names",
    "run_evaluation",
    "select_instances",
    "summarize_families",
    "summarize_irac",
    "summarize_legal_tasks",
    "summarize_votes",
    "unmeasured_families",
]
