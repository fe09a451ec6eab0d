"""The decoding state of a whole model: one object over the states of all layers."""

# Shapes: B batch

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from longwave.mixers import State

__all__ = ["LanguageModelState"]


@dataclass
class LanguageModelState(State):
    """Decoding state of a language model: one state per layer, and their common methods.

    ``reorder``, ``truncate``, ``mark``, ``to``, ``copy``, ``nbytes`` and ``pad`` act on all layers together;
    ``truncate`` goes back where every layer can (``can_truncate``), always to marked positions.

    Parameters
    ----------
    layers : list of State
        State of each layer's mixer, in order.

    Examples
    --------
    >>> import torch
    >>> from longwave.models import LanguageModel, LanguageModelConfig
    >>> model = LanguageModel(LanguageModelConfig(vocab_size=9, d_model=8, n_layers=2, max_length=32))
    >>> state = model.init_state(batch=2)
    >>> _, state = model.prefill(torch.tensor([[1, 2, 3], [4, 5, 6]]), state)
    >>> state.reorder([1, 1, 0])  # three beams of the two sequences
    >>> state.truncate(2)  # as if the third token had not been read
    >>> state.batch, state.position
    (3, 2)
    """

    layers: list[State]

    rewinds_freely: ClassVar[bool] = True  # as far as every layer does
    realigns: ClassVar[bool] = True

    def pad(self, padding: Tensor) -> None:
        """Declare the leading tokens of each sequence that are padding, shape (B,), before the first token.

        Raises
        ------
        ShapeError
            If tokens were read already, or these are no numbers of tokens that fit.
        """
        super().pad(padding)
        for layer in self.layers:
            layer.pad(padding)
