"""Models of transformers on this machine: ``hf:NAME_OR_FOLDER?option=value``.

Prompt and continuation are encoded together, as the model was trained to read; a token that reaches over the
border belongs to the continuation. What the tokenizer puts before a text (a token for its beginning) stands
before every prompt; an empty prompt is that token alone, or the one that ends documents. Scored sequences are
padded on the right, prompts to continue on the left, batches hold similar lengths. Code that comes with a
model is never run.
"""

# Shapes: B batch, L padded length, N scored tokens, V vocabulary

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from longwave.clients.base import Client, Completion, Request, Result
from longwave.clients.batches import Encoded, answer_all, pack, pack_by
from longwave.clients.options import read_options, split_options
from longwave.clients.text_tokens import HuggingFaceTokens, load_tokenizer
from longwave.errors import CheckpointError, ConfigError, MissingExtra, MissingFile, Refused, ShapeError

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["HuggingFaceClient", "HuggingFaceSettings", "open_hugging_face"]

# configurations call the longest sequence many names
LENGTH_NAMES = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length")
UNLIMITED = 10**6  # tokenizers that know no limit tell a huge one
CHUNK = 512  # scored tokens whose logits are in float32 at a time
FILES = (".json", ".safetensors", ".bin", ".model", ".txt", ".jinja")


@dataclass(frozen=True, kw_only=True)
class HuggingFaceSettings:
    """Options of a model of transformers.

    Parameters
    ----------
    device : str
        ``cpu``, ``cuda``, ``cuda:1``; "auto" is a GPU where there is one.
    dtype : {"auto", "float32", "bfloat16", "float16"}
        "auto" is bfloat16 on a GPU, else float32.
    chat : bool
        Whether prompts go through the tokenizer's chat template, as a user's message.
    revision : str, optional
        Branch, tag or commit of the hub.
    max_length : int, optional
        Longest prompt plus completion; default: what the configuration says.
    batch_tokens : int
        Padded tokens in one forward pass; bounds the memory.

    Raises
    ------
    ConfigError
        If a number is below 1.
    """

    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    chat: bool = False
    revision: str | None = None
    max_length: int | None = None
    batch_tokens: int = 8192

    def __post_init__(self) -> None:
        for name in ("max_length", "batch_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f'"{name}" is {value}; it must be at least 1.')


class HuggingFaceClient:
    """A causal language model of transformers and its tokenizer behind the client's interface.

    Parameters
    ----------
    model : PreTrainedModel
        Used as it is, in evaluation mode, on its device. Its own defaults of generation (penalties,
        temperature) are put aside: requests say everything.
    tokenizer : PreTrainedTokenizerBase
        A fast one.
    name : str
    version : str, optional
        Default: the commit on the hub, or a hash of the weights.
    is_chat : bool
        Whether prompts go through the chat template.
    max_length : int, optional
        Default: what the configuration or the tokenizer says; None when neither does.
    batch_tokens : int

    Raises
    ------
    ConfigError
        If there is no chat template to use.

    Notes
    -----
    Log-probabilities are computed in float32 and summed in float64, under the model's own distribution
    (temperature 1); those of a completion count its tokens before the stop string. Each completion of each
    request draws from a generator of its own, so that neighbours in a batch change nothing but rounding.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        name: str,
        version: str | None = None,
        is_chat: bool = False,
        max_length: int | None = None,
        batch_tokens: int = 8192,
    ) -> None:
        if is_chat and not getattr(tokenizer, "chat_template", None):
            raise ConfigError(f'"{name}" has no chat template. Leave chat out.')
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.name = name
        self.version = version or _identify(model)
        self.is_chat = is_chat
        self.max_length = max_length or _find_length(model, tokenizer)
        self.batch_tokens = batch_tokens
        self._tokens = HuggingFaceTokens(tokenizer)
        self._lead = [] if is_chat else _leading_ids(tokenizer)
        self._end_ids = _end_ids(model, tokenizer)
        _reset_generation(model)

    def complete(self, requests: Sequence[Request]) -> list[Result]:
        """Score and generate; a request that does not fit the model, or is no Unicode, gets an error."""
        results: dict[int, Result] = {}
        for group in self.complete_stream(requests):
            results.update(group)
        return [results[index] for index in range(len(requests))]

    def complete_stream(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Result]]]:
        """Yield places and results after every batch."""
        failed: list[tuple[int, Result]] = []
        scored: list[Encoded] = []
        generated: list[Encoded] = []
        for index, request in enumerate(requests):
            try:
                encoded = self._encode(index, request)
            except (Refused, ShapeError) as error:
                failed.append((index, Result(error=str(error))))
                continue
            (generated if request.continuation is None else scored).append(encoded)
        if failed:
            yield failed
        yield from answer_all(pack(scored, self.batch_tokens), self._score)
        yield from answer_all(
            pack_by(lambda item: (item.request.max_tokens,), generated, self.batch_tokens), self._generate
        )

    def count_tokens(self, text: str) -> int:
        """Count tokens without those that stand before every prompt."""
        return self._tokens.count(text)

    def split_text(self, text: str, max_tokens: int) -> list[str]:
        """Cut a text between characters; a character of more tokens than ``max_tokens`` stays whole."""
        return self._tokens.split(text, max_tokens)

    def _encode(self, index: int, request: Request) -> Encoded:
        prompt = self._write_prompt(request.prompt)
        try:
            ids, ends = self._tokens.encode(prompt + (request.continuation or ""))
        except (UnicodeEncodeError, TypeError) as error:  # tokenizers take no half of a surrogate pair
            raise Refused("The request is no Unicode text. Mend the instance's text.") from error
        border = sum(end <= len(prompt) for end in ends)
        before, after = [*self._lead, *ids[:border]], ids[border:]
        before = before or self._start()
        unread = len(after) if request.continuation is not None else request.max_tokens
        if self.max_length is not None and len(before) + max(unread - 1, 0) > self.max_length:
            raise ShapeError(
                f"The request needs {len(before)} tokens for its prompt and {unread} after it, but the model "
                f"reads at most {self.max_length}. Shorten the prompt."
            )
        return Encoded(index, request, before, after)

    def _write_prompt(self, text: str) -> str:
        if not self.is_chat:
            return text
        messages = [{"role": "user", "content": text}]
        return str(self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))

    def _start(self) -> list[int]:
        """Return the token that stands for the end of the document before."""
        for token in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            if token is not None:
                return [int(token)]
        raise Refused(f'"{self.name}" has no token that begins or ends a text; give it a prompt to follow.')

    def _score(self, batch: Sequence[Encoded]) -> list[tuple[Completion, ...]]:
        import torch

        width = max(item.length for item in batch)
        ids = torch.full((len(batch), width), self._pad())  # (B, L)
        mask = torch.zeros_like(ids)
        for row, item in enumerate(batch):
            tokens = torch.tensor((item.prompt + item.continuation)[: item.length])
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        first = min(len(item.prompt) - 1 for item in batch)  # logits before it say nothing of continuations
        device = self.model.device
        with torch.inference_mode():
            logits = self.model(
                input_ids=ids.to(device), attention_mask=mask.to(device), logits_to_keep=width - first
            ).logits[:, first - width :]  # (B, width - first, V)
            sums = [self._sum_logprobs(logits[row], item, first) for row, item in enumerate(batch)]
        return [
            (
                Completion(
                    text=item.request.continuation or "",
                    logprob=total,
                    n_tokens=len(item.continuation),
                    finish_reason="scored",
                ),
            )
            * item.request.n
            for item, total in zip(batch, sums, strict=True)
        ]

    def _sum_logprobs(self, logits: Tensor, item: Encoded, first: int) -> float:
        import torch

        start = len(item.prompt) - 1 - first
        goals = torch.tensor(item.continuation, dtype=torch.int64, device=logits.device)  # (N,)
        total = 0.0
        for offset in range(0, len(goals), CHUNK):
            part = goals[offset : offset + CHUNK]
            scores = logits[start + offset : start + offset + len(part)].float()
            told = scores.gather(1, part[:, None]).squeeze(1) - scores.logsumexp(dim=1)
            total += float(told.double().sum())
        return total

    def _generate(self, batch: Sequence[Encoded]) -> list[tuple[Completion, ...]]:
        from longwave.clients.hugging_face_decoding import continue_prompts

        return continue_prompts(self.model, self.tokenizer, batch, end_ids=self._end_ids, pad_id=self._pad())

    def _pad(self) -> int:
        token = self.tokenizer.pad_token_id
        return int(token) if token is not None else next(iter(self._end_ids), 0)


def open_hugging_face(rest: str) -> Client:
    """Open ``hf:NAME_OR_FOLDER?option=value``; the options are those of ``HuggingFaceSettings``.

    Raises
    ------
    MissingExtra
        If transformers is not installed.
    MissingFile
        If there is no such model, neither a folder nor in reach on the hub.
    CheckpointError
        If its files are damaged.
    ConfigError
        If an option is wrong, or the model needs code of its own.
    """
    is_folder = Path(rest).is_dir()
    place, options = (rest, {}) if is_folder else split_options(rest)
    settings = read_options(HuggingFaceSettings(), options)
    if not place:
        raise ConfigError('"hf:" names no model. Write hf:NAME or hf:FOLDER.')
    try:
        import transformers  # noqa: F401 - only to say which extra is missing
    except ImportError as error:
        raise MissingExtra("A model of transformers", "hf") from error
    tokenizer = load_tokenizer(place, revision=settings.revision)
    model = _load_model(place, settings)
    folder = Path(place)
    dtype = str(model.dtype).removeprefix("torch.")
    content = _hash_files(folder) if folder.is_dir() else _identify(model)
    return HuggingFaceClient(
        model,
        tokenizer,
        name=folder.resolve().name if folder.is_dir() else place,
        version="-".join([content, dtype, *(["chat"] if settings.chat else [])]),
        is_chat=settings.chat,
        max_length=settings.max_length,
        batch_tokens=settings.batch_tokens,
    )


def _load_model(place: str, settings: HuggingFaceSettings) -> PreTrainedModel:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    import longwave.hf  # noqa: F401 - so that Longwave's own models are known too

    device = _choose_device(settings.device)
    chosen = {"auto": torch.bfloat16 if device.type == "cuda" else torch.float32}
    dtype = chosen.get(settings.dtype) or getattr(torch, settings.dtype)
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            place, revision=settings.revision, dtype=dtype, trust_remote_code=False
        )
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(
            f'The weights in "{place}" cannot be read: {error}. Save them again.'
        ) from error
    except OSError as error:
        raise MissingFile(
            f'No model "{place}": {str(error).strip().splitlines()[0]} Name a folder that holds one, or a '
            "model of the Hugging Face hub."
        ) from error
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f'"{place}" is no causal language model that transformers knows without code of its own: {error}'
        ) from error
    return model.to(device)


def _choose_device(name: str) -> torch.device:
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for a device
        raise ConfigError(
            f'"{name}" is no device of this machine: {str(error).splitlines()[0]}. Use auto, cpu or cuda.'
        ) from error
    return device


def _reset_generation(model: PreTrainedModel) -> None:
    """Put a model's own defaults of generation aside; which ids end a text was read before."""
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig()


def _find_length(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int | None:
    config = model.config.get_text_config()
    told = [getattr(config, name, None) for name in (*LENGTH_NAMES, "max_length")]
    found = next((value for value in told if isinstance(value, int) and value > 0), None)
    limit = int(min(tokenizer.model_max_length, UNLIMITED))
    return found if found is not None else limit if limit < UNLIMITED else None


def _leading_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return what the tokenizer puts before a text, without what it puts behind it."""
    ids = [int(token) for token in tokenizer("")["input_ids"]]
    return (
        ids
        if ids == [tokenizer.bos_token_id]
        else [token for token in ids if token != tokenizer.eos_token_id]
    )


def _end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    told = getattr(model.generation_config, "eos_token_id", None)
    ids = told if isinstance(told, list) else [told]
    return frozenset(int(token) for token in (*ids, tokenizer.eos_token_id) if token is not None)


def _hash_files(folder: Path) -> str:
    """Hash the files of a model to 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in FILES and path.is_file():
            with path.open("rb") as file:
                digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


def _identify(model: PreTrainedModel) -> str:
    """Return the commit of a model from the hub, or else a hash of its weights, 12 hexadecimal digits."""
    commit = getattr(model.config, "_commit_hash", None)
    if commit:
        return str(commit)[:12]
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} ".encode())
        digest.update(value.detach().cpu().double().numpy().tobytes())  # numpy knows no bfloat16
    return digest.hexdigest()[:12]
