"""``/v1/completions``: texts and token ids are continued, and scored where they are echoed."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from longwave.serving.answers import CompletionAnswer, CompletionChoice, CompletionLogprobs, Usage
from longwave.serving.bodies import CompletionBody
from longwave.serving.choices import Choice, Order, Piece, ScoredToken, gather, merge
from longwave.serving.failures import RequestFailed
from longwave.serving.service import LEAST_LOG_PROB, Service, sampling_of, seed_of, stops_of

__all__ = ["complete", "order_completions", "stream_completions"]

DEFAULT_TOKENS = 16  # as OpenAI's


async def order_completions(service: Service, body: CompletionBody) -> list[Order]:
    """Read a body as orders, those of a prompt together.

    Raises
    ------
    RequestFailed
        If parameters contradict each other or do not fit the model.
    """
    service.check_model(body.model)
    n = body.n or 1
    if body.best_of is not None and body.best_of != n:
        raise RequestFailed(
            400,
            f'"best_of" is {body.best_of} and "n" is {n}; completions are not ranked here, so both must be '
            "the same. Leave best_of out.",
            param="best_of",
        )
    sampling, seed, stop = sampling_of(body), seed_of(body), stops_of(body)
    wanted = DEFAULT_TOKENS if body.max_tokens is None else body.max_tokens
    orders: list[Order] = []
    for ids in await _read_prompts(service, body):
        max_new_tokens = service.room(ids, wanted, param="prompt")
        for place in range(n):
            order = Order(
                index=len(orders),
                ids=ids,
                max_new_tokens=max_new_tokens,
                sampling=sampling,
                copy=place,
                seed=seed + place,
                stop=stop,
                n_top=body.logprobs,
                echo=bool(body.echo),
            )
            orders.append(order)
    return orders


async def complete(service: Service, orders: Sequence[Order]) -> CompletionAnswer:
    """Write all completions and return them together."""
    choices = await service.begin(orders)
    written = await gather(choices)
    answer = _answer(service)
    answer.choices = [
        _join(service, choice.order, pieces) for choice, pieces in zip(choices, written, strict=True)
    ]
    answer.usage = usage_of(choices)
    return answer


async def stream_completions(
    service: Service, choices: Sequence[Choice], *, with_usage: bool
) -> AsyncGenerator[str]:
    """Yield pieces of completions as JSON, and at last how many tokens there were where that is asked for."""
    answer = _answer(service)
    hidden = None if with_usage else {"usage"}
    async with aclosing(merge(choices)) as pieces:
        async for piece in pieces:
            answer.choices = [_join(service, choices[piece.index].order, [piece])]
            yield answer.model_dump_json(exclude=hidden)
    if with_usage:
        answer.choices = []
        answer.usage = usage_of(choices)
        yield answer.model_dump_json()


def usage_of(choices: Sequence[Choice]) -> Usage:
    """Count tokens: a prompt once, however many completions it has."""
    n_prompt = sum(len(choice.order.ids) for choice in choices if choice.order.copy == 0)
    n_new = sum(choice.n_new for choice in choices)
    return Usage(prompt_tokens=n_prompt, completion_tokens=n_new, total_tokens=n_prompt + n_new)


async def _read_prompts(service: Service, body: CompletionBody) -> list[tuple[int, ...]]:
    prompt = body.prompt
    if isinstance(prompt, str):
        return [await service.encode_prompt(prompt)]
    if isinstance(prompt[0], int):
        return [service.check_ids([token for token in prompt if isinstance(token, int)], param="prompt")]
    return [
        await service.encode_prompt(each)
        if isinstance(each, str)
        else service.check_ids(each, param="prompt")
        for each in prompt
        if not isinstance(each, int)
    ]


def _answer(service: Service) -> CompletionAnswer:
    return CompletionAnswer(
        id=f"cmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=service.config.name,
        choices=[],
        usage=None,
    )


def _join(service: Service, order: Order, pieces: Sequence[Piece]) -> CompletionChoice:
    tokens = list(itertools.chain.from_iterable(piece.tokens for piece in pieces))
    return CompletionChoice(
        index=order.index,
        text="".join(piece.text for piece in pieces),
        logprobs=None if order.n_top is None else _logprobs(service, tokens),
        finish_reason=pieces[-1].reason,
    )


def _logprobs(service: Service, tokens: Sequence[ScoredToken]) -> CompletionLogprobs:
    return CompletionLogprobs(
        tokens=[token.text for token in tokens],
        token_logprobs=[
            None if token.log_prob is None else max(token.log_prob, LEAST_LOG_PROB) for token in tokens
        ],
        top_logprobs=[service.names.likely(token) for token in tokens],
        text_offset=[token.offset for token in tokens],
    )
