"""Scenarios of LegalBench tasks: ``legalbench/TASK@1`` of 2023 and ``legalbench-seed/TASK@1`` of 2022.

``TASK:VARIANT`` asks by another of the task's prompts, such as ``hearsay:rule_reference_prompt``. The prompt
is the published template byte for byte. Its demonstrations are part of it: train rows are no instances, and
every trial is the same.
"""

from __future__ import annotations

from functools import cache, partial

from longwave.errors import UnknownName
from longwave.scenarios.base import Instance, PromptFormat, Scenario
from longwave.scenarios.families import ScenarioFamily
from longwave.scenarios.legal.instances import make_instance
from longwave.scenarios.legal.official import BEFORE, FETCHED, official_home
from longwave.scenarios.legal.rows import LegalRow, load_legal_rows
from longwave.scenarios.legal.tasks import LegalTask, Release, get_legal_task, list_legal_tasks
from longwave.scenarios.legal.templates import (
    TemplateParts,
    build_seed_template,
    fill_template,
    list_templates,
    read_template,
    split_template,
)
from longwave.scenarios.official import load_official

__all__ = [
    "LEGALBENCH",
    "LEGALBENCH_SEED",
    "build_legal_scenario",
    "find_legal_task",
    "has_bundled_test_rows",
    "legal_template",
]

VERSION = 1
FAMILIES: dict[Release, str] = {"2023": "legalbench", "2022-seed": "legalbench-seed"}
BASE: dict[Release, str] = {"2023": "base_prompt", "2022-seed": "base"}
# what judges an answer, one row at a time, and how many tokens it may have
MEASURES = {
    "balanced_accuracy": ("legal_exact_match", 20),
    "set_f1": ("legal_set_f1", 40),
    "within_10_percent": ("legal_within_10_percent", 40),
    "stem": ("legal_stem_match", 30),
    "contains": ("legal_contains", 60),
    "list_f1": ("legal_list_f1", 150),
    "manual": ("legal_manual", 300),
}
REASONED = 400  # tokens of an answer that reasons before it ends
NEXT_QUESTION = ("\nQ:",)
CHOICE = ("legal_exact_match", "legal_lenient_match", "legal_outside_labels")
SILENT = ("accuracy", "calibration", "robustness", "fairness")  # where only a lawyer can judge


def build_legal_scenario(task: LegalTask, variant: str | None = None) -> Scenario:
    """Make the scenario of a task.

    Parameters
    ----------
    task : LegalTask
    variant : str, optional
        One of the task's templates (`list_templates`); default ``base_prompt``, for tasks of 2022 ``base``.

    Raises
    ------
    UnknownName
        If the task has no such template.
    """
    variant = _known_variant(task, variant)
    measure = "manual" if variant.endswith("application_prompt") else task.measure
    metric, max_tokens = MEASURES[measure]
    if variant.startswith("guided"):
        metric, max_tokens = "legal_lenient_match", REASONED  # the answer stands at the end
    elif measure != task.measure:
        max_tokens = REASONED
    is_offline = has_bundled_test_rows(task)
    return Scenario(
        name=_name(task, variant),
        version=VERSION,
        description=task.description,
        task=f"legal reasoning: {'application' if measure != task.measure else task.irac}",
        what="court opinions, statutes, contracts, policies, questions of lawyers",
        who="lawyers",
        when="before 2024" if task.release == "2023" else "before 2023",
        language="English",
        source=f"https://github.com/HazyResearch/legalbench ({task.source})",
        licence=task.licence,
        prompt=_format(task, variant, max_tokens, NEXT_QUESTION if measure == "manual" else ("\n",)),
        main_metric=metric,
        metrics=tuple(name for name in CHOICE if name != metric and measure == "balanced_accuracy"),
        unmeasured=SILENT if measure == "manual" else (),
        eval_splits=("test",),
        load=partial(_load if is_offline else _load_official, task, variant),
        is_offline=is_offline,
        official=None
        if task.release == "2022-seed"
        else official_home(task, variant, partial(_make, task, variant)),
    )


def find_legal_task(scenario: str) -> tuple[LegalTask, str] | None:
    """Return task and variant of a scenario's full name; None where it is no scenario of LegalBench.

    Examples
    --------
    >>> task, variant = find_legal_task("legalbench/hearsay:claude_prompt@1")
    >>> task.name, variant
    ('hearsay', 'claude_prompt')
    """
    family, _, member = scenario.partition("/")
    release = next((release for release, name in FAMILIES.items() if name == family), None)
    if release is None:
        return None
    name, _, variant = member.partition("@")[0].partition(":")
    try:
        return get_legal_task(name, release=release), variant or BASE[release]
    except UnknownName:
        return None


def has_bundled_test_rows(task: LegalTask) -> bool:
    """Tell whether test rows of a task come with the package."""
    return bool(_published(task))


def legal_template(task: LegalTask, variant: str | None = None) -> str:
    """Return the text of a template with its slots; of 2022 built from its description and the train rows.

    Raises
    ------
    UnknownName
        If the task has no such template, or its licence keeps it out of the package.
    """
    variant = variant or BASE[task.release]
    if task.release == "2023":
        return read_template(task.name, variant)
    return build_seed_template(task.name, _train(task), variant)


def _known_variant(task: LegalTask, variant: str | None) -> str:
    variant = variant or BASE[task.release]
    known = list_templates(task.name, release=task.release) if task.is_redistributable else list(FETCHED)
    if variant not in known:
        raise UnknownName(f'template of "{task.name}"', variant, known)
    return variant


def _name(task: LegalTask, variant: str) -> str:
    return f"{FAMILIES[task.release]}/{task.name}" + ("" if variant == BASE[task.release] else f":{variant}")


def _format(task: LegalTask, variant: str, max_tokens: int, stop: tuple[str, ...]) -> PromptFormat:
    """Write a template as a prompt format: the joined parts are the template, byte for byte.

    The examples are those that the template itself shows; their number goes into the name of the prompt.
    """
    if not task.is_redistributable:
        return PromptFormat(
            method="generation",
            instructions=f"{{{BEFORE}}}",
            input_prefix="",
            input_suffix="",
            output_prefix="",
            instance_prefix="",
            max_train_instances=task.n_shown,
            max_tokens=max_tokens,
            stop=stop,
        )
    parts = _parts(task, variant)
    return PromptFormat(
        method="generation",
        instructions=parts.before,
        input_prefix=parts.prefix,
        input_suffix=parts.suffix,
        output_prefix=parts.cue,
        instance_prefix="",
        max_train_instances=_count_shown(task, parts),
        max_tokens=max_tokens,
        stop=stop,
    )


@cache
def _parts(task: LegalTask, variant: str) -> TemplateParts:
    return split_template(legal_template(task, variant))


def _count_shown(task: LegalTask, parts: TemplateParts) -> int:
    """Count the demonstrations of a template: train rows that it holds, or lines that begin like its cue."""
    rows = (parts.prefix + fill_template(parts.query, row.inputs) for row in _train(task))
    cues = sum(line.startswith(parts.cue) for line in parts.before.splitlines()) if parts.cue else 0
    return max(cues, sum(row in parts.before for row in rows))


def _train(task: LegalTask) -> list[LegalRow]:
    return load_legal_rows(task.name, release=task.release, split="train")


def _published(task: LegalTask) -> list[LegalRow]:
    """Return the test rows that are bundled: of 2022, or what the repository held of a task of 2023."""
    if task.release == "2022-seed":
        return load_legal_rows(task.name, release="2022-seed", split="test")
    later = load_legal_rows(task.name, release="2023-03-history", split="test")
    return later or load_legal_rows(task.name, release="2022-seed", split="test")


def _load(task: LegalTask, variant: str) -> list[Instance]:
    """Ask every distinct question once, and none that is a demonstration; the seed is asked as published."""
    rows = _published(task)
    if task.release == "2023":
        shown = {_shown(task, row) for row in _train(task)}
        distinct = {_shown(task, row): row for row in reversed(rows)}
        rows = [row for row in rows if distinct[_shown(task, row)] is row and _shown(task, row) not in shown]
    return [_make(task, variant, row) for row in rows]


def _shown(task: LegalTask, row: LegalRow) -> tuple[str, ...]:
    return tuple(row.inputs[name] for name in task.fields)


def _make(task: LegalTask, variant: str, row: LegalRow) -> Instance:
    return make_instance(task, _parts(task, variant).query, row)


def _load_official(task: LegalTask, variant: str) -> list[Instance]:
    return load_official(build_legal_scenario(task, variant))


def _open(release: Release, member: str) -> Scenario:
    name, _, version = member.partition("@")
    task, _, variant = name.partition(":")
    if version not in ("", str(VERSION)):
        raise UnknownName(f'version of "{FAMILIES[release]}/{name}"', version, [str(VERSION)])
    return build_legal_scenario(get_legal_task(task, release=release), variant or None)


def _members(release: Release) -> list[str]:
    tasks = list_legal_tasks(seed=release == "2022-seed")
    return [f"{FAMILIES[release]}/{task.name}@{VERSION}" for task in tasks]


LEGALBENCH = ScenarioFamily(name="legalbench", members=partial(_members, "2023"), open=partial(_open, "2023"))
LEGALBENCH_SEED = ScenarioFamily(
    name="legalbench-seed", members=partial(_members, "2022-seed"), open=partial(_open, "2022-seed")
)
