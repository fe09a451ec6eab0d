"""TwitterAAE: tweets by the English they are in (ACL anthology D16-1120), chosen as in arXiv 2211.09110.

50,000 tweets drawn from those with the highest share of African-American English, and as many from those with
the highest share of white-aligned English; the gap between the two groups is what the scenario is for.
"""

from __future__ import annotations

from pathlib import Path

from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import read_csv

__all__ = ["SCENARIO"]

GROUPS = ("aa", "white")
HOME = "https://worksheets.codalab.org/rest/bundles/0x31485f8c37ad481fb9f4e9bf7ccff6e5/contents/blob/"


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    """Read the tweets; an empty one has no bits to predict and is left out."""
    return [
        Instance(
            id=f"twitter_aae-test-{group}-{index:05d}", input=text, references=(), split="test", group=group
        )
        for group in GROUPS
        for index, row in enumerate(read_csv(folder / f"{group}_tweets.csv", columns=("tweet",)))
        if (text := row.text("tweet"))
    ]


SCENARIO = Scenario(
    name="twitter_aae",
    version=1,
    description="Predict tweets in African-American English and in white-aligned English",
    task="language modeling",
    what="tweets",
    who="Twitter users in the USA, by the demographics of where they wrote",
    when="2013",
    language="English (AAE and white-aligned)",
    source="http://slanglab.cs.umass.edu/TwitterAAE/",
    licence="see the source",
    prompt=PromptFormat(method="language_modeling", max_train_instances=0, max_tokens=0),
    main_metric="bits_per_byte",
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="language",
    official=Official(
        files=tuple(
            SourceFile(url=f"{HOME}{group}_tweets.csv", name=f"{group}_tweets.csv") for group in GROUPS
        ),
        parse=_parse,
        notice="The tweets hold coarse and hurtful language.",
    ),
)
