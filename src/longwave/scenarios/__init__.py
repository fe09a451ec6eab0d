"""Scenarios: use cases made of instances with references, and the way they become prompts."""

from longwave.scenarios.base import (
    CORRECT,
    Category,
    Instance,
    Method,
    Official,
    PromptFormat,
    Reference,
    Scenario,
    SourceFile,
)
from longwave.scenarios.catalogue import get_scenario, list_scenarios
from longwave.scenarios.families import ScenarioFamily, get_family, list_families
from longwave.scenarios.files import ScenarioFile, load_scenario_file
from longwave.scenarios.official import cache_folder, fetch_official, load_official
from longwave.scenarios.rows import read_instances
from longwave.scenarios.taxonomy import AbsentScenario, TaxonomyRow, list_absent, taxonomy_table

__all__ = [
    "CORRECT",
    "AbsentScenario",
    "Category",
    "Instance",
    "Method",
    "Official",
    "PromptFormat",
    "Reference",
    "Scenario",
    "ScenarioFamily",
    "ScenarioFile",
    "SourceFile",
    "TaxonomyRow",
    "cache_folder",
    "fetch_official",
    "get_family",
    "get_scenario",
    "list_absent",
    "list_families",
    "list_scenarios",
    "load_official",
    "load_scenario_file",
    "read_instances",
    "taxonomy_table",
]
