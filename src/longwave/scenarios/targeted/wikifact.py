"""WikiFact: complete facts of Wikidata, relation by relation, prompted as in arXiv 2211.09110.

The bundled sample takes its facts and phrases from ParaRel (arXiv 2102.01017), 36 relations; the official
rows are those of the ten relations of the official runs. Examples are facts of the same relation.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.reading import SourceRow, read_jsonl
from longwave.scenarios.rows import read_sample

__all__ = ["RELATIONS", "SCENARIO"]

RELATIONS = {
    "P1620": "plaintiff",
    "P19": "place_of_birth",
    "P2175": "medical_condition_treated",
    "P31": "instance_of",
    "P361": "part_of",
    "P38": "currency",
    "P39": "position_held",
    "P50": "author",
    "P61": "discoverer_or_inventor",
    "P780": "symptoms_and_signs",
}
HOME = "https://worksheets.codalab.org/rest/bundles/0x8c3b60eb7c6b462e822a150f194d3b35/contents/blob/"
FILES: dict[str, Literal["train", "valid", "test"]] = {
    "train.jsonl": "train",
    "dev.jsonl": "valid",
    "test.jsonl": "test",
}


def _parse(folder: Path) -> list[Instance]:
    return [
        _instance(row, split, index)
        for name, split in FILES.items()
        for index, row in enumerate(read_jsonl(folder / name))
        if row.text("property") in RELATIONS
    ]


def _instance(row: SourceRow, split: Literal["train", "valid", "test"], index: int) -> Instance:
    relation = row.text("property")
    answers = dict.fromkeys(_answers(row, row.items("result_names")))  # each once, in their order
    if not answers:
        raise row.error('"result_names" names no answer')
    return Instance(
        id=f"wikifact-{split}-{index:06d}",
        input=row.text("template"),
        references=tuple(Reference(text=answer, tags=(CORRECT,)) for answer in answers),
        split=split,
        group=relation,
        extra={"relation": relation, "relation_name": RELATIONS[relation]},
    )


def _answers(row: SourceRow, items: list[object]) -> Iterator[str]:
    """Yield the names in a list of names and of lists of names."""
    for item in items:
        if isinstance(item, list):
            yield from _answers(row, item)
        elif not isinstance(item, str):
            raise row.error(f'"result_names" holds {type(item).__name__}; it must be names or lists of names')
        elif item.strip():
            yield item.strip()


SCENARIO = Scenario(
    name="wikifact",
    version=1,
    description="Complete a fact of Wikidata, with five tries",
    task="knowledge base completion",
    what="triples of subject, relation and object as sentences",
    who="n/a",
    when="?",
    language="structured English",
    source="https://www.wikidata.org",
    licence="CC0 1.0 (facts), MIT (phrases)",
    prompt=PromptFormat(
        method="generation",
        input_prefix="",
        input_suffix="",
        output_prefix=" ",
        max_tokens=8,
        temperature=1.0,
        stop=("\n",),
        n_outputs=5,
        examples_by="relation",
    ),
    main_metric="quasi_exact_match@5",
    metrics=("quasi_exact_match",),
    eval_splits=("test",),
    load=partial(read_sample, "wikifact", group_by="relation"),
    category="knowledge",
    official=Official(
        files=tuple(SourceFile(url=HOME + name, name=name) for name in FILES),
        parse=_parse,
    ),
)
