"""Evaluate a model of your own, here one that counts letters, without torch (20 s; --tiny: 3 s).

A client is any object with the names below. What it answers becomes rows of the predictions table, and the
report is made of those.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from longwave.clients import Completion, Request, Result
from longwave.evaluation import evaluate
from longwave.metrics import summarize_scores
from longwave.report import build_report
from longwave.samples import sample_path


class LetterPairs:
    """Guess each letter from the one before it, by how often they follow each other in the bundled books."""

    name = "letter-pairs"
    version = "1"  # raise it whenever answers may change: rows of another version are kept apart
    max_length = None

    def __init__(self) -> None:
        text = sample_path("books/train.txt").read_text("utf-8")
        self.pairs = Counter(pairwise(text))
        self.letters = Counter(text)

    def complete(self, requests: Sequence[Request]) -> list[Result]:
        """Answer requests in order: score the given continuation, or write nothing."""
        return [self._answer(request) for request in requests]

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text: here, its letters."""
        return len(text)

    def split_text(self, text: str, max_tokens: int) -> list[str]:
        """Cut a text into pieces of so many tokens."""
        return [text[i : i + max_tokens] for i in range(0, len(text), max_tokens)]

    def _answer(self, request: Request) -> Result:
        text = request.continuation or ""
        before = (request.prompt or "\n")[-1] + text
        logprob = sum(self._logprob(*pair) for pair in pairwise(before))
        completion = Completion(text=text, logprob=logprob, n_tokens=len(text), finish_reason="scored")
        return Result(completions=(completion,), tokens_in=len(request.prompt), tokens_out=len(text))

    def _logprob(self, first: str, second: str) -> float:
        return math.log((self.pairs[first, second] + 0.5) / (self.letters[first] + 64))  # none is impossible


def main() -> None:
    """Ask school questions, with and without typing errors, and for passages of books."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/letter-pairs"))
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()

    scenarios, perturbations = ["openbookqa", "books"], ["typos"]
    rows = evaluate(
        model=LetterPairs(),
        scenarios=scenarios,
        perturbations=perturbations,
        max_instances=10 if arguments.tiny else 200,
        out=arguments.out,
    )
    summary = summarize_scores(rows, by=["scenario", "model", "perturbation"])
    print(summary.select("scenario", "model", "perturbation", "value", "stderr", "n"))
    print(f"Report: {build_report(arguments.out)}")


if __name__ == "__main__":
    main()
