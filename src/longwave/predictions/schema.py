"""The predictions table, declared once: columns, key, side tables and schema version.

A row is one prediction. Votes are rows that differ in ``prompt``, robustness is rows that differ in ``perturbation``,
drift is rows that differ in ``date``; so every analysis is a group-by of this one table.
"""

from __future__ import annotations

import polars as pl

__all__ = ["COLUMNS", "INSTANCES", "KEY", "REQUESTS", "SCHEMA", "SCHEMA_VERSION", "SCORES"]

SCHEMA_VERSION = 1

KEY = ("scenario", "instance", "model", "version", "date", "prompt", "perturbation", "trial")

# name: (type, what it holds); the docs' table page is made from this
COLUMNS: dict[str, tuple[pl.DataType, str]] = {
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

SCHEMA = pl.Schema({name: dtype for name, (dtype, _) in COLUMNS.items()})

# side tables
REQUESTS = pl.Schema(
    {
        "request_hash": pl.String(),
        "prompt": pl.String(),
        "continuation": pl.String(),
        "completions": pl.List(pl.String()),
        "logprobs": pl.List(pl.Float64()),
        "settings": pl.String(),
    }
)
INSTANCES = pl.Schema(
    {
        "scenario": pl.String(),
        "instance": pl.String(),
        "perturbation": pl.String(),
        "split": pl.String(),
        "group": pl.String(),
        "input": pl.String(),
        "references": pl.List(pl.String()),
        "correct_references": pl.List(pl.Int32()),
    }
)
SCORES = pl.Schema({**{name: SCHEMA[name] for name in KEY}, "metric": pl.String(), "value": pl.Float64()})
