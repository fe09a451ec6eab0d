"""Ask a predictor about a whole dataset: a new round, each answer kept, so that no call is paid twice."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from longwave.errors import ClientError, DataError, MissingFile, StorageError
from longwave.monitoring.hapi.store import HapiStore
from longwave.monitoring.store import Run

__all__ = ["Answer", "Predictor", "RecordedPredictor", "collect_run"]

logger = logging.getLogger(__name__)
Listener = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a predictor says of one input.

    Parameters
    ----------
    label : int, str or list of str
        As the vendor writes it; a labelmap translates it.
    confidence : float, optional
        In [0, 1].
    latency_s, cost_usd : float, optional
    """

    label: int | str | list[str]
    confidence: float | None = None
    latency_s: float | None = None
    cost_usd: float | None = None


class Predictor(Protocol):
    """An API, or a model on this machine."""

    def predict(self, batch: Sequence[object]) -> Sequence[Answer]:
        """Answer inputs in order.

        Raises
        ------
        ClientError
            If the batch was not answered; what came before it is kept.
        """
        ...


class RecordedPredictor:
    """Gives the answers of a record again, by their order: for tests, and to add a round without asking.

    Parameters
    ----------
    path : Path or str
        What `collect_run` recorded.

    Raises
    ------
    MissingFile, DataError
        If there is no record, or it is damaged.
    """

    def __init__(self, path: Path | str) -> None:
        if not Path(path).is_file():
            raise MissingFile(f'No file "{path}". Give what collect_run recorded.')
        self._answers = _read_record(Path(path))
        self._next = 0

    def predict(self, batch: Sequence[object]) -> list[Answer]:
        """Return the next answers of the record.

        Raises
        ------
        ClientError
            If it has no further ones.
        """
        places = range(self._next, self._next + len(batch))
        self._next += len(batch)
        for place in places:
            if place not in self._answers:
                raise ClientError(
                    f"The record has no answer to input {place}. Collect the rest with a predictor."
                )
        return [self._answers[place] for place in places]


def collect_run(
    store: HapiStore,
    run: Run,
    predictor: Predictor,
    inputs: Sequence[object],
    *,
    record: Path | str | None = None,
    labelmap: Mapping[object, object] | None = None,
    batch_size: int = 32,
    on_progress: Listener | None = None,
) -> Run:
    """Ask about every example of a dataset, and add the answers to a store as a run.

    Parameters
    ----------
    store : HapiStore
        Has the dataset.
    run : Run
        Task, dataset, api, date, price of the new round.
    predictor : Predictor
    inputs : sequence
        One for each example, in the order of the labels.
    record : Path or str, optional
        File that answers are appended to as they come. A round that broke off goes on from it.
    labelmap : mapping, optional
        From labels of the vendor to common ones.
    batch_size : int
    on_progress : callable, optional
        ``(answered, all)`` after each batch.

    Returns
    -------
    Run
        As the store keeps it.

    Raises
    ------
    DataError
        If inputs are more or fewer than examples, a batch got another number of answers, the record is
        damaged, or an answer is refused as by `HapiStore.add_run`.
    ClientError
        Of the predictor.
    StorageError
        If the record cannot be written.
    """
    labels = store.examples_of(run.task, run.dataset)
    ids = labels["example_id"].to_list()
    if len(inputs) != len(ids):
        raise DataError(
            f"There are {len(inputs):,} inputs for the {len(ids):,} examples of {run.task}/{run.dataset}. "
            "Give one for each, in the order of the labels."
        )
    path = Path(record) if record is not None else None
    answers = _read_record(path) if path is not None and path.is_file() else {}
    missing = [place for place in range(len(ids)) if place not in answers]
    for start in range(0, len(missing), batch_size):
        places = missing[start : start + batch_size]
        found = predictor.predict([inputs[place] for place in places])
        if len(found) != len(places):
            raise DataError(
                f"The predictor gave {len(found)} answers to {len(places)} inputs. Give one to each."
            )
        new = dict(zip(places, found, strict=True))
        if path is not None:
            _append(path, new)
        answers |= new
        if on_progress is not None:
            on_progress(len(ids) - len(missing) + start + len(places), len(ids))
    rows = [
        {
            "example_id": name,
            "predicted_label": answers[place].label,
            "confidence": answers[place].confidence,
            "latency_s": answers[place].latency_s,
            "cost_usd": answers[place].cost_usd,
        }
        for place, name in enumerate(ids)
    ]
    return store.add_run(run, rows, labelmap=labelmap)


def _append(path: Path, answers: Mapping[int, Answer]) -> None:
    lines = "".join(
        json.dumps({"row": place, **asdict(answer)}, ensure_ascii=False) + "\n"
        for place, answer in answers.items()
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(lines)
    except OSError as error:
        raise StorageError(f'Cannot write "{path}": {error}. Free some space and call again.') from error


def _read_record(path: Path) -> dict[int, Answer]:
    """Read answers by their place; a last line that was cut short is left out and asked again."""
    answers: dict[int, Answer] = {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f'"{path}" is no UTF-8 text (byte {error.start}). Remove it, and its inputs are asked again.'
        ) from error
    except OSError as error:
        raise StorageError(f'Cannot read "{path}": {error}. Name another record.') from error
    *lines, rest = text.split("\n")  # a text may hold other separators of lines
    if rest:
        logger.info("the last line of %s is cut short; its input is asked again", path)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            place = entry.pop("row")
            answers[place] = Answer(**entry)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                f'Line {number} of "{path}" is no answer: {error}. Remove it, and its input is asked again.'
            ) from error
    return answers
