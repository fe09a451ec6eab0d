"""Turn numpy docstrings into Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

LISTS = {"Parameters", "Attributes", "Returns", "Yields", "Raises"}


def markdown(doc: str) -> str:
    """Turn a numpy docstring into Markdown."""
    parts = [_prose(doc[: next(iter(headings(doc)), (len(doc), 0, ""))[0]])]
    for _, end, title in headings(doc):
        following = [start for start, _, _ in headings(doc) if start >= end]
        body = doc[end : min(following, default=len(doc))]
        parts.append(f"**{title}**\n\n" + (_entries(body) if title in LISTS else _prose(body)))
    return "\n\n".join(part.strip() for part in parts)


def headings(doc: str) -> Iterator[tuple[int, int, str]]:
    for match in re.finditer(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", doc, re.MULTILINE):
        yield match.start(), match.end(), match[1]


def _entries(body: str) -> str:
    """Turn ``name : type`` with an indented text into list items."""
    items = re.findall(r"^(\S.*)\n?((?:(?:[ ]{4}.*)?\n?)*)", body, re.MULTILINE)
    return "\n".join(
        f"* `{head}`{': ' * bool(text.strip())}{inline(' '.join(text.split()))}" for head, text in items
    )


def _prose(text: str) -> str:
    """Keep paragraphs; examples and literal blocks become code."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith(">>>"):
            blocks.append(f"```pycon\n{block}\n```")
        elif block.startswith("    "):
            blocks.append(f"```text\n{inspect.cleandoc(block)}\n```")
        else:
            blocks.append(inline(re.sub(r"::$", ":", block)))
    return "\n\n".join(blocks)


def inline(text: str) -> str:
    """Write double backticks as single ones and keep other signs from becoming Markdown."""
    pieces = re.split(r"(``.+?``)", text, flags=re.DOTALL)
    return "".join(
        f"`{piece[2:-2]}`" if piece.startswith("``") else re.sub(r"([*<|\[\]])", r"\\\1", piece)
        for piece in pieces
    )


def parameter_texts(cls: type) -> dict[str, str]:
    doc = inspect.getdoc(cls) or ""
    section = next((doc[end:] for _, end, title in headings(doc) if title == "Parameters"), "")
    items = re.findall(r"^(\S.*?) : .*\n((?:(?:[ ]{4}.*)?\n?)*)", section, re.MULTILINE)
    return {name.strip(): " ".join(text.split()) for names, text in items for name in names.split(",")}


def first_paragraph(thing: object) -> str:
    """Return the first paragraph of an object's docstring."""
    return inline((inspect.getdoc(thing) or "").partition("\n\n")[0])
