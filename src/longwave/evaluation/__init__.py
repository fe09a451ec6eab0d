"""Evaluation: ask models about scenarios and fill the predictions table, resumably."""

from longwave.evaluation.config import EvaluateConfig
from longwave.evaluation.floors import floor_rows
from longwave.evaluation.progress import Progress
from longwave.evaluation.runner import evaluate, run_evaluation
from longwave.evaluation.selection import Selection, select_instances
from longwave.evaluation.suites import Suite, get_suite, list_suites

__all__ = [
    "EvaluateConfig",
    "Progress",
    "Selection",
    "Suite",
    "evaluate",
    "floor_rows",
    "get_suite",
    "list_suites",
    "run_evaluation",
    "select_instances",
]
