"""Scenarios: use cases made of instances with references, and the way they become prompts."""

from longwave.scenarios.base import CORRECT, Instance, Method, PromptFormat, Reference, Scenario
from longwave.scenarios.catalogue import get_scenario, list_scenarios
from longwave.scenarios.files import ScenarioFile, load_scenario_file
from longwave.scenarios.rows import read_instances

__all__ = [
    "CORRECT",
    "Instance",
    "Method",
    "PromptFormat",
    "Reference",
    "Scenario",
    "ScenarioFile",
    "get_scenario",
    "list_scenarios",
    "load_scenario_file",
    "read_instances",
]
