"""One HELM instance under one perturbation in one trial: its requests, what was answered, and the row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from longwave.interchange._documents import Json, list_in, map_in, maps_in, number, text, whole
from longwave.interchange._helm_names import perturbation_name
from longwave.interchange.rows import Part, Row, Shown

__all__ = ["Asked", "Run", "Stats", "group_states", "key_of"]

CORRECT = "correct"
MOST_TRIALS = 2**31 - 1  # what the column holds
Key = tuple[str, str | None, int]  # instance, perturbation, trial


@dataclass(frozen=True, kw_only=True)
class Stats:
    """HELM's statistics of one answer: means, and sums over its requests."""

    means: dict[str, float] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all rows of a HELM run share."""

    scenario: str
    model: str
    version: str
    date: str
    prompt: str
    prefix: str  # before the ids of instances, where a scenario has parameters
    group: str | None
    method: str
    has_logprobs: bool
    where: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The request states of one row.

    Parameters
    ----------
    key : tuple
        Instance, perturbation, trial.
    states : list of dict
        In HELM's order.
    """

    key: Key
    states: list[Json]

    def add_to(
        self, part: Part, run: Run, stats: Stats, score: float | None, scores: Mapping[str, float]
    ) -> None:
        """Turn the states into a row, an instance and requests."""
        shown = _show(part, map_in(self.states[0], "instance", run.where), self.key, run)
        options = [_read_option(part, state, shown, self.key, run) for state in self.states]
        answer = _answer(part, options, shown, run, stats)
        error = next((option.error for option in options if option.error), None)
        row: Row = {
            "model": run.model,
            "version": run.version,
            "date": run.date,
            "prompt": run.prompt,
            "trial": self.key[2],
            "request_hash": answer.chosen.hash,
            "prediction": answer.prediction,
            "score": score,
            "confidence": None if error else answer.confidence,
            "logprob": None if error else answer.logprob,
            "error": error,
            "latency_s": _total(option.latency_s for option in options),
            "tokens_in": whole(stats.sums.get("num_prompt_tokens")),
            "tokens_out": whole(stats.sums.get("num_output_tokens")),
        }
        part.add(shown, row, scores)


@dataclass(frozen=True, kw_only=True)
class _Option:
    """One request: of a row, of one of its options, or of one window of its text."""

    index: int | None  # which reference, where each has a request
    is_calibration: bool
    hash: str
    texts: tuple[str, ...]
    logprobs: tuple[float | None, ...]
    n_tokens: int
    mapping: Json
    error: str | None
    latency_s: float | None

    @property
    def logprob(self) -> float | None:
        """Of the first completion, or of the option."""
        return self.logprobs[0] if self.logprobs else None


@dataclass(frozen=True, kw_only=True)
class _Answer:
    chosen: _Option
    prediction: str | None = None
    logprob: float | None = None
    confidence: float | None = None


def group_states(states: Sequence[Json], where: str) -> list[Asked]:
    """Put the states of one row together, in the order of their first ones."""
    found: dict[Key, Asked] = {}
    for state in states:
        key = key_of(map_in(state, "instance", where), state, where)
        found.setdefault(key, Asked(key=key, states=[])).states.append(state)
    return list(found.values())


def key_of(instance: Json, state: Json, where: str) -> Key:
    """Return instance, perturbation and trial; the first from ``id`` or ``instance_id``."""
    name = text(instance.get("id", instance.get("instance_id"))) or ""
    edit = perturbation_name(map_in(instance, "perturbation", where))
    return name, edit, whole(state.get("train_trial_index"), MOST_TRIALS) or 0


def _show(part: Part, instance: Json, key: Key, run: Run) -> Shown:
    """Read the instance; the paper's releases hold texts where later ones hold objects."""
    references = maps_in(instance, "references", run.where)
    tags = [[text(tag) or "" for tag in list_in(item, "tags", run.where)] for item in references]
    groups = [name for name in (run.group, text(instance.get("sub_split"))) if name]
    return Shown(
        scenario=run.scenario,
        instance=f"{run.prefix}{key[0]}",
        perturbation=key[1],
        split=text(instance.get("split")),
        group=",".join(groups) or None,
        input=_text_of(part, instance.get("input")),
        references=tuple(_text_of(part, item.get("output")) for item in references),
        right=tuple(index for index, each in enumerate(tags) if CORRECT in each),
        tags=tuple(tuple(tag for tag in each if tag != CORRECT) for each in tags),
        extra=instance.get("extra_data"),
    )


def _text_of(part: Part, value: object) -> str:
    if isinstance(value, dict):
        if value.get("multimedia_content"):
            part.skip("images and sounds (only the texts beside them are kept)")
        value = value.get("text")
    return text(value) or ""


def _read_option(part: Part, state: Json, shown: Shown, key: Key, run: Run) -> _Option:
    request, result = map_in(state, "request", run.where), map_in(state, "result", run.where)
    completions = maps_in(result, "completions", run.where)
    is_ok = bool(result) and result.get("success") is not False
    index = whole(state.get("reference_index"))
    prompt, continuation = text(request.get("prompt")) or "", None
    if run.method.startswith("multiple_choice_separate"):
        prompt, continuation = _cut(prompt, shown.reference(index))
    texts: list[str] = []
    logprobs: list[float | None] = []
    n_tokens = 0
    for each in completions if is_ok else []:
        if continuation is None:
            texts.append(text(each.get("text")) or "")
            logprobs.append(number(each.get("logprob")) if run.has_logprobs else None)
        else:
            logprob, n_tokens = _logprob_of_end(maps_in(each, "tokens", run.where), continuation)
            texts.append(continuation)
            logprobs.append(logprob)
            part.skip("options without a log-probability (their tokens do not spell them)", logprob is None)
    return _Option(
        index=index,
        is_calibration=text(state.get("request_mode")) == "calibration",
        hash=part.add_request(
            prompt,
            continuation=continuation,
            completions=texts,
            logprobs=logprobs,
            settings=_settings(request, completions, run),
            asked=(run.model, run.version, key[2]),
        ),
        texts=tuple(texts),
        logprobs=tuple(logprobs),
        n_tokens=n_tokens,
        mapping=map_in(state, "output_mapping", run.where),
        error=None if is_ok else text(result.get("error")) or "the request was not answered",
        latency_s=number(result.get("request_time")),
    )


def _settings(request: Json, completions: Sequence[Json], run: Run) -> dict[str, object]:
    reasons = [text(map_in(each, "finish_reason", run.where).get("reason")) for each in completions]
    return {
        "max_tokens": request.get("max_tokens"),
        "temperature": request.get("temperature"),
        "top_p": request.get("top_p"),
        "stop": list_in(request, "stop_sequences", run.where),
        "n": request.get("num_completions"),
        "seed": request.get("random"),
        "finish_reasons": reasons,
    }


def _cut(prompt: str, option: str | None) -> tuple[str, str | None]:
    """Split what was sent into what came before the option and the option with its blank."""
    if not option or not prompt.endswith(option):
        return prompt, None
    place = len(prompt) - len(option)
    place -= place > 0 and prompt[place - 1] == " "
    return prompt[:place], prompt[place:]


def _logprob_of_end(tokens: Sequence[Json], end: str) -> tuple[float | None, int]:
    """Sum the last tokens, as many as spell a text; HELM counts them with the model's tokenizer instead."""
    wanted, read, total = end.strip(), "", 0.0
    for count, token in enumerate(reversed(tokens), start=1):
        logprob = number(token.get("logprob"))
        if logprob is None:
            break
        read, total = (text(token.get("text")) or "") + read, total + logprob
        if len(read.strip()) >= len(wanted):
            return (total, count) if read.strip().endswith(wanted) else (None, 0)
    return None, 0


def _answer(part: Part, options: Sequence[_Option], shown: Shown, run: Run, stats: Stats) -> _Answer:
    """Read the answer out of the completions, as the method of the run does."""
    if run.method == "language_modeling":
        return _Answer(chosen=options[0], logprob=stats.means.get("logprob"))
    if run.method == "ranking_binary":
        best = max(options, key=_relevance)
        return _Answer(chosen=best, prediction=shown.reference(best.index), logprob=best.logprob)
    if any(option.index is not None for option in options):
        return _best_option(options, shown, run, stats)
    part.skip("further requests of one row (the first one's answer is kept)", len(options) - 1)
    return _best_completion(part, options[0], run, stats)


def _relevance(option: _Option) -> tuple[int, float]:
    """Put documents the model says yes to first, the surest one at the top, and the surest no last."""
    said = option.texts[0].strip().lower() if option.texts else ""
    logprob = option.logprob or 0.0
    return (2, logprob) if said.startswith("yes") else (1, -logprob) if said.startswith("no") else (0, 0.0)


def _best_completion(part: Part, option: _Option, run: Run, stats: Stats) -> _Answer:
    """Take the most likely completion; of a joint multiple choice, the option behind its letter."""
    places = range(len(option.texts))
    best = min(places, key=lambda place: -(option.logprobs[place] or 0.0), default=None)
    if best is None:
        return _Answer(chosen=option)
    said, logprob = option.texts[best].strip(), option.logprobs[best]
    if option.mapping and said:
        mapped = text(option.mapping.get(said))
        part.skip("answers that name no option (the row has no prediction)", mapped is None)
        said = mapped or ""
    confidence = stats.means.get("max_prob") if run.has_logprobs else None
    if confidence is None and logprob is not None:
        confidence = math.exp(min(logprob, 0.0))
    return _Answer(chosen=option, prediction=said or None, logprob=logprob, confidence=confidence)


def _best_option(options: Sequence[_Option], shown: Shown, run: Run, stats: Stats) -> _Answer:
    """Take the option that HELM took; its index is among the statistics, else it follows from the scores."""
    real = {option.index: option for option in options if not option.is_calibration}
    index = whole(stats.means.get("predicted_index"))
    if index not in real:
        base = {option.index: option.logprob for option in options if option.is_calibration}
        scores = {place: _score(option, base.get(place), run) for place, option in real.items()}
        known = {place: score for place, score in scores.items() if score is not None}
        index = max(known, key=lambda place: known[place]) if known and len(known) == len(real) else None
    if index not in real:
        return _Answer(chosen=options[0])
    return _Answer(
        chosen=real[index],
        prediction=shown.reference(index),
        logprob=real[index].logprob,
        confidence=stats.means.get("max_prob"),
    )


def _score(option: _Option, base: float | None, run: Run) -> float | None:
    """Score an option: per token, or against its log-probability after a bare cue."""
    if option.logprob is None:
        return None
    if run.method == "multiple_choice_separate_calibrated":
        return None if base is None else option.logprob - base
    return option.logprob / max(option.n_tokens, 1)


def _total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
