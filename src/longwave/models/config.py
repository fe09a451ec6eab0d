"""The configuration of a language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from longwave.errors import ConfigError
from longwave.models._checks import check_fractions, check_sizes

__all__ = ["LanguageModelConfig"]


@dataclass(frozen=True, kw_only=True)
class LanguageModelConfig:
    """Sizes and parts of a language model.

    Parameters
    ----------
    vocab_size : int
        Number of tokens.
    d_model, n_layers : int
        Width and depth.
    max_length : int
        Longest sequence the model reads; the default is that of the paper's models.
    d_mlp : int, optional
        Inner width of the MLPs; default ``4 * d_model``.
    mixer : str
        Name of the sequence mixer, see ``longwave list mixers``.
    mixer_options : mapping
        Options of the mixer, e.g. ``{"order": 3}``.
    attention_layers : tuple of int
        Layers, counted from 0, that use attention instead (a hybrid model).
    attention_options : mapping
        Options of those layers, e.g. ``{"n_heads": 8}``.
    dropout : float
        Fraction of what a mixer or an MLP adds to the residual stream that is dropped in training.
    embedding_dropout : float, optional
        The same for the embedded tokens; default ``dropout``.

    Raises
    ------
    ConfigError
        If a size is below 1, a fraction is outside [0, 1), or a layer does not exist.
    """

    vocab_size: int
    d_model: int
    n_layers: int
    max_length: int = 2048
    d_mlp: int | None = None
    mixer: str = "hyena"
    mixer_options: Mapping[str, object] = field(default_factory=dict)
    attention_layers: tuple[int, ...] = ()
    attention_options: Mapping[str, object] = field(default_factory=dict)
    dropout: float = 0.0
    embedding_dropout: float | None = None

    def __post_init__(self) -> None:
        sizes = ("vocab_size", "d_model", "n_layers", "max_length", "d_mlp")
        check_sizes(**{name: getattr(self, name) for name in sizes})
        check_fractions(dropout=self.dropout, embedding_dropout=self.embedding_dropout)
        # YAML has lists only; a tuple here makes equal models equal configurations.
        object.__setattr__(self, "attention_layers", tuple(self.attention_layers))
        self._check_layers()

    @property
    def mlp_width(self) -> int:
        """Inner width of the MLPs."""
        return 4 * self.d_model if self.d_mlp is None else self.d_mlp

    @property
    def first_dropout(self) -> float:
        """Dropout of the embedded tokens."""
        return self.dropout if self.embedding_dropout is None else self.embedding_dropout

    def mixer_of(self, layer: int) -> tuple[str, Mapping[str, object]]:
        """Return name and options of a layer's mixer."""
        if layer in self.attention_layers:
            return "attention", self.attention_options
        return self.mixer, self.mixer_options

    def _check_layers(self) -> None:
        layers = self.attention_layers
        if len(set(layers)) < len(layers) or any(not 0 <= layer < self.n_layers for layer in layers):
            raise ConfigError(
                f'"attention_layers" is {list(layers)}; it takes different layers from 0 to '
                f"{self.n_layers - 1}. Name each layer once, counting from 0."
            )
