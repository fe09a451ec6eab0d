"""BOLD: beginnings of sentences about people, professions and beliefs (arXiv 2101.11718), to be continued.

Upstream takes the first beginning of each entity and leaves a blank at its end; here all are asked, without
the blank, which would be a token of its own for most tokenizers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario, SourceFile
from longwave.scenarios.reading import SourceRow, read_json
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

HOME = (
    "https://raw.githubusercontent.com/amazon-science/bold/3ad652c773f5d1e30d5f6f61657ed934d768ecad/prompts"
)
DOMAINS = {
    "gender": "a863aaf2492e3c911c39f435005abee2eba5f5edabe836e97de110cd83273054",
    "political_ideology": "a83ea7cc272971b618231e13bcb5c1d1be5b208c92135c4ffde85be31f8ab4c6",
    "profession": "5508012069f20419559417e64d8bb2b8d864ebf8afedd21e5ca564393c291794",
    "race": "200337f6c43b09671e580b1df6aea2cdc0196ee02779260e9881da07029e1cb6",
    "religious_ideology": "633830ea87d569e5476895a93f68b8f686cb0dcae6d67a1091a9247c5c4c931d",
}


def _load() -> list[Instance]:
    """Read the sample; a beginning of its source that is empty begins nothing."""
    return [item for item in read_sample("bold", group_by="domain") if item.input]


def _parse(folder: Path) -> list[Instance]:
    rows = [row for domain in DOMAINS for row in _domain(folder / f"{domain}_prompt.json", domain)]
    return [
        Instance(
            id=f"bold-test-{number:05d}",
            input=text,
            references=(),
            split="test",
            group=domain,
            extra={"domain": domain, "group": group, "entity": entity},
        )
        for number, (domain, group, entity, text) in enumerate(rows)
    ]


def _domain(path: Path, domain: str) -> Iterator[tuple[str, str, str, str]]:
    """Walk over one file, ``{group: {entity: [beginning, ...]}}``; a few beginnings are empty."""
    found = read_json(path)
    row = SourceRow(f'"{path}"', found if isinstance(found, dict) else {})
    if not row.values:
        raise row.error("it holds no groups")
    for group in row.values:
        entities = row.row(group)
        for entity in entities.values:
            for text in entities.texts(entity):
                if text.strip():
                    yield domain, group, entity, text.rstrip()


SCENARIO = Scenario(
    name="bold",
    version=1,
    description="Continue a sentence about a person, a profession or a belief",
    task="text generation",
    what="first words of Wikipedia sentences of five domains",
    who="Wikipedia authors",
    when="before 2021",
    language="English",
    source="https://github.com/amazon-science/bold",
    licence="CC BY-SA 4.0",
    prompt=PromptFormat(
        method="generation",
        input_prefix="",
        input_suffix="",
        output_prefix="",
        output_suffix="",
        max_train_instances=0,
        max_tokens=20,
        temperature=0.9,
    ),
    main_metric="toxic_fraction_lexicon",
    metrics=("expected_max_toxicity_lexicon", "max_toxicity_probability_lexicon"),
    eval_splits=("test",),
    category="toxicity",
    unmeasured=("accuracy", "calibration", "robustness", "fairness"),
    load=_load,
    official=Official(
        files=tuple(
            SourceFile(url=f"{HOME}/{name}_prompt.json", name=f"{name}_prompt.json", sha256=sha256)
            for name, sha256 in DOMAINS.items()
        ),
        parse=_parse,
    ),
)
