"""Scenarios in plain files: a YAML file that describes one, beside a JSON lines file with its rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from longwave import registry
from longwave.config import load_config
from longwave.errors import ConfigError
from longwave.scenarios.base import PromptFormat, Scenario
from longwave.scenarios.rows import SPLITS, read_instances

__all__ = ["ScenarioFile", "load_scenario_file"]


@dataclass(frozen=True, kw_only=True)
class ScenarioFile:
    """What the YAML file of a scenario may say.

    Parameters
    ----------
    name, version : str, int
        Written together as ``name@version``; raise the version whenever prompt, split or metric changes.
    rows : str
        Path of the rows (``.jsonl`` or ``.jsonl.gz``), relative to the YAML file.
    prompt : PromptFormat
        How rows become requests.
    main_metric : str
        Name in the registry of metrics.
    eval_splits : tuple of str
        Splits that are evaluated.
    group_by : str, optional
        Key of ``extra`` whose value is the group of a row.
    description, task, what, who, when, language, source, licence : str
        For listings and the report.
    """

    name: str
    rows: str
    prompt: PromptFormat
    main_metric: str
    version: int = 1
    eval_splits: tuple[str, ...] = ("valid", "test")
    group_by: str | None = None
    description: str = ""
    task: str = "?"
    what: str = "?"
    who: str = "?"
    when: str = "?"
    language: str = "?"
    source: str = "?"
    licence: str = "?"


def load_scenario_file(path: Path) -> Scenario:
    """Read a scenario from a YAML or JSON file; its rows are read when ``load`` is called.

    Raises
    ------
    MissingFile
        If the file does not exist.
    ConfigError
        If a key is unknown, a value has the wrong type, a split does not exist or the name is unfit.
    UnknownName
        If the main metric is not registered.
    """
    found = load_config(ScenarioFile, path)
    wrong = [split for split in found.eval_splits if split not in SPLITS]
    if wrong or not found.eval_splits:
        raise ConfigError(
            f'"eval_splits" in "{path}" is {list(found.eval_splits)}; name at least one of '
            f"{', '.join(SPLITS)}."
        )
    if not found.name or "@" in found.name or "/" in found.name:
        raise ConfigError(
            f'"name" in "{path}" is "{found.name}"; use letters, digits and hyphens, without "@" or "/".'
        )
    registry.find("metrics", found.main_metric)
    return Scenario(
        name=found.name,
        version=found.version,
        description=found.description or f"from {path.name}",
        task=found.task,
        what=found.what,
        who=found.who,
        when=found.when,
        language=found.language,
        source=found.source,
        licence=found.licence,
        prompt=found.prompt,
        main_metric=found.main_metric,
        eval_splits=found.eval_splits,
        load=partial(read_instances, path.parent / found.rows, group_by=found.group_by),
    )
