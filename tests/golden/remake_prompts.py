"""Write the golden prompts: ``python tests/golden/remake_prompts.py [NAME ...]``; read what changed."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from longwave.clients import FakeClient, Request
from longwave.evaluation import select_instances
from longwave.prompting import Case, get_method
from longwave.scenarios import Scenario, get_scenario, list_scenarios

FOLDER = Path(__file__).parent / "prompts"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "scenarios"


def offline_scenario(name: str) -> Scenario:
    """Return a scenario whose rows need no network: else those of the fixture in its source's form."""
    scenario = get_scenario(name)
    if scenario.is_offline or scenario.official is None:
        return scenario
    return replace(scenario, load=partial(scenario.official.parse, FIXTURES / scenario.name))


def render(name: str) -> str:
    """Write every request of a scenario's first instance, shown between markers."""
    scenario = offline_scenario(name)
    selection = select_instances(scenario)
    instance = selection.instances[0]
    case = Case(
        prompt=scenario.prompt, instance=instance, examples=selection.examples(instance, trial=0), seed=0
    )
    prepared = get_method(scenario.prompt.method).prepare(case, FakeClient(lambda _: None))
    return "".join(_show(request) for request in prepared.requests)


def _show(request: Request) -> str:
    continuation = "" if request.continuation is None else f"<<<continuation>>>{request.continuation}"
    settings = f"max_tokens={request.max_tokens} stop={list(request.stop)} temperature={request.temperature}"
    return f"<<<prompt {settings}>>>{request.prompt}{continuation}<<<end>>>\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or [entry.name for entry in list_scenarios()]:
        (FOLDER / f"{get_scenario(name).key}.txt").write_bytes(render(name).encode())
