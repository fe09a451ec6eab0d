"""Continue prompts with a model of transformers, every completion with settings and a seed of its own.

``generate`` of transformers keeps the caches; which token comes next and when a completion has ended is
decided here, by one object that stands in its lists of logits processors and of stopping criteria.
"""

# Shapes: B completions, L padded length, V vocabulary

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from longwave.clients.base import Completion, Request
from longwave.clients.batches import Encoded, Writer

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["continue_prompts"]

CONTEXT = 8  # tokens of a prompt that the first new ones are decoded with: some tokenizers drop a first blank


def continue_prompts(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    batch: Sequence[Encoded],
    *,
    end_ids: frozenset[int],
    pad_id: int,
) -> list[tuple[Completion, ...]]:
    """Write the completions of requests that agree in ``max_tokens``.

    Parameters
    ----------
    model, tokenizer
    batch : sequence of Encoded
        Greedy and sampled ones may be mixed; greedy ones are written once and repeated ``n`` times.
    end_ids : frozenset of int
        Ids that end a text.
    pad_id : int
        Stands before shorter prompts and is masked.

    Returns
    -------
    list of tuple of Completion
        One tuple a request.
    """
    import torch
    from transformers import GenerationConfig, LogitsProcessorList
    from transformers.generation import StoppingCriteriaList

    max_tokens = batch[0].request.max_tokens
    rows = [(item, copy) for item in batch for copy in range(_n_drawn(item.request))]
    writers = [_make_writer(tokenizer, item, end_ids) for item, _ in rows]
    if max_tokens > 0:
        width = max(len(item.prompt) for item, _ in rows)
        ids = torch.full((len(rows), width), pad_id)  # (B, L)
        mask = torch.zeros_like(ids)
        for row, (item, _) in enumerate(rows):
            ids[row, width - len(item.prompt) :] = torch.tensor(item.prompt)
            mask[row, width - len(item.prompt) :] = 1
        chooser = _Chooser([_Choice(item.request, copy) for item, copy in rows], writers)
        with torch.inference_mode():
            model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                generation_config=GenerationConfig(
                    max_new_tokens=max_tokens, do_sample=False, pad_token_id=pad_id
                ),
                logits_processor=LogitsProcessorList([chooser]),
                stopping_criteria=StoppingCriteriaList([chooser.find_ended]),
            )
    done = iter(writer.completion() for writer in writers)
    found = [tuple(next(done) for _ in range(_n_drawn(item.request))) for item in batch]
    return [
        drawn * (item.request.n // len(drawn) if drawn else 1)
        for item, drawn in zip(batch, found, strict=True)
    ]


class _Choice:
    """How one completion takes its next token, with a generator of its own on the CPU."""

    def __init__(self, request: Request, copy: int) -> None:
        import torch

        from longwave.generation import SamplingConfig

        digest = hashlib.sha256(f"{request.seed or 0}/{copy}".encode()).digest()
        self.sampling = SamplingConfig(temperature=request.temperature, top_p=request.top_p)
        self.generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def next_id(self, logits: Tensor) -> int:
        """Choose from logits of shape (1, V)."""
        from longwave.generation import sample_ids

        if self.sampling.is_greedy:
            return int(sample_ids(logits, self.sampling))
        return int(sample_ids(logits.cpu(), self.sampling, self.generator))


class _Chooser:
    """Chooses the next token of every completion and hands it to its writer."""

    def __init__(self, choices: Sequence[_Choice], writers: Sequence[Writer]) -> None:
        self._choices = choices
        self._writers = writers

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return scores of which only that of the chosen token is finite, shape (B, V)."""
        import torch

        del input_ids
        logits = scores.float()
        chosen = [
            0 if writer.is_done else choice.next_id(logits[row : row + 1])
            for row, (choice, writer) in enumerate(zip(self._choices, self._writers, strict=True))
        ]
        ids = torch.tensor(chosen, device=scores.device)[:, None]  # (B, 1)
        logprobs = (logits.gather(1, ids) - logits.logsumexp(dim=1, keepdim=True)).squeeze(1)
        for writer, token, logprob in zip(self._writers, chosen, logprobs.tolist(), strict=True):
            writer.add(token, logprob)
        return torch.full_like(scores, -torch.inf).scatter(1, ids, 0.0)

    def find_ended(self, input_ids: Tensor, scores: Tensor, **_: object) -> torch.Tensor:
        """Return which completions have ended, shape (B,)."""
        import torch

        del scores
        return torch.tensor([writer.is_done for writer in self._writers], device=input_ids.device)


def _n_drawn(request: Request) -> int:
    return 1 if request.temperature == 0 else request.n


def _make_writer(tokenizer: PreTrainedTokenizerBase, item: Encoded, end_ids: frozenset[int]) -> Writer:
    before = item.prompt[-CONTEXT:]

    def decode(ids: list[int]) -> str:
        return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    head = decode(before)

    def decode_new(ids: list[int]) -> str:
        whole = decode(before + ids)
        return whole[len(head) :] if whole.startswith(head) else decode(ids)

    return Writer(decode_new, end_ids, item.request.stop)
