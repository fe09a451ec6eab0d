"""Make a scenario of your own from two plain files and see what chance and a perfect model get (3 s).

The perfect model (``fake:oracle``) is told the answers: anything below full marks is a fault of the scenario.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from longwave.evaluation import evaluate
from longwave.metrics import summarize_scores

DESCRIPTION = """\
name: parity
description: Say whether a number is even or odd
main_metric: quasi_exact_match
rows: parity.jsonl
group_by: digits
task: miscellaneous text classification
language: English
prompt:
  method: generation
  instructions: "Is the number even or odd?\\n"
  input_prefix: "Number: "
  output_prefix: "Answer:"
  max_train_instances: 3
  max_tokens: 5
  stop: ["\\n"]
"""


def write_rows(path: Path, count: int) -> None:
    """Write one JSON object a line: the input, its right answer, its split and whatever else it has."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            row = {
                "input": str(37 * number),
                "references": [{"text": " odd" if number % 2 else " even", "tags": ["correct"]}],
                "split": "train" if number < 12 else "test",
                "extra": {"digits": str(len(str(37 * number)))},
            }
            file.write(json.dumps(row) + "\n")


def main() -> None:
    """Write the two files, then evaluate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/parity"))
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()

    arguments.out.mkdir(parents=True, exist_ok=True)
    description = arguments.out / "parity.yaml"
    description.write_text(DESCRIPTION, "utf-8")
    write_rows(arguments.out / "parity.jsonl", count=32 if arguments.tiny else 400)

    models = ["fake:random", "fake:oracle"]
    rows = evaluate(models=models, scenarios=[str(description)], out=arguments.out / "results")
    print(summarize_scores(rows, by=["scenario", "model"]))


if __name__ == "__main__":
    main()
