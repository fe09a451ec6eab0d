"""Ask by chains of questions, let the answers vote, and weigh the votes without labels (2 s).

The model is made up: it reads each prompt differently well, and two of its chains make the same mistakes.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import polars as pl

from longwave.clients import Completion, FakeClient, Request
from longwave.evaluation import aggregate_votes, evaluate, summarize_votes
from longwave.prompting import collect_votes
from longwave.prompting.ama import chains_for, write_transcript
from longwave.scenarios import get_scenario

SKILL = (0.85, 0.6, 0.6, 0.55, 0.8)  # how often the model is right in each chain
SCENARIO = get_scenario("boolq")


class UnevenReader(FakeClient):
    """Knows the answers, and errs by the demonstrations it is shown."""

    def __init__(self) -> None:
        super().__init__(self.reply, name="uneven-reader")
        self.labels = {item.input.rpartition("Question: ")[2]: item.label for item in SCENARIO.load()}
        shown = (chain.steps[0].demonstrations[0]["question"] for chain in chains_for(SCENARIO))
        self.chains = {question: place for place, question in enumerate(shown)}

    def reply(self, request: Request) -> Completion:
        """Answer the last question of the prompt, more or less well."""
        questions = [
            line.removeprefix("Question: ") for line in request.prompt.splitlines() if "Question: " in line
        ]
        chain = self.chains.get(questions[0], 0)
        luck = draw(questions[-1], 1 if chain in (1, 2) else chain)  # two chains are wrong together
        right = self.labels[questions[-1]] == "Yes"
        return Completion(text=" yes" if right == (luck < SKILL[chain]) else " no", logprob=-0.2)


def draw(text: str, seed: int) -> float:
    """Return a number from 0 to 1 that text and seed decide."""
    return int(hashlib.sha256(f"{seed} {text}".encode()).hexdigest()[:8], 16) / 16**8


def main() -> None:
    """Evaluate, aggregate, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/ama-votes"))
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()

    model, asked = UnevenReader(), SCENARIO.load()[-1]
    print(write_transcript(chains_for(SCENARIO)[0], asked, model).rpartition("----")[2])
    rows = evaluate(
        model=model,
        scenarios=["boolq"],
        prompting="ama",
        votes=5,
        max_instances=12 if arguments.tiny else None,
        out=arguments.out,
    )
    votes = collect_votes(rows, "boolq@1", model.name)
    print(f"{votes.votes.shape[0]} questions, {votes.votes.shape[1]} votes each: {votes.classes}")
    for method in ("majority", "label-model"):
        aggregate_votes(arguments.out, method=method)
    summary = summarize_votes(arguments.out)
    with pl.Config(tbl_rows=20):
        print(summary.accuracy.select("prompt", "value", "low", "high", "entropy"))
        print(summary.differences.select("prompt", "baseline", "difference_pp", "p_value"))


if __name__ == "__main__":
    main()
