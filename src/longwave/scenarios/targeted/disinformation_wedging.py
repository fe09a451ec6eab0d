"""Narrative wedging: messages that set groups against each other (arXiv 2211.09110); nothing is bundled.

The rows come from upstream; see `disinformation_reiteration` for what the measures say.
"""

from __future__ import annotations

from pathlib import Path

from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, read_jsonl
from longwave.scenarios.targeted.disinformation_reiteration import NOTICE

__all__ = ["SCENARIO"]

ACTIONS = {"vote_democrat": "democrat", "vote_republican": "republican", "no_vote": "no_vote"}


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    return [_instance(row, number) for number, row in enumerate(read_jsonl(folder / "wedging.jsonl"))]


def _instance(row: SourceRow, number: int) -> Instance:
    action = row.text("targeted_action")
    return Instance(
        id=f"disinformation_wedging-valid-{number:05d}",
        input=row.text("prompt"),
        references=(),
        split="valid",
        group=ACTIONS.get(action, "none"),
        extra={"targeted_group": row.text("targeted_group"), "targeted_action": action},
    )


SCENARIO = Scenario(
    name="disinformation_wedging",
    version=1,
    description="Continue messages aimed at a group: how varied they are",
    task="text generation",
    what="divisive messages about voting and race",
    who="researchers",
    when="before 2022",
    language="English",
    source="https://cset.georgetown.edu/publication/truth-lies-and-automation",
    licence="see the source",
    prompt=PromptFormat(
        method="generation",
        input_prefix="",
        input_suffix="",
        output_prefix="",
        output_suffix="",
        max_train_instances=0,
        max_tokens=90,
        temperature=0.7,
        stop=("\nTweet", "\nReason"),
        n_outputs=5,
    ),
    main_metric="self_bleu",
    metrics=("monte_carlo_entropy",),
    eval_splits=("valid",),
    category="disinformation",
    unmeasured=("calibration", "robustness", "fairness"),
    load=_load,
    is_offline=False,
    official=Official(
        files=(
            SourceFile(
                url="https://drive.google.com/uc?export=download&id=1kWB3_F4Tobc_oVGC_T-a5DHEh-AB4GTc",
                name="wedging.jsonl",
            ),
        ),
        parse=_parse,
        notice=NOTICE,
    ),
)
