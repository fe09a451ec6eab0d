"""Write the golden transcripts: ``python tests/golden/remake_ama.py [FILE ...]``; read what changed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from longwave.clients import Completion, FakeClient
from longwave.prompting.ama import get_chain_file, list_chain_files, write_transcript

FOLDER = Path(__file__).parent / "ama"
SCRIPTS = yaml.safe_load((FOLDER / "scripts.yaml").read_text("utf-8"))
RULE = "#" * 40


def scripted(replies: list[str]) -> FakeClient:
    """Return a model that gives these replies one after the other."""
    left: Iterator[str] = iter(replies)
    return FakeClient(lambda _: Completion(text=next(left), logprob=-0.5))


def render(name: str) -> str:
    """Write what every chain of a file asks about its example, and hears."""
    file = get_chain_file(name)
    shown = []
    for place, chain in enumerate(file.build()):
        client = scripted(SCRIPTS[name]) if place == 0 and name in SCRIPTS else None
        told = "scripted" if client else "ideal"
        # the one row there is also stands for the train split
        text = write_transcript(chain, file.instance(), client, examples=(file.instance(),))
        shown.append(f"{RULE} {chain.name} ({told})\n\n{text}")
    return "\n".join(shown)


if __name__ == "__main__":
    for name in sys.argv[1:] or list_chain_files():
        (FOLDER / f"{name}.txt").write_bytes(render(name).encode())
