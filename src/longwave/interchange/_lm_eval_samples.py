"""One sample of lm-evaluation-harness: its requests, what was answered, and the row."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass

from longwave.errors import DataError
from longwave.interchange._documents import Json, list_in, number, text, whole
from longwave.interchange.rows import Part, Row, Shown

__all__ = ["Task", "add_sample"]

_INVALID = "[invalid]"  # what a filter gives that found nothing
_LONG_ENOUGH = 20  # characters of a text that is surely the document's own
_LONGEST_LIST = 100_000  # characters of a printed list that is read back
_ROLLING = ("word_perplexity", "byte_perplexity", "bits_per_byte")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What all rows of a task share.

    Parameters
    ----------
    scenario, model, version, date, prompt, split : str
        Columns of the table.
    kind : str
        The output type: ``multiple_choice``, ``loglikelihood``, ``loglikelihood_rolling``,
        ``generate_until``.
    shots : int
    delimiter : str
        Between the examples of a prompt.
    metric : str
        The main one.
    has_unconditional : bool
        Whether every option was scored once more without its question.
    """

    scenario: str
    model: str
    version: str
    date: str
    prompt: str
    split: str
    kind: str
    shots: int
    delimiter: str
    metric: str
    has_unconditional: bool


@dataclass(frozen=True, kw_only=True)
class _Answer:
    prediction: str | None = None
    chosen: int = 0  # which request
    logprob: float | None = None
    confidence: float | None = None


def add_sample(part: Part, task: Task, sample: Json, where: str) -> None:
    """Turn a sample into a row, an instance and requests.

    Raises
    ------
    DataError
        If the sample lacks its id or what was asked.
    """
    name = text(sample.get("doc_id"))
    arguments = _arguments(sample, where)
    if name is None or not arguments:
        raise DataError(
            f"{where} has no {'arguments' if name is not None else 'doc_id'}. Accepted are samples as "
            "lm_eval --log_samples writes them; mend the file or leave it out."
        )
    shown = _show(task, sample, name, arguments)
    scores = _scores(part, sample, where)
    answer, hashes = _read_answer(part, task, sample, shown, arguments, where)
    kept = text(sample.get("filter")) or "none"
    row: Row = {
        "model": task.model,
        "version": task.version,
        "date": task.date,
        "prompt": task.prompt if kept == "none" else f"{task.prompt}+{kept}",
        "trial": 0,
        "request_hash": hashes[answer.chosen] if answer.chosen < len(hashes) else None,
        "prediction": answer.prediction,
        "score": scores.pop(task.metric, None),
        "confidence": answer.confidence,
        "logprob": answer.logprob,
    }
    part.skip(f'rows without a score (they have no metric "{task.metric}")', row["score"] is None)
    part.add(shown, row, scores)


def _arguments(sample: Json, where: str) -> list[list[object]]:
    """Return what each request was called with; releases before 0.4.3 wrote plain lists."""
    given = sample.get("arguments")
    if isinstance(given, dict):
        calls = [value for key, value in sorted(given.items(), key=lambda item: _place(item[0]))]
        return [
            [value for _, value in sorted(call.items(), key=lambda item: _place(item[0]))]
            for call in calls
            if isinstance(call, dict)
        ]
    return [call for call in list_in(sample, "arguments", where) if isinstance(call, list)]


def _place(name: str) -> int:
    """Return the number at the end of ``gen_args_10``."""
    end = name.rpartition("_")[2]
    return int(end) if end.isdecimal() and len(end) < 9 else 0


def _show(task: Task, sample: Json, name: str, arguments: Sequence[Sequence[object]]) -> Shown:
    options = _options(task, arguments)
    target = text(sample.get("target"))
    if task.kind == "multiple_choice":
        references, right = options, _right_options(target, options)
    else:
        references = tuple(_listed(target)) if target is not None else ()
        right = tuple(range(len(references)))
    document = sample.get("doc")
    return Shown(
        scenario=task.scenario,
        instance=name,
        split=task.split,
        input=_own_part(task, text(arguments[0][0]) or "", document) if arguments[0] else "",
        references=references,
        right=right,
        extra=document if isinstance(document, dict) else None,
    )


def _options(task: Task, arguments: Sequence[Sequence[object]]) -> tuple[str, ...]:
    """Return the listed answers: continuations, or contexts where only these differ (as in winogrande)."""
    calls = arguments[: _n_options(task, arguments)]
    continuations = [(text(call[1]) or "").strip() for call in calls if len(call) > 1]
    contexts = [(text(call[0]) or "").strip() for call in calls if call]
    only_contexts_differ = len(calls) > 1 and len(set(continuations)) == 1
    return tuple(contexts if only_contexts_differ else continuations)


def _n_options(task: Task, arguments: Sequence[Sequence[object]]) -> int:
    return len(arguments) // 2 if task.has_unconditional and len(arguments) % 2 == 0 else len(arguments)


def _right_options(target: str | None, options: Sequence[str]) -> tuple[int, ...]:
    """Return the right options from a place, a list of places, or the text of one."""
    found: list[int] = []
    for one in _listed(target) if target is not None else []:
        place = whole(one)
        if place is not None and place < len(options):
            found.append(place)
        elif one.strip() in options:
            found.append(list(options).index(one.strip()))
    return tuple(found)


def _listed(target: str) -> list[str]:
    """Return the entries of a list that was printed, else the text itself."""
    if not target.startswith("[") or len(target) > _LONGEST_LIST:
        return [target]
    try:
        found = ast.literal_eval(target)  # constants only; nothing is run
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return [target]
    return [text(one) or "" for one in found] if isinstance(found, list) else [target]


def _own_part(task: Task, prompt: str, document: object) -> str:
    """Cut the examples off a prompt: the shortest end that holds the long texts of the document it holds."""
    if not task.shots or task.delimiter not in prompt:
        return prompt
    values = document.values() if isinstance(document, dict) else ()
    texts = [value.strip() for value in values if isinstance(value, str)]
    wanted = [value for value in texts if len(value) >= _LONG_ENOUGH and value in prompt]
    place = len(prompt)
    while (place := prompt.rfind(task.delimiter, 0, place)) >= 0:
        end = prompt[place + len(task.delimiter) :]
        if end.strip() and all(value in end for value in wanted):
            return end
    return prompt


def _scores(part: Part, sample: Json, where: str) -> dict[str, float]:
    """Return the metrics that are one number a sample; perplexities from their sums."""
    found: dict[str, float] = {}
    for name in list_in(sample, "metrics", where) or _guessed_metrics(sample):
        key = text(name) or ""
        value = sample.get(key)
        if key in _ROLLING and isinstance(value, list) and len(value) == 2:
            value = _perplexity(key, number(value[0]), number(value[1]))
        score = number(value) if not isinstance(value, str) else None
        if score is None:
            part.skip(f'values of "{key}" that are no single number')
        else:
            found[key] = score
    return found


def _guessed_metrics(sample: Json) -> list[object]:
    """Name the metrics of a sample of an older release: the numbers that are nothing else."""
    return [
        key
        for key, value in sample.items()
        if key not in ("doc_id", "doc") and isinstance(value, float | int)
    ]


def _perplexity(name: str, logprob: float | None, count: float | None) -> float | None:
    if logprob is None or not count:
        return None
    if name == "bits_per_byte":
        return -logprob / (count * math.log(2))
    return math.exp(min(-logprob / count, 700.0))


def _read_answer(
    part: Part, task: Task, sample: Json, shown: Shown, arguments: Sequence[Sequence[object]], where: str
) -> tuple[_Answer, list[str]]:
    """Return the answer, and the hash of every request."""
    raw = list_in(sample, "resps", where)
    kept = list_in(sample, "filtered_resps", where) or raw
    if task.kind == "generate_until":
        return _read_generated(part, task, arguments[0], raw, kept)
    pairs = [_pair(kept[place] if place < len(kept) else None) for place in range(len(arguments))]
    hashes = [
        _add_scored(part, task, call, logprob) for call, (logprob, _) in zip(arguments, pairs, strict=True)
    ]
    if task.kind == "multiple_choice":
        n_options = _n_options(task, arguments)
        return _best_option(task, shown, [logprob for logprob, _ in pairs[:n_options]]), hashes
    logprob, is_greedy = pairs[0]
    said = text(arguments[0][1]) if is_greedy and len(arguments[0]) > 1 else None
    return _Answer(prediction=(said or "").strip() or None, logprob=logprob), hashes


def _read_generated(
    part: Part, task: Task, call: Sequence[object], raw: Sequence[object], kept: Sequence[object]
) -> tuple[_Answer, list[str]]:
    """Take what the filter left of the first answer."""
    texts = [text(each) or "" for each in _flat(raw[0])] if raw else []
    settings = call[1] if len(call) > 1 else {}
    name = part.add_request(
        (text(call[0]) or "") if call else "",
        completions=texts,
        logprobs=[None] * len(texts),
        settings=settings if isinstance(settings, dict) else {},
        asked=(task.model, task.version),
    )
    left = _flat(kept[0]) if kept else []
    answer = text(left[0]) if left else None
    return _Answer(prediction=None if answer in (None, "", _INVALID) else answer), [name]


def _add_scored(part: Part, task: Task, call: Sequence[object], logprob: float | None) -> str:
    """Take the request for the score of a text: after a context, or of a whole text."""
    texts = [text(each) or "" for each in call[:2]]
    context, scored = ("", *texts) if len(texts) == 1 else (texts or ["", ""])
    return part.add_request(
        context,
        continuation=scored,
        completions=[scored],
        logprobs=[logprob],
        settings={},
        asked=(task.model, task.version),
    )


def _flat(value: object) -> list[object]:
    """Return the answers of one request: it may have been repeated, and a filter may have left one."""
    return list(value) if isinstance(value, list) else [value]


def _pair(value: object) -> tuple[float | None, bool]:
    """Return log-probability and whether greedy decoding gives the text, from numbers or their texts."""
    while isinstance(value, list) and value and isinstance(value[0], list):
        value = value[0]
    if isinstance(value, list):
        return number(value[0]) if value else None, len(value) > 1 and str(value[1]) == "True"
    return number(value), False


def _best_option(task: Task, shown: Shown, logprobs: Sequence[float | None]) -> _Answer:
    """Take the option of the best score, per character or byte where the main metric does."""
    known = [logprob for logprob in logprobs if logprob is not None]
    if not known or len(known) < len(logprobs):
        return _Answer()
    scores = [
        logprob / _length(task.metric, option)
        for logprob, option in zip(known, shown.references, strict=False)
    ]
    if not scores:
        return _Answer()
    best = max(range(len(scores)), key=lambda place: scores[place])
    total = sum(math.exp(score - scores[best]) for score in scores)
    return _Answer(prediction=shown.reference(best), chosen=best, logprob=known[best], confidence=1 / total)


def _length(metric: str, option: str) -> int:
    """Return what a metric divides the log-probability of an option by."""
    lengths = {"acc_norm": len(option), "acc_bytes": len(option.encode())}
    return max(lengths.get(metric, 1), 1)
