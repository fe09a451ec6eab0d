"""The bundled sample of real predictions, for use without the network."""

from __future__ import annotations

import csv
from typing import Literal

import polars as pl

from longwave.errors import UnknownName
from longwave.monitoring.hapi.store import HapiStore
from longwave.samples import sample_path

__all__ = ["amnist_groups", "load_sample"]

_SPEAKER_PART = 2  # AudioMNIST_0_01_13.wav: digit, speaker, repetition
_FIELDS = ("gender", "native_english", "accent")


def load_sample() -> HapiStore:
    """Open the bundled sample: first rounds of commercial APIs, and two snapshots of two language models.

    Returns
    -------
    HapiStore
        Complete datasets; what there is, and how far its dates can be trusted, is in ``runs()`` and in the
        README of ``longwave/samples/hapi``. Only the language models were asked at two dates.

    Examples
    --------
    >>> store = load_sample()
    >>> table = store.table(task="llm", dataset="prime", api="openai_gpt-4", columns=["date", "score"])
    >>> table.group_by("date", maintain_order=True).mean().collect()["score"].to_list()
    [0.84, 0.502]
    """
    return HapiStore.open(sample_path("hapi"))


def amnist_groups(by: Literal["gender", "native_english", "accent"] = "gender") -> pl.DataFrame:
    """Return the speakers' groups for the sample's spoken digits, scr/amnist.

    Parameters
    ----------
    by : {"gender", "native_english", "accent"}

    Returns
    -------
    DataFrame
        ``dataset``, ``row``, ``group``, as `HapiStore.with_groups` takes them; of three of the sixty speakers
        nothing is known, and their rows are left out.

    Raises
    ------
    UnknownName
        If nothing else is known of the speakers.
    """
    if by not in _FIELDS:
        raise UnknownName("field of the speakers", by, _FIELDS)
    with sample_path("hapi/amnist_speakers.csv").open(encoding="utf-8", newline="") as file:
        known = {line["speaker"]: line[by] for line in csv.DictReader(file) if line[by]}
    speaker = pl.col("example_id").str.split("_").list.get(_SPEAKER_PART)
    rows = (
        load_sample()
        .labels(task="scr", dataset="amnist")
        .select(
            pl.col("dataset").cast(pl.String),
            "row",
            speaker.replace_strict(known, default=None, return_dtype=pl.String).alias("group"),
        )
    )
    return rows.filter(pl.col("group").is_not_null()).collect()
