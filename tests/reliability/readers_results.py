"""Results: our own tables and caches, HAPI in its three forms, and what other harnesses wrote."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import polars as pl
from registry import Reader

from longwave.clients import Completion, ReplayClient, Request, Result
from longwave.clients.cache_file import CacheFile, ModelEntry, text_key
from longwave.errors import DataError
from longwave.evaluation.vote_rows import read_votes
from longwave.interchange import import_results, read_helm, read_inspect, read_lm_eval
from longwave.monitoring import read_hapi, runs_from_predictions
from longwave.monitoring.hapi import HapiStore
from longwave.monitoring.hapi.collecting import _read_record
from longwave.predictions import (
    append_side,
    done_keys,
    finish_run,
    join_completions,
    read_predictions,
    read_side,
    write_predictions,
)

FIXTURES = Path(__file__).parents[1] / "fixtures" / "interchange"
ROW = {
    "scenario": "boolq@1",
    "model": "m",
    "version": "1",
    "date": "2025-01-01",
    "prompt": "default",
    "trial": 0,
    "split": "test",
}
REQUEST = Request(prompt="x", max_tokens=1)


def frame(start: int = 0) -> pl.DataFrame:
    rows = [
        {
            **ROW,
            "instance": f"i{n}",
            "prediction": "a",
            "label": "a",
            "correct": True,
            "score": 1.0,
            "request_hash": f"h{n}",
        }
        for n in range(start, start + 3)
    ]
    return pl.DataFrame(rows).with_columns(perturbation=pl.lit(None, dtype=pl.String))


def make_tables(folder: Path) -> None:
    write_predictions(folder, frame(), run="one", place="0")
    write_predictions(folder, frame(3), run="one", place="1")
    requests = [
        {"request_hash": f"h{n}", "prompt": "p", "completions": ["a"], "settings": "{}"} for n in range(6)
    ]
    append_side(folder, "requests", pl.DataFrame(requests))


def read_tables(folder: Path) -> object:
    rows = read_predictions(folder)
    return len(done_keys(folder)), join_completions(rows, read_side(folder, "requests"))


def read_own_runs(folder: Path) -> object:
    store = runs_from_predictions(folder)
    return store.table().collect()


def go_on_writing(folder: Path) -> object:
    """Take up a folder that someone else began."""
    write_predictions(folder, frame(6), run="one", place="2")
    finish_run(folder, "one")
    return read_predictions(folder)


def make_notes(folder: Path) -> None:
    """A run that was killed while its pieces were replaced by the whole."""
    make_tables(folder)
    shard = sorted((folder / "predictions").glob("part-*.parquet"))[0]
    whole = shard.with_name("part-00000001-one.parquet")
    whole.write_bytes(shard.read_bytes())
    whole.with_name(f".{whole.name}.replaces").write_text(shard.name, "utf-8")


def make_cache(folder: Path) -> None:
    file = CacheFile(folder / "requests.sqlite")
    file.add_model(ModelEntry(name="m", version="1", scope="", max_length=100))
    result = Result(
        completions=(Completion(text="a", logprob=-0.5),),
        latency_s=0.1,
        tokens_in=1,
        tokens_out=1,
        cost_usd=None,
    )
    file.put(
        {REQUEST.hash("m", "1"): result},
        {text_key("m", "1", "a b"): "2", text_key("m", "1", "a b", 1): "[2, 1]"},
    )
    file.close()


def read_cache(folder: Path) -> object:
    client = ReplayClient(folder)
    try:
        return client.complete([REQUEST]), client.count_tokens("a b"), client.split_text("a b", 1)
    finally:
        client.close()


def hapi_store() -> HapiStore:
    from longwave.monitoring import Run

    store = HapiStore.empty("a test", licence="none")
    store.add_labels("scr", "tiny", [{"example_id": f"e{n}", "true_label": n} for n in range(4)])
    for date in ("2021-01-01", "2022-01-01"):
        rows = [{"example_id": f"e{n}", "predicted_label": n, "confidence": 0.5} for n in range(4)]
        store.add_run(Run(task="scr", dataset="tiny", api="google_scr", date=date, cost_per_10k=1.0), rows)
    return store


def make_archive(folder: Path) -> None:
    hapi_store().export_json(folder / "release")
    with tarfile.open(folder / "hapi.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(folder / "release", "HAPI")
    shutil.rmtree(folder / "release")


def collected(rows: pl.LazyFrame, path: Path) -> pl.DataFrame:
    """Collect rows as a user does, to whom polars itself tells of a damaged page."""
    try:
        return rows.collect()
    except pl.exceptions.PolarsError as error:
        raise DataError(f'"{path}" cannot be read: {error}.') from error


def read_store(path: Path) -> object:
    store = read_hapi(path)
    problems = store.problems()
    store.runs()
    table = None if len(problems) else collected(store.table(), path)
    out = path.parent / "exported"
    if not len(problems):
        store.export_json(out)
        store.save(path.parent / "saved")
    return table


def make_record(folder: Path) -> None:
    lines = [
        json.dumps({"row": n, "label": n, "confidence": 0.5, "latency_s": None, "cost_usd": None})
        for n in range(3)
    ]
    (folder / "record.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def copy(source: str, name: str = ""):
    return lambda folder: shutil.copytree(FIXTURES / source, folder / name, dirs_exist_ok=True)


def import_into(kind: str):
    def read(path: Path) -> object:
        return import_results(kind, path, path.parent / "out", date="2024-01-01")

    return read


def make_inspect(folder: Path) -> None:
    for path in (*(FIXTURES / "inspect" / "logs").iterdir(), *(FIXTURES / "inspect" / "json").iterdir()):
        shutil.copy(path, folder)


READERS = (
    Reader(name="tables", target="", make=make_tables, read=read_tables),
    Reader(name="own-runs", target="", make=make_tables, read=read_own_runs),
    Reader(name="tables-taken-up", target="", make=make_tables, read=go_on_writing),
    Reader(name="notes", target="", make=make_notes, read=go_on_writing, spared=()),
    Reader(
        name="one-shard",
        target="a.parquet",
        make=lambda folder: frame().write_parquet(folder / "a.parquet"),
        read=read_predictions,
    ),
    Reader(
        name="votes", target="", make=make_tables, read=lambda folder: list(read_votes(folder, ["default"]))
    ),
    Reader(name="request-cache", target="", make=make_cache, read=read_cache),
    Reader(name="hapi-archive", target="hapi.tar.gz", make=make_archive, read=read_store),
    Reader(
        name="hapi-release",
        target="release",
        make=lambda folder: hapi_store().export_json(folder / "release"),
        read=read_store,
    ),
    Reader(
        name="hapi-columns",
        target="columns",
        make=lambda folder: hapi_store().save(folder / "columns"),
        read=read_store,
    ),
    Reader(
        name="hapi-answers",
        target="record.jsonl",
        make=make_record,
        read=lambda path: _read_record(path) if path.is_file() else None,
    ),
    Reader(name="helm", target="tiny", make=copy("helm/tiny", "tiny"), read=read_helm),
    Reader(name="helm-paper", target="paper", make=copy("helm/paper", "paper"), read=import_into("helm")),
    Reader(name="lm-eval", target="maker", make=copy("lm_eval/org__rule-7b", "maker"), read=read_lm_eval),
    Reader(
        name="lm-eval-import",
        target="maker",
        make=copy("lm_eval/org__rule-7b", "maker"),
        read=import_into("lm-eval"),
    ),
    Reader(name="inspect", target="", make=make_inspect, read=read_inspect),
)
