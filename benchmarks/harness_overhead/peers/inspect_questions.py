"""Ask Inspect's mock model the questions; its own Python runs this file: QUESTIONS LOG_FOLDER [CACHE].

The mock model is told its usage: left alone it counts tokens, and fetches a vocabulary for that.
"""

from __future__ import annotations

import sys

from inspect_ai import Task, eval, task
from inspect_ai.dataset import Sample, json_dataset
from inspect_ai.model import GenerateConfig, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice


def to_sample(row: dict[str, object]) -> Sample:
    return Sample(input=row["question"], choices=row["choices"], target="ABCD"[row["answer"]])


def say(*_: object) -> ModelOutput:
    output = ModelOutput.from_content("mockllm/model", "ANSWER: A")
    output.usage = ModelUsage(input_tokens=60, output_tokens=2, total_tokens=62)
    return output


@task
def gaps(questions: str) -> Task:
    return Task(dataset=json_dataset(questions, to_sample), solver=multiple_choice(), scorer=choice())


def main(questions: str, log_folder: str, cache: str = "") -> int:
    model = get_model(
        "mockllm/model", custom_outputs=say, config=GenerateConfig(cache=True if cache else None)
    )
    (log,) = eval(gaps(questions), model=model, log_dir=log_folder, display="none")
    print(f"answered {log.results.completed_samples if log.status == 'success' else 0}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
