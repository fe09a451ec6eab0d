"""The language model: pre-norm blocks of a sequence mixer and an MLP around one shared embedding.

What is unusual about it

* the mixer of a layer is a name (``mixer="hyena"``), single layers may be attention (``attention_layers``);
* no positional embedding: convolutions know positions by themselves, attention rotates its queries and keys;
* the residual stream stays in float32 (or wider) under autocast and in half-precision models;
* the embedding is also the output layer; its rows are padded to a multiple of 8, logits are not;
* decoding is exact and cached: ``prefill`` any number of chunks, then ``step`` token by token.
"""

# Shapes: B batch, L length, P prompt or chunk length, D width, V vocabulary

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from longwave.errors import ShapeError
from longwave.generation import (
    DecodingConfig,
    SamplingConfig,
    StepGraphs,
    StepPart,
    generate_ids,
    run_parts,
)
from longwave.models._blocks import Block, Norm, check_mode
from longwave.models._initialise import STD, seeded
from longwave.models._optimizer import ParameterGroup, parameter_groups
from longwave.models._pretrained import load_pretrained, save_pretrained
from longwave.models._state import LanguageModelState
from longwave.models.config import LanguageModelConfig

__all__ = ["LanguageModel", "LanguageModelState"]

VOCAB_MULTIPLE = 8  # matrix units of GPUs want sizes that are multiples of 8

# Numbers alive at the peak of a block a token and unit of width: MLP 8, gates and transforms some 24.
ACTIVATIONS_PER_WIDTH = 32
PREFILL_BYTES = 2**29
MIN_PREFILL = 256


class LanguageModel(nn.Module):
    """A causal language model over any sequence mixer.

    Parameters
    ----------
    config : LanguageModelConfig
    seed : int
        Seeds the initial weights; the global random state is left alone.

    Attributes
    ----------
    gradient_checkpointing : bool
        Recompute each block in the backward pass instead of keeping its activations; False until it is set.

    Raises
    ------
    ConfigError
        If a mixer is unknown, has unknown or wrong options, or looks ahead.

    Notes
    -----
    Weights start from N(0, 0.02²), those that write into the residual stream from N(0, 0.02²/(2 n_layers)),
    biases from 0. The networks inside implicit filters keep the mixer's own start.

    References
    ----------
    Section 4 and table A.4 of arXiv 2302.10866.

    Examples
    --------
    >>> config = LanguageModelConfig(vocab_size=257, d_model=16, n_layers=2, max_length=32)
    >>> LanguageModel(config)(torch.zeros(1, 5, dtype=torch.int64)).shape
    torch.Size([1, 5, 257])
    """

    def __init__(self, config: LanguageModelConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.gradient_checkpointing = False
        with seeded(seed):
            padded = -(-config.vocab_size // VOCAB_MULTIPLE) * VOCAB_MULTIPLE
            self.embedding = nn.Embedding(padded, config.d_model)
            nn.init.normal_(self.embedding.weight, 0.0, STD)
            self.embedding_dropout = nn.Dropout(config.first_dropout)
            self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
            self.norm = Norm(config.d_model)

    @property
    def max_length(self) -> int:
        """Most tokens the model can read."""
        return self.config.max_length

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embedding.weight.device

    def forward(self, ids: Tensor) -> Tensor:
        """Compute the logits of every next token.

        Parameters
        ----------
        ids : Tensor, shape (B, L), integer

        Returns
        -------
        Tensor, shape (B, L, V)

        Raises
        ------
        ShapeError
            If ``ids`` is no batch of ids, is longer than ``max_length``, or (on CPU) holds an id outside the
            vocabulary.
        """
        return self._logits(self.hidden(ids))

    def hidden(self, ids: Tensor) -> Tensor:
        """Compute what the output layer reads: the normalised residual stream, shape (B, L, D)."""
        self._check(ids, dimensions=2, end=ids.shape[-1] if ids.ndim else 0)
        r = self._embed(ids)  # (B, L, D)
        for block in self.blocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                r = checkpoint(block, r, use_reentrant=False)
            else:
                r = block(r)
        hidden: Tensor = self.norm(r)
        return hidden

    def init_state(
        self, batch: int, max_length: int | None = None, *, mode: str = "auto"
    ) -> LanguageModelState:
        """Return the state before the first token.

        Parameters
        ----------
        batch : int
        max_length : int, optional
            Tokens to make room for; default: the model's ``max_length``.
        mode : {"auto", "recurrent", "lazy", "epoched", "relaxed"}
            How long convolutions decode; all are exact. ``"auto"``: from a state of fixed size where filters
            have one, else by the fastest measured of ``OnlineConv``. ``"recurrent"`` insists that every layer
            decodes from a state of fixed size. Layers without a choice ignore the other modes.

        Raises
        ------
        ShapeError
            If more room is asked for than the model has.
        ConfigError
            If there is no such mode, or a layer has no recurrent form and one was insisted on.
        """
        room = self.max_length if max_length is None else max_length
        if room > self.max_length:
            raise ShapeError(
                f"A state for {room} tokens was asked for, but the model reads at most {self.max_length}. "
                "Ask for less or train with a larger max_length."
            )
        check_mode(mode, [block.mixer for block in self._layers()])
        layers = [block.init_state(batch, room, mode) for block in self._layers()]
        return LanguageModelState(position=0, max_length=room, batch=batch, layers=layers)

    def prefill_length(self, batch: int) -> int:
        """Return how many tokens ``prefill`` takes at a time within about half a gigabyte of activations."""
        per_token = ACTIVATIONS_PER_WIDTH * self.config.d_model * self.embedding.weight.element_size() * batch
        wanted = max(PREFILL_BYTES // max(per_token, 1), MIN_PREFILL)
        return 1 << int(math.log2(wanted))  # tiles of long convolutions like powers of two

    @torch.no_grad()
    def prefill(
        self, ids: Tensor, state: LanguageModelState, *, last_only: bool = False
    ) -> tuple[Tensor, LanguageModelState]:
        """Read a chunk of tokens; any chunk sizes, any number of times, give the logits of the whole.

        Parameters
        ----------
        ids : Tensor, shape (B, P), integer
        state : LanguageModelState
            Changed in place.
        last_only : bool
            Compute the logits of the chunk's last position only, which saves memory for long prompts.

        Returns
        -------
        logits : Tensor, shape (B, P, V), or (B, 1, V) with ``last_only``
            Without gradients, as everything in decoding.
        state : LanguageModelState

        Raises
        ------
        ShapeError
            As ``forward``, counting the tokens read before; if the state has no room, or another batch.
        """
        self._check(ids, dimensions=2, end=state.position + (ids.shape[-1] if ids.ndim else 0))
        self._check_room(ids, state)
        r = self._embed(ids)  # (B, P, D)
        for i, block in enumerate(self._layers()):
            r, state.layers[i] = block.prefill(r, state.layers[i])
        state.position += ids.shape[1]
        return self._logits(self.norm(r[:, -1:] if last_only else r)), state

    @torch.no_grad()
    def step(
        self, ids: Tensor, state: LanguageModelState, *, graphs: StepGraphs | None = None
    ) -> tuple[Tensor, LanguageModelState]:
        """Read one token per row.

        Parameters
        ----------
        ids : Tensor, shape (B,), integer
        state : LanguageModelState
            Changed in place.
        graphs : StepGraphs, optional
            Where the device work of a step is captured and repeated on a GPU; the same object for all steps.

        Returns
        -------
        logits : Tensor, shape (B, V)
            Without gradients.
        state : LanguageModelState

        Raises
        ------
        ShapeError
            As ``prefill``.
        """
        self._check(ids, dimensions=1, end=state.position + 1)
        self._check_room(ids[:, None], state)
        if graphs is None:
            (logits,) = run_parts(self._step_parts(state), (ids,))
        else:
            (logits,) = graphs.run(state, lambda: self._step_parts(state), (ids,))
        state.position += 1
        return logits, state

    def generate(
        self,
        ids: Tensor,
        *,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
        stop_ids: Sequence[int] = (),
        padding: Tensor | None = None,
        mode: str = "auto",
        prefill_chunk: int | None = None,
    ) -> Tensor:
        """Continue token ids, shape (B, P) to (B, P + new); see ``longwave.generation.generate_ids``."""
        return generate_ids(
            self,
            ids,
            max_new_tokens=max_new_tokens,
            sampling=SamplingConfig(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed),
            stop_ids=stop_ids,
            padding=padding,
            decoding=DecodingConfig(mode=mode, prefill_chunk=prefill_chunk),
        )

    def optimizer_groups(self, *, lr: float, weight_decay: float) -> list[ParameterGroup]:
        """Sort every parameter into exactly one group of equal learning rate and weight decay.

        Embedding, norms, biases and other vectors are not decayed; what mixers ask for themselves
        (``Mixer.parameter_options``) goes first.

        Parameters
        ----------
        lr, weight_decay : float
            Used where nothing else is asked for.

        Returns
        -------
        list of dict
            ``{"params", "lr", "weight_decay"}``, as ``torch.optim`` takes them.

        Raises
        ------
        ConfigError
            If a mixer asks for something that no parameter of it can take.
        """
        return parameter_groups(self, lr=lr, weight_decay=weight_decay)

    def flops(self, seq_len: int) -> float:
        """Count the forward FLOPs per token at a sequence length (a multiply-add is two).

        Embedding and output layer are counted as products with a V × D matrix each; the backward pass costs
        twice as much as the forward pass.

        References
        ----------
        Appendix A.2 of arXiv 2302.10866; appendix F of arXiv 2203.15556.
        """
        ends = 2 * 2 * self.config.vocab_size * self.config.d_model
        return ends + sum(block.flops(seq_len) for block in self._layers())

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json`` and ``model.safetensors`` into a folder, each of them whole or not at all.

        Raises
        ------
        StorageError
            If the folder cannot be written.
        """
        save_pretrained(self.state_dict(), self.config, Path(folder))

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu") -> LanguageModel:
        """Load what ``save_pretrained`` wrote; the model comes in evaluation mode.

        Parameters
        ----------
        folder : str or Path
        device : str or torch.device

        Raises
        ------
        MissingFile
            If there is no such folder.
        CheckpointError
            If a file is missing, truncated, from a newer format or from another model.
        """
        config, weights = load_pretrained(Path(folder), LanguageModelConfig)
        embedding = weights.tensors.get("embedding.weight")  # filters may be wider than the rest
        model = cls(config).to(weights.dtype if embedding is None else embedding.dtype)
        weights.copy_into(model)
        return model.to(device).eval()

    def _step_parts(self, state: LanguageModelState) -> list[StepPart]:
        """Return what takes ids (B,) to logits (B, V)."""
        blocks = zip(self._layers(), state.layers, strict=True)
        return [
            StepPart(lambda given: (self._embed(given[0]),), self.embedding),
            *(part for block, layer in blocks for part in block.step_parts(layer)),
            StepPart(self.norm.add_pair, self.norm),
            StepPart(lambda given: (self._logits(given[1]),), self.embedding),
        ]

    def _layers(self) -> list[Block]:
        return cast(list[Block], list(self.blocks))

    def _embed(self, ids: Tensor) -> Tensor:
        embedded = F.embedding(ids, self.embedding.weight)
        r: Tensor = self.embedding_dropout(embedded.to(torch.promote_types(embedded.dtype, torch.float32)))
        return r

    def _logits(self, hidden: Tensor) -> Tensor:
        logits = F.linear(hidden, self.embedding.weight)
        # A slice of everything would still cost a copy of all logits in the backward pass.
        is_padded = self.config.vocab_size < self.embedding.num_embeddings
        return logits[..., : self.config.vocab_size] if is_padded else logits

    def _check(self, ids: Tensor, *, dimensions: int, end: int) -> None:
        if ids.ndim != dimensions or ids.dtype not in (torch.int64, torch.int32):
            names = "(batch, length)" if dimensions == 2 else "(batch,)"
            raise ShapeError(
                f"ids have shape {tuple(ids.shape)} and type {ids.dtype}; the model takes integers of shape "
                f"{names}. Use ids.unsqueeze(0) for a single sequence."
            )
        if end > self.max_length:
            raise ShapeError(
                f"A sequence of {end} tokens is longer than the model's max_length of {self.max_length}. "
                "Shorten it or train with a larger max_length."
            )
        # On a GPU the check would make every step wait for the device; the embedding fails there by itself.
        if ids.device.type == "cpu" and ids.numel() and not torch.compiler.is_compiling():
            self._check_range(*(int(bound) for bound in ids.aminmax()))

    def _check_room(self, ids: Tensor, state: LanguageModelState) -> None:
        batch, length = ids.shape
        if batch != state.batch:
            raise ShapeError(
                f"ids have {batch} rows but the state was made for {state.batch}. "
                f"Make one with init_state({batch}), or choose rows with state.reorder(index)."
            )
        if state.position + length > state.max_length:
            raise ShapeError(
                f"The state has room for {state.max_length} tokens; {state.position} are taken and {length} "
                f"more do not fit. Make it with init_state(batch, {state.position + length}) or more."
            )

    def _check_range(self, low: int, high: int) -> None:
        if low < 0 or high >= self.config.vocab_size:
            raise ShapeError(
                f"ids run from {low} to {high}, but the vocabulary has {self.config.vocab_size} entries, "
                "counted from 0. Encode the text with the tokenizer that the model was trained with."
            )
