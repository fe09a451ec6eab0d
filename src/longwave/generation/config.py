"""How a model decodes: settings that change time and memory, never the distribution of the text."""

from __future__ import annotations

from dataclasses import dataclass

from longwave.errors import ConfigError

__all__ = ["DecodingConfig"]


@dataclass(frozen=True, kw_only=True)
class DecodingConfig:
    """How a model decodes; every setting gives the same text, up to rounding.

    Parameters
    ----------
    mode : {"auto", "recurrent", "lazy", "epoched", "relaxed"}
        How long convolutions sum up their past, see ``LanguageModel.init_state``.
    prefill_chunk : int, optional
        Tokens of a prompt that are read at a time; bounds the memory of long prompts. Default: what the model
        says fits into half a gigabyte (``LanguageModel.prefill_length``).
    graphs : bool
        On a GPU, capture the device work of a step once and repeat it (``StepGraphs``), where the model's
        ``step`` takes ``graphs``.

    Raises
    ------
    ConfigError
        If ``prefill_chunk`` is below 1.
    """

    mode: str = "auto"
    prefill_chunk: int | None = None
    graphs: bool = True

    def __post_init__(self) -> None:
        if self.prefill_chunk is not None and self.prefill_chunk < 1:
            raise ConfigError(
                f'"prefill_chunk" is {self.prefill_chunk}; it must be at least 1. Leave it out to let the '
                "model choose."
            )
