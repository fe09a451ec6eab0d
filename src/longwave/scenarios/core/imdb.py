"""IMDB: sentiment of film reviews (Maas et al. 2011), prompted as in arXiv 2211.09110."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario, SourceFile
from longwave.scenarios.core._contrast import CONTRAST_HOME, Contrast, describe_contrasts
from longwave.scenarios.reading import SourceRow, decode_text, read_csv, read_tar_members
from longwave.scenarios.references import options
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

FILE = "aclImdb_v1.tar.gz"
MEMBER = re.compile(r"aclImdb/(train|test)/(pos|neg)/\d+_\d+\.txt")
ANSWERS = ("Positive", "Negative")
LABELS = {"pos": "Positive", "neg": "Negative"}
CONTRAST_FILES = {
    "dev_original.tsv": "349a8821bb8932d7ad236e4a6d3ed01fd9b99fdae1c7c6a1a9f3d442de4a4304",
    "dev_contrast.tsv": "ec5c984b43c045613dc00c4fd044f362e78351eef82bf07e4429583decaa0e92",
    "test_original.tsv": "9dc78ddeb5cb6ff6060d24df33a83b6d29f9828994f4b1a5e0086f7e774713bd",
    "test_contrast.tsv": "3bcb3bd41218b6a5d7bef7fe020a243919f3df0f12f55291b25ef8bbdbe04173",
}


def _parse(folder: Path) -> list[Instance]:
    """Read the reviews; those that people edited into their contrast are evaluated, wherever they were.

    The published code takes the quotes around some edited reviews for a part of them and so loses 40 % of
    the pairs.
    """
    contrasts = _read_contrasts(folder)
    reviews = {}
    for name, data in read_tar_members(folder / FILE, lambda name: bool(MEMBER.fullmatch(name))):
        _, part, label, number, _ = re.split(r"[/_]", name)
        text = decode_text(data, f'"{folder / FILE}", {name}').strip()
        reviews[part == "test", label == "neg", int(number)] = (LABELS[label], text)
    places: dict[Literal["train", "valid"], int] = {"train": 0, "valid": 0}
    instances = []
    for is_test, is_negative, number in sorted(reviews):
        answer, text = reviews[is_test, is_negative, number]
        edited = contrasts.get(text, [])
        split: Literal["train", "valid"] = "valid" if is_test or edited else "train"
        instances.append(
            Instance(
                id=f"imdb-{split}-{places[split]:05d}",
                input=text,
                references=options(ANSWERS, answer),
                split=split,
                extra=describe_contrasts(edited, ANSWERS),
            )
        )
        places[split] += 1
    return instances


def _read_contrasts(folder: Path) -> dict[str, list[Contrast]]:
    """Read the reviews that people edited so that the sentiment changes, by the original review."""
    found: dict[str, list[Contrast]] = {}
    for part in ("test", "dev"):
        originals = list(read_csv(folder / f"{part}_original.tsv", delimiter="\t"))
        edits = list(read_csv(folder / f"{part}_contrast.tsv", delimiter="\t"))
        if len(originals) != len(edits):
            place = SourceRow(f'"{folder / f"{part}_contrast.tsv"}"', {})
            raise place.error(f"there are {len(edits)} edited reviews of {len(originals)} originals")
        for original, edit in zip(originals, edits, strict=True):
            answer = edit.text("Sentiment")
            if answer not in ANSWERS:
                raise edit.error(f'the sentiment is "{answer}"; it must be one of {", ".join(ANSWERS)}')
            found[original.text("Text").strip()] = [Contrast(edit.text("Text").strip(), answer)]
    return found


SCENARIO = Scenario(
    name="imdb",
    version=1,
    description="Tell whether a film review is positive or negative",
    task="sentiment analysis",
    what="film reviews",
    who="?",
    when="before 2011",
    language="English",
    source="https://github.com/acmi-lab/counterfactually-augmented-data",
    licence="Apache-2.0",
    prompt=PromptFormat(
        method="generation",
        input_prefix="Passage: ",
        output_prefix="Sentiment: ",
        max_tokens=5,
        stop=("\n",),
    ),
    main_metric="quasi_exact_match",
    eval_splits=("valid",),
    load=partial(read_sample, "imdb"),
    category="core",
    official=Official(
        files=(
            SourceFile(
                url=f"https://ai.stanford.edu/~amaas/data/sentiment/{FILE}",
                name=FILE,
                sha256="c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
            ),
            *(
                SourceFile(url=f"{CONTRAST_HOME}/IMDb/data/{name}", name=name, sha256=checksum)
                for name, checksum in CONTRAST_FILES.items()
            ),
        ),
        parse=_parse,
    ),
)
