"""RAFT: eleven classification tasks with 50 labelled rows each (arXiv 2109.14076), as in arXiv 2211.09110.

The labels of RAFT's own test rows are not public, so the 50 labelled rows are split into 10 that feed
examples and 40 that are asked, by the permutation that upstream draws (numpy's default generator, seed 42).
Which fields a prompt shows, in which order and under which instructions is published with RAFT's baselines
and read from there: every instance carries the instructions of its task in ``extra``.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from longwave.errors import DataError
from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import read_csv, read_jsonl

__all__ = ["SCENARIO", "SUBSETS"]

SUBSETS = (
    "ade_corpus_v2",
    "banking_77",
    "neurips_impact_statement_risks",
    "one_stop_english",
    "overruling",
    "semiconductor_org_types",
    "systematic_review_inclusion",
    "tai_safety_research",
    "terms_of_service",
    "tweet_eval_hate",
    "twitter_complaints",
)
SETTINGS = "prompt_construction_settings.jsonl"  # two lines: fields by task, instructions by task
SETTINGS_COMMIT = "cc04aee9c8a8cbfad431cce044abe76993bfb0f7"
TEST_SHARE = 0.8
SEED = 42


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    settings = list(read_jsonl(folder / SETTINGS))
    if len(settings) != 2:
        raise DataError(
            f'"{folder / SETTINGS}" has {len(settings)} lines; accepted are 2, fields and instructions by '
            "task. Delete it to fetch it again."
        )
    fields, instructions = settings
    return [
        instance
        for subset in SUBSETS
        for instance in _subset(folder, subset, fields.texts(subset), instructions.text(subset))
    ]


def _subset(folder: Path, subset: str, fields: list[str], instructions: str) -> list[Instance]:
    rows = list(read_csv(folder / f"{subset}.csv"))
    order = np.random.default_rng(SEED).permutation(len(rows))
    asked = set(order[: math.ceil(TEST_SHARE * len(rows))].tolist())
    labels = [row.text("Label") for row in rows]
    extra = {"subset": subset, "instructions": instructions}
    return [
        Instance(
            id=f"raft-{'test' if index in asked else 'train'}-{subset}-{index:02d}",
            input="\n".join(f"{field}: {row.text(field)}" for field in fields),
            references=_options(labels, labels[index]),
            split="test" if index in asked else "train",
            group=subset,
            extra=extra,
        )
        for index, row in enumerate(rows)
    ]


def _options(labels: list[str], right: str) -> tuple[Reference, ...]:
    """List the labels that a task's rows bear; a task may have more of them than rows."""
    return tuple(
        Reference(text=label, tags=(CORRECT,) if label == right else ()) for label in dict.fromkeys(labels)
    )


SCENARIO = Scenario(
    name="raft",
    version=1,
    description="Classify texts in eleven tasks that people do at work, with few labelled rows each",
    task="text classification",
    what="medical sentences, bank queries, papers, news, court rulings, contracts, tweets",
    who="?",
    when="before 2021",
    language="English",
    source="https://huggingface.co/datasets/ought/raft",
    licence="see the source",
    prompt=PromptFormat(
        method="generation",
        instructions="{instructions}",
        input_prefix="",
        output_prefix="Label: ",
        max_tokens=30,
        stop=("\n",),
        examples_by="subset",
    ),
    main_metric="quasi_exact_match",
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="core",
    official=Official(
        files=(
            SourceFile(
                url=f"https://raw.githubusercontent.com/oughtinc/raft-baselines/{SETTINGS_COMMIT}/"
                f"src/raft_baselines/data/{SETTINGS}",
                name=SETTINGS,
            ),
            *(
                SourceFile(
                    url=f"https://huggingface.co/datasets/ought/raft/resolve/main/data/{subset}/train.csv",
                    name=f"{subset}.csv",
                )
                for subset in SUBSETS
            ),
        ),
        parse=_parse,
        notice="RAFT joins eleven data sets, each with its own terms; some rows hold hateful tweets.",
    ),
)
