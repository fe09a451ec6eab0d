"""A language model of Longwave as transformers knows models: generate, Trainer, save and load.

What is unusual about it

* decoding is exact and cached for every mixer: the cache is Longwave's own decoding state;
* the folder that ``save_pretrained`` writes is a Longwave folder too, and the other way round;
* weights that are missing or left over are an error; they are read from safetensors only, never unpickled;
* the embedding is the output layer, so nothing has to be tied.
"""

# Shapes: B batch, L length, D width, V vocabulary

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from longwave.errors import CheckpointError, ConfigError, ShapeError
from longwave.hf.buffers import OnDefaultDevice, align, restore_buffers
from longwave.hf.cache import CACHE_NAME, LongwaveCache
from longwave.hf.config import LongwaveConfig
from longwave.hf.padding import count_padding, padding_last, undo_padding_last
from longwave.models import LanguageModel

__all__ = ["LongwaveForCausalLM"]

PREFIX = "model."  # of the wrapped model's names; files do without it


class LongwaveForCausalLM(PreTrainedModel, GenerationMixin):
    """A ``LanguageModel`` with the interface of transformers.

    Parameters
    ----------
    config : LongwaveConfig
    seed : int
        Seeds the initial weights, as in ``LanguageModel``; the global random state is left alone.

    Attributes
    ----------
    model : LanguageModel
        The wrapped model.

    Examples
    --------
    >>> import torch
    >>> from longwave.models import LanguageModelConfig
    >>> sizes = LanguageModelConfig(vocab_size=257, d_model=16, n_layers=2, max_length=32)
    >>> model = LongwaveForCausalLM(LongwaveConfig(config=sizes)).eval()
    >>> model.generate(torch.tensor([[72, 105]]), max_new_tokens=3, do_sample=False).shape
    torch.Size([1, 5])
    """

    config: LongwaveConfig
    config_class = LongwaveConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = True  # of num_items_in_batch, by which Trainer weighs micro-batches
    _no_split_modules = ["Block"]  # noqa: RUF012 - the library's own declaration
    _is_stateful = True  # no speculative decoding: recurrent states cannot go back

    def __init__(self, config: LongwaveConfig, *, seed: int = 0) -> None:
        super().__init__(config)
        with OnDefaultDevice():
            self.model = LanguageModel(config.language_model, seed=seed)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        past_key_values: LongwaveCache | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        return_dict: bool | None = None,
        num_items_in_batch: int | Tensor | None = None,
        cache: LongwaveCache | None = None,
    ) -> CausalLMOutputWithPast | tuple[Tensor, ...]:
        """Compute logits, and the loss where there are labels.

        Parameters
        ----------
        input_ids : Tensor, shape (B, L), integer
        attention_mask : Tensor, shape (B, L), or (B, past + L) with a cache, optional
            0 for padding, before the sequences or (without a cache) after them. It leaves no trace in the
            outputs at real tokens.
        labels : Tensor, shape (B, L), int64, optional
            Ids to predict; those at step ``t`` are compared with the logits of step ``t - 1``. -100 is left
            out.
        past_key_values : LongwaveCache, optional
            Where to go on from; changed in place. Without gradients.
        use_cache : bool, optional
            Begin a cache when none is given; default False, since its memory depends on how far it has to
            reach (``generate`` asks for one of the right size).
        logits_to_keep : int
            Compute the logits of the last steps only; 0 for all.
        return_dict : bool, optional
            False for a tuple; default: the configuration's.
        num_items_in_batch : int or Tensor, optional
            Divide the summed loss by this instead of the number of labels.
        cache : LongwaveCache, optional
            Another name of ``past_key_values``, which transformers uses from version 5.24 on.

        Returns
        -------
        CausalLMOutputWithPast
            ``loss`` (with labels), ``logits`` of shape (B, L, V), ``past_key_values`` or
            ``cache`` (with one).

        Raises
        ------
        ShapeError
            If ids, mask or labels do not fit, or the text is longer than the model reads.
        """
        cache = past_key_values if cache is None else cache
        if cache is None and use_cache:
            cache = LongwaveCache()
        if cache is None:
            logits = self._logits_of_whole(input_ids, attention_mask, logits_to_keep)
        else:
            logits = self._logits_of_next(input_ids, attention_mask, cache, logits_to_keep)
        loss = None if labels is None else self._loss(logits, labels, num_items_in_batch)
        output = CausalLMOutputWithPast(loss=loss, logits=logits, **{CACHE_NAME: cache})
        wants_dict = self.config.return_dict if return_dict is None else return_dict
        return output if wants_dict else output.to_tuple()

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the embedding; its rows are padded to a multiple of 8."""
        return self.model.embedding

    def get_output_embeddings(self) -> nn.Embedding:
        """Return the same embedding: it is the output layer."""
        return self.model.embedding

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the embedding by one of the same shape.

        Raises
        ------
        ShapeError
            If the shape differs.
        """
        old, new = self.model.embedding.weight.shape, value.weight.shape
        if new != old:
            raise ShapeError(
                f"The embedding has shape {tuple(new)}, but {tuple(old)} is needed. To change the "
                "vocabulary, make a model with another vocab_size."
            )
        self.model.embedding = value

    def resize_token_embeddings(self, *_: object, **__: object) -> nn.Embedding:
        """Refuse: a vocabulary belongs to the configuration.

        Raises
        ------
        ConfigError
            Always.
        """
        raise ConfigError(
            f"The vocabulary has {self.config.vocab_size} entries and cannot be resized. Make a model with "
            "another vocab_size and copy the rows of model.embedding.weight that both have."
        )

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        *,
        state_dict: Mapping[str, Tensor] | None = None,
        **options: Any,
    ) -> None:
        """Write ``config.json``, ``model.safetensors`` and ``generation_config.json`` into a folder.

        ``LanguageModel.from_pretrained`` and every command of Longwave read it too.

        Parameters
        ----------
        save_directory : path
        state_dict : mapping, optional
            The weights to write; default: the model's.
        **options
            Passed to ``PreTrainedModel.save_pretrained``.
        """
        weights = self.state_dict() if state_dict is None else state_dict
        plain = {name.removeprefix(PREFIX): tensor for name, tensor in weights.items()}
        super().save_pretrained(save_directory, state_dict=plain, **options)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *args: Any,
        output_loading_info: bool = False,
        use_safetensors: bool = True,
        **options: Any,
    ) -> Self | tuple[Self, dict[str, Any]]:
        """Load a folder that ``save_pretrained`` of this class or of ``LanguageModel`` wrote.

        Parameters
        ----------
        pretrained_model_name_or_path : str or path
        output_loading_info : bool
            Return what was loaded as well.
        use_safetensors : bool
            True; there is no other way.
        *args, **options
            Passed to ``PreTrainedModel.from_pretrained``.

        Raises
        ------
        ConfigError
            If pickled weights are asked for.
        CheckpointError
            If weights are missing, left over or of another shape.
        """
        if not use_safetensors:
            raise ConfigError(
                "use_safetensors is False, but weights are read from safetensors only: a pickle can run "
                "anything. Convert the file first: longwave.hf.read_state_dict reads tensors alone."
            )
        model, info = super().from_pretrained(
            pretrained_model_name_or_path, *args, output_loading_info=True, use_safetensors=True, **options
        )
        _check_loaded(info, str(pretrained_model_name_or_path))
        restore_buffers(model.model)
        model.model.to(model.dtype)  # tables too, as LanguageModel.from_pretrained does
        align(model.model)
        return (model, info) if output_loading_info else model

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load weights under the model's names or those of its files, as ``Trainer`` does to resume."""
        named = {
            name if name.startswith(PREFIX) else PREFIX + name: tensor for name, tensor in state_dict.items()
        }
        return super().load_state_dict(named, strict, assign)

    def _logits_of_whole(self, ids: Tensor, attention_mask: Tensor | None, keep: int) -> Tensor:
        padding = None if attention_mask is None else count_padding(attention_mask, ids.shape, past=None)
        if padding is None or not bool(padding.any()):
            return self._unembed(self.model.hidden(ids)[:, -keep:])
        hidden = self.model.hidden(padding_last(ids, padding))  # (B, L, D)
        return self._unembed(undo_padding_last(hidden, padding)[:, -keep:])

    def _logits_of_next(
        self, ids: Tensor, attention_mask: Tensor | None, cache: LongwaveCache, keep: int
    ) -> Tensor:
        past = cache.get_seq_length()
        padding = None if attention_mask is None else count_padding(attention_mask, ids.shape, past=past)
        if cache.state is None:
            cache.begin(self.model.init_state(ids.shape[0], cache.max_length), padding)
        else:
            cache.check_padding(padding)
        if past and ids.shape[1] == 1:
            logits, _ = self.model.step(ids[:, 0], cache.state)  # type: ignore[arg-type]
            return logits[:, None]
        logits, _ = self.model.prefill(ids, cache.state, last_only=keep == 1)  # type: ignore[arg-type]
        return logits[:, -keep:]

    def _unembed(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.model.embedding.weight)[..., : self.config.vocab_size]

    def _loss(self, logits: Tensor, labels: Tensor, n_items: int | Tensor | None) -> Tensor:
        if labels.shape != logits.shape[:2]:
            raise ShapeError(
                f"labels have shape {tuple(labels.shape)}, but logits {tuple(logits.shape[:2])}. "
                "Give a label for every token (-100 to leave one out) and keep all logits."
            )
        loss: Tensor = self.loss_function(
            logits, labels, vocab_size=self.config.vocab_size, num_items_in_batch=n_items
        )
        return loss

    def _init_weights(self, module: nn.Module) -> None:
        """Leave weights alone: ``LanguageModel`` has drawn them, mixer by mixer."""

    def _prepare_cache_for_generation(
        self, generation_config: Any, model_kwargs: dict[str, Any], *_: object, **__: object
    ) -> None:
        """Give ``generate`` a cache with room for what it was asked for."""
        if generation_config.cache_implementation is not None:
            raise ConfigError(
                f'cache_implementation is "{generation_config.cache_implementation}", but Longwave models '
                "have one cache, their exact decoding state. Leave it out."
            )
        if generation_config.use_cache and model_kwargs.get(CACHE_NAME) is None:
            # the last token is never read
            model_kwargs[CACHE_NAME] = LongwaveCache(max(generation_config.max_length - 1, 1))


def _check_loaded(info: Mapping[str, Any], source: str) -> None:
    faults = {
        "missing": info["missing_keys"],
        "unknown": info["unexpected_keys"],
        "of another shape": info["mismatched_keys"],
    }
    told = "; ".join(
        f"{len(names)} {what}, first {sorted(map(str, names))[0]}" for what, names in faults.items() if names
    )
    if told:
        raise CheckpointError(
            f'The weights in "{source}" do not fit their configuration ({told}). Both must come from one '
            "save; save the model again or copy both."
        )
