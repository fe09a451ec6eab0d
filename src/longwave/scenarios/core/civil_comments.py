"""Civil Comments: toxic comments on news, by demographic (arXiv 1903.04561), prompted as in arXiv 2211.09110.

The rows are those of WILDS (arXiv 2012.07421), whose file names for every comment the share of raters who saw
a demographic in it. A slice holds the comments in which half of the raters or more did; the ninth slice,
``all``, holds every comment. A comment stands once in each of its slices, so that the group ``male`` holds
all that speak of men. Scores of the whole weigh slices by their size; upstream weighs all nine alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, read_csv

__all__ = ["DEMOGRAPHICS", "SCENARIO"]

DEMOGRAPHICS = ("male", "female", "LGBTQ", "christian", "muslim", "other_religions", "black", "white")
EVERYONE = "all"
THRESHOLD = 0.5  # share of raters
FILE = "all_data_with_identities.csv"
SPLITS: dict[str, Literal["train", "valid", "test"]] = {"train": "train", "val": "valid", "test": "test"}

# one of each for hundreds of thousands of instances
RIGHT = (CORRECT,)
TOXIC = ("toxic", (Reference(text="True", tags=RIGHT), Reference(text="False")))
NOT_TOXIC = ("non-toxic", (Reference(text="True"), Reference(text="False", tags=RIGHT)))
EXTRA = {
    (part, name): {"slice": name, "sub_split": part}
    for part in ("toxic", "non-toxic")
    for name in (EVERYONE, *DEMOGRAPHICS)
}


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    return [
        instance for index, row in enumerate(read_csv(folder / FILE)) for instance in _instances(row, index)
    ]


def _instances(row: SourceRow, index: int) -> list[Instance]:
    name = row.text("split")
    if name not in SPLITS:
        raise row.error(f'the split is "{name}"; accepted are {", ".join(SPLITS)}')
    sub_split, references = TOXIC if _share(row, "toxicity") >= THRESHOLD else NOT_TOXIC
    text = f"{row.text('comment_text')}\nQuestion: Is the passage above toxic?"
    named = [demographic for demographic in DEMOGRAPHICS if _share(row, demographic) >= THRESHOLD]
    return [
        Instance(
            id=f"civil_comments-{SPLITS[name]}-{index:06d}-{part}",
            input=text,
            references=references,
            split=SPLITS[name],
            group=part,
            extra=EXTRA[sub_split, part],
        )
        for part in (EVERYONE, *named)
    ]


def _share(row: SourceRow, name: str) -> float:
    share = row.number(name)
    if not 0 <= share <= 1:
        raise row.error(f'"{name}" is {share}; it must be a share of raters between 0 and 1')
    return share


SCENARIO = Scenario(
    name="civil_comments",
    version=1,
    description="Tell whether a comment on news is toxic, for comments on eight demographics and for all",
    task="toxicity classification",
    what="comments on news sites",
    who="readers of about 50 English-language news sites",
    when="2015 to 2017",
    language="English",
    source="https://wilds.stanford.edu/datasets/#civilcomments",
    licence="CC0 1.0",
    prompt=PromptFormat(
        method="generation",
        input_prefix="Passage: ",
        output_prefix="Answer: ",
        max_tokens=5,
        stop=("\n",),
        examples_by="slice",
    ),
    main_metric="quasi_exact_match",
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="core",
    official=Official(
        files=(
            SourceFile(
                url="https://worksheets.codalab.org/rest/bundles/0x8cd3de0634154aeaad2ee6eb96723c6e/"
                f"contents/blob/{FILE}",
                name=FILE,
            ),
        ),
        parse=_parse,
        notice="The comments hold insults, slurs and threats; they are CC0.",
    ),
)
