"""Tasks: sequences made by a rule, in which a model is asked for what the rule says.

A task is a frozen dataclass of settings with three methods: it draws examples, says how long they are, and
says what a model that understands nothing would score. Everything is numpy; the same settings and seed give
the same bytes on every machine.
"""

# Shapes: n sequences, L length of what the model reads

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, cast

import numpy as np

from longwave import registry
from longwave.config import config_hash, load_config, to_dict
from longwave.data.sampling import share_of_batch
from longwave.errors import ConfigError

__all__ = [
    "ExampleSampler",
    "Examples",
    "Task",
    "TaskData",
    "TaskDataConfig",
    "answer_floors",
    "draw_distinct",
    "prepare_task",
]

TRAIN, TEST = 0, 1  # streams of a seed
MAX_ROUNDS = 50  # of drawing again what was drawn before


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Sequences of a task: what is read, what comes next, and which of it counts.

    Parameters
    ----------
    tokens : ndarray, shape (n, L + 1)
        The narrowest unsigned integers that hold the vocabulary.
    trained : ndarray of bool, shape (n, L) or (1, L)
        Where the next token counts in the training loss; one row stands for all. Every sequence has the same
        number of such places.
    scored : ndarray of bool, shape (n, L) or (1, L)
        Where the next token counts in the accuracy; likewise.
    """

    tokens: np.ndarray
    trained: np.ndarray
    scored: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def inputs(self) -> np.ndarray:
        """What the model reads, shape (n, L)."""
        return self.tokens[:, :-1]

    @property
    def targets(self) -> np.ndarray:
        """The token after each one read, shape (n, L)."""
        return self.tokens[:, 1:]

    @property
    def answers(self) -> np.ndarray:
        """The scored targets in order, shape (n, scored places)."""
        chosen: np.ndarray = self.targets[np.broadcast_to(self.scored, self.targets.shape)]
        return chosen.reshape(len(self), -1)

    def take(self, rows: slice | np.ndarray) -> Examples:
        """Return some of the sequences."""
        trained, scored = (mask if len(mask) == 1 else mask[rows] for mask in (self.trained, self.scored))
        return Examples(tokens=self.tokens[rows], trained=trained, scored=scored)


class Task(Protocol):
    """What every task offers."""

    @property
    def vocab_size(self) -> int:
        """Number of different tokens."""
        ...

    @property
    def seq_len(self) -> int:
        """Tokens the model reads."""
        ...

    def draw(self, n: int, rng: np.random.Generator) -> Examples:
        """Draw n sequences, independent of each other."""
        ...

    def floors(self, examples: Examples) -> dict[str, float]:
        """Return the accuracy of rules that understand nothing, by name, on the given sequences."""
        ...


@dataclass(frozen=True, kw_only=True)
class TaskDataConfig:
    """Which task to train on, and how many sequences.

    Parameters
    ----------
    task : str
        A name from ``longwave list tasks``.
    options : mapping
        Settings of the task, e.g. ``{"vocab_size": 20}``; on the command line ``data.vocab_size=20`` is
        enough.
    n_train, n_test : int
        Different sequences to train on and to test on; none is in both.
    seed : int
        Seeds the sequences.
    """

    task: str
    options: Mapping[str, object] = field(default_factory=dict)
    n_train: int = 2000
    n_test: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        for name, lowest in (("n_train", 1), ("n_test", 1), ("seed", 0)):
            if getattr(self, name) < lowest:
                raise ConfigError(
                    f'"{name}" is {getattr(self, name)}; accepted is {lowest} or more. Change it.'
                )

    def build(self) -> Task:
        """Return the task with its settings.

        Raises
        ------
        UnknownName
            If there is no such task.
        ConfigError
            If an option is unknown or wrong.
        """
        return cast(Task, load_config(cast(type, registry.load("tasks", self.task)), self.options))


@dataclass(frozen=True, kw_only=True)
class TaskData:
    """A task's sequences, ready for training.

    Parameters
    ----------
    task : Task
    train, test : Examples
        Without a sequence in common, and without one twice.
    floors : dict of str to float
        Accuracy of rules that understand nothing, on the test sequences.
    hash : str
        Of the settings and the sequences; equal hashes mean equal data.
    """

    task: Task
    train: Examples
    test: Examples
    floors: dict[str, float]
    hash: str


def prepare_task(config: TaskDataConfig) -> TaskData:
    """Draw the training and the test sequences of a task.

    Raises
    ------
    UnknownName, ConfigError
        If the task or an option is wrong, or the task has too few different sequences.
    """
    task = config.build()
    train = draw_distinct(task, config.n_train, np.random.default_rng((config.seed, TRAIN)))
    rng = np.random.default_rng((config.seed, TEST))
    test = draw_distinct(task, config.n_test, rng, exclude=fingerprints(train.tokens))
    digest = hashlib.sha256(train.tokens.ravel().data)
    digest.update(test.tokens.ravel().data)
    return TaskData(
        task=task,
        train=train,
        test=test,
        floors=task.floors(test),
        hash=config_hash(to_dict(config), digest.hexdigest()),
    )


def draw_distinct(
    task: Task, n: int, rng: np.random.Generator, *, exclude: Collection[bytes] = ()
) -> Examples:
    """Draw sequences of which no two are equal; what was drawn before is drawn again.

    Parameters
    ----------
    task : Task
    n : int
    rng : Generator
    exclude : collection of bytes
        Fingerprints of sequences to leave out, see ``fingerprints``.

    Raises
    ------
    ConfigError
        If there seem to be fewer different sequences.
    """
    seen = set(exclude)
    parts: list[Examples] = []
    missing = n
    for _ in range(MAX_ROUNDS):
        drawn = task.draw(missing, rng)
        fresh = []
        for row, fingerprint in enumerate(fingerprints(drawn.tokens)):
            if fingerprint not in seen:
                seen.add(fingerprint)
                fresh.append(row)
        parts.append(drawn if len(fresh) == len(drawn) else drawn.take(np.array(fresh, dtype=np.int64)))
        missing -= len(fresh)
        if missing == 0:
            return _join(parts)
    raise ConfigError(
        f"{task} gave {n - missing} different sequences where {n} were asked for (and those of another split "
        f"do not count). Ask for fewer, or make the task larger."
    )


def fingerprints(tokens: np.ndarray) -> list[bytes]:
    """Return 16 bytes per row that tell different rows apart."""
    rows = np.ascontiguousarray(tokens)
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]


def answer_floors(examples: Examples, n_answers: int) -> dict[str, float]:
    """Return the floors that every task has.

    Parameters
    ----------
    examples : Examples
    n_answers : int
        Tokens that can be an answer.

    Returns
    -------
    dict
        ``uniform``: any answer equally often, ``1 / n_answers``. ``majority_answer``: at each scored place
        always what is right most often there, counted on these very sequences.
    """
    answers = examples.answers
    most = [np.bincount(column).max() for column in answers.T]
    return {"uniform": 1 / n_answers, "majority_answer": float(np.mean(most) / len(answers))}


class ExampleSampler:
    """Go through a set of examples epoch by epoch, each in an order of its own.

    The examples of a step depend on ``(seed, step, batch_size)`` only; nothing needs to be saved to resume.
    A batch may begin in one epoch and end in the next, so that every epoch has each example once.

    Parameters
    ----------
    n : int
        Examples in the set.
    seed : int
    """

    def __init__(self, n: int, seed: int = 0) -> None:
        self.n = n
        self.seed = seed
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def rows(self, step: int, batch_size: int, rank: int = 0, world: int = 1) -> np.ndarray:
        """Return this process's rows of the batch of a step.

        Parameters
        ----------
        step : int
            Counted from 0.
        batch_size : int
            Examples of all processes together.
        rank, world : int
            Number of this process, and of all.

        Returns
        -------
        ndarray, shape (batch_size / world,)

        Raises
        ------
        ConfigError
            If the batch cannot be split evenly.
        """
        share = share_of_batch(step, batch_size, rank, world, "examples")
        places = (divmod(index, self.n) for index in share)
        return np.array([self._order(epoch)[place] for epoch, place in places], dtype=np.int64)

    def _draw_order(self, epoch: int) -> np.ndarray:
        return np.random.default_rng((self.seed, epoch)).permutation(self.n)


def _join(parts: list[Examples]) -> Examples:
    if len(parts) == 1:
        return parts[0]
    trained, scored = (
        masks[0] if len(masks[0]) == 1 else np.concatenate(masks)
        for masks in ([part.trained for part in parts], [part.scored for part in parts])
    )
    return Examples(tokens=np.concatenate([part.tokens for part in parts]), trained=trained, scored=scored)
