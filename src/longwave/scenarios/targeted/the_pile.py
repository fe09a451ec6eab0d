"""The Pile: texts of six kinds (arXiv 2101.00027), chosen as in arXiv 2211.09110.

Of each kind the documents are the first tenth of those that the Pile's authors measure perplexity on, or all
for books, which are too few to be divided. The home of the test file, the-eye.eu, no longer has it: it is
fetched from a copy and must have the checksum that was published for the original.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from longwave._damage import POLARS_DAMAGE
from longwave.errors import DataError, MissingFile
from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, read_json

__all__ = ["SCENARIO", "SUBSETS"]

# the kinds of the official runs, with their names in the lists of measured documents; the Pile has 22
SUBSETS = {
    "ArXiv": "arxiv",
    "BookCorpus2": None,
    "Enron Emails": "enron",
    "Github": "github",
    "PubMed Central": "pubmed-central",
    "Wikipedia (en)": "wikipedia",
}
TEXTS = "test.jsonl.zst"
INDICES = "https://raw.githubusercontent.com/EleutherAI/lm_perplexity/main/assets/test_subsample_indices/"
SCHEMA = pl.Schema({"text": pl.String(), "meta": pl.Struct({"pile_set_name": pl.String()})})


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    texts = _read_texts(folder / TEXTS)
    return [
        Instance(
            id=f"the_pile-test-{subset.replace(' ', '_')}-{index:05d}",
            input=text,
            references=(),
            split="test",
            group=subset,
        )
        for subset, name in SUBSETS.items()
        for index, text in _choose(texts[subset], subset, None if name is None else folder / _indices(name))
        if text
    ]


def _read_texts(path: Path) -> dict[str, list[str]]:
    """Read the documents of the six kinds; polars undoes the compression while it reads."""
    if not path.is_file():
        raise MissingFile(
            f'There is no file "{path}". Fetch the scenario\'s official files, or put it there.'
        )
    kind = pl.col("meta").struct.field("pile_set_name").alias("kind")
    try:
        lines = pl.scan_ndjson(path, schema=SCHEMA).select("text", kind)
        frame = lines.filter(pl.col("kind").is_in(list(SUBSETS))).collect()
    except (*POLARS_DAMAGE, OSError) as error:
        raise DataError(
            f'"{path}" cannot be read as JSON lines with "text" and "meta": {error}. Delete it to fetch it '
            "again."
        ) from error
    if frame["text"].has_nulls():
        raise DataError(f'"{path}" holds a document without "text". Delete it to fetch it again.')
    found: dict[str, list[str]] = {subset: [] for subset in SUBSETS}
    for text, subset in frame.iter_rows():
        found[subset].append(text)
    empty = [subset for subset, texts in found.items() if not texts]
    if empty:
        raise DataError(f'"{path}" holds no document of {", ".join(empty)}. Delete it to fetch it again.')
    return found


def _choose(texts: list[str], subset: str, path: Path | None) -> list[tuple[int, str]]:
    """Return the documents of a kind that are measured, with their places among all of the kind."""
    if path is None:
        return list(enumerate(texts))
    row = SourceRow(f'"{path}"', {"indices": read_json(path)})
    chosen = set()
    for index in row.items("indices"):
        if not isinstance(index, int) or not 0 <= index < len(texts):
            raise row.error(f"{index!r} is no place of a document of {subset}; there are {len(texts)}")
        chosen.add(index)
    return [(index, texts[index]) for index in sorted(chosen)]


def _indices(name: str) -> str:
    return f"{name}-group0.json"


SCENARIO = Scenario(
    name="the_pile",
    version=1,
    description="Predict texts of six kinds: papers, books, mail, code, medicine, encyclopedia",
    task="language modeling",
    what="papers, books, e-mail, code, medical papers, Wikipedia",
    who="?",
    when="before 2021",
    language="English, code",
    source="https://pile.eleuther.ai",
    licence="see the source",
    prompt=PromptFormat(method="language_modeling", max_train_instances=0, max_tokens=0),
    main_metric="bits_per_byte",
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="language",
    official=Official(
        files=(
            SourceFile(
                url=f"https://huggingface.co/datasets/xvjiarui/pile/resolve/main/{TEXTS}",
                name=TEXTS,
                sha256="0bb28c52d0b5596d389bf179ce2d43bf7f7ffae76b0d2d20b180c97f62e0975e",
            ),
            *(
                SourceFile(url=f"{INDICES}{name}/group0.json", name=_indices(name))
                for name in SUBSETS.values()
                if name is not None
            ),
        ),
        parse=_parse,
        notice="The Pile's documents belong to their authors, whose terms differ; 460 MB are fetched.",
    ),
)
