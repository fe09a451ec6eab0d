"""Language modelling: the model predicts the input itself; windows predict every token exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from longwave.clients.base import Completion
from longwave.errors import DataError
from longwave.metrics import bits_per_byte
from longwave.prompting.base import Case, Outcome, Prepared, Reader
from longwave.prompting.multiple_choice import score_request

__all__ = ["LanguageModeling", "TextWindow", "cut_windows"]


@dataclass(frozen=True, kw_only=True)
class TextWindow:
    """A piece of text to predict, and the text before it that the model may see."""

    context: str
    target: str


class LanguageModeling:
    """As many scored requests as there are windows; the outcome is the log-likelihood of the whole input."""

    def prepare(self, case: Case, reader: Reader) -> Prepared:
        """Cut the input into windows."""
        text = case.instance.input
        if not text:
            raise DataError(
                f'Instance "{case.instance.id}" has no text to predict. Language modelling needs an input; '
                "leave it out."
            )
        windows = cut_windows(text, reader)
        return Prepared(
            case=case, requests=tuple(score_request(window.context, window.target) for window in windows)
        )

    def interpret(self, prepared: Prepared, answers: Sequence[Sequence[Completion]]) -> Outcome:
        """Sum the windows; ``values`` holds the sums, so that a corpus is weighted by bytes."""
        logprob, n_tokens = 0.0, 0
        for completions in answers:
            first = completions[0]
            if first.logprob is None:
                raise DataError(
                    "The model gave no log-probability for a text; language modelling needs one. Leave this "
                    "scenario out for models that only generate."
                )
            logprob += first.logprob
            n_tokens += first.n_tokens
        n_bytes = len(prepared.case.instance.input.encode())
        return Outcome(
            logprob=logprob,
            values={
                "bits_per_byte": bits_per_byte(logprob, n_bytes),
                "logprob": logprob,
                "bytes": float(n_bytes),
                "tokens": float(n_tokens),
            },
        )

    def ideal(self, prepared: Prepared) -> list[Completion]:
        """Predict every token with certainty."""
        texts = [request.continuation or "" for request in prepared.requests]
        return [Completion(text=text, logprob=0.0, n_tokens=1, finish_reason="scored") for text in texts]


def cut_windows(text: str, reader: Reader) -> list[TextWindow]:
    """Cut a text into windows so that every token is predicted exactly once, with as much context as fits.

    Parameters
    ----------
    text : str
    reader : Reader
        With ``max_length`` R, the first window predicts R tokens after nothing, each further one up to R - 1
        tokens after as many of the preceding tokens as still fit (at least one; the last window is filled
        from the left).

    Returns
    -------
    list of TextWindow
        The targets joined are the text; context and target together have at most R tokens. Windows end
        between characters.

    References
    ----------
    Section J of arXiv 2211.09110. There the first window begins with the end-of-text token; here the client
    puts it before an empty context.
    """
    if reader.max_length is None or reader.count_tokens(text) <= reader.max_length:
        return [TextWindow(context="", target=text)] if text else []
    limit = reader.max_length
    target = reader.split_text(text, limit)[0]
    windows = [TextWindow(context="", target=target)]
    start = len(target)
    while start < len(text):
        target = reader.split_text(text[start:], max(limit - 1, 1))[0]
        context = _context(text[:start], limit - reader.count_tokens(target), reader)
        windows.append(TextWindow(context=context, target=target))
        start += len(target)
    return windows


def _context(before: str, room: int, reader: Reader) -> str:
    """Return as long an end of ``before`` as has at most ``room`` tokens, by bisection on characters."""
    # a token has at least one byte, but may have many: widen the stretch until it is too long or all there is
    stretch = max(room, 1)
    while stretch < len(before) and reader.count_tokens(before[-stretch:]) <= room:
        stretch *= 2
    low, high = 0, min(stretch, len(before))
    while low < high:
        middle = (low + high + 1) // 2
        if reader.count_tokens(before[-middle:]) <= room:
            low = middle
        else:
            high = middle - 1
    return before[len(before) - low :]
