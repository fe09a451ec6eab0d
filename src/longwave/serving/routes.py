"""The routes: what is asked where."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Body, Path, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from longwave.serving.answers import (
    ChatAnswer,
    CompletionAnswer,
    Detokenized,
    Health,
    ModelCard,
    ModelList,
    Tokenized,
    TokenizerInfo,
)
from longwave.serving.bodies import ChatBody, CompletionBody, DetokenizeBody, SamplingBody, TokenizeBody
from longwave.serving.chat import chat, order_chat, stream_chat
from longwave.serving.choices import Choice, Order
from longwave.serving.completions import complete, order_completions, stream_completions
from longwave.serving.connection import EventStream, while_connected
from longwave.serving.failures import ErrorAnswer, try_later
from longwave.serving.measures import FORM
from longwave.serving.service import Service

__all__ = ["BODIES", "router"]

END_TOKEN = "<|endoftext|>"  # what the token that ends a text is called in /tokenize
BODIES: dict[str, type[BaseModel]] = {
    "/v1/completions": CompletionBody,
    "/v1/chat/completions": ChatBody,
    "/tokenize": TokenizeBody,
    "/detokenize": DetokenizeBody,
}
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorAnswer, "description": "The request is not right."},
    "5XX": {"model": ErrorAnswer, "description": "The server failed, is full or is stopping."},
}
EVENT = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {"itemSchema": EVENT}},
        "description": "All at once, or in events.",
    }
}

router = APIRouter(responses=ERRORS)


class _Whole(Protocol):
    def __call__(self, service: Service, orders: Sequence[Order]) -> Coroutine[Any, Any, BaseModel]: ...


class _Stream(Protocol):
    def __call__(
        self, service: Service, choices: Sequence[Choice], *, with_usage: bool
    ) -> AsyncGenerator[str]: ...


@router.get("/health")
async def health() -> Health:
    """Tell that the server is alive."""
    return Health(status="ok")


@router.get("/ready")
async def ready(request: Request) -> Health:
    """Tell whether the server takes requests; 503 while it is stopping."""
    if _service(request).traffic.is_closing:
        raise try_later("The server is stopping.", code="stopping")
    return Health(status="ready")


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> PlainTextResponse:
    """Tell Prometheus what was counted."""
    return PlainTextResponse(_service(request).measures.text(), media_type=FORM)


@router.get("/v1/models")
async def list_models(request: Request) -> ModelList:
    """List the models; there is one."""
    return ModelList(data=[_card(_service(request))])


@router.get("/v1/models/{model:path}")
async def get_model(request: Request, model: Annotated[str, Path(description="Its name.")]) -> ModelCard:
    """Describe a model."""
    service = _service(request)
    service.check_model(model)
    return _card(service)


@router.post("/v1/completions", response_model=CompletionAnswer, responses=STREAM)
async def completions(request: Request, body: Annotated[CompletionBody, Body()]) -> Response:
    """Continue texts."""
    orders = await order_completions(_service(request), body)
    return await _answer(request, body, orders, complete, stream_completions)


@router.post("/v1/chat/completions", response_model=ChatAnswer, responses=STREAM)
async def chat_completions(request: Request, body: Annotated[ChatBody, Body()]) -> Response:
    """Continue a conversation."""
    orders = await order_chat(_service(request), body)
    return await _answer(request, body, orders, chat, stream_chat)


@router.get("/tokenizer_info")
async def tokenizer_info() -> TokenizerInfo:
    """Name the special tokens."""
    return TokenizerInfo(eos_token=END_TOKEN)


@router.post("/tokenize")
async def tokenize(request: Request, body: Annotated[TokenizeBody, Body()]) -> Tokenized:
    """Turn a text into token ids."""
    service = _service(request)
    service.check_model(body.model)
    is_end = body.prompt == END_TOKEN
    ids = [service.tokenizer.end_id] if is_end else list(await service.encode(body.prompt))
    return Tokenized(tokens=ids, count=len(ids), max_model_len=service.engine.max_length)


@router.post("/detokenize")
async def detokenize(request: Request, body: Annotated[DetokenizeBody, Body()]) -> Detokenized:
    """Turn token ids into a text."""
    service = _service(request)
    service.check_model(body.model)
    return Detokenized(prompt=service.tokenizer.decode(service.check_ids(body.tokens, param="tokens")))


async def _answer(
    request: Request, body: SamplingBody, orders: Sequence[Order], whole: _Whole, stream: _Stream
) -> Response:
    service = _service(request)
    timeout_s = service.config.timeout_s
    if not body.stream:
        answer = await while_connected(request.receive, whole(service, orders), timeout_s=timeout_s)
        return Response(answer.model_dump_json(), media_type="application/json")
    choices = await service.begin(orders)
    with_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
    events = stream(service, choices, with_usage=with_usage)
    return EventStream(events, choices=choices, timeout_s=timeout_s)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _card(service: Service) -> ModelCard:
    return ModelCard(id=service.config.name, created=service.created, max_model_len=service.engine.max_length)
