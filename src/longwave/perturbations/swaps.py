"""Swaps: words exchanged alike in the input and the references of an instance."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from longwave.perturbations._draws import check_probability
from longwave.perturbations.base import Perturbation
from longwave.scenarios.base import Instance

__all__ = ["WordSwap"]


@dataclass(frozen=True, kw_only=True)
class WordSwap(Perturbation):
    """An edit that exchanges words, the same way wherever they stand in an instance; counts for fairness.

    A subclass has a method `writer`. Each word is drawn once for an instance: hit or not with probability
    ``rate``, and by which form. So an answer that is part of the input is so after the edit too, and
    the expected share of changed words is that of a draw at every place.

    Where two different references would become one text, the instance is left alone: with options "a man"
    and "a woman" it would have two right answers or none.

    Parameters
    ----------
    rate : float
        Probability that a word is exchanged.
    """

    is_robustness: ClassVar[bool] = False
    is_fairness: ClassVar[bool] = True
    edits_references: ClassVar[bool] = True
    rate: float = 1.0

    def __post_init__(self) -> None:
        check_probability("rate", self.rate)

    @abstractmethod
    def writer(self, texts: Sequence[str], rng: random.Random) -> Callable[[str], str]:
        """Return the function that edits the texts of one instance, called for one after the other.

        Parameters
        ----------
        texts : sequence of str
            All of them as they are: the input, then the references.
        rng : random.Random
        """

    def rewrite(self, text: str, rng: random.Random) -> str:
        """Return the text with words exchanged."""
        return self.writer([text], rng)(text)

    def edit(self, instance: Instance, rng: random.Random) -> Instance:
        """Return the instance with words exchanged in its input and its references."""
        before = [reference.text for reference in instance.references]
        write = self.writer([instance.input, *before], rng)
        text = write(instance.input)
        after = [write(reference) for reference in before]
        if len(set(after)) < len(set(before)):
            return instance
        references = zip(instance.references, after, strict=True)
        return replace(
            instance,
            input=text,
            references=tuple(replace(reference, text=written) for reference, written in references),
        )
