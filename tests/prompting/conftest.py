"""A small scenario's parts: options, formats and a reader that counts characters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from longwave.scenarios import Instance, PromptFormat, Reference


class CharacterReader:
    """A model that reads characters as tokens."""

    def __init__(self, max_length: int | None = None) -> None:
        self.max_length = max_length

    def count_tokens(self, text: str) -> int:
        return len(text)

    def split_text(self, text: str, max_tokens: int) -> list[str]:
        return [text[i : i + max_tokens] for i in range(0, len(text), max_tokens)]


@pytest.fixture
def reader() -> Callable[..., CharacterReader]:
    """Return the reader's class, to be made with a window."""
    return CharacterReader


@pytest.fixture
def make_instance() -> Callable[..., Instance]:
    """Return a function that makes an instance; ``right`` holds the places of right options."""

    def make(
        text: str = "Is it?", options: tuple[str, ...] = ("yes", "no"), right: tuple[int, ...] = (0,), **more
    ):
        references = tuple(
            Reference(text=option, tags=("correct",) if index in right else ())
            for index, option in enumerate(options)
        )
        return Instance(**{"id": "x", "input": text, "references": references, "split": "test", **more})

    return make


@pytest.fixture
def question() -> PromptFormat:
    """Return a generation format."""
    return PromptFormat(
        method="generation", input_prefix="Q: ", output_prefix="A: ", max_tokens=4, stop=("\n",)
    )
