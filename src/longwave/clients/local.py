"""A trained model of Longwave on this machine answers requests, many at a time.

Prompt and continuation are encoded apart and joined, so that the tokens of a prompt are the same whatever
follows; an empty prompt stands for the end of the document before: the model reads ``end_id`` first. Batches
hold sequences of similar length: scored ones are padded on the right, which a causal model does not see,
prompts to continue on the left, which decoding leaves out.
"""

# Shapes: B batch, L padded length, N scored tokens, V vocabulary

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from longwave.clients.base import Client, Completion, Request, Result
from longwave.clients.batches import Encoded, Writer, answer_all, pack, pack_by
from longwave.errors import DataError, ShapeError

if TYPE_CHECKING:
    from longwave.data import Tokenizer
    from longwave.models import LanguageModel

__all__ = ["LocalClient", "open_checkpoint"]

BATCH_TOKENS = 8192  # padded tokens in one forward pass


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
            except (DataError, ShapeError) as error:
                failed.append((index, Result(error=str(error))))
                continue
            (generated if request.continuation is None else scored).append(encoded)
        if failed:
            yield failed
        yield from answer_all(pack(scored, self.batch_tokens), self._score)
        yield from answer_all(pack_by(_settings, generated, self.batch_tokens), self._generate)

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

    def _encode(self, index: int, request: Request) -> Encoded:
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
        return Encoded(index, request, prompt, continuation)

    def _score(self, batch: Sequence[Encoded]) -> list[tuple[Completion, ...]]:
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

    def _generate(self, batch: Sequence[Encoded]) -> list[tuple[Completion, ...]]:
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
        end_ids = frozenset({self.tokenizer.end_id})
        writers = [Writer(self.tokenizer.decode, end_ids, request.stop) for _ in ids]
        for new, logprobs in steps:
            for writer, token, logprob in zip(writers, new.tolist(), logprobs.tolist(), strict=True):
                writer.add(token, logprob)
            if all(writer.is_done for writer in writers):
                break
        done = [writer.completion() for writer in writers]
        if sampling.is_greedy:
            return [(completion,) * request.n for completion in done]
        return [tuple(done)]


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


def _settings(item: Encoded) -> tuple[object, ...]:
    """Return what the requests of a batch share: settings of greedy ones; a sampled one comes alone."""
    asked = item.request
    key = (asked.max_tokens, asked.stop, asked.n)
    return (*key, item.index) if asked.temperature > 0 else key


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
