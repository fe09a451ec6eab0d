"""A trained model of Longwave on this machine answers requests, many at a time.

Prompt and continuation are encoded apart and joined, so that the tokens of a prompt are the same whatever
follows; an empty prompt stands for the end of the document before: the model reads ``end_id`` first. Batches
hold sequences of similar length: scored ones are padded on the right, which a causal model does not see,
prompts to continue on the left, which decoding leaves out.
"""

# Shapes: B batch, L padded length, N scored tokens, V vocabulary

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from longwave.clients.base import Client, Completion, Request, Result
from longwave.errors import DataError, ShapeError

if TYPE_CHECKING:
    from longwave.data import Tokenizer
    from longwave.models import LanguageModel

__all__ = ["LocalClient", "open_checkpoint"]

BATCH_TOKENS = 8192  # padded tokens in one forward pass


@dataclass(frozen=True)
class _Encoded:
    """A request as token ids; ``index`` is its place in the call."""

    index: int
    request: Request
    prompt: list[int]
    continuation: list[int]

    @property
    def length(self) -> int:
        """Tokens the model reads when it scores: the last one of the continuation is predicted, not read."""
        return len(self.prompt) + max(len(self.continuation) - 1, 0)


class LocalClient:
    """A language model and its tokenizer behind the client's interface.

    Parameters
    ----------
    model : LanguageModel
        Used as it is, in evaluation mode, on its device.
    tokenizer : Tokenizer
        The one the model was trained with.
    name : str
    version : str, optional
        Default: a hash of the weights and the tokenizer.
    truncate : bool
        Drop tokens from the left of prompts that are too long; otherwise such a request gets an error.
    batch_tokens : int
        Padded tokens in one forward pass; bounds the memory.

    Notes
    -----
    Log-probabilities are float32, summed in float64. A completion's log-probability counts its tokens before
    the stop string, under the model's own distribution (temperature 1).
    """

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        *,
        name: str,
        version: str | None = None,
        truncate: bool = False,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.name = name
        self.version = version or hash_weights(model, tokenizer)
        self.max_length: int | None = model.max_length
        self.truncate = truncate
        self.batch_tokens = batch_tokens

    def complete(self, requests: Sequence[Request]) -> list[Result]:
        """Score and generate; a request that does not fit the model, or is no Unicode, gets an error."""
        results: dict[int, Result] = {}
        scored: list[_Encoded] = []
        generated: list[_Encoded] = []
        for index, request in enumerate(requests):
            try:
                encoded = self._encode(index, request)
            except (DataError, ShapeError) as error:
                results[index] = Result(error=str(error))
                continue
            (generated if request.continuation is None else scored).append(encoded)
        for batch in _pack(scored, self.batch_tokens):
            results.update(_timed(batch, self._score))
        for batch in _group(generated, self.batch_tokens):
            results.update(_timed(batch, self._generate))
        return [results[index] for index in range(len(requests))]

    def count_tokens(self, text: str) -> int:
        """Count tokens as the model reads a prompt."""
        return len(self.tokenizer.encode(text))

    def split_text(self, text: str, max_tokens: int) -> list[str]:
        """Cut a text between characters; a character of more tokens than ``max_tokens`` stays whole."""
        raw = text.encode()
        lengths = self.tokenizer.byte_lengths[self.tokenizer.encode(text)]
        ends = lengths.cumsum()
        pieces = []
        start, first = 0, 0
        while start < len(raw):
            stop = _character_border(raw, start, int(ends[min(first + max_tokens, len(ends)) - 1]))
            piece = raw[start:stop].decode()
            while len(piece) > 1 and self.count_tokens(piece) > max_tokens:
                piece = piece[:-1]  # a token cut inside may fall into several
            stop = start + len(piece.encode())
            pieces.append(piece)
            first = int(ends.searchsorted(stop, side="right"))
            start = stop
        return pieces

    def _encode(self, index: int, request: Request) -> _Encoded:
        prompt = self.tokenizer.encode(request.prompt)
        continuation = self.tokenizer.encode(request.continuation or "")
        prompt = prompt or [self.tokenizer.end_id]
        # neither the last token of a continuation nor the last generated one is read
        unread = len(continuation) if request.continuation is not None else request.max_tokens
        room = self.model.max_length - max(unread - 1, 0)
        if len(prompt) > room and self.truncate and room > 0:
            prompt = prompt[-room:]
        if len(prompt) > room:
            raise ShapeError(
                f"The request needs {len(prompt)} tokens for its prompt and {unread} after it, but the model "
                f"reads at most {self.model.max_length}. Shorten the prompt, or open the model with "
                "truncate=True."
            )
        return _Encoded(index, request, prompt, continuation)

    def _score(self, batch: Sequence[_Encoded]) -> list[tuple[Completion, ...]]:
        import torch

        width = max(item.length for item in batch)
        ids = torch.zeros(len(batch), width, dtype=torch.int64)  # (B, L)
        rows: list[int] = []
        columns: list[int] = []
        targets: list[int] = []
        for row, item in enumerate(batch):
            tokens = (item.prompt + item.continuation)[: item.length]
            ids[row, : len(tokens)] = torch.tensor(tokens)
            start = len(item.prompt) - 1
            rows += [row] * len(item.continuation)
            columns += range(start, start + len(item.continuation))
            targets += item.continuation
        sums = torch.zeros(len(batch), dtype=torch.float64)
        if targets:
            device = self.model.device
            with torch.inference_mode():
                logits = self.model(ids.to(device))[rows, columns].float()  # (N, V)
                goals = torch.tensor(targets, device=device)
                logprobs = logits.gather(1, goals[:, None]).squeeze(1) - logits.logsumexp(dim=1)  # (N,)
            sums.index_add_(0, torch.tensor(rows), logprobs.double().cpu())
        return [
            (
                Completion(
                    text=item.request.continuation or "",
                    logprob=logprob,
                    n_tokens=len(item.continuation),
                    finish_reason="scored",
                ),
            )
            for item, logprob in zip(batch, sums.tolist(), strict=True)
        ]

    def _generate(self, batch: Sequence[_Encoded]) -> list[tuple[Completion, ...]]:
        """Continue prompts of equal settings; a sampled one comes alone, with its copies."""
        from longwave.generation import SamplingConfig, pad_left, stream_scored_ids

        request = batch[0].request
        sampling = SamplingConfig(
            temperature=request.temperature, top_p=request.top_p, seed=request.seed or 0
        )
        copies = 1 if sampling.is_greedy else request.n
        ids, padding = pad_left([item.prompt for item in batch for _ in range(copies)])  # (B, L), (B,)
        steps = stream_scored_ids(
            self.model,
            ids.to(self.model.device),
            max_new_tokens=request.max_tokens,
            sampling=sampling,
            padding=padding if padding.any() else None,
        )
        writers = [_Writer(self.tokenizer, request.stop) for _ in ids]
        for new, logprobs in steps:
            for writer, token, logprob in zip(writers, new.tolist(), logprobs.tolist(), strict=True):
                writer.add(token, logprob)
            if all(writer.is_done for writer in writers):
                break
        done = [writer.completion() for writer in writers]
        if sampling.is_greedy:
            return [(completion,) * request.n for completion in done]
        return [tuple(done)]


class _Writer:
    """One completion as it grows; stops at the end of the document or before a stop string."""

    def __init__(self, tokenizer: Tokenizer, stop: tuple[str, ...]) -> None:
        self.is_done = False
        self._tokenizer = tokenizer
        self._stop = stop
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._text = ""

    def add(self, token: int, logprob: float) -> None:
        """Take the next token unless the completion has ended."""
        if self.is_done:
            return
        if token == self._tokenizer.end_id:
            self.is_done = True
            return
        self._ids.append(token)
        self._logprobs.append(logprob)
        self._text = self._tokenizer.decode(self._ids)
        cuts = [self._text.find(text) for text in self._stop if text in self._text]
        if cuts:
            self.is_done = True
            self._text = self._text[: min(cuts)]
            while self._ids and len(self._tokenizer.decode(self._ids)) > len(self._text):
                self._ids.pop()
                self._logprobs.pop()

    def completion(self) -> Completion:
        """Return what was written."""
        return Completion(
            text=self._text,
            logprob=sum(self._logprobs),
            n_tokens=len(self._ids),
            finish_reason="stop" if self.is_done else "length",
        )


def open_checkpoint(rest: str) -> Client:
    """Open ``checkpoint:FOLDER``, a training run or a saved model; on a GPU where there is one.

    Raises
    ------
    MissingExtra
        If torch is not installed.
    MissingFile, CheckpointError
        If the folder holds no model, or a damaged one.
    """
    from longwave.errors import MissingExtra

    try:
        import torch
    except ImportError as error:
        raise MissingExtra("A model of Longwave", "torch") from error
    from longwave.training import load_trained

    folder = Path(rest)
    model, tokenizer = load_trained(folder, device="cuda" if torch.cuda.is_available() else "cpu")
    place = folder.resolve()
    return LocalClient(model, tokenizer, name=place.parent.name if place.name == "model" else place.name)


def hash_weights(model: LanguageModel, tokenizer: Tokenizer) -> str:
    """Hash names, shapes and values of all weights and the tokenizer to 12 hexadecimal digits."""
    import torch

    digest = hashlib.sha256(tokenizer.fingerprint.encode())
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        # numpy knows no bfloat16; bytes are the same in every type
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:12]


def _pack(items: Sequence[_Encoded], batch_tokens: int) -> Iterator[list[_Encoded]]:
    """Cut requests, sorted by length, into batches of at most ``batch_tokens`` padded tokens."""
    batch: list[_Encoded] = []
    for item in sorted(items, key=lambda item: item.length):
        if batch and item.length * (len(batch) + 1) > batch_tokens:  # the newest is the longest
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _group(items: Sequence[_Encoded], batch_tokens: int) -> Iterator[list[_Encoded]]:
    """Put greedy requests of equal settings together, those of similar length in one batch."""
    groups: dict[tuple[object, ...], list[_Encoded]] = {}
    for item in items:
        asked = item.request
        key: tuple[object, ...] = (asked.max_tokens, asked.stop, asked.n)
        groups.setdefault((*key, item.index) if asked.temperature > 0 else key, []).append(item)
    for group in groups.values():
        yield from _pack(group, batch_tokens)


def _timed(
    batch: Sequence[_Encoded], answer: Callable[[Sequence[_Encoded]], list[tuple[Completion, ...]]]
) -> dict[int, Result]:
    start = time.perf_counter()
    answers = answer(batch)
    latency_s = (time.perf_counter() - start) / len(batch)
    return {
        item.index: Result(
            completions=completions,
            latency_s=latency_s,
            tokens_in=len(item.prompt),
            tokens_out=sum(completion.n_tokens for completion in completions),
        )
        for item, completions in zip(batch, answers, strict=True)
    }


def _character_border(raw: bytes, start: int, stop: int) -> int:
    """Move the end of a cut back to a character's border, or forward when the first character is longer."""
    border = stop
    while start < border < len(raw) and raw[border] & 0xC0 == 0x80:
        border -= 1
    if border > start:
        return border
    border = max(stop, start + 1)
    while border < len(raw) and raw[border] & 0xC0 == 0x80:
        border += 1
    return border
