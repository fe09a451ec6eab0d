"""The predictions table, declared once: columns, key, side tables and schema version.

A row is one prediction. Votes are rows that differ in ``prompt``, robustness is rows that differ in
``perturbation``, drift is rows that differ in ``date``; so every analysis is a group-by of this one table.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

__all__ = [
    "COLUMNS",
    "INSTANCES",
    "KEY",
    "REQUESTS",
    "SCHEMA",
    "SCHEMA_VERSION",
    "SCORES",
    "SIDE_COLUMNS",
    "TABLES",
    "Columns",
    "Table",
]

SCHEMA_VERSION = 1

KEY = ("scenario", "instance", "model", "version", "date", "prompt", "perturbation", "trial")

# name: (type, what it holds); the docs' table page is made from this
Columns = dict[str, tuple[pl.DataType, str]]

COLUMNS: Columns = {
    "scenario": (pl.String(), "scenario with its version, e.g. boolq@1"),
    "instance": (pl.String(), "id of the instance, unique within its scenario"),
    "model": (pl.String(), "name of the model"),
    "version": (pl.String(), "version of the model: a release name or a hash of its weights"),
    "date": (pl.String(), "day the run was started, YYYY-MM-DD"),
    "prompt": (pl.String(), "prompt variant, or the name of an aggregation of variants"),
    "perturbation": (pl.String(), "name of the perturbation; null for the original input"),
    "trial": (pl.Int32(), "index of the draw of in-context examples"),
    "split": (pl.String(), "valid or test"),
    "input_hash": (pl.String(), "hash of the input as the model saw it, after perturbation"),
    "request_hash": (pl.String(), "key of the requests side table; null when no request was made"),
    "prediction": (pl.String(), "the parsed answer; null when there was none"),
    "label": (pl.String(), "text of the first right reference; null when there is none"),
    "correct": (pl.Boolean(), "whether the main metric gives full marks; null when it is no accuracy"),
    "score": (pl.Float64(), "value of the scenario's main metric"),
    "confidence": (pl.Float64(), "probability the model gave to its prediction, in [0, 1]"),
    "logprob": (pl.Float64(), "log-probability of the completion in nats"),
    "group": (pl.String(), "subpopulation of the instance"),
    "error": (pl.String(), "why the request failed; null when it did not"),
    "latency_s": (pl.Float64(), "wall time of the request in seconds"),
    "tokens_in": (pl.Int64(), "tokens of the prompt"),
    "tokens_out": (pl.Int64(), "tokens of the completion"),
    "cost_usd": (pl.Float64(), "price of the request in US dollars; null when unknown"),
    "run": (pl.String(), "hash of the run that wrote the row"),
}

SIDE_COLUMNS: dict[str, Columns] = {
    "requests": {
        "request_hash": (pl.String(), "hash of the request and of the model it was for"),
        "prompt": (pl.String(), "text that was sent"),
        "continuation": (pl.String(), "text that was scored after the prompt; null when text was generated"),
        "completions": (pl.List(pl.String()), "texts that came back"),
        "logprobs": (pl.List(pl.Float64()), "log-probability of each completion in nats"),
        "settings": (pl.String(), "decoding settings as JSON"),
    },
    "instances": {
        "scenario": COLUMNS["scenario"],
        "instance": COLUMNS["instance"],
        "perturbation": COLUMNS["perturbation"],
        "split": COLUMNS["split"],
        "group": COLUMNS["group"],
        "input": (pl.String(), "text of the instance, after perturbation"),
        "references": (pl.List(pl.String()), "listed answers, right and wrong, in order"),
        "correct_references": (pl.List(pl.Int32()), "positions of the right answers, from 0"),
        "tags": (pl.List(pl.List(pl.String())), "tags of each listed answer besides correct; null for none"),
        "extra": (pl.String(), "whatever else the source gives, as JSON; null for nothing"),
    },
    "scores": {
        **{name: COLUMNS[name] for name in KEY},
        "metric": (pl.String(), "name of the metric"),
        "value": (pl.Float64(), "its value for this prediction"),
    },
}


def _schema(columns: Columns) -> pl.Schema:
    return pl.Schema({name: dtype for name, (dtype, _) in columns.items()})


SCHEMA = _schema(COLUMNS)
REQUESTS = _schema(SIDE_COLUMNS["requests"])
INSTANCES = _schema(SIDE_COLUMNS["instances"])
SCORES = _schema(SIDE_COLUMNS["scores"])


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table on disk: the folder ``OUT/<name>`` of Parquet shards.

    Parameters
    ----------
    name : str
    schema : Schema
        Columns and types, in order.
    key : tuple of str
        Columns that tell rows apart; all are filled but ``perturbation``, whose null is a value (the original
        input).
    """

    name: str
    schema: pl.Schema
    key: tuple[str, ...]

    @property
    def key_schema(self) -> pl.Schema:
        """Names and types of the key columns."""
        return pl.Schema({name: self.schema[name] for name in self.key})


TABLES: dict[str, Table] = {
    "predictions": Table(name="predictions", schema=SCHEMA, key=KEY),
    "requests": Table(name="requests", schema=REQUESTS, key=("request_hash",)),
    "instances": Table(name="instances", schema=INSTANCES, key=("scenario", "instance", "perturbation")),
    "scores": Table(name="scores", schema=SCORES, key=(*KEY, "metric")),
}
