"""The two interfaces of OpenAI-compatible servers: request bodies, and what their answers say.

Servers differ in what they know. What one refuses is left out or written otherwise where the answer stays
the same, and remembered in its ``Dialect``: log-probabilities, the name of ``max_tokens``, stop strings (all
texts are cut here too), several completions at once, completions of no token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from longwave.clients.base import Request
from longwave.clients.hosted_settings import Api
from longwave.clients.http_failures import FailedTry

__all__ = ["Dialect", "write_body", "write_scoring_body"]

Body = dict[str, object]
PATHS = {"chat": "/chat/completions", "completions": "/completions"}
# statuses by which servers refuse a setting, and by which they say that they have no such interface
REFUSING = (400, 404, 405, 415, 422, 501)
ABSENT = (404, 405, 501)
CRASHED = 500  # how some answer requests for no token


@dataclass
class Dialect:
    """What a server was found to understand.

    Parameters
    ----------
    api : {"auto", "chat", "completions"}
        "auto" until the first answer shows which it is.
    omitted : frozenset of str
        Settings the user wants left out.
    max_tokens_name : str
    has_several : bool
        Whether several completions may be asked for at once.
    least_tokens : int
        Tokens that a scored text must be followed by.
    takes_none : bool
        Whether a text followed by none was answered before; until then a failure may mean that it is not.
    refused : set of str
        Settings the server does not take.
    """

    api: Api
    omitted: frozenset[str] = frozenset()
    max_tokens_name: str = "max_tokens"
    has_several: bool = True
    least_tokens: int = 0
    takes_none: bool = False
    refused: set[str] = field(default_factory=set)

    @property
    def path(self) -> str:
        """Path of the interface below the base URL."""
        return PATHS["chat" if self.api == "chat" else "completions"]

    def sends(self, setting: str) -> bool:
        """Whether a setting is sent at all."""
        return setting not in self.omitted and setting not in self.refused

    def settle(self, path: str, body: Mapping[str, object]) -> None:
        """Remember which interface answered, and to what."""
        self.takes_none = self.takes_none or self.is_trial(body)
        if self.api == "auto":
            self.api = "chat" if path == PATHS["chat"] else "completions"

    def is_trial(self, body: Mapping[str, object]) -> bool:
        """Whether a request asks for what the server may be unable to do: a text followed by no token."""
        return body.get("max_tokens") == 0 and "echo" in body and not self.takes_none

    def learn(self, path: str, body: Mapping[str, object], failed: FailedTry) -> bool:
        """Learn from a refused request; true when it is worth sending again, written anew.

        Parameters
        ----------
        path : str
            Where the request went; others may have taught us better in the meantime.
        body : mapping
            What was sent.
        failed : FailedTry
        """
        if self.is_trial(body) and failed.status == CRASHED:
            self.least_tokens = 1
            return True
        if failed.status not in REFUSING:
            return False
        words = f"{failed.param} {failed.words}".lower()
        if path == PATHS["completions"] and self._is_for_chat(failed, words):
            if self.api == "completions":
                return False
            self.api = "chat"
            return True
        if "max_completion_tokens" in words and "max_tokens" in body:
            self.max_tokens_name = "max_completion_tokens"
            return True
        if "max_tokens" in words and body.get("max_tokens") == 0:
            self.least_tokens = 1
            return True
        if failed.param == "n" and "n" in body:
            self.has_several = False
            return True
        return self._stop_sending(body, words)

    def _is_for_chat(self, failed: FailedTry, words: str) -> bool:
        # a missing model is a 404 too; the other interface then says so again
        return self.api == "auto" and (failed.status in ABSENT or "chat model" in words)

    def _stop_sending(self, body: Mapping[str, object], words: str) -> bool:
        for setting in ("logprobs", "stop"):
            # scoring is nothing without log-probabilities
            if setting in words and setting in body and "echo" not in body:
                self.refused.add(setting)
                return True
        return False


def write_body(model: str, request: Request, dialect: Dialect, *, n: int, seed: int | None) -> Body:
    """Write a request for text.

    Parameters
    ----------
    model : str
    request : Request
    dialect : Dialect
    n : int
        Completions to ask for; what the server gives may be fewer.
    seed : int or None
    """
    is_chat = dialect.path == PATHS["chat"]
    body: Body = {"model": model}
    if is_chat:
        body["messages"] = [{"role": "user", "content": request.prompt}]
    else:
        body["prompt"] = request.prompt
    body[dialect.max_tokens_name] = request.max_tokens
    optional: Body = {"temperature": request.temperature, "logprobs": True if is_chat else 1}
    if request.top_p != 1:
        optional["top_p"] = request.top_p
    if request.stop:
        optional["stop"] = list(request.stop)
    if seed is not None:
        optional["seed"] = seed
    body.update({name: value for name, value in optional.items() if dialect.sends(name)})
    if n > 1 and dialect.has_several:
        body["n"] = n
    return body


def write_scoring_body(model: str, text: str, dialect: Dialect) -> Body:
    """Write a request for the log-probabilities of a text itself: echoed, with next to nothing after it."""
    return {
        "model": model,
        "prompt": text,
        "max_tokens": dialect.least_tokens,
        "temperature": 0,
        "logprobs": 1,
        "echo": True,
    }
