"""The instances of one page as HTML.

Written in Python and not as a template, because it is nearly all of a large report: a template takes five
times as long. Every text passes `markup`, every attribute `attribute`; nothing else may enter the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from longwave.report.browser import Answer, Case, Input
from longwave.report.formats import significant
from longwave.report.measures import Measure
from longwave.report.row_index import OUTCOMES
from longwave.report.text import markup, plain

__all__ = ["write_cases"]

_MARKS = dict(zip(OUTCOMES, "✓✗!·", strict=True))
_LONG, _MANY = 400, 8  # characters or lines of an input from which it may scroll in its own box
_ANSWER, _NAME = 2000, 120  # characters that are shown of an answer and of a name


def write_cases(cases: Iterable[Case], models: Sequence[str], *, n_ranked: int, measure: Measure) -> Markup:
    """Write the instances of one page.

    Parameters
    ----------
    cases : iterable of Case
    models : sequence of str
        Columns of the tables of answers.
    n_ranked : int
        How many of the models are ranked; the others are floors and have no colour.
    measure : Measure
        What the score is.
    """
    heads = "".join(
        f'<th scope="col" data-model="{place}">{_swatch(place) if place < n_ranked else ""}'
        f"{markup(name, _NAME)}</th>"
        for place, name in enumerate(models)
    )
    return Markup("\n".join(_case(case, heads, len(models), measure) for case in cases))


def attribute(text: str) -> str:
    """Return a text for the value of an attribute between double quotes."""
    return str(escape(plain(text)))


def _case(case: Case, heads: str, n_models: int, measure: Measure) -> str:
    group = "" if case.group is None else f"group {markup(case.group, _NAME)} · "
    split = markup(case.split or "split unknown", 40)
    bodies = "".join(_input(one, n_models, measure) for one in case.inputs)
    name = attribute(case.instance)
    return (
        f'<article class="case" id="{attribute(case.anchor)}">\n'
        f'<header><h2><a href="#{attribute(case.anchor)}">{markup(case.instance, _NAME)}</a></h2>'
        f'<p class="meta">{group}{split}</p></header>\n'
        f"{_question(case)}{_right_answers(case)}"
        f'<div class="scroll" tabindex="0" role="region" aria-label="Answers to {name}">\n'
        '<table class="answers">\n<caption class="visually-hidden">Answers by input and model</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n{bodies}</table></div>\n</article>"
    )


def _question(case: Case) -> str:
    if case.text is None:
        return ""
    if not case.text:
        return '<p class="note">the input is empty</p>\n'
    is_long = len(case.text) > _LONG or case.text.count("\n") > _MANY
    reach = ' tabindex="0"' if is_long else ""
    return f'<div class="text input" dir="auto"{reach}>{markup(case.text)}</div>\n'


def _right_answers(case: Case) -> str:
    if case.options:
        listed = "".join(
            f'<li{_RIGHT_CLASS if option.is_right else ""}><span class="text" dir="auto">'
            f"{markup(option.text, _ANSWER)}</span>{_RIGHT_TAG if option.is_right else ''}</li>"
            for option in case.options
        )
        return f'<ol class="options">{listed}</ol>\n'
    if case.label is None:
        return ""
    label = markup(case.label, _ANSWER)
    return f'<p class="label">Right answer: <span class="text" dir="auto">{label}</span></p>\n'


_RIGHT_CLASS = ' class="is-right"'
_RIGHT_TAG = ' <span class="tag">✓ correct</span>'


def _input(one: Input, n_models: int, measure: Measure) -> str:
    changed = prompt = ""
    if one.text is not None:
        changed = _details(
            "as changed", f'<div class="text" dir="auto" tabindex="0">{markup(one.text)}</div>'
        )
    if one.prompt is not None:
        prompt = _details("prompt", _block(one.prompt))
    cells = "".join(
        f'<td data-model="{place}">{"".join(_answer(each, measure) for each in answers) or _NO_ANSWER}</td>'
        for place, answers in enumerate(one.answers)
    )
    return (
        f'<tbody>\n<tr><th scope="rowgroup" colspan="{n_models}"><span class="input-name">'
        f"{markup(one.name, _NAME)}</span>{changed}{prompt}</th></tr>\n<tr>{cells}</tr>\n</tbody>\n"
    )


_NO_ANSWER = '<span class="note">–</span>'


def _answer(one: Answer, measure: Measure) -> str:
    told = one.outcome
    if one.outcome == "unscored":
        told = "no score" if one.score is None else str(escape(measure.text(one.score)))
    notes = ""
    if one.outcome in ("right", "wrong") and one.score is not None and one.score not in (0, 1):
        notes += f'<span class="confidence">score {significant(one.score)}</span>'
    if one.confidence is not None:
        notes += f'<span class="confidence">confidence {significant(one.confidence)}</span>'
    if one.variant:
        notes += f'<span class="variant">{markup(one.variant)}</span>'
    error = "" if one.error is None else f'<p class="error text" dir="auto">{markup(one.error, _ANSWER)}</p>'
    prediction = ""
    if one.prediction is not None:
        prediction = f'<p class="prediction text" dir="auto">{markup(one.prediction, _ANSWER)}</p>'
    elif one.outcome not in ("failed", "unscored"):
        prediction = '<p class="note">no answer could be read</p>'
    return (
        f'<div class="answer {one.outcome}" data-row="{one.number}"><p class="outcome">'
        f'<span class="mark" aria-hidden="true">{_MARKS[one.outcome]}</span> {told}{notes}</p>'
        f"{error}{prediction}{_exchange(one)}</div>"
    )


def _exchange(one: Answer) -> str:
    """Write what was sent and what came back, folded."""
    if one.prompt is None and one.continuation is None and not one.completions:
        return ""
    parts = []
    if one.prompt is not None:
        parts.append(f"<h3>prompt</h3>{_block(one.prompt)}")
    if one.continuation is not None:
        parts.append(f"<h3>continuation, scored</h3>{_block(one.continuation)}")
    for completion in one.completions:
        logprob = ""
        if completion.logprob is not None:
            logprob = f" · log-probability {significant(completion.logprob)} nats"
        text = _block(completion.text) if completion.text else '<p class="note">empty</p>'
        parts.append(f"<h3>completion{logprob}</h3>{text}")
    return _details("completion" if one.prompt is None else "prompt and completion", "".join(parts))


def _details(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>{content}</details>"


def _block(text: str) -> str:
    return f'<pre class="text" dir="auto" tabindex="0">{markup(text)}</pre>'


def _swatch(place: int) -> str:
    return f'<span class="swatch swatch-{place % 8}" aria-hidden="true"></span>'
