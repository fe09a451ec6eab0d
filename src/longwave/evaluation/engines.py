"""Share an evaluation among processes: of this machine, or of a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal, TypeAlias

from longwave import errors
from longwave.config import load_config, to_dict
from longwave.errors import ConfigError, LongwaveError, MissingExtra
from longwave.evaluation.config import EvaluateConfig
from longwave.evaluation.plan import Shard
from longwave.evaluation.runner import run_evaluation

__all__ = ["Engine", "run_in_parallel"]

Engine = Literal["local", "ray"]
Json: TypeAlias = dict[str, object]
Failure: TypeAlias = tuple[str, str]  # class and message: not every error survives the way between processes

POLL_S = 0.5


def run_in_parallel(
    config: EvaluateConfig,
    out: Path,
    shard: Shard,
    *,
    workers: int,
    engine: Engine,
    max_usd: float | None = None,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Run an evaluation as parts in processes of their own; returns when all have ended.

    Parameters
    ----------
    config : EvaluateConfig
        Resolved, with its date, so that all parts agree.
    out : Path
        Seen by every worker under this path.
    shard : Shard
        What of the evaluation is shared among the workers.
    workers : int
    engine : {"local", "ray"}
    max_usd : float, optional
        For each worker.
    watch : callable
        Called about twice a second.

    Raises
    ------
    ConfigError
        If there are no workers or no such engine.
    MissingExtra
        If Ray is not installed.
    LongwaveError
        The first error of a part, after all have ended; what they answered is kept.
    """
    if workers < 1:
        raise ConfigError(f'"workers" is {workers}; it must be at least 1.')
    count = shard.count * workers
    parts = [str(Shard(index=shard.index + shard.count * n, count=count)) for n in range(workers)]
    job = _Job(settings=to_dict(config), out=str(out.resolve()), place=str(Path.cwd()), max_usd=max_usd)
    if engine == "local":
        failures = _run_local(job, parts, watch)
    elif engine == "ray":
        failures = _run_ray(job, parts, watch)
    else:
        raise ConfigError(f'The engine is "{engine}"; accepted are "local" and "ray".')
    if failures:
        raise _rebuild(*failures[0])


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What all workers of an evaluation share."""

    settings: Json
    out: str
    place: str  # the folder that relative paths start at
    max_usd: float | None = None


def run_part(job: _Job, part: str) -> Failure | None:
    """Run one part of an evaluation; what a worker calls."""
    os.chdir(job.place)
    config = load_config(EvaluateConfig, job.settings)
    try:
        run_evaluation(config, Path(job.out), shard=Shard.parse(part), max_usd=job.max_usd)
    except LongwaveError as error:
        return type(error).__name__, str(error)
    return None


def _rebuild(name: str, message: str) -> LongwaveError:
    """Make the error of a worker again, with its message as it was."""
    kind = getattr(errors, name, LongwaveError)
    error: LongwaveError = kind.__new__(kind)
    error.args = (message,)
    return error


def _run_local(job: _Job, parts: Sequence[str], watch: Callable[[], None]) -> list[Failure]:
    context = multiprocessing.get_context("spawn")  # polars has threads, which a fork would cut off
    pipes = [context.Pipe(duplex=False) for _ in parts]
    workers: list[BaseProcess] = [
        context.Process(target=_send_part, args=(sender, job, part))
        for part, (_, sender) in zip(parts, pipes, strict=True)
    ]
    try:
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            workers[[worker.is_alive() for worker in workers].index(True)].join(POLL_S)
            watch()
    except BaseException:  # Ctrl-C; each writes what it has
        for worker in workers:
            if worker.is_alive() and worker.pid is not None:
                os.kill(worker.pid, signal.SIGINT)
        for worker in workers:
            worker.join()
        raise
    failures = []
    for part, worker, (receiver, _) in zip(parts, workers, pipes, strict=True):
        if worker.exitcode != 0:
            failures.append(_died(part, f"exit code {worker.exitcode}"))
        elif (failure := receiver.recv()) is not None:
            failures.append(failure)
    return failures


def _send_part(sender: object, job: _Job, part: str) -> None:
    sender.send(run_part(job, part))  # type: ignore[attr-defined]  # the type of a pipe's end is private


def _run_ray(job: _Job, parts: Sequence[str], watch: Callable[[], None]) -> list[Failure]:
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("The engine ray", "ray") from error
    is_ours = not ray.is_initialized()
    if is_ours:
        ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        remote = ray.remote(run_part)
        running = {remote.options(max_retries=0).remote(job, part): part for part in parts}
        failures = []
        while running:
            ready, _ = ray.wait(list(running), timeout=POLL_S)
            watch()
            for reference in ready:
                part = running.pop(reference)
                try:
                    failure = ray.get(reference)
                except ray.exceptions.RayError as error:
                    failure = _died(part, type(error).__name__)
                failures += [failure] if failure is not None else []
    finally:
        if is_ours:
            ray.shutdown()
    return failures


def _died(part: str, reason: str) -> Failure:
    message = (
        f"The worker of part {part} ended ({reason}). What it answered is kept; start the same command again."
    )
    return LongwaveError.__name__, message
