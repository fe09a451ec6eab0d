"""The configuration as Hugging Face keeps it: a Longwave folder's own record, with a model type beside it."""

from __future__ import annotations

from typing import Any, cast

from transformers import PreTrainedConfig

from longwave import __version__
from longwave.config import load_config, to_dict
from longwave.errors import CheckpointError
from longwave.hf.cache import CACHE_NAME
from longwave.models import LanguageModelConfig

__all__ = ["LongwaveConfig"]

FORMAT = 1  # of the folders that are written here; LanguageModel.from_pretrained reads it and all later ones
KIND = LanguageModelConfig.__name__
SMALLEST = LanguageModelConfig(
    vocab_size=1, d_model=1, n_layers=1
)  # transformers makes one to learn the defaults


class LongwaveConfig(PreTrainedConfig):
    """Configuration of a ``LongwaveForCausalLM``.

    Parameters
    ----------
    config : LanguageModelConfig or dict
        Sizes and parts of the model. Kept as plain values under the key ``config`` of ``config.json``, where
        ``LanguageModel.save_pretrained`` keeps it, so that either can read what the other wrote.
    use_cache : bool
        Whether ``generate`` decodes from a state; without, every token costs a pass over the whole text.
    format, kind, version
        The rest of the record of a Longwave folder; leave them out.

    Attributes
    ----------
    language_model : LanguageModelConfig
    vocab_size, hidden_size, num_hidden_layers, max_position_embeddings : int
        What other libraries look for, read from it.

    Raises
    ------
    ConfigError
        If the configuration has unknown keys or wrong values.
    CheckpointError
        If it describes another kind of model, or was written by a newer version.

    Notes
    -----
    Settings of generation (``eos_token_id``, ``pad_token_id``) belong into ``model.generation_config``.

    Examples
    --------
    >>> sizes = LanguageModelConfig(vocab_size=257, d_model=16, n_layers=2, max_length=32)
    >>> LongwaveConfig(config=sizes).hidden_size
    16
    """

    model_type = "longwave"
    keys_to_ignore_at_inference = [CACHE_NAME]  # noqa: RUF012 - the library's own declaration

    config: LanguageModelConfig | dict[str, object] | None = None
    use_cache: bool = True
    format: int = FORMAT
    kind: str = KIND
    version: str = __version__

    def __post_init__(self, **kwargs: Any) -> None:
        """Check the record; called by the constructor that transformers makes."""
        if self.kind != KIND or self.format > FORMAT:
            raise CheckpointError(
                f'This configuration describes a "{self.kind}" in format {self.format}; LongwaveForCausalLM '
                f'takes "{KIND}" up to format {FORMAT}. Load another folder or upgrade longwave.'
            )
        given = SMALLEST if self.config is None else self.config
        values = to_dict(given) if isinstance(given, LanguageModelConfig) else given
        self.config = to_dict(load_config(LanguageModelConfig, values))
        super().__post_init__(**kwargs)

    @property
    def language_model(self) -> LanguageModelConfig:
        """The configuration of the wrapped model."""
        return load_config(LanguageModelConfig, cast(dict[str, object], self.config))

    @property
    def vocab_size(self) -> int:
        """Number of tokens."""
        return self.language_model.vocab_size

    @property
    def hidden_size(self) -> int:
        """Width."""
        return self.language_model.d_model

    @property
    def num_hidden_layers(self) -> int:
        """Depth."""
        return self.language_model.n_layers

    @property
    def max_position_embeddings(self) -> int:
        """Most tokens the model can read."""
        return self.language_model.max_length
