"""A chain as data: steps, what each is given, and the decisions that turn their replies into a vote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from longwave.errors import ConfigError, UnknownName
from longwave.prompting.ama.rows import BUILT_IN, RowFormat
from longwave.prompting.ama.rules import Decision
from longwave.prompting.ama.template import PARSES, Parse, PromptTemplate, places_of

__all__ = ["Chain", "Each", "Step"]

Each = Literal["once", "options", "orders"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing a model is asked, with demonstrations.

    Parameters
    ----------
    name : str
        Later steps read its reply as ``{name}``, and the parts of a reply with several as ``{name.part}``.
    template : PromptTemplate
    given : mapping
        What stands in the places of the template's input: formats over the fields of the row, ``{option}``
        and replies of earlier steps. A place that is left out is filled from the field of its name.
    demonstrations : tuple of mapping
        Values of the template's places.
    each : {"once", "options", "orders"}
        How often it is asked: once; once an option, as ``{option}``; or twice, ``{options}`` turned round the
        second time.
    parse : {"line", "block", "list", "all"}
        Which part of a reply counts, see ``cut_reply``.
    max_tokens : int
    stop : tuple of str
    continuation : str
        A format. If it is given the model writes nothing: this text is scored after the prompt.
    examples : int
        In-context examples drawn from the train split, after the demonstrations.
    shown : str
        Format of the reply that such an example shows: ``{label}`` is its first right reference,
        ``{verdict}`` the vote that this stands for as a word. A scored text is shown whole.
    """

    name: str
    template: PromptTemplate
    given: Mapping[str, str] = field(default_factory=dict)
    demonstrations: tuple[Mapping[str, str], ...] = ()
    each: Each = "once"
    parse: Parse = "line"
    max_tokens: int = 20
    stop: tuple[str, ...] = ("\n",)
    continuation: str = ""
    examples: int = 0
    shown: str = "{label}"

    def __post_init__(self) -> None:
        places = set(self.template.places)
        for demonstration in self.demonstrations:
            if set(demonstration) != places:
                raise ConfigError(
                    f'A demonstration of the step "{self.name}" has the places '
                    f"{', '.join(sorted(demonstration))}; the template has {', '.join(sorted(places))}."
                )
        if self.parse not in PARSES:
            raise UnknownName("way to read a reply", self.parse, PARSES)
        if self.max_tokens < 1 or self.examples < 0:
            raise ConfigError(
                f'The step "{self.name}" has max_tokens {self.max_tokens} and examples {self.examples}; '
                "accepted "
                "are numbers from 1 and from 0."
            )

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Names of fields and steps that the query is made of."""
        formats = [self.given.get(place, f"{{{place}}}") for place in places_of(self.template.input)]
        formats += [self.continuation, self.template.instruction]
        names = (name.partition(".")[0] for text in formats for name in places_of(text))
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, kw_only=True)
class Chain:
    """One way to ask, from a row to a vote: ``map(answer(context, question(statement)))``.

    Parameters
    ----------
    name : str
    format : RowFormat
    steps : tuple of Step
        A step may read replies of those before it.
    decisions : tuple of Decision
        The first one that gives a vote counts. Steps that only a later one needs are asked only where those
        before it gave none; when all give none the chain abstains.
    seed : int
        Of the draw of in-context examples, where a step shows any.

    References
    ----------
    arXiv 2210.02441, section 3.
    """

    name: str
    format: RowFormat
    steps: tuple[Step, ...]
    decisions: tuple[Decision, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        known: set[str] = set()
        for step in self.steps:
            if step.name in known or step.name in (*BUILT_IN, "option"):
                raise ConfigError(
                    f'The chain "{self.name}" has the step "{step.name}" twice, or it is named as a field '
                    "is. "
                    "Give every step a name of its own."
                )
            known.add(step.name)
        missing = [name for decision in self.decisions for name in decision.of if name not in known]
        if missing or not self.decisions:
            raise ConfigError(
                f'The chain "{self.name}" decides by "{"".join(missing[:1])}"; accepted are one decision or '
                "more, "
                f"by its steps {', '.join(sorted(known))}."
            )

    @property
    def n_examples(self) -> int:
        """In-context examples that its steps show at most."""
        return max(step.examples for step in self.steps)

    def steps_of(self, names: Sequence[str]) -> tuple[Step, ...]:
        """Return some steps and all those that they read, in their order."""
        wanted = set(names)
        for step in reversed(self.steps):
            if step.name in wanted:
                wanted |= set(step.reads)
        return tuple(step for step in self.steps if step.name in wanted)
