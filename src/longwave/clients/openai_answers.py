"""Read the answers of OpenAI-compatible servers: completions, log-probabilities, scored texts, tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from longwave.clients.base import Completion
from longwave.clients.budget import Usage
from longwave.clients.http_failures import FailedTry
from longwave.errors import ClientError, Refused

__all__ = ["cannot_score", "read_completions", "read_scored", "read_usage"]

Payload = Mapping[str, object]
LENGTH = ("length", "max_tokens", "max_output_tokens")
WITHHELD = ("content_filter", "safety", "recitation", "refusal")
EXCERPT = 200


@dataclass(frozen=True)
class _Token:
    """One token as a server writes it: its text, and its log-probability where that is told."""

    text: str
    logprob: float | None


def read_usage(payload: Payload) -> Usage | None:
    """Return the tokens that a server counted, None when it does not tell."""
    usage = payload.get("usage")
    if not isinstance(usage, Mapping):
        return None
    counts = [
        count
        for count in (usage.get("prompt_tokens"), usage.get("completion_tokens", 0))
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0
    ]
    return Usage(tokens_in=counts[0], tokens_out=counts[1]) if len(counts) == 2 else None


def read_completions(
    payload: Payload, *, stop: Sequence[str], usage: Usage | None, count: Callable[[str], int]
) -> list[Completion]:
    """Read the completions of an answer in the server's order, cut before the first stop string.

    Parameters
    ----------
    payload : mapping
        The answer of either interface.
    stop : sequence of str
    usage : Usage or None
        Where a completion's tokens are not listed, it gets its share of ``tokens_out`` by length.
    count : callable
        Counts the tokens of a text where the server tells nothing.

    Raises
    ------
    FailedTry
        If there is no completion, or a filter or the model itself withheld one.
    """
    found = [(_text_of(choice), _tokens_of(choice), choice) for choice in _choices(payload)]
    sizes = [len(text.encode("utf-8", "replace")) for text, _, _ in found]
    shares = [count(text) for text, _, _ in found] if usage is None else _share(usage.tokens_out, sizes)
    return [
        _cut(text, tokens, share, str(choice.get("finish_reason") or "stop"), stop)
        for (text, tokens, choice), share in zip(found, shares, strict=True)
    ]


def read_scored(payload: Payload, *, text: str, continuation: str, n_generated: int) -> Completion:
    """Read the log-probability of a continuation from an echoed text.

    Parameters
    ----------
    payload : mapping
        Answer of ``/completions`` to a request with ``echo``.
    text : str
        Prompt and continuation.
    continuation : str
        The end of it; a token that reaches over its beginning counts with it.
    n_generated : int
        Tokens after the text, which do not count.

    Raises
    ------
    FailedTry
        If the server does not echo, tells no log-probabilities, or not that of the text's first token.

    Notes
    -----
    Tokens are counted from the end of the text, so that tokens which some servers put before it do no harm.
    """
    choice = _choices(payload)[0]
    tokens = _tokens_of(choice)
    tokens = tokens[: len(tokens) - n_generated] if n_generated else tokens
    if not tokens or not _text_of(choice).startswith(text):
        raise _cannot_score("it does not echo texts with their log-probabilities")
    if not continuation:
        return Completion(text="", logprob=0.0, n_tokens=0, finish_reason="scored")
    n_tokens = _tokens_in_tail([token.text for token in tokens], text, continuation)
    n_tokens = n_tokens or _tokens_after(choice, len(text) - len(continuation), len(tokens))
    if not n_tokens:
        raise _cannot_score("its tokens do not join to the text")
    logprobs = [token.logprob for token in tokens[len(tokens) - n_tokens :]]
    if logprobs[0] is None and n_tokens == len(tokens):
        raise FailedTry(
            Refused(
                "The server tells no probability of a text's first token. Name the token that begins a "
                "document with prefix, for example prefix=<|endoftext|>."
            )
        )
    if any(logprob is None for logprob in logprobs):
        raise _cannot_score("it leaves out log-probabilities of some tokens")
    total = math.fsum(logprob for logprob in logprobs if logprob is not None)
    return Completion(text=continuation, logprob=total, n_tokens=n_tokens, finish_reason="scored")


def _choices(payload: Payload) -> list[Mapping[str, object]]:
    choices = payload.get("choices")
    if not isinstance(choices, list) or not choices or not all(isinstance(item, Mapping) for item in choices):
        raise FailedTry(
            ClientError("The server's answer holds no completion (no choices). Check the name of the model."),
            may_be_billed=True,
        )
    return sorted(choices, key=_index)


def _index(choice: Mapping[str, object]) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _text_of(choice: Mapping[str, object]) -> str:
    reason = choice.get("finish_reason")
    if reason in WITHHELD:
        raise FailedTry(
            Refused(f'The server\'s filter withheld the completion (finish_reason "{reason}").'),
            may_be_billed=True,
        )
    message = choice.get("message")
    if not isinstance(message, Mapping):
        text = choice.get("text")
    elif message.get("refusal") and not message.get("content"):
        words = " ".join(str(message["refusal"]).split())[:EXCERPT]
        raise FailedTry(Refused(f'The model refused: "{words}".'), may_be_billed=True)
    else:
        text = message.get("content")
        if isinstance(text, list):  # parts, as some servers write
            text = "".join(str(part.get("text", "")) for part in text if isinstance(part, Mapping))
        elif text is None and reason in LENGTH:
            text = ""  # all tokens went into thoughts that are not shown
    if not isinstance(text, str):
        raise FailedTry(
            ClientError(f'The server\'s completion holds no text (finish_reason "{reason}").'),
            may_be_billed=True,
        )
    return text


def _tokens_of(choice: Mapping[str, object]) -> list[_Token]:
    """Return the listed tokens of either interface, none when the server lists none."""
    listed = choice.get("logprobs")
    if not isinstance(listed, Mapping):
        return []
    content = listed.get("content")
    if isinstance(content, list):
        items = [item for item in content if isinstance(item, Mapping)]
        return [_Token(str(item.get("token", "")), _number(item.get("logprob"))) for item in items]
    texts, logprobs = listed.get("tokens"), listed.get("token_logprobs")
    if not isinstance(texts, list) or not isinstance(logprobs, list) or len(texts) != len(logprobs):
        return []
    return [_Token(str(text), _number(value)) for text, value in zip(texts, logprobs, strict=True)]


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(str(value)) if is_number else None  # the type checker does not see that it is a number


def _share(total: int, sizes: Sequence[int]) -> list[int]:
    """Divide a number of tokens by the sizes of texts; the parts sum to it."""
    whole = sum(sizes)
    ends, done = [], 0
    for size in sizes:
        done += size
        ends.append(round(total * done / whole) if whole else 0)
    ends[-1] = total
    return [end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _cut(text: str, tokens: list[_Token], share: int, reason: str, stop: Sequence[str]) -> Completion:
    """Make a completion of a text up to the first stop string, with the tokens that lie in it."""
    finish = "length" if reason in LENGTH else "stop"
    size = len(text.encode("utf-8", "replace"))
    cuts = [text.find(word) for word in stop if word and word in text]
    if cuts:
        text, finish = text[: min(cuts)], "stop"
        kept = len(text.encode("utf-8", "replace"))
        share = _share(share, [kept, size - kept])[0]
    if "".join(token.text for token in tokens).startswith(text):
        while sum(len(token.text) for token in tokens) > len(text):  # some list what comes after the end too
            tokens = tokens[:-1]
    elif cuts:
        tokens = []  # tokens of half characters: nobody knows which ones lie before the cut
    logprobs = [token.logprob for token in tokens if token.logprob is not None]
    is_told = bool(tokens) and len(logprobs) == len(tokens)
    return Completion(
        text=text,
        logprob=math.fsum(logprobs) if is_told else None,
        n_tokens=len(tokens) or share,
        finish_reason=finish,
    )


def _tokens_in_tail(tokens: Sequence[str], text: str, continuation: str) -> int:
    """Count the last tokens that cover the continuation; 0 when the tokens' texts are not the text's end."""
    length = 0
    for count, token in enumerate(reversed(tokens), start=1):
        stop = len(text) - length
        if text[max(stop - len(token), 0) : stop] != token:
            return 0
        length += len(token)
        if length >= len(continuation):
            return count
    return 0


def _tokens_after(choice: Mapping[str, object], border: int, n_tokens: int) -> int:
    """Count the tokens that end after the border, by the offsets in characters that the server tells."""
    listed = choice.get("logprobs")
    offsets = listed.get("text_offset") if isinstance(listed, Mapping) else None
    if not isinstance(offsets, list) or len(offsets) < n_tokens:
        return 0
    if not all(isinstance(offset, int) for offset in offsets):
        return 0
    starts = offsets[:n_tokens]
    ends = [*starts[1:], math.inf]
    # tokens of one character may share their offset
    reaching = (i for i in range(n_tokens) if starts[i] >= border or ends[i] > border)
    return n_tokens - next(reaching)


def cannot_score(why: str) -> Refused:
    """Return the error of a server that cannot score a given text."""
    return Refused(
        f"This server cannot score a given text: {why}. Use a server whose /completions takes echo (vLLM "
        "does) or the model itself (hf:NAME); or a scenario that only generates."
    )


def _cannot_score(why: str) -> FailedTry:
    return FailedTry(cannot_score(why), may_be_billed=True)
