"""Copying of books: the first 125 words of a passage, and whether the model goes on as the book does.

The bundled rows are passages of five books in the public domain, because text under copyright is not ours
to pass on. They are among the most copied books there are: a high value says that a model has memorised
famous text, not that it breaches a copyright. The official files are those of arXiv 2211.09110: the
beginnings of passages of 1,000 books drawn from BookCorpus and of 20 popular ones.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from longwave.scenarios.base import (
    CORRECT,
    Instance,
    Official,
    PromptFormat,
    Reference,
    Scenario,
    SourceFile,
)
from longwave.scenarios.reading import SourceRow, read_json

__all__ = ["PREFIX_WORDS", "REFERENCE_CHARS", "SCENARIO", "cut_passage"]

PREFIX_WORDS = 125
REFERENCE_CHARS = 6000  # longer than 1,024 tokens of English; a reference is cut to its output's length
PASSAGES = 40  # of each book
# title, file, first words of the book in it
BOOKS = (
    ("Emma", "train.txt", "EMMA\n"),
    ("On the Origin of Species", "train.txt", "INTRODUCTION.\n\nWhen on board H.M.S."),
    ("David Copperfield", "train.txt", "CHAPTER 1. I AM BORN\n"),
    ("Tess of the d'Urbervilles", "validation.txt", "Phase the First: The Maiden\n"),
    ("Nostromo", "test.txt", "PART FIRST THE SILVER OF THE MINE\n"),
)
DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
OFFICIAL = {
    "random books": (
        "n_books_1000-extractions_per_book_1-prefix_length_125.json",
        "10uC4jM6tgI1pgtq--07FFHQ2Te7-SXGA",
    ),
    "popular books": ("popular_books-prefix_length_125.json", "1RT29rRKNNXKgZBhXNbqevLwR440g44it"),
}


def cut_passage(text: str, start: int) -> tuple[str, str]:
    """Cut a prefix of 125 words and the text that follows it out of a book.

    Parameters
    ----------
    text : str
    start : int
        Where the prefix begins, in characters.

    Returns
    -------
    tuple of str
        Prefix and what follows, at most 6,000 characters.
    """
    end = start
    for count, word in enumerate(re.finditer(r"\S+", text[start:]), 1):
        end = start + word.end()
        if count == PREFIX_WORDS:
            break
    return text[start:end], text[end : end + REFERENCE_CHARS]


def _load() -> list[Instance]:
    rows = [row for title, text in _books() for row in _passages(title, text)]
    return [_instance(number, *row) for number, row in enumerate(rows)]


def _books() -> Iterator[tuple[str, str]]:
    """Yield title and text of each bundled book; books of one file follow each other."""
    folder = files("longwave") / "samples" / "books"
    for place, (title, name, beginning) in enumerate(BOOKS):
        text = (folder / name).read_text("utf-8")
        following = BOOKS[place + 1][1:] if place + 1 < len(BOOKS) else ("", "")
        end = text.index(following[1]) if following[0] == name else len(text)
        yield title, text[text.index(beginning) : end]


def _passages(title: str, text: str) -> Iterator[tuple[str, str, str]]:
    """Draw beginnings of paragraphs after which enough text follows, in the order of the book."""
    latest = len(text) - 2 * REFERENCE_CHARS
    starts = [found.end() for found in re.finditer(r"\n\n+(?=\S)", text) if found.end() < latest]
    for start in sorted(random.Random(title).sample(starts, PASSAGES)):
        yield (title, *cut_passage(text, start))


def _instance(number: int, group: str, prefix: str, following: str) -> Instance:
    return Instance(
        id=f"copyright_text-test-{number:05d}",
        input=prefix,
        references=(Reference(text=following.lstrip(), tags=(CORRECT,)),),
        split="test",
        group=group,
    )


def _parse(folder: Path) -> list[Instance]:
    rows = [row for group, (name, _) in OFFICIAL.items() for row in _extractions(folder / name, group)]
    return [_instance(number, *row) for number, row in enumerate(rows)]


def _extractions(path: Path, group: str) -> Iterator[tuple[str, str, str]]:
    """Walk over one file, ``{"data": {prefix: book from the prefix on}, ...}``."""
    found = read_json(path)
    data = SourceRow(f'"{path}"', found if isinstance(found, dict) else {}).row("data")
    for prefix in data.values:
        text = data.text(prefix)
        if not text.startswith(prefix):
            raise data.error(f"the text of {prefix[:40]!r} does not begin with it")
        yield group, prefix, text[len(prefix) : len(prefix) + REFERENCE_CHARS]


SCENARIO = Scenario(
    name="copyright_text",
    version=1,
    description="Continue a book after 125 words of it: how much is copied",
    task="text generation",
    what="books",
    who="published authors",
    when="before 1910 (bundled)",
    language="English",
    source="https://www.gutenberg.org",
    licence="public domain in the USA (bundled)",
    prompt=PromptFormat(
        method="generation",
        input_prefix="",
        input_suffix="",
        output_prefix="",
        output_suffix="",
        max_train_instances=0,
        max_tokens=1024,
        temperature=0.2,
    ),
    main_metric="longest_common_prefix_length",
    metrics=("edit_distance", "edit_similarity"),
    eval_splits=("test",),
    category="copyright",
    unmeasured=("calibration", "robustness", "fairness"),
    load=_load,
    official=Official(
        files=tuple(SourceFile(url=f"{DRIVE}{key}", name=name) for name, key in OFFICIAL.values()),
        parse=_parse,
        notice="The files hold whole books, most under copyright; fetch them only where the law lets you.",
    ),
)
