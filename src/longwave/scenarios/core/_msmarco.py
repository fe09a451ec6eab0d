"""MS MARCO passages (arXiv 1611.09268): queries with the passages to rank, as arXiv 2211.09110 chose them.

The candidates of a query are the 30 best passages by BM25 and every judged passage, so that relevant ones
that the search missed are there too. Those that it found have a tag ``rank=R``; metrics that end in
``_retrieved`` look at them alone. The passages are cleaned ones (arXiv 2103.02280), the candidates those of
the published code; their order is shuffled, since documents that tie keep it.
"""

from __future__ import annotations

import random
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, SourceFile
from longwave.scenarios.reading import SourceRow, read_lines, read_tar_member, read_tsv

__all__ = ["LICENCE", "METRICS", "PROMPT", "SOURCE", "Track", "make_official"]

SOURCE = "https://microsoft.github.io/msmarco"
LICENCE = "see the source; for non-commercial research only"
NOTICE = (
    "MS MARCO is for non-commercial research only, see https://microsoft.github.io/msmarco. Its files have "
    "about 4 GB."
)
PROMPT = PromptFormat(
    method="ranking_binary",
    input_prefix="Query: ",
    reference_prefix="Passage: ",
    output_prefix="Does the passage answer the query?\nAnswer: ",
    max_train_instances=4,
    max_tokens=5,
    stop=("\n",),
)
METRICS = (
    *(f"{name}_{k}" for name in ("reciprocal_rank", "ndcg") for k in (5, 10, 20)),
    *(f"{name}_{k}" for name in ("recall", "success") for k in (1, 2, 3, 5, 10, 20)),
    *(f"{name}_10_retrieved" for name in ("reciprocal_rank", "ndcg", "recall", "success")),
)

MICROSOFT = "https://msmarco.z22.web.core.windows.net/msmarcoranking"
CODALAB = "https://worksheets.codalab.org/rest/bundles/{}/contents/blob/"
PASSAGES = SourceFile(url=CODALAB.format("0x50d32fc56ad04dd89510bf86f9c1c9d3"), name="passages.tsv")
QUERIES = SourceFile(url=f"{MICROSOFT}/queries.tar.gz", name="queries.tar.gz")
TRAIN_JUDGED = SourceFile(url=f"{MICROSOFT}/qrels.train.tsv", name="qrels.train.tsv")
TRAIN_FOUND = SourceFile(url=CODALAB.format("0x8c43d4ec02ea48d6a727683a9676b77b"), name="top20.train.tsv")

N_FOUND = 30
N_TRAIN = 1000  # train queries to draw examples from, of half a million
SEED = 1885
WRONG_RANKS = range(11, 21)  # where a wrong passage of an example comes from: near, but not the nearest

Split = Literal["train", "valid"]


@dataclass(frozen=True, kw_only=True)
class Track:
    """The evaluated queries of one track.

    Parameters
    ----------
    name : str
        Of the scenario; begins the ids.
    judged, found : SourceFile
        Grades of passages by query; the best passages by BM25.
    queries : SourceFile, optional
        Where the queries are not among those for development.
    least_grade : int
        From which grade on a passage is relevant.
    """

    name: str
    judged: SourceFile
    found: SourceFile
    queries: SourceFile | None = None
    least_grade: int = 1


@dataclass
class _Query:
    """One query: its text, the grades of judged passages, the ranks of found ones."""

    id: str
    split: Split
    least_grade: int
    text: str = ""
    grades: dict[str, int] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)

    def is_relevant(self, passage: str) -> bool:
        return self.grades.get(passage, 0) >= self.least_grade

    def candidates(self) -> list[str]:
        """Return the passages to rank, for an example one relevant and one other."""
        if self.split == "valid":
            return list(self.grades | self.ranks)
        best = max(self.grades, key=self.grades.__getitem__)
        wrong = (p for p, rank in self.ranks.items() if rank in WRONG_RANKS and not self.is_relevant(p))
        return [best, *list(wrong)[:1]]


def make_official(track: Track) -> Official:
    """Describe the official home of a track."""
    own = (track.queries,) if track.queries is not None else ()
    shared = (PASSAGES, QUERIES, TRAIN_JUDGED, TRAIN_FOUND)
    return Official(
        files=(*shared, track.judged, track.found, *own),
        parse=partial(_parse, track=track),
        notice=NOTICE,
    )


def _parse(folder: Path, track: Track) -> list[Instance]:
    """Read the queries; of the passages, nine million, only those to rank are kept in memory."""
    train, valid = _judged_train(folder), _judged_valid(folder, track)
    _read_found(folder / TRAIN_FOUND.name, train, WRONG_RANKS.stop - 1)
    _read_found(folder / track.found.name, valid, N_FOUND)
    _read_texts(_member_lines(folder, "queries.train.tsv"), folder / QUERIES.name, train)
    if track.queries is None:
        _read_texts(_member_lines(folder, "queries.dev.tsv"), folder / QUERIES.name, valid)
    else:
        _read_texts(read_lines(folder / track.queries.name), folder / track.queries.name, valid)
    # queries that lack a text or were never searched cannot be asked
    queries = [query for query in (*train.values(), *valid.values()) if query.text and query.ranks]
    wanted = {passage for query in queries for passage in query.candidates()}
    path = folder / PASSAGES.name
    passages = {row.text("id"): _unquote(row.text("text")) for row in _select_texts(path, wanted)}
    places: dict[Split, int] = {"train": 0, "valid": 0}
    instances = []
    for query in queries:
        name = f"{track.name}-{query.split}-{places[query.split]:05d}"
        places[query.split] += 1
        instances.append(_make(query, name, passages, path))
    return instances


def _judged_train(folder: Path) -> dict[str, _Query]:
    judged: dict[str, dict[str, int]] = {}
    for row in _read_grades(folder / TRAIN_JUDGED.name):
        judged.setdefault(row.text("query"), {})[row.text("passage")] = row.integer("grade")
    drawn = random.Random(SEED).sample(sorted(judged), min(N_TRAIN, len(judged)))
    return {name: _Query(name, "train", 1, grades=judged[name]) for name in drawn}


def _judged_valid(folder: Path, track: Track) -> dict[str, _Query]:
    queries: dict[str, _Query] = {}
    for row in _read_grades(folder / track.judged.name):
        name = row.text("query")
        query = queries.setdefault(name, _Query(name, "valid", track.least_grade))
        query.grades[row.text("passage")] = row.integer("grade")
    # a query without a relevant passage says nothing about a ranking
    return {name: query for name, query in queries.items() if max(query.grades.values()) >= track.least_grade}


def _read_grades(path: Path) -> Iterator[SourceRow]:
    return read_tsv(path, ("query", "iteration", "passage", "grade"), delimiter=None)


def _read_found(path: Path, queries: dict[str, _Query], last: int) -> None:
    for row in _select(read_lines(path), f'"{path}"', ("query", "passage", "rank"), queries):
        rank = row.integer("rank")
        if rank <= last:
            queries[row.text("query")].ranks[row.text("passage")] = rank


def _read_texts(lines: Iterable[str], path: Path, queries: dict[str, _Query]) -> None:
    for row in _select(lines, f'the queries of "{path}"', ("id", "text"), queries):
        queries[row.text("id")].text = _unquote(row.text("text"))


def _member_lines(folder: Path, name: str) -> list[str]:
    return read_tar_member(folder / QUERIES.name, name).decode("utf-8", "replace").split("\n")


def _select_texts(path: Path, wanted: Container[str]) -> Iterator[SourceRow]:
    return _select(read_lines(path), f'"{path}"', ("id", "text"), wanted)


def _select(
    lines: Iterable[str], place: str, columns: tuple[str, ...], wanted: Container[str]
) -> Iterator[SourceRow]:
    """Read the lines whose first cell is wanted; millions of others are passed by."""
    for number, line in enumerate(lines, 1):
        if line.partition("\t")[0] not in wanted:
            continue
        cells = line.split("\t")
        row = SourceRow(f"{place}, line {number}", dict(zip(columns, cells, strict=False)))
        if len(cells) != len(columns):
            raise row.error(f"there are {len(cells)} cells; accepted are {len(columns)}")
        yield row


def _unquote(text: str) -> str:
    """Undo the quotes of CSV around a whole cell, which some of the files have and some have not."""
    inner = text[1:-1].replace('""', "")
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inner
    return text[1:-1].replace('""', '"') if is_quoted else text


def _make(query: _Query, name: str, passages: dict[str, str], path: Path) -> Instance:
    order = query.candidates()
    random.Random(name).shuffle(order)
    missing = next((passage for passage in order if passage not in passages), None)
    if missing is not None:
        raise SourceRow(f'"{path}"', {}).error(f'there is no passage "{missing}" of the query "{query.id}"')
    return Instance(
        id=name,
        input=query.text,
        references=tuple(Reference(text=passages[passage], tags=_tags(query, passage)) for passage in order),
        split=query.split,
        extra={"query": query.id, "n_relevant": sum(map(query.is_relevant, query.grades))},
    )


def _tags(query: _Query, passage: str) -> tuple[str, ...]:
    tags = [f"passage={passage}"]
    if query.is_relevant(passage):
        tags.append(CORRECT)
    if query.grades.get(passage):
        tags.append(f"relevance={query.grades[passage]}")
    if passage in query.ranks:
        tags.append(f"rank={query.ranks[passage]}")
    return tuple(tags)
