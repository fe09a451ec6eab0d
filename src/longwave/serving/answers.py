"""What the server sends: answers of both interfaces, whole or in events, in OpenAI's form."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "ChatAnswer",
    "ChatChoice",
    "ChatEvent",
    "ChatLogprobs",
    "ChatMessage",
    "ChatToken",
    "CompletionAnswer",
    "CompletionChoice",
    "CompletionLogprobs",
    "Detokenized",
    "EventChoice",
    "Health",
    "LikelyToken",
    "ModelCard",
    "ModelList",
    "Tokenized",
    "TokenizerInfo",
    "Usage",
]

FinishReason = Literal["stop", "length"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Health(_Answer):
    """How the server is."""

    status: Literal["ok", "ready", "stopping"]


class ModelCard(_Answer):
    """A model that can be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "longwave"
    max_model_len: int


class ModelList(_Answer):
    """All models that can be asked."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Usage(_Answer):
    """Tokens read and drawn."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CompletionLogprobs(_Answer):
    """Tokens of a text side by side: what they say, where they begin, and how probable they were."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class CompletionChoice(_Answer):
    """One continuation, or a piece of it."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason | None


class CompletionAnswer(_Answer):
    """Continuations, or pieces of them."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage | None


class LikelyToken(_Answer):
    """A token that could have been drawn."""

    token: str
    logprob: float
    bytes: list[int] | None


class ChatToken(LikelyToken):
    """A token that was drawn, and those that could have been."""

    top_logprobs: list[LikelyToken]


class ChatLogprobs(_Answer):
    """The tokens of an answer."""

    content: list[ChatToken]


class ChatMessage(_Answer):
    """An answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(_Answer):
    """One answer and why it ended."""

    index: int
    message: ChatMessage
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason


class ChatAnswer(_Answer):
    """Answers to a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class EventChoice(_Answer):
    """A piece of one answer."""

    index: int
    delta: dict[Literal["role", "content"], str]
    logprobs: ChatLogprobs | None = None
    finish_reason: FinishReason | None = None


class ChatEvent(_Answer):
    """Pieces of answers to a conversation."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[EventChoice]
    usage: Usage | None


class TokenizerInfo(_Answer):
    """The special tokens of the tokenizer: one ends a text, none begins it."""

    eos_token: str
    bos_token: None = None
    pad_token: None = None


class Tokenized(_Answer):
    """The token ids of a text."""

    tokens: list[int]
    count: int
    max_model_len: int


class Detokenized(_Answer):
    """The text of token ids."""

    prompt: str
