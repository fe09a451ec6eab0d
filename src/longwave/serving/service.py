"""The model behind the interfaces: what it is called, how texts become tokens, what a request may ask for."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from longwave.data import Tokenizer
from longwave.errors import DataError
from longwave.generation import SamplingConfig
from longwave.serving.bodies import SamplingBody
from longwave.serving.choices import Choice, Order, ScoredToken, TextEngine
from longwave.serving.config import ServerConfig
from longwave.serving.failures import RequestFailed
from longwave.serving.gate import Traffic
from longwave.serving.measures import Measures

__all__ = ["Service", "TokenNames"]

LONG_TEXT = 4096  # characters from which on a text is encoded in a thread, so that others do not wait
LEAST_LOG_PROB = -9999.0  # JSON knows no infinity; OpenAI's interface writes this


class TokenNames:
    """What single tokens say, for lists of probable ones.

    Parameters
    ----------
    tokenizer : Tokenizer
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._names: dict[int, str] = {}

    def __getitem__(self, token: int) -> str:
        name = self._names.get(token)
        if name is None:
            name = self._names[token] = self._tokenizer.decode([token])
        return name

    def likely(self, token: ScoredToken) -> dict[str, float] | None:
        """Return the most probable tokens of a place, the one that is there included, best first.

        Tokens that look alike, such as parts of characters, share the entry of the most probable one.
        """
        if token.top is None or token.log_prob is None:
            return None
        found: dict[str, float] = {}
        for other, log_prob in (*token.top, (token.id, token.log_prob)):
            found.setdefault(self[other], max(log_prob, LEAST_LOG_PROB))
        return found


@dataclass(frozen=True, kw_only=True)
class Service:
    """Everything that answering needs.

    Parameters
    ----------
    engine : TextEngine
    tokenizer : Tokenizer
    config : ServerConfig
    measures : Measures
    traffic : Traffic
    """

    engine: TextEngine
    tokenizer: Tokenizer
    config: ServerConfig
    measures: Measures
    traffic: Traffic
    created: int = field(default_factory=lambda: int(time.time()))
    names: TokenNames = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", TokenNames(self.tokenizer))

    def check_model(self, name: str | None) -> None:
        """Refuse a request for another model."""
        if name is not None and name != self.config.name:
            raise RequestFailed(
                404,
                f'There is no model "{name}" here. This server has "{self.config.name}".',
                param="model",
                code="model_not_found",
            )

    async def encode(self, text: str) -> tuple[int, ...]:
        """Turn a text into ids."""
        try:
            if len(text) < LONG_TEXT:
                return tuple(self.tokenizer.encode(text))
            return tuple(await asyncio.to_thread(self.tokenizer.encode, text))
        except DataError as error:  # half a character, which JSON can hold
            raise RequestFailed(400, str(error)) from error

    async def encode_prompt(self, text: str) -> tuple[int, ...]:
        """Turn a prompt into ids; an empty one stands for the end of the text before."""
        return await self.encode(text) or (self.tokenizer.end_id,)

    def check_ids(self, ids: Sequence[int], *, param: str) -> tuple[int, ...]:
        """Refuse ids that are no tokens."""
        largest = max(ids, default=0)
        if largest >= self.tokenizer.vocab_size:
            raise RequestFailed(
                400,
                f"Token {largest} is outside the vocabulary (0 to {self.tokenizer.vocab_size - 1}). Use the "
                "model's tokenizer.",
                param=param,
            )
        return tuple(ids)

    def room(self, ids: Sequence[int], wanted: int | None, *, param: str) -> int:
        """Return how many tokens may be drawn after a prompt.

        Parameters
        ----------
        ids : sequence of int
        wanted : int, optional
            Tokens asked for; None takes what there is room for.
        param : str
            Of the prompt.

        Raises
        ------
        RequestFailed
            If the prompt and the tokens asked for do not fit into the model.
        """
        longest = self.engine.max_length
        least = 1 if wanted is None else wanted
        if len(ids) + max(least - 1, 0) > longest:
            raise RequestFailed(
                400,
                f"The prompt has {len(ids)} tokens and {least} more were asked for, but the model reads at "
                f"most {longest} (all but the last new one). Shorten the prompt or ask for fewer tokens.",
                param=param,
                code="context_length_exceeded",
            )
        return longest - len(ids) + 1 if wanted is None else wanted

    async def begin(self, orders: Sequence[Order]) -> list[Choice]:
        """Give orders to the engine: all of them, or none."""
        if len(orders) > self.config.max_choices:
            raise RequestFailed(
                400,
                f"The request asks for {len(orders)} completions, but this server writes at most "
                f"{self.config.max_choices} at a time. Send fewer prompts in a request, or a smaller n.",
                code="too_many_completions",
            )
        choices: list[Choice] = []
        start = time.perf_counter()

        def note_first() -> None:
            self.measures.add_first_token(time.perf_counter() - start)

        try:
            for order in orders:
                choices += [Choice(self.engine, self.tokenizer, order, on_first=note_first)]
        except BaseException:
            for choice in choices:
                await choice.close()
            raise
        return choices


def sampling_of(body: SamplingBody) -> SamplingConfig:
    """Return how the tokens of an answer are drawn."""
    temperature = 1.0 if body.temperature is None else body.temperature
    return SamplingConfig(temperature=temperature, top_k=body.top_k, top_p=body.top_p)


def seed_of(body: SamplingBody) -> int:
    """Return the seed of the first completion of a prompt; the next one has the next."""
    return secrets.randbits(62) if body.seed is None else body.seed


def stops_of(body: SamplingBody) -> tuple[str, ...]:
    """Return the texts that end an answer."""
    return (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
