"""Scenarios of every method, small enough to be read in a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from longwave.clients import Client
from longwave.scenarios import Instance, PromptFormat, Reference, Scenario

FORMATS = {
    "generation": PromptFormat(
        method="generation", input_prefix="Q: ", output_prefix="A: ", max_tokens=3, stop=("\n",)
    ),
    "multiple_choice_joint": PromptFormat(method="multiple_choice_joint", max_tokens=1),
    "multiple_choice_separate": PromptFormat(
        method="multiple_choice_separate",
        input_prefix="",
        input_suffix="",
        output_prefix=" ",
        max_train_instances=0,
    ),
    "multiple_choice_separate_calibrated": PromptFormat(
        method="multiple_choice_separate_calibrated",
        input_prefix="",
        input_suffix="",
        output_prefix=" ",
        max_train_instances=0,
    ),
    "language_modeling": PromptFormat(method="language_modeling", max_train_instances=0),
    "ranking_binary": PromptFormat(method="ranking_binary", max_train_instances=0),
}
METHODS = tuple(FORMATS)[:-1]


def make_rows(n: int, split: str, options: Sequence[str] = ("yes", "no")) -> list[Instance]:
    return [
        Instance(
            id=f"{split}-{index}",
            input=f"Is number {index} of {split} even?",
            references=tuple(
                Reference(text=option, tags=("correct",) if place == index % len(options) else ())
                for place, option in enumerate(options)
            ),
            split=split,
            group=f"g{index % 2}",
        )
        for index in range(n)
    ]


@pytest.fixture(scope="session")
def make_scenario() -> Callable[..., Scenario]:
    """Return a function that makes a scenario of a method, with ``n`` test and six train instances."""

    def make(
        method: str = "generation", n: int = 8, name: str = "parity", rows=None, **more: object
    ) -> Scenario:
        loaded = [*make_rows(6, "train"), *make_rows(n, "test")] if rows is None else rows
        fields = {
            "name": name,
            "version": 1,
            "description": "Tell whether a number is even",
            "task": "?",
            "what": "?",
            "who": "?",
            "when": "?",
            "language": "English",
            "source": "?",
            "licence": "?",
            "prompt": FORMATS[method],
            "main_metric": "bits_per_byte" if method == "language_modeling" else "exact_match",
            "eval_splits": ("test",),
            "load": lambda: loaded,
        }
        return Scenario(**{**fields, **more})

    return make


@pytest.fixture(scope="session")
def own_rows() -> Callable[..., list[Instance]]:
    """Return the function that makes instances."""
    return make_rows


class Broken:
    """A client that fails whole batches, and then the prompts that hold a word."""

    name, version, max_length = "broken", "1", None

    def __init__(self, inner: Client, word: str) -> None:
        self.inner = inner
        self.word = word

    def complete(self, requests):
        if any(self.word in request.prompt.rpartition("Q:")[2] for request in requests):
            raise RuntimeError("<b>crashed</b>")
        return self.inner.complete(requests)

    def count_tokens(self, text):
        return self.inner.count_tokens(text)

    def split_text(self, text, max_tokens):
        return self.inner.split_text(text, max_tokens)


@pytest.fixture
def broken() -> type[Broken]:
    """Return the class of a failing client."""
    return Broken
