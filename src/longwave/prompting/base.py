"""What a prompting method is: from an instance to requests, and from answers to a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast, runtime_checkable

from longwave import registry
from longwave.clients.base import Completion, Request
from longwave.scenarios.base import Instance, PromptFormat

__all__ = [
    "Case",
    "ManyRounds",
    "Outcome",
    "Prepared",
    "PromptMethod",
    "PromptVariant",
    "Reader",
    "get_method",
    "name_prompt",
]


class Reader(Protocol):
    """What prompting needs to know of a model; every client is one."""

    @property
    def max_length(self) -> int | None:
        """Longest prompt plus completion in tokens; None when there is no limit."""
        ...

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text as the model reads it."""
        ...

    def split_text(self, text: str, max_tokens: int) -> list[str]:
        """Cut a text into consecutive pieces of at most ``max_tokens`` tokens each."""
        ...


@dataclass(frozen=True, kw_only=True)
class Case:
    """One instance to ask about.

    Parameters
    ----------
    prompt : PromptFormat
    instance : Instance
    examples : tuple of Instance
        In-context examples at most, in order.
    seed : int, optional
        Goes into requests that sample.
    """

    prompt: PromptFormat
    instance: Instance
    examples: tuple[Instance, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The requests of one case.

    Parameters
    ----------
    case : Case
    requests : tuple of Request
    n_examples : int
        In-context examples that fitted.
    is_truncated : bool
        Whether text of the instance itself had to be cut.
    """

    case: Case
    requests: tuple[Request, ...]
    n_examples: int = 0
    is_truncated: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the answers to an instance's requests say.

    Parameters
    ----------
    prediction : str or None
        The parsed answer; None when there is none.
    confidence : float or None
        Probability the model gave to it.
    logprob : float or None
        Log-probability of its text in nats.
    chosen : int
        Index of the request that stands for the row.
    credit : float or None
        Share of right options among those tied for the best score; None when nothing can tie.
    ranking : tuple of int
        Positions of the references from the most to the least relevant, where the method ranks them.
    values : mapping
        Further figures of this instance by metric name.
    """

    prediction: str | None = None
    confidence: float | None = None
    logprob: float | None = None
    chosen: int = 0
    credit: float | None = None
    ranking: tuple[int, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)


class PromptMethod(Protocol):
    """One way to ask; the classes have no state, so that all three are pure functions."""

    def prepare(self, case: Case, reader: Reader) -> Prepared:
        """Turn a case into requests that fit the model."""
        ...

    def interpret(self, prepared: Prepared, answers: Sequence[Sequence[Completion]]) -> Outcome:
        """Read the answers, one sequence of completions a request."""
        ...

    def ideal(self, prepared: Prepared) -> list[Completion]:
        """Write what a model that knows everything answers, one completion a request."""
        ...


@runtime_checkable
class ManyRounds(Protocol):
    """What a prompting method has besides when what it asks depends on earlier answers."""

    def advance(
        self, prepared: Prepared, answers: Sequence[Sequence[Completion]], reader: Reader
    ) -> Prepared:
        """Add the requests of the next round; with as many requests as answers, nothing is left to ask."""
        ...


@dataclass(frozen=True, kw_only=True)
class PromptVariant:
    """One way to ask about all instances of a scenario: a vote.

    Parameters
    ----------
    name : str
        For the ``prompt`` column.
    method : PromptMethod
    n_examples : int
        In-context examples that it shows at most.
    seed : int
        Added to the seed of their draw.
    has_trials : bool
        Whether it is asked once a trial, each with other examples.
    """

    name: str
    method: PromptMethod
    n_examples: int
    seed: int = 0
    has_trials: bool = True


def get_method(name: str) -> PromptMethod:
    """Return a prompting method by its registered name.

    Raises
    ------
    UnknownName
        If nothing has this name; the message lists the nearest ones.
    """
    method = cast(type[PromptMethod], registry.load("prompting", name))
    return method()


def name_prompt(prompt: PromptFormat) -> str:
    """Name a prompt variant for the ``prompt`` column: the method and how many examples it shows at most.

    Examples
    --------
    >>> name_prompt(PromptFormat(method="generation", max_train_instances=5))
    'generation-5-shot'
    """
    if prompt.method == "language_modeling":
        return prompt.method
    return f"{prompt.method}-{prompt.max_train_instances}-shot"
