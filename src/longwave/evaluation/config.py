"""What an evaluation is asked to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date as Date

from longwave.errors import ConfigError

__all__ = ["EvaluateConfig"]

PROMPTINGS = ("own", "ama")
FILE_ENDINGS = (".yaml", ".yml", ".json")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Settings of an evaluation; its folder keeps them in ``run.json``.

    Parameters
    ----------
    models : tuple of str
        ``checkpoint:FOLDER``, ``fake:RULE``, ``replay:FOLDER``, ...
    scenarios : tuple of str
        Names, or paths of YAML files.
    suite : str, optional
        A named list of scenarios, or the path of a YAML file with one; asked before ``scenarios``.
    perturbations : tuple of str
        Every scenario but language modelling is also asked under each of these edits; default: the suite's.
    max_instances : int, optional
        Instances of a scenario at most; a suite may ask for fewer. Train instances are not counted.
    trials : int, optional
        Draws of in-context examples; default: the suite's number, else 1. Scenarios that show none are asked
        once.
    shots : int, optional
        In-context examples at most, instead of each scenario's own number; changes the ``prompt`` column.
    prompting : str
        ``"own"``: each scenario's own prompt; ``"ama"``: chains of questions whose answers are votes; or the
        path of a file of chains. Changes the ``prompt`` column.
    votes : int, optional
        Chains a scenario, for ``prompting`` other than ``"own"``; default 5.
    train_votes : int, optional
        Rows of the train split at most on which the chains vote as well, so that a label model learns from
        more votes; their labels are not used and they are not scored. Default: none.
    seed : int
        Seeds the draw of instances, perturbations and sampling; trial ``t`` draws examples with ``seed + t``.
    date : str, optional
        Day for the ``date`` column; default: that of the folder's first evaluation, else today.
    official : bool
        Ask about the rows of each scenario's official home, which are fetched once, instead of the bundled
        sample.
    has_floors : bool
        Whether rows of the models ``floor:random`` and ``floor:majority`` are written too.
    batch_size : int
        Requests handed to a model at a time; what a killed run may have to ask again.

    Raises
    ------
    ConfigError
        If a number is too small, the date is no day, or there is nothing to evaluate.
    """

    models: tuple[str, ...]
    scenarios: tuple[str, ...] = ()
    suite: str | None = None
    perturbations: tuple[str, ...] = ()
    max_instances: int | None = None
    trials: int | None = None
    shots: int | None = None
    prompting: str = "own"
    votes: int | None = None
    train_votes: int | None = None
    seed: int = 0
    date: str | None = None
    official: bool = False
    has_floors: bool = True
    batch_size: int = 128

    def __post_init__(self) -> None:
        if not self.models:
            raise ConfigError('"models" is empty; name at least one, for example fake:first.')
        if not self.scenarios and self.suite is None:
            raise ConfigError(
                'There is nothing to evaluate: name scenarios or a suite, for example "quickstart".'
            )
        for name, smallest in (
            ("trials", 1),
            ("batch_size", 1),
            ("max_instances", 1),
            ("shots", 0),
            ("votes", 1),
            ("train_votes", 1),
            ("seed", 0),
        ):
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise ConfigError(f'"{name}" is {value}; it must be at least {smallest}.')
        if self.date is not None:
            _check_day(self.date)
        if self.prompting not in PROMPTINGS and not self.prompting.lower().endswith(FILE_ENDINGS):
            raise ConfigError(
                f'"prompting" is "{self.prompting}"; accepted are own, ama, and the path of a YAML file of '
                "chains."
            )
        for name, value in (("votes", self.votes), ("train_votes", self.train_votes)):
            if value is not None and self.prompting == "own":
                raise ConfigError(
                    f'"{name}" is {value}, but a scenario\'s own prompt is one. Set "prompting" to ama.'
                )


def _check_day(day: str) -> None:
    try:
        Date.fromisoformat(day if DAY.fullmatch(day) else "")
    except ValueError as error:
        raise ConfigError(f'"date" is "{day}"; write a day as YYYY-MM-DD.') from error
