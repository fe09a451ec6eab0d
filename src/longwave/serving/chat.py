"""``/v1/chat/completions``: a conversation written out as lines that begin with the speaker, and continued.

The models of Longwave have no chat template of their own. A conversation becomes::

    System: Answer briefly.
    User: Why is the sky blue?
    Assistant:

and the answer ends where the model would go on with a turn of somebody else.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from longwave.serving.answers import (
    ChatAnswer,
    ChatChoice,
    ChatEvent,
    ChatLogprobs,
    ChatMessage,
    ChatToken,
    EventChoice,
    LikelyToken,
)
from longwave.serving.bodies import ChatBody, Message
from longwave.serving.choices import Choice, Order, Piece, ScoredToken, gather, merge
from longwave.serving.completions import usage_of
from longwave.serving.failures import RequestFailed
from longwave.serving.service import LEAST_LOG_PROB, Service, sampling_of, seed_of, stops_of

__all__ = ["chat", "order_chat", "stream_chat", "write_out"]

SPEAKERS = {"system": "System", "developer": "System", "user": "User", "assistant": "Assistant"}
TURNS = ("\nUser:", "\nSystem:", "\nAssistant:")
UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def write_out(messages: Sequence[Message]) -> str:
    r"""Write a conversation as one text, blanks around contents left out, up to the answer.

    Examples
    --------
    >>> write_out([Message(role="system", content="Be brief."), Message(role="user", content="Why?")])
    'System: Be brief.\nUser: Why?\nAssistant:'
    """
    lines = [f"{SPEAKERS[message.role]}: {_content(message).strip()}\n" for message in messages]
    return "".join(lines) + "Assistant:"


def _content(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(part.text for part in message.content)


async def order_chat(service: Service, body: ChatBody) -> list[Order]:
    """Read a body as orders.

    Raises
    ------
    RequestFailed
        If parameters contradict each other or do not fit the model.
    """
    service.check_model(body.model)
    if body.top_logprobs is not None and not body.logprobs:
        raise RequestFailed(
            400,
            f'"top_logprobs" is {body.top_logprobs} but "logprobs" is not true. Set "logprobs": true too.',
            param="top_logprobs",
        )
    both = {body.max_tokens, body.max_completion_tokens} - {None}
    if len(both) > 1:
        raise RequestFailed(
            400,
            f'"max_tokens" is {body.max_tokens} and "max_completion_tokens" is {body.max_completion_tokens}. '
            "They mean the same; give one of them.",
            param="max_tokens",
        )
    ids = await service.encode_prompt(write_out(body.messages))
    max_new_tokens = service.room(ids, both.pop() if both else None, param="messages")
    seed = seed_of(body)
    return [
        Order(
            index=place,
            ids=ids,
            max_new_tokens=max_new_tokens,
            sampling=sampling_of(body),
            copy=place,
            seed=seed + place,
            stop=(*stops_of(body), *TURNS),
            n_top=(body.top_logprobs or 0) if body.logprobs else None,
        )
        for place in range(body.n or 1)
    ]


async def chat(service: Service, orders: Sequence[Order]) -> ChatAnswer:
    """Write all answers and return them together."""
    choices = await service.begin(orders)
    written = await gather(choices)
    return ChatAnswer(
        id=_new_id(),
        created=int(time.time()),
        model=service.config.name,
        choices=[
            ChatChoice(
                index=choice.order.index,
                message=ChatMessage(content="".join(piece.text for piece in pieces)),
                logprobs=_logprobs(service, choice.order, pieces),
                finish_reason=pieces[-1].reason or "stop",
            )
            for choice, pieces in zip(choices, written, strict=True)
        ],
        usage=usage_of(choices),
    )


async def stream_chat(
    service: Service, choices: Sequence[Choice], *, with_usage: bool
) -> AsyncGenerator[str]:
    """Yield pieces of answers as JSON, and at last how many tokens there were where that is asked for."""
    event = ChatEvent(
        id=_new_id(), created=int(time.time()), model=service.config.name, choices=[], usage=None
    )

    hidden = None if with_usage else {"usage"}

    def write(index: int, **what: Any) -> str:
        event.choices = [EventChoice(**{"index": index, "delta": {}, **what})]
        return event.model_dump_json(exclude=hidden)

    for choice in choices:
        yield write(choice.order.index, delta={"role": "assistant", "content": ""})
    async with aclosing(merge(choices)) as pieces:
        async for piece in pieces:
            if piece.text or piece.tokens:
                told = _logprobs(service, choices[piece.index].order, [piece])
                yield write(piece.index, delta={"content": piece.text}, logprobs=told)
            if piece.reason:
                yield write(piece.index, finish_reason=piece.reason)
    if with_usage:
        event.choices = []
        event.usage = usage_of(choices)
        yield event.model_dump_json()


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


def _logprobs(service: Service, order: Order, pieces: Sequence[Piece]) -> ChatLogprobs | None:
    if order.n_top is None:
        return None
    tokens = itertools.chain.from_iterable(piece.tokens for piece in pieces)
    return ChatLogprobs(content=[_token(service, token) for token in tokens])


def _token(service: Service, token: ScoredToken) -> ChatToken:
    likely = [
        LikelyToken(
            token=service.names[other],
            logprob=max(log_prob, LEAST_LOG_PROB),
            bytes=_bytes(service.names[other]),
        )
        for other, log_prob in token.top or ()
    ]
    logprob = LEAST_LOG_PROB if token.log_prob is None else max(token.log_prob, LEAST_LOG_PROB)
    return ChatToken(token=token.text, logprob=logprob, bytes=_bytes(token.text), top_logprobs=likely)


def _bytes(text: str) -> list[int] | None:
    """Return the bytes of a token; those of a part of a character are not known from its text."""
    return None if UNKNOWN in text else list(text.encode())
