"""Rounds: ask the same questions again on another day, and say what changed since.

A round is an evaluation with its date. All rounds of a job share a folder, one predictions table whose rows
differ in ``date``:

* a round that was killed continues where it was, and ends in the same bytes;
* an answer is looked up in the folder's cache under its date, so that one day never pays twice for a request,
  and another day always asks anew;
* failed requests of the day are asked again by the next start on that day; those of other days stay.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from pathlib import Path

from longwave.config import load_config
from longwave.errors import ConfigError
from longwave.evaluation import EvaluateConfig, Own, aggregate_votes, launch
from longwave.evaluation.config import FILE_ENDINGS
from longwave.evaluation.locking import lock_folder
from longwave.evaluation.plan import WHOLE
from longwave.evaluation.progress import Listener
from longwave.monitoring.rounds.alarms import parse_alarm
from longwave.monitoring.rounds.judging import Round, RoundRules, judge_round
from longwave.predictions import drop_failed
from longwave.prompting.votes import AGGREGATES

__all__ = ["CollectConfig", "collect", "read_collect_config"]

BASELINES = ("previous", "first")
REPLAY = "replay:"
OWN_PROMPTING = "own"


@dataclass(frozen=True, kw_only=True)
class CollectConfig:
    """A job that asks models the same questions every so often.

    Parameters
    ----------
    models, scenarios, suite, max_instances, trials, shots, prompting, votes, seed, official
        See ``EvaluateConfig``.
    aggregate : str
        What makes one answer of the votes, for ``prompting`` other than ``"own"``; alarms watch that answer.
    date : str, optional
        Day of the round, YYYY-MM-DD; default: today, when the round begins.
    out : str
        Folder of all rounds.
    baseline : str
        What the round is compared with: ``"previous"``, ``"first"``, or the day of a round.
    alarms : tuple of str
        See `longwave.monitoring.rounds.alarms`.
    min_share : float
        Share of the baseline's rows that the round must have; with fewer no alarm is judged, and the round
        counts as failed. Alarms look at rows that both have.
    max_usd : float, optional
        Stop before models that tell their price have cost more in this round.

    Raises
    ------
    ConfigError
        If a value is not accepted, an alarm cannot be read, or a model only replays old answers.
    """

    models: tuple[str, ...]
    scenarios: tuple[str, ...] = ()
    suite: str | None = None
    max_instances: int | None = None
    trials: int | None = None
    shots: int | None = None
    prompting: str = OWN_PROMPTING
    votes: int | None = None
    aggregate: str = "majority"
    seed: int = 0
    official: bool = False
    date: str | None = None
    out: str = "rounds"
    baseline: str = "previous"
    alarms: tuple[str, ...] = ()
    min_share: float = 0.5
    max_usd: float | None = None

    def __post_init__(self) -> None:
        self.evaluation(self.date or "2000-01-01")
        for text in self.alarms:
            parse_alarm(text)
        for model in self.models:
            if model.startswith(REPLAY):
                raise ConfigError(
                    f'"{model}" gives the answers of an earlier evaluation, and a round of them says nothing '
                    "about its day. Name the model itself."
                )
        if self.aggregate not in AGGREGATES:
            raise ConfigError(f'"aggregate" is "{self.aggregate}"; accepted are {", ".join(AGGREGATES)}.')
        if self.baseline not in BASELINES and not _is_day(self.baseline):
            raise ConfigError(
                f'"baseline" is "{self.baseline}"; accepted are previous, first, and a day as YYYY-MM-DD.'
            )
        if not 0 < self.min_share <= 1:
            raise ConfigError(
                f'"min_share" is {self.min_share}; accepted are shares above 0, up to 1, for example 0.5.'
            )
        if self.max_usd is not None and self.max_usd < 0:
            raise ConfigError(f'"max_usd" is {self.max_usd}; it must be at least 0.')

    def evaluation(self, day: str) -> EvaluateConfig:
        """Return the evaluation that fills the round of a day; floors are not asked day by day."""
        return EvaluateConfig(
            models=self.models,
            scenarios=self.scenarios,
            suite=self.suite,
            max_instances=self.max_instances,
            trials=self.trials,
            shots=self.shots,
            prompting=self.prompting,
            votes=self.votes,
            seed=self.seed,
            official=self.official,
            date=day,
            has_floors=False,
        )

    @property
    def rules(self) -> RoundRules:
        """What the round is compared with and judged by."""
        return RoundRules(
            baseline=self.baseline,
            alarms=tuple(parse_alarm(text) for text in self.alarms),
            min_share=self.min_share,
            prompt=None if self.prompting == OWN_PROMPTING else self.aggregate,
            seed=self.seed,
        )


def read_collect_config(path: Path | str) -> CollectConfig:
    """Read a job from a YAML or JSON file; paths in it start at the file's own folder.

    Raises
    ------
    MissingFile, ConfigError
        If there is no such file, or it says what is not accepted; the message names key and line.
    """
    source = Path(path)
    config = load_config(CollectConfig, source)
    return replace(
        config,
        out=str(source.parent / config.out),
        suite=_beside(source, config.suite) if config.suite is not None else None,
        scenarios=tuple(_beside(source, name) for name in config.scenarios),
        prompting=_beside(source, config.prompting),
    )


def collect(config: CollectConfig, *, own: Own | None = None, on_progress: Listener | None = None) -> Round:
    """Collect the round of a day, compare it with the baseline and judge the alarms.

    Parameters
    ----------
    config : CollectConfig
    own : Own, optional
        Objects that stand for names in the configuration.
    on_progress : callable, optional
        Called with a ``Progress`` after every batch.

    Returns
    -------
    Round
        The same is in ``out/rounds/DAY.json``.

    Raises
    ------
    ConfigError, DataError
        As `longwave.evaluation.evaluate`; and if the baseline's day has no round.
    StorageError
        If the folder cannot be written, or another round is being collected there.
    """
    day = config.date or datetime.date.today().isoformat()
    out = Path(config.out)
    if out.is_dir():
        with lock_folder(out, WHOLE):
            drop_failed(out, date=day)
    launch(config.evaluation(day), out, own=own, max_usd=config.max_usd, on_progress=on_progress)
    if config.prompting != OWN_PROMPTING:
        aggregate_votes(out, method=config.aggregate, seed=config.seed)
    return judge_round(out, day, config.rules)


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _beside(file: Path, name: str) -> str:
    """Read a path relative to the file it stands in; names stay as they are."""
    return str(file.parent / name) if name.lower().endswith(FILE_ENDINGS) else name
