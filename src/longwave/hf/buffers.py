"""Tables that a model computes instead of storing them, when transformers builds it without memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from longwave.mixers import build_mixer
from longwave.models import LanguageModel

__all__ = ["OnDefaultDevice", "align", "restore_buffers"]

ALIGNMENT = 64  # bytes: what torch gives its own tensors on a CPU


class OnDefaultDevice(TorchFunctionMode):
    """Make ``torch.linspace`` follow the default device again.

    While it builds a model on the meta device, transformers sends this one function to the CPU, and tables
    that are made from it and from others would mix devices.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        if getattr(func, "__name__", "") == "linspace":
            options["device"] = torch.get_default_device()
        return func(*args, **options)


def restore_buffers(model: LanguageModel) -> None:
    """Compute the buffers that no file holds anew, in place.

    transformers builds a model without memory and fills in what the file holds. Buffers that are not saved,
    such as fixed positional features, are left without values; the mixers' own constructors know them.

    Parameters
    ----------
    model : LanguageModel

    Notes
    -----
    One mixer of each kind is built, however many layers there are.
    """
    config = model.config
    fresh: dict[str, dict[str, Tensor]] = {}
    for layer, block in enumerate(model.blocks):
        mixer = block.get_submodule("mixer")
        saved = mixer.state_dict().keys()
        unsaved = [name for name, _ in mixer.named_buffers() if name not in saved]
        if not unsaved:
            continue
        name, options = config.mixer_of(layer)
        key = json.dumps([name, dict(options)], default=str, sort_keys=True)
        if key not in fresh:
            built = build_mixer(name, d_model=config.d_model, max_length=config.max_length, options=options)
            fresh[key] = dict(built.named_buffers())
        device = next(block.parameters()).device
        for buffer in unsaved:
            owner, _, attribute = buffer.rpartition(".")
            setattr(mixer.get_submodule(owner), attribute, fresh[key][buffer].to(device, copy=True))


def align(model: LanguageModel) -> None:
    """Move weights that lie in a mapped file to memory of their own, in place.

    Tensors in a safetensors file begin where they may; sums over them then round otherwise than over a copy,
    and the file must stay as it is for as long as the model lives.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.device.type == "cpu" and tensor.data_ptr() % ALIGNMENT:
            tensor.data = tensor.data.clone()
