"""Votes of several language models, side by side: more prompts, and groups that share a model.

Shapes: n instances, m prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError, ShapeError
from longwave.prompting.label_model.votes import check_votes

__all__ = ["JoinedVotes", "join_votes"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class JoinedVotes:
    """Votes of several models as one matrix.

    Attributes
    ----------
    votes : ndarray, shape (n, m)
        The prompts of the first model, then those of the second, and so on.
    models : tuple of str
        The model of each column.
    prompts : tuple of int
        The number of each column's prompt in its model.
    """

    votes: Ints
    models: tuple[str, ...]
    prompts: tuple[int, ...]

    def edges_of_models(self) -> tuple[tuple[int, int], ...]:
        """Return every two columns of one model: dependencies that give each model one voice."""
        m = len(self.models)
        return tuple((i, j) for i in range(m) for j in range(i + 1, m) if self.models[i] == self.models[j])

    def columns_of(self, model: str) -> list[int]:
        """Return the columns of a model.

        Raises
        ------
        ConfigError
            If there is no such model.
        """
        if model not in self.models:
            known = ", ".join(dict.fromkeys(self.models))
            raise ConfigError(f'No votes of "{model}" were joined. Known: {known}.')
        return [j for j, name in enumerate(self.models) if name == model]


def join_votes(votes_by_model: Mapping[str, ArrayLike], *, n_classes: int = 2) -> JoinedVotes:
    """Put the votes of several models on the same instances side by side.

    Parameters
    ----------
    votes_by_model : mapping of str to array_like, shape (n, prompts of that model)
    n_classes : int

    Raises
    ------
    ConfigError
        If there is no model.
    ShapeError
        If models have different numbers of instances.

    Notes
    -----
    Prompts of one model may err together, and the label model learns it where they do: nothing is assumed.
    With three models or more, `JoinedVotes.edges_of_models` gives each model one voice.

    Examples
    --------
    >>> joined = join_votes({"small": [[0, 1], [1, 1]], "large": [[0], [1]]})
    >>> joined.votes.tolist(), joined.models
    ([[0, 1, 0], [1, 1, 1]], ('small', 'small', 'large'))
    """
    if not votes_by_model:
        raise ConfigError("There are no votes to join; pass those of one model at least.")
    checked = {name: check_votes(votes, n_classes) for name, votes in votes_by_model.items()}
    lengths = {name: len(v) for name, v in checked.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"Models voted on different numbers of instances: {lengths}; pass equal rows.")
    return JoinedVotes(
        votes=np.concatenate(list(checked.values()), axis=1),
        models=tuple(name for name, v in checked.items() for _ in range(v.shape[1])),
        prompts=tuple(j for v in checked.values() for j in range(v.shape[1])),
    )
