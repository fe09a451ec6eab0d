"""One sample of an Inspect log: its request, what was answered, how it was scored, and the row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from longwave.errors import DataError
from longwave.interchange._documents import Json, as_map, list_in, map_in, maps_in, number, text, whole
from longwave.interchange.rows import Part, Row, Shown

__all__ = ["Log", "add_sample"]

_GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}  # correct, incorrect, partly, no answer
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
MOST_EPOCHS = 2**31 - 1  # what the column of trials holds
_ATTACHMENT = "attachment://"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, kw_only=True)
class Log:
    """What all rows of a log share.

    Parameters
    ----------
    scenario, model, version, date, prompt : str
        Columns of the table.
    main : str or None
        Name of the main score.
    accuracies : frozenset of str
        Scores whose full marks mean a right answer.
    settings : dict
        Of the generation.
    """

    scenario: str
    model: str
    version: str
    date: str
    prompt: str
    main: str | None
    accuracies: frozenset[str]
    settings: Json


@dataclass(frozen=True, kw_only=True)
class _Score:
    """One value of one scorer."""

    value: float | None
    answer: str | None
    grade: str | None  # the letter or truth value it was given as


def add_sample(part: Part, log: Log, sample: Json, where: str) -> None:
    """Turn a sample into a row, an instance and a request.

    Raises
    ------
    DataError
        If it has no id.
    """
    name = text(sample.get("id"))
    if name is None:
        raise DataError(f'{where} has no "id". Accepted are samples as Inspect logs them; leave the log out.')
    if sample.get("invalidation"):
        part.skip("samples that were declared invalid")
        return
    epoch = whole(sample.get("epoch"), MOST_EPOCHS) or 1
    shown = _show(log, sample, name, where)
    scores = _read_scores(part, sample, where)
    main = log.main if log.main is not None else next(iter(scores), None)
    best = scores.get(main or "")
    error = sample.get("error")
    usage = [as_map(each, where) for each in map_in(sample, "model_usage", where).values()]
    output = map_in(sample, "output", where)
    logprob = _logprob(output, where)
    row: Row = {
        "model": log.model,
        "version": log.version,
        "date": log.date,
        "prompt": log.prompt,
        "trial": epoch - 1,
        "request_hash": _add_request(part, log, sample, output, epoch, where),
        "prediction": None if error else _prediction(best, shown, output),
        "score": None if best is None else best.value,
        "correct": _is_correct(best, main in log.accuracies),
        "confidence": None if logprob is None else math.exp(min(logprob, 0.0)),
        "logprob": logprob,
        "error": text(error.get("message")) if isinstance(error, dict) else text(error),
        "latency_s": _latency(sample, output),
        "tokens_in": _sum(usage, "input_tokens", "input_tokens_cache_read", "input_tokens_cache_write"),
        "tokens_out": _sum(usage, "output_tokens"),
        "cost_usd": _cost(usage),
    }
    part.skip(
        f'rows without a score (they have no "{main or "score"}")', row["score"] is None and not row["error"]
    )
    others = {key: score.value for key, score in scores.items() if key != main and score.value is not None}
    part.add(shown, row, others)


def _show(log: Log, sample: Json, name: str, where: str) -> Shown:
    target = sample.get("target")
    targets = [text(each) or "" for each in (target if isinstance(target, list) else [target])]
    targets = [each for each in targets if each]
    options = tuple(text(each) or "" for each in list_in(sample, "choices", where))
    references = options or tuple(targets)
    right = tuple(range(len(references)))
    if options:
        places = [_place(letter, options) for each in targets for letter in _letters(each, options)]
        right = tuple(sorted({place for place in places if place is not None}))
    return Shown(
        scenario=log.scenario,
        instance=name,
        split="test",
        input=_text_of_input(sample, where),
        references=references,
        right=right,
        extra=map_in(sample, "metadata", where) or None,
    )


def _letters(answer: str, options: Sequence[str]) -> list[str]:
    """Return the letters of an answer such as ``A`` or ``A, C``; the answer itself where it is no such."""
    if answer in options:
        return [answer]
    parts = [part for part in answer.replace(",", " ").split() if part]
    return parts if parts and all(_place(part, options) is not None for part in parts) else [answer]


def _place(answer: str, options: Sequence[str]) -> int | None:
    """Return the place of an option from its letter or its text."""
    if len(answer) == 1 and answer in _LETTERS[: len(options)]:
        return _LETTERS.index(answer)
    return list(options).index(answer) if answer in options else None


def _text_of_input(sample: Json, where: str) -> str:
    given = sample.get("input")
    if isinstance(given, list):
        return _dialogue(maps_in(sample, "input", where), sample)
    return _resolve(text(given) or "", sample)


def _dialogue(messages: Sequence[Json], sample: Json) -> str:
    """Write messages as text; one of a user alone without a name before it."""
    texts = [(text(each.get("role")) or "user", _content(each, sample)) for each in messages]
    if len(texts) == 1 and texts[0][0] == "user":
        return texts[0][1]
    return "\n\n".join(f"{role}: {said}" for role, said in texts)


def _content(message: Json, sample: Json) -> str:
    """Return the text of a message; images and the like are named in square brackets."""
    content = message.get("content")
    if not isinstance(content, list):
        return _resolve(text(content) or "", sample)
    parts = []
    for each in content:
        kind = text(each.get("type")) if isinstance(each, dict) else None
        is_text = isinstance(each, dict) and kind == "text"
        parts.append(_resolve(text(each.get("text")) or "", sample) if is_text else f"[{kind or 'unknown'}]")
    return "\n".join(parts)


def _resolve(value: str, sample: Json) -> str:
    """Put an attachment in the place of its reference."""
    attachments = sample.get("attachments")
    if value.startswith(_ATTACHMENT) and isinstance(attachments, dict):
        return text(attachments.get(value[len(_ATTACHMENT) :])) or value
    return value


def _read_scores(part: Part, sample: Json, where: str) -> dict[str, _Score]:
    """Return the scores by name; a scorer with several values gives one a key."""
    given = map_in(sample, "scores", where)
    if not given and isinstance(sample.get("score"), dict):  # as the first releases wrote it
        given = {"score": sample["score"]}
    found: dict[str, _Score] = {}
    for name, raw in given.items():
        score = as_map(raw, f'"scores.{name}" of {where}')
        value, answer = score.get("value"), text(score.get("answer"))
        values = {name: value}
        if isinstance(value, dict):
            values = {f"{name}.{key}": each for key, each in value.items()}
        elif isinstance(value, list):
            values = {f"{name}.{index}": each for index, each in enumerate(value)}
        for key, each in values.items():
            number_ = _number(each)
            grade = str(each) if isinstance(each, str | bool) else None
            found[key] = _Score(value=number_, answer=answer, grade=grade)
            part.skip(f'values of "{key}" that are no number', number_ is None)
    return found


def _number(value: object) -> float | None:
    """Return the number of a grade, a truth value, a word or a number, as Inspect's own metrics do."""
    if isinstance(value, str):
        return _GRADES.get(value, _WORDS.get(value.lower(), number(value)))
    return number(value)


def _is_correct(score: _Score | None, is_accuracy: bool) -> bool | None:
    if score is None or score.value is None:
        return None
    is_graded = score.grade in _GRADES or score.grade in ("True", "False")
    return score.value >= 1 if is_graded or is_accuracy else None


def _prediction(score: _Score | None, shown: Shown, output: Json) -> str | None:
    """Return what the scorer took for the answer, an option's text for its letter, else the completion."""
    if score is not None and score.grade == "N":
        return None
    answer = score.answer if score is not None else None
    if answer is None:
        answer = (text(output.get("completion")) or _first_text(output)).strip()
    if shown.right != tuple(range(len(shown.references))) or len(shown.references) > 1:
        places = [_place(letter, shown.references) for letter in _letters(answer, shown.references)]
        texts = [shown.reference(place) or "" for place in places if place is not None]
        answer = ", ".join(texts) if texts and len(texts) == len(places) else answer
    return answer or None


def _first_text(output: Json) -> str:
    choices = output.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    return _content(message, {}) if isinstance(message, dict) else ""


def _add_request(part: Part, log: Log, sample: Json, output: Json, epoch: int, where: str) -> str | None:
    """Take what was sent last and what came back; None for a sample that reached no model."""
    messages = maps_in(sample, "messages", where)
    choices = maps_in(output, "choices", where)
    if not choices:
        return None
    while messages and text(messages[-1].get("role")) == "assistant":
        messages = messages[:-1]
    texts = [_content(map_in(choice, "message", where), sample) for choice in choices]
    reasons = [text(choice.get("stop_reason")) for choice in choices]
    logprobs = [_sum_logprobs(choice, where) for choice in choices]
    return part.add_request(
        _dialogue(messages, sample),
        completions=texts,
        logprobs=logprobs,
        settings={**log.settings, "finish_reasons": reasons},
        asked=(log.model, log.version, sample.get("id"), epoch),
    )


def _logprob(output: Json, where: str) -> float | None:
    choices = maps_in(output, "choices", where)
    return _sum_logprobs(choices[0], where) if choices else None


def _sum_logprobs(choice: Json, where: str) -> float | None:
    content = maps_in(map_in(choice, "logprobs", where), "content", where)
    found = [number(token.get("logprob")) for token in content]
    known = [value for value in found if value is not None]
    return sum(known) if known and len(known) == len(found) else None


def _latency(sample: Json, output: Json) -> float | None:
    """Return the time of the model's call, or of all work where there were several calls."""
    is_one_call = (whole(sample.get("turn_count")) or 1) == 1
    time = number(output.get("time")) if is_one_call else None
    return time if time is not None else number(sample.get("working_time"))


def _sum(usage: Sequence[Json], *names: str) -> int | None:
    found = [whole(each.get(name)) for each in usage for name in names]
    known = [value for value in found if value is not None]
    return sum(known) if known else None


def _cost(usage: Sequence[Json]) -> float | None:
    found = [number(each.get("total_cost")) for each in usage]
    known = [value for value in found if value is not None]
    return sum(known) if known and len(known) == len(found) else None
