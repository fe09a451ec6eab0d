"""Books: bits per byte on passages of books that the bundled training text does not hold."""

from __future__ import annotations

from importlib.resources import files

from longwave.scenarios.base import Instance, PromptFormat, Scenario

__all__ = ["PASSAGE_CHARS", "SCENARIO", "cut_passages"]

PASSAGE_CHARS = 2000


def cut_passages(text: str, size: int = PASSAGE_CHARS) -> list[str]:
    r"""Cut a text into consecutive passages of about ``size`` characters; joined they are the text again.

    A passage ends after the last empty line in the second half of its ``size`` characters, else after the
    last white space in there, else after ``size`` characters.

    Examples
    --------
    >>> cut_passages("One.\n\nTwo two two.", size=8)
    ['One.\n\n', 'Two two ', 'two.']
    """
    passages = []
    while len(text) > size:
        end = _border(text, size)
        passages.append(text[:end])
        text = text[end:]
    return [*passages, text] if text else passages


def _border(text: str, size: int) -> int:
    for separator in ("\n\n", "\n", " "):
        found = text.rfind(separator, size // 2, size)
        if found >= 0:
            return found + len(separator)
    return size


def _load() -> list[Instance]:
    text = (files("longwave") / "samples" / "books" / "test.txt").read_text("utf-8")
    return [
        Instance(id=f"books-test-{index:05d}", input=passage, references=(), split="test")
        for index, passage in enumerate(cut_passages(text))
    ]


SCENARIO = Scenario(
    name="books",
    version=1,
    description="Predict passages of books outside the bundled training text",
    task="language modeling",
    what="novels",
    who="published authors",
    when="before 1930",
    language="English",
    source="https://www.gutenberg.org",
    licence="public domain in the USA",
    prompt=PromptFormat(method="language_modeling", max_train_instances=0, max_tokens=0),
    main_metric="bits_per_byte",
    eval_splits=("test",),
    load=_load,
)
