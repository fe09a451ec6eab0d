"""Models behind any server that speaks OpenAI's API: ``openai:NAME@BASE_URL?option=value``.

What the options mean stands in ``HostedSettings``. Requests go out several at a time and come back in order;
whatever fails becomes the error of one request. The key is read from the environment when requests are sent,
goes to the base URL only, and is kept out of messages, logs and files.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from longwave import __version__
from longwave.clients.base import Client, Completion, Request, Result
from longwave.clients.budget import Budget, Price, Usage, load_price
from longwave.clients.hosted_settings import HostedSettings, ServerAddress, read_key, read_spec
from longwave.clients.http_failures import FailedTry
from longwave.clients.openai_answers import cannot_score, read_completions, read_scored, read_usage
from longwave.clients.openai_api import Dialect, write_body, write_scoring_body
from longwave.clients.rate_limits import RateLimiter
from longwave.clients.retries import Backoff
from longwave.clients.sending import Answer, Clock, Load, Sender
from longwave.clients.text_tokens import ByteTokens, HuggingFaceTokens, TextTokens, load_tokenizer
from longwave.clients.threads import iterate_in_thread
from longwave.config import config_hash
from longwave.errors import Refused

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["HostedClient", "open_openai"]

TEMPLATE_TOKENS = 64  # what a chat template may add to a prompt
Body = dict[str, object]
Emit = Callable[[tuple[int, Result]], None]


class HostedClient:
    """A model behind a server that speaks OpenAI's API.

    Parameters
    ----------
    name : str
        The model's name on the server.
    address : ServerAddress
    settings : HostedSettings, optional
    transport : httpx.AsyncBaseTransport, optional
        Stands in for the network.
    clock : Clock, optional
        Stands in for time.

    Attributes
    ----------
    budget : Budget
        What was spent so far; the limit holds for the life of the client.

    Notes
    -----
    Log-probabilities are the server's own. Without a tokenizer ``max_length`` is None, prompts are not
    fitted, and ``count_tokens`` estimates a token as four bytes of UTF-8. Where a server does not tell how
    many tokens it billed, tokens and cost are estimated in the same way. Greedy completions are asked for
    once and repeated ``n`` times.

    Raises
    ------
    ConfigError, MissingFile
        If the prices or the tokenizer cannot be read.
    MissingExtra
        If a tokenizer is named and transformers is not installed.
    """

    def __init__(
        self,
        name: str,
        address: ServerAddress,
        settings: HostedSettings | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        settings = settings or HostedSettings()
        self.name = name
        self.address = address
        self.settings = settings
        self.version = settings.version or _hash_settings(address, settings)
        self.max_length = settings.max_length
        self.budget = Budget(_find_price(name, settings), max_usd=settings.max_usd)
        self._tokens: TextTokens = (
            HuggingFaceTokens(load_tokenizer(settings.tokenizer)) if settings.tokenizer else ByteTokens()
        )
        self._limiter = RateLimiter(rpm=settings.rpm, tpm=settings.tpm)
        self._dialect = Dialect(api=settings.api, omitted=settings.omitted)
        self._transport = transport
        self._clock = clock or Clock()

    def __repr__(self) -> str:
        return f"HostedClient({self.name!r} at {self.address.url!r})"

    def complete(self, requests: Sequence[Request]) -> list[Result]:
        """Answer requests in order.

        Raises
        ------
        BudgetExceeded
            If the next request could cost more than is left; what was answered in this call is lost unless a
            cache took it (``CachedClient`` does).
        """
        results: dict[int, Result] = {}
        for group in self.complete_stream(requests):
            results.update(group)
        return [results[index] for index in range(len(requests))]

    def complete_stream(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Result]]]:
        """Yield places and results as they come, several where several came.

        Raises
        ------
        BudgetExceeded
            After all that was answered.
        """

        async def run(emit: Emit) -> None:
            await self._run(requests, emit)

        if requests:
            yield from iterate_in_thread(run)

    def count_tokens(self, text: str) -> int:
        """Count tokens with the tokenizer, or estimate them by bytes."""
        return self._tokens.count(text)

    def split_text(self, text: str, max_tokens: int) -> list[str]:
        """Cut a text between characters into pieces of at most ``max_tokens`` tokens."""
        return self._tokens.split(text, max_tokens)

    async def _run(self, requests: Sequence[Request], emit: Emit) -> None:
        """Work through the requests, ``concurrency`` at a time; the first error of the run ends it."""
        key = read_key(self.address, self.settings.key)
        async with self._open_http(key) as http:
            sender = self._make_sender(http, key)
            places = deque(range(len(requests)))

            async def work() -> None:
                try:
                    while places:
                        index = places.popleft()
                        emit((index, await self._answer(sender, index, requests[index])))
                except BaseException:
                    places.clear()  # the others finish what is under way and begin nothing new
                    raise

            if self._dialect.api == "auto":  # one request finds out which interface there is
                index = places.popleft()
                emit((index, await self._answer(sender, index, requests[index])))
            workers = [work() for _ in range(min(self.settings.concurrency, len(places)))]
            ended = await asyncio.gather(*workers, return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _answer(self, sender: Sender, index: int, request: Request) -> Result:
        try:
            _check_unicode(request)
            if request.continuation is not None:
                return await self._score(sender, index, request, request.continuation)
            return await self._generate(sender, index, request)
        except FailedTry as failed:
            return Result(error=str(failed.error))

    async def _generate(self, sender: Sender, index: int, request: Request) -> Result:
        """Ask until there are enough completions: some servers give one at a time, whatever is asked."""
        is_greedy = request.temperature == 0
        wanted = 1 if is_greedy else request.n
        completions: list[Completion] = []
        usage, latency_s = Usage(tokens_in=0, tokens_out=0), 0.0
        while len(completions) < wanted:
            seed = None if request.seed is None else request.seed + len(completions)
            asked = replace(request, n=wanted - len(completions), seed=seed)
            answer = await self._ask(sender, index, asked)
            told = read_usage(answer.payload)
            found = read_completions(answer.payload, stop=request.stop, usage=told, count=self.count_tokens)
            completions += found[: asked.n]
            usage += told or Usage(
                tokens_in=self.count_tokens(request.prompt), tokens_out=sum(item.n_tokens for item in found)
            )
            latency_s += answer.latency_s
        copies = request.n if is_greedy else 1
        return self._result(tuple(completions) * copies, usage, latency_s)

    async def _ask(self, sender: Sender, index: int, request: Request) -> Answer:
        def write() -> Body:
            return write_body(self.name, request, self._dialect, n=request.n, seed=request.seed)

        n = request.n if self._dialect.has_several else 1
        load = self._load(index, request.prompt, request.max_tokens * n)
        return (await self._send(sender, write, load))[1]

    async def _score(self, sender: Sender, index: int, request: Request, continuation: str) -> Result:
        text = (request.prompt or self.settings.prefix) + continuation

        def write() -> Body:
            if self._dialect.api == "chat":
                raise FailedTry(cannot_score("its interface is that of chats"))
            return write_scoring_body(self.name, text, self._dialect)

        body, answer = await self._send(sender, write, self._load(index, text, 1))
        usage = read_usage(answer.payload)
        usage = usage or Usage(tokens_in=self.count_tokens(text), tokens_out=int(str(body["max_tokens"])))
        scored = read_scored(
            answer.payload, text=text, continuation=continuation, n_generated=usage.tokens_out
        )
        return self._result((scored,) * request.n, usage, answer.latency_s)

    async def _send(self, sender: Sender, write: Callable[[], Body], load: Load) -> tuple[Body, Answer]:
        """Send a request, written anew for as long as the server teaches us how."""
        dialect = self._dialect
        while True:
            path, body = dialect.path, write()
            try:
                answer = await sender.send(path, body, load, is_trial=dialect.is_trial(body))
            except FailedTry as failed:
                if not dialect.learn(path, body, failed):
                    raise
            else:
                dialect.settle(path, body)
                return body, answer

    def _result(self, completions: tuple[Completion, ...], usage: Usage, latency_s: float) -> Result:
        price = self.budget.price
        return Result(
            completions=completions,
            latency_s=latency_s,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            cost_usd=None if price is None else price.of(usage),
        )

    def _load(self, index: int, text: str, tokens_out: int) -> Load:
        return Load(
            index=index,
            tokens=self._tokens.count(text) + tokens_out,
            highest=Usage(tokens_in=self._tokens.bound(text) + TEMPLATE_TOKENS, tokens_out=tokens_out),
        )

    def _open_http(self, key: str | None) -> httpx.AsyncClient:
        import httpx

        headers = {"User-Agent": f"longwave/{__version__}"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        n = self.settings.concurrency
        return httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(self.settings.timeout_s, connect=self.settings.connect_timeout_s),
            limits=httpx.Limits(max_connections=n, max_keepalive_connections=n),
            transport=self._transport,
            verify=self._tls,
            trust_env=not self.address.is_loopback,  # no proxy stands before this machine
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Whom to trust; made once, since reading the certificates takes longer than many a request."""
        import ssl

        import httpx

        if self.address.url.startswith("http:"):  # no certificates are needed where nothing is encrypted
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return httpx.create_ssl_context(trust_env=not self.address.is_loopback)

    def _make_sender(self, http: httpx.AsyncClient, key: str | None) -> Sender:
        return Sender(
            http,
            url=self.address.url,
            budget=self.budget,
            limiter=self._limiter,
            backoff=Backoff(),
            clock=self._clock,
            retries=self.settings.retries,
            timeout_s=self.settings.timeout_s,
            max_wait_s=self.settings.max_wait_s,
            key=key,
            read_usage=read_usage,
        )


def open_openai(rest: str) -> Client:
    """Open ``openai:NAME@BASE_URL?option=value``; the options are those of ``HostedSettings``.

    Raises
    ------
    ConfigError
        If the address, an option or the key is wrong.
    MissingFile, UnknownName
        If the file of prices is missing, or does not name the model.
    MissingExtra
        If a tokenizer is named and transformers is not installed.
    """
    name, address, settings = read_spec(rest)
    read_key(address, settings.key)  # wrong ones are told before anything is asked
    return HostedClient(name, address, settings)


def _hash_settings(address: ServerAddress, settings: HostedSettings) -> str:
    """Hash what answers depend on besides the name; what the server changes is seen by asking again."""
    return config_hash(address.url, settings.api, sorted(settings.omitted), settings.prefix)[:8]


def _find_price(name: str, settings: HostedSettings) -> Price | None:
    if settings.prices is not None:
        return load_price(Path(settings.prices), name)
    if settings.price_in is None or settings.price_out is None:
        return None
    return Price(usd_in=settings.price_in, usd_out=settings.price_out)


def _check_unicode(request: Request) -> None:
    try:
        "".join((request.prompt, request.continuation or "", *request.stop)).encode()
    except UnicodeEncodeError as error:
        raise FailedTry(
            Refused(f"The request is no Unicode text (character {error.start}). Mend the instance's text.")
        ) from error
