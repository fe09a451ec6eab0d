"""Choose in-context examples: one class-balanced set for all instances of a trial."""

from __future__ import annotations

import random
from collections.abc import Sequence

from longwave.errors import ConfigError
from longwave.scenarios.base import Instance

__all__ = ["choose_examples"]


def choose_examples(train: Sequence[Instance], n: int, *, trial: int = 0) -> list[Instance]:
    """Choose the in-context examples of a trial.

    Parameters
    ----------
    train : sequence of Instance
        The pool.
    n : int
        How many are wanted; the pool may hold fewer.
    trial : int
        Index of the draw; seeds it.

    Returns
    -------
    list of Instance
        The most frequent label first, then one of each label in turn.

    Raises
    ------
    ConfigError
        If ``n`` is negative.

    Notes
    -----
    Train instances are grouped by the text of their first right reference; labels are ordered by the size of
    their group, ties shuffled; the walk takes one random instance of each label in turn, without replacement.
    When the labelled ones are used up, random unlabelled ones follow (the published code never ends there).

    References
    ----------
    Section J of arXiv 2211.09110.
    """
    if n < 0:
        raise ConfigError(f"{n} in-context examples were asked for; ask for 0 or more.")
    rng = random.Random(trial)
    wanted = min(n, len(train))
    groups = _group_by_label([instance for instance in train if instance.label is not None])
    labels = list(groups)
    rng.shuffle(labels)
    labels.sort(key=lambda label: -len(groups[label]))  # stable: ties stay shuffled
    chosen: list[Instance] = []
    while len(chosen) < wanted and any(groups.values()):
        for label in labels:
            if groups[label] and len(chosen) < wanted:
                chosen.append(groups[label].pop(rng.randrange(len(groups[label]))))
    unlabelled = [instance for instance in train if instance.label is None]
    return chosen + rng.sample(unlabelled, wanted - len(chosen))


def _group_by_label(train: Sequence[Instance]) -> dict[str, list[Instance]]:
    groups: dict[str, list[Instance]] = {}
    for instance in train:
        groups.setdefault(instance.label or "", []).append(instance)
    return groups
