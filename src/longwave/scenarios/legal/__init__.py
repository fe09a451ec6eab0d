"""LegalBench: 162 tasks of legal reasoning (arXiv 2308.11462) and the 44 of its seed (arXiv 2209.06120)."""

from longwave.scenarios.legal.contribution import check_legal_folder, new_legal_folder
from longwave.scenarios.legal.rows import LegalRow, load_legal_rows
from longwave.scenarios.legal.scenario import (
    LEGALBENCH,
    LEGALBENCH_SEED,
    build_legal_scenario,
    find_legal_task,
    has_bundled_test_rows,
    legal_template,
)
from longwave.scenarios.legal.tasks import IRAC, Irac, LegalTask, get_legal_task, list_legal_tasks
from longwave.scenarios.legal.templates import fill_template, fill_templates, list_templates, read_template

__all__ = [
    "IRAC",
    "LEGALBENCH",
    "LEGALBENCH_SEED",
    "Irac",
    "LegalRow",
    "LegalTask",
    "build_legal_scenario",
    "check_legal_folder",
    "fill_template",
    "fill_templates",
    "find_legal_task",
    "get_legal_task",
    "has_bundled_test_rows",
    "legal_template",
    "list_legal_tasks",
    "list_templates",
    "load_legal_rows",
    "new_legal_folder",
    "read_template",
]
