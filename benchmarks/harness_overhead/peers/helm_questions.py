"""The questions as a scenario of crfm-helm, read from the folder it is started in; a plugin of helm-run."""

from __future__ import annotations

import json
from pathlib import Path

from helm.benchmark.adaptation.common_adapter_specs import get_multiple_choice_joint_adapter_spec
from helm.benchmark.metrics.common_metric_specs import get_exact_match_metric_specs
from helm.benchmark.run_spec import RunSpec, run_spec_function
from helm.benchmark.scenarios.scenario import (
    CORRECT_TAG,
    TEST_SPLIT,
    Input,
    Instance,
    Output,
    Reference,
    Scenario,
    ScenarioSpec,
)


class GapsScenario(Scenario):
    name = "gaps"
    description = "Which word is missing?"
    tags = ("question answering",)

    def get_instances(self, output_path: str) -> list[Instance]:
        del output_path  # nothing is fetched
        lines = Path("questions.jsonl").read_text("utf-8").splitlines()
        return [to_instance(json.loads(line)) for line in lines]


def to_instance(row: dict[str, object]) -> Instance:
    references = [
        Reference(Output(text=text), tags=[CORRECT_TAG] if place == row["answer"] else [])
        for place, text in enumerate(row["choices"])
    ]
    return Instance(input=Input(text=row["question"]), references=references, split=TEST_SPLIT)


@run_spec_function("gaps")
def gaps() -> RunSpec:
    return RunSpec(
        name="gaps",
        scenario_spec=ScenarioSpec(class_name=f"{__name__}.GapsScenario"),
        adapter_spec=get_multiple_choice_joint_adapter_spec(
            instructions="", input_noun="Question", output_noun="Answer", max_train_instances=0
        ),
        metric_specs=get_exact_match_metric_specs(),
        groups=["gaps"],
    )
