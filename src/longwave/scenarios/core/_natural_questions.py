"""Natural Questions (Kwiatkowski et al. 2019): its development rows, with or without the long answer."""

from __future__ import annotations

import html
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import Instance, SourceFile
from longwave.scenarios.reading import SourceRow, read_jsonl
from longwave.scenarios.references import right_answers

__all__ = ["FILES", "LICENCE", "SOURCE", "as_question", "parse_natural_questions"]

SOURCE = "https://github.com/google-research-datasets/natural-questions"
LICENCE = "CC BY-SA 3.0"
HOME = "https://storage.googleapis.com/natural_questions/v1.0/dev"
CHECKSUMS = (
    "78a7f7899aa7d0bc9a29878cdb90daabbeda21a93e3730d8861f20ec736790b2",
    "9cebaa5eb69cf4ce067079370456b2939d4154a17da88faf73844d8c418cfb9e",
    "7b82aa74a35025ed91f514ad21e05c4a66cdec56ac1f6b77767a578156ff3bfc",
    "c7d45bb464bda3da7788c985b07def313ab5bed69bcc258acbe6f0918050bf6e",
    "00969275e9fb6a5dcc7e20ec9589c23ac00de61c979c8b957f4180b5b9a3043a",
)
FILES = tuple(
    SourceFile(url=f"{HOME}/nq-dev-{part:02d}.jsonl.gz", name=f"nq-dev-{part:02d}.jsonl.gz", sha256=checksum)
    for part, checksum in enumerate(CHECKSUMS)
)
TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class _Pair:
    """One short answer of an annotator, and the paragraph or table that holds it."""

    short: str
    long: str


def parse_natural_questions(folder: Path, *, name: str, has_passage: bool) -> list[Instance]:
    """Read the rows that have a short answer, every other one for examples, as the published code does.

    Parameters
    ----------
    folder : Path
        Holds ``nq-dev-00.jsonl.gz`` to ``nq-dev-04.jsonl.gz``.
    name : str
        Of the scenario; begins the ids.
    has_passage : bool
        Whether the long answer of a randomly drawn annotator stands before the question.

    Notes
    -----
    Rows of the train split have the one short answer that was drawn, evaluated ones all. The draws are those
    of ``random.Random(0)`` over all rows. As in the published code, entities of HTML become characters before
    tags are deleted, so text such as ``a &lt; b &gt; c`` loses its middle.
    """
    rng = random.Random(0)
    instances: list[Instance] = []
    for file in FILES:
        rows = ((row, pairs) for row in read_jsonl(folder / file.name) if (pairs := list(_pairs(row))))
        for index, (row, pairs) in enumerate(rows):
            split: Literal["train", "valid"] = "valid" if index % 2 else "train"
            drawn = pairs[rng.randint(0, len(pairs) - 1)]
            question = as_question(row.text("question_text"))
            instances.append(
                Instance(
                    id=f"{name}-{split}-{len(instances):05d}",
                    input=f"Passage: {drawn.long}\n\nQuestion: {question}" if has_passage else question,
                    references=right_answers([drawn.short] if split == "train" else [p.short for p in pairs]),
                    split=split,
                    extra={"title": row.text("document_title")},
                )
            )
    return instances


def as_question(text: str) -> str:
    """Write a search query as a question: a capital first, a question mark last.

    Examples
    --------
    >>> as_question("who wrote hamlet")
    'Who wrote hamlet?'
    """
    return text.capitalize().removesuffix("?") + "?"


def _pairs(row: SourceRow) -> Iterator[_Pair]:
    content = b""
    for annotation in row.rows("annotations"):
        for answer in annotation.rows("short_answers"):
            content = content or row.text("document_html").encode()
            yield _Pair(_cut(content, answer), _cut(content, annotation.row("long_answer")))


def _cut(content: bytes, span: SourceRow) -> str:
    start, end = span.integer("start_byte"), span.integer("end_byte")
    if not 0 <= start <= end <= len(content):
        raise span.error(f"the bytes {start} to {end} are not within the {len(content)} of the document")
    try:
        text = content[start:end].decode()
    except UnicodeDecodeError as error:
        raise span.error(f"the bytes {start} to {end} cut a character apart") from error
    return TAG.sub("", html.unescape(text.replace("\xa0", " ")))
