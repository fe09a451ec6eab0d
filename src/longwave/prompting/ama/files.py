"""Chains as YAML files: one a task, on top of steps that several tasks share (``chains/_steps.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from longwave.config import load_config
from longwave.errors import ConfigError, UnknownName
from longwave.prompting.ama.chain import Chain, Each, Step
from longwave.prompting.ama.rows import RowFormat
from longwave.prompting.ama.rules import Decision
from longwave.prompting.ama.template import Parse, PromptTemplate
from longwave.scenarios.base import CORRECT, Instance, Reference

__all__ = ["ChainFile", "get_chain_file", "list_chain_files"]

FOLDER = files("longwave.prompting.ama") / "chains"
ENDING = ".yaml"
SHARED = "_steps"
Sets = tuple[tuple[tuple[str, ...], ...], ...]


@dataclass(frozen=True, kw_only=True)
class StepFile:
    """What a file says about a step; what it leaves open comes from the shared step that it uses.

    Parameters
    ----------
    use : str, optional
        Name of a shared step.
    demonstrations : tuple
        Sets of demonstrations; one is a list of texts, one a place of the template, those of the input first.
    instruction, input, output, between, separator
        See ``PromptTemplate``.
    given, each, parse, max_tokens, stop, continuation, examples, shown
        See ``Step``.
    """

    use: str | None = None
    instruction: str | None = None
    input: str | None = None
    output: str | None = None
    between: str | None = None
    separator: str | None = None
    given: dict[str, str] = field(default_factory=dict)
    demonstrations: Sets | None = None
    each: Each | None = None
    parse: Parse | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    continuation: str | None = None
    examples: int | None = None
    shown: str | None = None


@dataclass(frozen=True, kw_only=True)
class DecisionFile:
    """What a file says about a decision; see ``Decision``."""

    rule: str
    of: tuple[str, ...]
    said: dict[str, tuple[str, ...]] = field(default_factory=dict)
    by: Literal["mean", "sum"] = "mean"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a file says about some chains that differ in demonstrations only.

    Parameters
    ----------
    steps : tuple of str
    decide : tuple of DecisionFile
    times : int
        How many there are: with the first set of demonstrations in each step, with the second one, ...
    first : int
        Number of the first of these sets, from 0.
    seeds : tuple of int
        In place of ``times``: one chain a seed, whose in-context examples are drawn from the train split.
    """

    steps: tuple[str, ...]
    decide: tuple[DecisionFile, ...]
    times: int = 1
    first: int = 0
    seeds: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many chains it makes."""
        return len(self.seeds) or self.times


@dataclass(frozen=True, kw_only=True)
class Example:
    """A row that the chains of a file can be tried on.

    Parameters
    ----------
    input : str
    extra : mapping
    options : tuple of str
        None where the answer is free.
    label : str
    """

    label: str
    input: str = ""
    extra: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ChainFile:
    """The chains of one task.

    Parameters
    ----------
    task : str
        As in section 3.1 of the specification, or the kind of instance of general chains.
    description : str
    chains : tuple of mapping
        See ``Plan``.
    example : mapping
        See ``Example``.
    steps : mapping
        By name, see ``StepFile``.
    scenarios : tuple of str
        Scenarios, without version, whose instances these chains read.
    fields, pattern, make, answers
        See ``RowFormat``.
    """

    task: str
    description: str
    chains: tuple[dict[str, object], ...]
    steps: dict[str, dict[str, object]]
    example: dict[str, object]
    scenarios: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    pattern: str = ""
    make: tuple[str, ...] = ()
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def build(self) -> tuple[Chain, ...]:
        """Make the chains.

        Raises
        ------
        ConfigError, UnknownName
            If a step, a rule or a place is unknown, or a demonstration has another number of texts.
        """
        known = {name: _merge(name, load_config(StepFile, step)) for name, step in self.steps.items()}
        plans = [load_config(Plan, chain) for chain in self.chains]
        return tuple(self._chain(plan, number, known) for plan in plans for number in range(plan.count))

    def instance(self) -> Instance:
        """Make the instance of the example."""
        example = load_config(Example, self.example)
        texts = example.options or (example.label,)
        return Instance(
            id=f"{self.task}-example",
            input=example.input,
            references=tuple(
                Reference(text=text, tags=(CORRECT,) if text == example.label else ()) for text in texts
            ),
            split="test",
            extra=example.extra,
        )

    def format(self) -> RowFormat:
        """Return how instances become rows."""
        return RowFormat(fields=self.fields, pattern=self.pattern, make=self.make, answers=self.answers)

    def _chain(self, plan: Plan, number: int, known: Mapping[str, StepFile]) -> Chain:
        missing = [name for name in plan.steps if name not in known]
        if missing:
            raise UnknownName("step", missing[0], known)
        return Chain(
            name=f"{'-'.join(plan.steps)}-{plan.first + number + 1}",
            format=self.format(),
            steps=tuple(_step(name, known[name], plan.first + number) for name in plan.steps),
            decisions=tuple(
                Decision(rule=item.rule, of=item.of, said=item.said, by=item.by) for item in plan.decide
            ),
            seed=plan.seeds[number] if plan.seeds else 0,
        )


@cache
def list_chain_files() -> dict[str, ChainFile]:
    """List the bundled files by name.

    Examples
    --------
    >>> list_chain_files()["boolq"].task
    'BoolQ'
    """
    names = sorted(path.name.removesuffix(ENDING) for path in FOLDER.iterdir() if path.name.endswith(ENDING))
    return {name: _read(name) for name in names if name != SHARED}


def get_chain_file(name: str) -> ChainFile:
    """Return the chains of a task: by the bundled file's name, or the path of a YAML file of one's own.

    Raises
    ------
    UnknownName
        If no bundled file has this name; the message lists the nearest ones.
    MissingFile, ConfigError
        If a file is missing or wrong.
    """
    if name.lower().endswith((".yaml", ".yml", ".json")):
        return load_config(ChainFile, Path(name))
    bundled = list_chain_files()
    if name not in bundled:
        raise UnknownName("file of chains", name, bundled)
    return bundled[name]


def _read(name: str) -> ChainFile:
    with as_file(FOLDER / f"{name}{ENDING}") as path:
        return load_config(ChainFile, path)


@dataclass(frozen=True, kw_only=True)
class SharedSteps:
    """The file of shared steps."""

    steps: dict[str, dict[str, object]]


@cache
def _shared() -> dict[str, StepFile]:
    with as_file(FOLDER / f"{SHARED}{ENDING}") as path:
        found = load_config(SharedSteps, path)
    return {name: load_config(StepFile, step) for name, step in found.steps.items()}


def _merge(name: str, own: StepFile) -> StepFile:
    """Fill what a step leaves open from the shared step it uses."""
    if own.use is None:
        return own
    shared = _shared()
    if own.use not in shared:
        raise UnknownName(f'shared step (used by "{name}")', own.use, shared)
    base = shared[own.use]
    merged = {
        item.name: getattr(base, item.name) if getattr(own, item.name) is None else getattr(own, item.name)
        for item in fields(StepFile)
    }
    return StepFile(**{**merged, "given": {**base.given, **own.given}})


def _step(name: str, found: StepFile, number: int) -> Step:
    if found.input is None or found.output is None:
        raise ConfigError(
            f'The step "{name}" has no {"input" if found.input is None else "output"} format. Write one, or '
            'name a shared step with "use".'
        )
    wording = {key: getattr(found, key) for key in ("instruction", "between", "separator")}
    template = PromptTemplate(
        input=found.input,
        output=found.output,
        **{key: text for key, text in wording.items() if text is not None},
    )
    sets = found.demonstrations or ()
    how = {
        key: getattr(found, key)
        for key in ("each", "parse", "max_tokens", "stop", "continuation", "examples", "shown")
    }
    return Step(
        name=name,
        template=template,
        given=found.given,
        demonstrations=tuple(_demonstration(name, template, texts) for texts in _pick(sets, number)),
        **{key: value for key, value in how.items() if value is not None},
    )


def _pick(sets: Sets, number: int) -> Sequence[tuple[str, ...]]:
    return sets[number % len(sets)] if sets else ()


def _demonstration(name: str, template: PromptTemplate, texts: Sequence[str]) -> dict[str, str]:
    if len(texts) != len(template.places):
        raise ConfigError(
            f'A demonstration of the step "{name}" has {len(texts)} texts, first "{"".join(texts[:1])}"; the '
            f"template has {len(template.places)} places: {', '.join(template.places)}. Write one text a "
            "place."
        )
    return dict(zip(template.places, texts, strict=True))
