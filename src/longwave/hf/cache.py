"""The decoding state of a model in the place where transformers passes key-value caches."""

# Shapes: B batch

from __future__ import annotations

import inspect
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import GenerationMixin

from longwave.errors import ShapeError
from longwave.models import LanguageModelState

__all__ = ["CACHE_NAME", "LongwaveCache"]

# What transformers calls a cache: past_key_values up to version 5.23, cache from 5.24 on.
_PARAMETERS = inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters
CACHE_NAME = "cache" if "cache" in _PARAMETERS else "past_key_values"


@dataclass
class LongwaveCache:
    """What ``LongwaveForCausalLM`` takes and returns as ``past_key_values`` (newer: ``cache``).

    Decoding is exact, whatever the mixers keep: keys and values, recurrent states or the inputs of long
    convolutions. The state is made by the first forward pass, which knows the batch.

    Parameters
    ----------
    max_length : int, optional
        Tokens to make room for, padding included; default: the model's ``max_length``. ``generate`` gives
        what it needs.
    state : LanguageModelState, optional
        Leave out; set by the first forward pass.
    padding : Tensor, shape (B,), optional
        Padding tokens before each sequence; set likewise.
    """

    max_length: int | None = None
    state: LanguageModelState | None = None
    padding: Tensor | None = None

    # asked for by transformers
    is_compileable = False
    is_croppable = False
    is_linear = (False,)  # of each layer; it has read whole tokens, so that a prompt is cut where it ended

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002 - the library's signature
        """Return the number of tokens read; every layer has read as many."""
        return 0 if self.state is None else self.state.position

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Replace the sequences by chosen ones of them, ``beam_idx`` of shape (B,): beam search."""
        if self.state is None:
            return
        self.state.reorder(beam_idx)
        if self.padding is not None:
            self.padding = self.padding.index_select(0, beam_idx.to(self.padding.device))

    @property
    def nbytes(self) -> int:
        """Memory of the state in bytes."""
        return 0 if self.state is None else self.state.nbytes

    def begin(self, state: LanguageModelState, padding: Tensor | None) -> None:
        """Take a new state, before its first token."""
        if padding is not None and bool(padding.any()):
            state.pad(padding)
        self.state, self.padding = state, padding

    def check_padding(self, padding: Tensor | None) -> None:
        """Hold later chunks to the padding that the first one declared.

        Raises
        ------
        ShapeError
            If they differ, as they do when padding reaches into a second chunk.
        """
        if padding is None:
            return
        declared = torch.zeros_like(padding) if self.padding is None else self.padding
        if not torch.equal(declared, padding):
            raise ShapeError(
                f"The attention mask leaves out {padding.tolist()} leading tokens, but the first chunk said "
                f"{declared.tolist()}. Padding must end within the first chunk: read the prompt in larger "
                "chunks (prefill_chunk_size), or begin with a new cache."
            )
