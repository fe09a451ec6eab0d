"""What clients may send: the parameters of both interfaces, their bounds, and what each accepts in words.

Known and without influence on the answer: ``user`` and the like, which are ignored. Everything else that
OpenAI's interface has and this server cannot do is refused unless it says what happens anyway.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = [
    "ChatBody",
    "CompletionBody",
    "DetokenizeBody",
    "Message",
    "SamplingBody",
    "TextPart",
    "TokenizeBody",
    "accepted_by",
]

MAX_STOPS = 4
MAX_TOP = 20
MAX_N = 128
NOTHING = "Ignored."


def _whole(value: object) -> object:
    """Return 16 for 16.0: JSON makes no difference."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
Natural = Annotated[int, Field(ge=0), WHOLE]
Positive = Annotated[int, Field(ge=1), WHOLE]
Copies = Annotated[int, Field(ge=1, le=MAX_N), WHOLE]
NTop = Annotated[int, Field(ge=0, le=MAX_TOP), WHOLE]
Seed = Annotated[int, Field(ge=-(1 << 63), lt=(1 << 63) - MAX_N), WHOLE]
StopText = Annotated[str, Field(min_length=1, max_length=256)]
TokenId = Annotated[int, Field(ge=0)]
Ids = Annotated[list[TokenId], Field(min_length=1)]
Texts = Annotated[list[str], Field(min_length=1)]
Zero = Annotated[float, Field(ge=0, le=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class StreamOptions(_Strict):
    """How a stream ends."""

    include_usage: bool | None = Field(None, description="Whether a last event counts the tokens.")
    include_obfuscation: bool | None = Field(None, description=NOTHING)


class SamplingBody(_Strict):
    """What both interfaces have in common."""

    model: str = Field(description="The name of the model, as /v1/models tells it.")
    temperature: float | None = Field(None, ge=0, le=2, description="0 (greedy) to 2; 1 when left out.")
    top_p: float | None = Field(None, gt=0, le=1, description="Above 0, at most 1; 1 when left out.")
    top_k: Positive | None = Field(
        None,
        description="At least 1: draw from the k most likely tokens only. Not in OpenAI's interface.",
    )
    n: Copies | None = Field(None, description="1 to 128 completions a prompt; 1 when left out.")
    seed: Seed | None = Field(
        None,
        description="A whole number of 64 bits; equal ones repeat draws.",
    )
    stop: StopText | Annotated[list[StopText], Field(max_length=MAX_STOPS)] | None = Field(
        None, description="A text, or up to 4 of them, of 1 to 256 characters each."
    )
    stream: bool | None = Field(None, description="true for server-sent events.")
    stream_options: StreamOptions | None = Field(
        None, description='An object such as {"include_usage": true}; ignored without "stream".'
    )
    frequency_penalty: Zero | None = Field(None, description="0 only: tokens are not penalised here.")
    presence_penalty: Zero | None = Field(None, description="0 only: tokens are not penalised here.")
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = Field(
        None, description="An empty object only: logits are not changed here."
    )
    user: str | None = Field(None, description=NOTHING)


class CompletionBody(SamplingBody):
    """A request to continue texts."""

    prompt: str | Texts | Ids | Annotated[list[Ids], Field(min_length=1)] = Field(
        description="A text, a list of texts, a list of token ids, or a list of such lists."
    )
    max_tokens: Natural | None = Field(None, description="0 or more tokens; 16 when left out.")
    echo: bool | None = Field(None, description="true puts the prompt before its completion.")
    logprobs: NTop | None = Field(
        None, description="0 to 20: tell so many of the most probable tokens at each place."
    )
    best_of: Copies | None = Field(
        None, description='The value of "n" only: completions are not ranked here.'
    )
    suffix: Literal[""] | None = Field(None, description="Nothing: the model does not fill in middles.")


class TextPart(_Strict):
    """One part of a message."""

    type: Literal["text"]
    text: str


class Message(_Strict):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]
    refusal: None = None
    annotations: Annotated[list[str], Field(max_length=0)] | None = None
    audio: None = None
    function_call: None = None
    tool_calls: Annotated[list[str], Field(max_length=0)] | None = None


class TextFormat(_Strict):
    """Answers are plain text."""

    type: Literal["text"]


class ChatBody(SamplingBody):
    """A request to continue a conversation."""

    messages: list[Message] = Field(
        min_length=1,
        description='Messages {"role", "content"}; roles system, developer, user, assistant; contents text.',
    )
    max_completion_tokens: Positive | None = Field(
        None, description="At least 1 token; what the model has room for when left out."
    )
    max_tokens: Positive | None = Field(None, description='The older name of "max_completion_tokens".')
    logprobs: bool | None = Field(None, description="true tells the log-probability of each token.")
    top_logprobs: NTop | None = Field(
        None,
        description='0 to 20 of the most probable tokens at each place, with "logprobs".',
    )
    response_format: TextFormat | None = Field(None, description='{"type": "text"} only.')
    modalities: list[Literal["text"]] | None = Field(None, description='["text"] only.')
    tools: Annotated[list[str], Field(max_length=0)] | None = Field(
        None, description="An empty list only: no tools are called here."
    )
    tool_choice: Literal["none", "auto"] | None = Field(None, description='"none" or "auto".')
    parallel_tool_calls: bool | None = Field(None, description=NOTHING)
    metadata: dict[str, str] | None = Field(None, description=NOTHING)
    store: bool | None = Field(None, description="Ignored: nothing is stored.")
    service_tier: str | None = Field(None, description=NOTHING)
    safety_identifier: str | None = Field(None, description=NOTHING)
    prompt_cache_key: str | None = Field(None, description=NOTHING)


class TokenizeBody(_Strict):
    """A request to turn a text into token ids."""

    prompt: str = Field(description="A text; the name of the end token alone stands for that token.")
    model: str | None = Field(None, description="The name of the model.")
    add_special_tokens: bool | None = Field(None, description="Ignored: nothing is put before a text.")


class DetokenizeBody(_Strict):
    """A request to turn token ids into a text."""

    tokens: list[TokenId] = Field(description="A list of token ids.")
    model: str | None = Field(None, description="The name of the model.")


def accepted_by(body: type[BaseModel]) -> dict[str, str]:
    """Return what each parameter of a body takes, in words."""
    return {name: field.description or "" for name, field in body.model_fields.items()}
