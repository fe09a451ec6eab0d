"""XSum: summaries of BBC news in one sentence (arXiv 1808.08745), prompted as in arXiv 2211.09110.

Examples come from train articles that upstream keeps: without the remains of page furniture, with a summary
of more than ten words that is at most a fifth as long as the article.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Literal

from longwave.errors import DataError
from longwave.scenarios.base import CORRECT, Instance, Official, Reference, Scenario, SourceFile
from longwave.scenarios.core.summaries import cut_words, is_short_document, summary_prompt
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, read_json, read_tar_members

__all__ = ["SCENARIO"]

ARTICLES = "XSUM-EMNLP18-Summary-Data-Original.tar.gz"
SPLITS = "XSum-TRAINING-DEV-TEST-SPLIT-90-5-5.json"
ENDING = ".summary"
MARK = "[SN]"  # around the names of the parts of an article
PARTS = ("URL", "TITLE", "FIRST-SENTENCE", "RESTBODY")
FURNITURE = ("Media playback is unsupported on your device", "Last updated at")
MIN_SUMMARY_WORDS = 11
MAX_RATIO = 0.2  # of the summary's words to the article's

Split = Literal["train", "test"]


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    """Read the articles once, in the order of the archive, and give them in the order of the splits."""
    places = _read_splits(folder / SPLITS)
    found: dict[str, Instance | None] = {}
    for member, data in read_tar_members(folder / ARTICLES, lambda name: _key(name) in places):
        key = _key(member)
        article = _article(f'"{member}" in "{folder / ARTICLES}"', data)
        found[key] = _instance(article, key, *places[key])
    missing = next((key for key in places if key not in found), None)
    if missing is not None:
        raise DataError(
            f'"{folder / ARTICLES}" holds no file "{missing}{ENDING}", which "{SPLITS}" names. Delete both '
            "to fetch them again."
        )
    return [instance for key in places if (instance := found[key]) is not None]


def _key(member: str) -> str:
    return PurePosixPath(member).name.removesuffix(ENDING)


def _read_splits(path: Path) -> dict[str, tuple[Split, int]]:
    values = read_json(path)
    row = SourceRow(f'"{path}"', values if isinstance(values, dict) else {})
    splits: tuple[Split, ...] = ("train", "test")
    return {key: (split, index) for split in splits for index, key in enumerate(row.texts(split))}


def _article(place: str, data: bytes) -> SourceRow:
    """Cut an article into its parts, which stand behind their names."""
    pieces = data.decode("utf-8", errors="replace").split(MARK)
    parts = dict(zip(pieces[1::2], pieces[2::2], strict=False))
    row = SourceRow(place, {name: text.strip() for name, text in parts.items()})
    if len(pieces) != 2 * len(PARTS) + 1 or tuple(parts) != PARTS:
        raise row.error(f"its parts are {', '.join(parts) or 'none'}; accepted are {', '.join(PARTS)}")
    return row


def _instance(article: SourceRow, key: str, split: Split, index: int) -> Instance | None:
    document = cut_words(article.text("RESTBODY"))
    summary = cut_words(article.text("FIRST-SENTENCE"), None)
    if split == "train" and not _is_example(document, summary):
        return None
    return Instance(
        id=f"summarization_xsum-{split}-{index:06d}",
        input=document,
        references=(Reference(text=summary, tags=(CORRECT,)),),
        split=split,
        extra={"source_id": key},
    )


def _is_example(document: str, summary: str) -> bool:
    n_words = len(summary.split())
    return (
        is_short_document(document)
        and not any(text in document for text in FURNITURE)
        and MIN_SUMMARY_WORDS <= n_words <= MAX_RATIO * len(document.split())
    )


SCENARIO = Scenario(
    name="summarization_xsum",
    version=1,
    description="Summarise a news article in one sentence",
    task="summarization",
    what="news articles and their first sentences",
    who="BBC journalists",
    when="2010 to 2017",
    language="English",
    source="https://github.com/EdinburghNLP/XSum",
    licence="see the source",
    prompt=summary_prompt(1, max_tokens=64),
    main_metric="rouge_2",
    metrics=("rouge_1", "rouge_l"),
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="core",
    unmeasured=("calibration", "robustness", "fairness"),
    official=Official(
        files=(
            SourceFile(
                url=f"https://huggingface.co/datasets/EdinburghNLP/xsum/resolve/main/data/{ARTICLES}",
                name=ARTICLES,
                sha256="10b48aa187fc9c904b30f76ca97e2da0de8d3a1238acc26acadef93e2001af90",
            ),
            SourceFile(
                url=f"https://raw.githubusercontent.com/EdinburghNLP/XSum/master/XSum-Dataset/{SPLITS}",
                name=SPLITS,
                sha256="9c0c5d8f048a90bd68b19a34e4c30577ed270d3247b2119fa06a04ef46292068",
            ),
        ),
        parse=_parse,
        notice="The articles belong to the BBC; 255 MB are fetched.",
    ),
)
