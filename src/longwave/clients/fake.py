"""Models that follow a rule: for tests of one's own code and of new scenarios, without a network or torch.

===================== ======================================================================================
``fake:first``        writes ``A``; every token of a scored text is equally likely, so that options tie
``fake:random``       writes one of the answers the prompt shows (letters of options, or answers of the
                      examples); ``fake:random=SEED`` seeds it
``fake:uniform``      every byte of a scored text has probability 1/256 (8 bits per byte); writes nothing
``fake:echo``         writes the prompt's last line back
``fake:constant=T``   always writes the text T
``fake:fail-every=N`` like ``fake:first``, but about one request in N fails, always the same ones
``fake:oracle``       answers what the evaluation tells it is right: the score a scenario can reach
===================== ======================================================================================

Tokens are words with the white space before them. All rules are deterministic functions of the request.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import astuple
from functools import partial
from typing import Protocol, runtime_checkable

from longwave.clients.base import Client, Completion, Request, Result
from longwave.errors import ClientError, ConfigError, Refused, UnknownName

__all__ = ["FakeClient", "OracleClient", "Teachable", "open_fake"]

Rule = Callable[[Request], Completion]
TOKEN = re.compile(r"\s*\S+|\s+")
OPTION = re.compile(r"^([A-Z])\. ", re.MULTILINE)


@runtime_checkable
class Teachable(Protocol):
    """A client that wants to be told the right answers before it is asked."""

    def teach(self, request: Request, completion: Completion) -> None:
        """Remember the answer to a request."""
        ...


class FakeClient:
    """A model whose answers a function gives.

    Parameters
    ----------
    rule : callable
        From a request to a completion; it may raise ``ClientError`` to fail. Text is cut to ``max_tokens``
        tokens and at the first stop string.
    name, version : str
    max_length : int, optional
        Longest prompt plus completion in tokens (words).

    Attributes
    ----------
    n_requests : int
        Requests answered or failed so far.

    Examples
    --------
    >>> client = FakeClient(lambda request: Completion(text=" yes", logprob=-0.5))
    >>> client.complete([Request(prompt="Is it?")])[0].completions[0].text
    ' yes'
    """

    def __init__(
        self, rule: Rule, *, name: str = "fake", version: str = "1", max_length: int | None = None
    ) -> None:
        self.rule = rule
        self.name = name
        self.version = version
        self.max_length = max_length
        self.n_requests = 0

    def complete(self, requests: Sequence[Request]) -> list[Result]:
        """Answer each request by the rule; a ``ClientError`` becomes the result's error."""
        return [self._answer(request) for request in requests]

    def count_tokens(self, text: str) -> int:
        """Count words; trailing white space is a token of its own."""
        return len(TOKEN.findall(text))

    def split_text(self, text: str, max_tokens: int) -> list[str]:
        """Cut a text after every ``max_tokens`` words."""
        tokens = TOKEN.findall(text)
        return ["".join(tokens[i : i + max_tokens]) for i in range(0, len(tokens), max_tokens)]

    def _answer(self, request: Request) -> Result:
        self.n_requests += 1
        try:
            self._check_length(request)
            completion = self._cut(request, self.rule(request))
        except ClientError as error:
            return Result(error=str(error))
        return Result(
            completions=(completion,) * request.n,
            tokens_in=self.count_tokens(request.prompt),
            tokens_out=completion.n_tokens * request.n,
        )

    def _check_length(self, request: Request) -> None:
        scored = request.continuation
        after = request.max_tokens if scored is None else self.count_tokens(scored)
        length = self.count_tokens(request.prompt) + after
        if self.max_length is not None and length > self.max_length:
            raise Refused(
                f"The request needs {length} tokens, but the model has {self.max_length}. Shorten it."
            )

    def _cut(self, request: Request, completion: Completion) -> Completion:
        if request.continuation is not None:
            n_tokens = completion.n_tokens or self.count_tokens(request.continuation)
            return Completion(
                text=request.continuation,
                logprob=completion.logprob,
                n_tokens=n_tokens,
                finish_reason="scored",
            )
        text = "".join(TOKEN.findall(completion.text)[: request.max_tokens])
        cuts = [text.find(stop) for stop in request.stop if stop in text]
        text = text[: min(cuts)] if cuts else text
        return Completion(
            text=text,
            logprob=completion.logprob,
            n_tokens=self.count_tokens(text),
            finish_reason="stop" if cuts else "length",
        )


class OracleClient(FakeClient):
    """A model that was told the right answers: what it scores is the ceiling of a scenario."""

    def __init__(self) -> None:
        super().__init__(self._recall, name="fake:oracle")
        self._answers: dict[Request, Completion] = {}

    def teach(self, request: Request, completion: Completion) -> None:
        """Remember the answer to a request."""
        self._answers[request] = completion

    def _recall(self, request: Request) -> Completion:
        if request not in self._answers:
            raise Refused("The oracle was not told the answer to this request. Call teach first.")
        return self._answers[request]


def open_fake(rest: str) -> Client:
    """Open a fake model by the name of its rule, as in ``fake:constant=Yes``.

    Raises
    ------
    UnknownName
        If there is no such rule.
    ConfigError
        If the rule's value is missing or wrong.
    """
    rule, equals, value = rest.partition("=")
    if rule == "oracle":
        return OracleClient()
    rules: dict[str, Rule] = {
        "first": _first,
        "uniform": _uniform,
        "echo": _echo,
        "random": partial(_random, seed=_number(rest, value, smallest=0) if equals else 0),
        "constant": partial(_constant, text=value),
        "fail-every": partial(_fail, every=_number(rest, value, smallest=1) if rule == "fail-every" else 1),
    }
    if rule not in rules:
        raise UnknownName("fake model", rule, [*rules, "oracle"])
    if rule == "constant" and not equals:
        raise ConfigError('"fake:constant" needs a text. Write for example fake:constant=Yes.')
    return FakeClient(rules[rule], name=f"fake:{rest}")


def _number(rest: str, value: str, *, smallest: int) -> int:
    if not rest.startswith(("random", "fail-every")):
        return smallest
    if not value.isdecimal() or int(value) < smallest:
        kind = rest.partition("=")[0]
        raise ConfigError(f'"fake:{rest}" needs a whole number of at least {smallest}; write fake:{kind}=7.')
    return int(value)


def _score(request: Request, per_token: float) -> float:
    return per_token * len(TOKEN.findall(request.continuation or ""))


def _first(request: Request) -> Completion:
    return Completion(text=" A", logprob=_score(request, -1.0) if request.continuation is not None else -0.7)


def _uniform(request: Request) -> Completion:
    n_bytes = len((request.continuation or "").encode())
    return Completion(text="", logprob=-n_bytes * math.log(256))


def _echo(request: Request) -> Completion:
    return Completion(text=request.prompt.rpartition("\n")[2], logprob=_score(request, -1.0))


def _constant(request: Request, *, text: str) -> Completion:
    return Completion(text=text, logprob=_score(request, -1.0))


def _fail(request: Request, *, every: int) -> Completion:
    if _draw(request, 0) % every == 0:
        raise ClientError(f"This fake fails about one request in {every}, and this is one.")
    return _first(request)


def _random(request: Request, *, seed: int) -> Completion:
    drawn = _draw(request, seed)
    if request.continuation is not None:
        return Completion(text="", logprob=_score(request, -0.5 - drawn / 2**64))
    answers = _shown_answers(request.prompt) or [""]
    chosen = answers[drawn % len(answers)]
    return Completion(text=f" {chosen}", logprob=-math.log(len(answers)))


def _shown_answers(prompt: str) -> list[str]:
    """Find the answers a prompt shows: letters of the last list of options, else those after earlier cues."""
    cue = prompt.rpartition("\n")[2]
    earlier = re.findall(rf"^{re.escape(cue)} (.+)$", prompt, re.MULTILINE) if cue else []
    letters = OPTION.findall(prompt)
    if letters:
        return letters[len(letters) - letters[::-1].index("A") - 1 :] if "A" in letters else letters
    return sorted(set(earlier))


def _draw(request: Request, seed: int) -> int:
    digest = hashlib.sha256(repr((seed, astuple(request))).encode()).digest()
    return int.from_bytes(digest[:8], "big")
