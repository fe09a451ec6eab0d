"""Swap layers of any torch model for others, in place, and say what became of its parameters."""

# Shapes: B batch, C channels, L steps, D width

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import S4ND, S4NDConfig

__all__ = [
    "Replaced",
    "Replacement",
    "S4NDAttention",
    "S4NDConv",
    "replace_layers",
    "s4nd_for_attention",
    "s4nd_for_conv",
]

Match = type[nn.Module] | tuple[type[nn.Module], ...] | Callable[[str, nn.Module], bool]
Factory = Callable[[str, nn.Module], nn.Module | None]
CONVOLUTIONS: dict[type[nn.Module], int] = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
POOLS = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
SEQUENCES = S4NDConfig(kernel="s4d-legs", dt=(1e-3, 1e-1))


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """One layer that was swapped.

    Parameters
    ----------
    name : str
        Its place in the model.
    before, after : str
        Classes.
    parameters_before, parameters_after : int
        Numbers that are trained.
    """

    name: str
    before: str
    after: str
    parameters_before: int
    parameters_after: int


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """What ``replace_layers`` did.

    Parameters
    ----------
    layers : tuple of Replaced
    parameters_before, parameters_after : int
        Of the whole model, shared ones counted once.
    """

    layers: tuple[Replaced, ...]
    parameters_before: int
    parameters_after: int

    def __str__(self) -> str:
        rows = [
            f"{row.name}: {row.before} ({row.parameters_before:,}) -> {row.after} ({row.parameters_after:,})"
            for row in self.layers
        ]
        total = f"all parameters: {self.parameters_before:,} -> {self.parameters_after:,}"
        return "\n".join([*rows, total])


def replace_layers(model: nn.Module, match: Match, factory: Factory) -> Replacement:
    """Swap the layers of a model that match, in place.

    Parameters
    ----------
    model : Module
        Of any library.
    match : type, tuple of types, or callable
        Which layers: instances of a class, or those for which ``match(name, layer)`` is true. Layers inside a
        layer that matches are not looked at.
    factory : callable
        ``factory(name, layer)`` returns the new layer, or None to keep the old one. ``s4nd_for_conv`` and
        ``s4nd_for_attention`` make such functions.

    Returns
    -------
    Replacement
        Its ``str`` is a report, a line each layer.

    Raises
    ------
    ConfigError
        If nothing matches, or the model itself does.

    Notes
    -----
    A new layer takes type, device and mode of the old one's first parameter. A layer that stands in several
    places is swapped once, for the same new one in all of them.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU(), nn.Conv2d(8, 4, 1))
    >>> is_depthwise = lambda name, layer: isinstance(layer, nn.Conv2d) and layer.groups > 1
    >>> report = replace_layers(model, is_depthwise, s4nd_for_conv())
    >>> [layer.name for layer in report.layers]
    ['0']
    """
    places = _places(model, match)
    before = _count(model)
    made: dict[nn.Module, nn.Module | None] = {}
    rows = []
    for name, layer in places:
        if layer not in made:
            made[layer] = _made(name, layer, factory)
        new = made[layer]
        if new is None:
            continue
        parent, _, own = name.rpartition(".")
        setattr(model.get_submodule(parent), own, new)
        rows.append(
            Replaced(
                name=name,
                before=type(layer).__name__,
                after=type(new).__name__,
                parameters_before=_count(layer),
                parameters_after=_count(new),
            )
        )
    return Replacement(layers=tuple(rows), parameters_before=before, parameters_after=_count(model))


def s4nd_for_conv(config: S4NDConfig | None = None, *, l_max: int | None = None) -> Factory:
    """Make a factory of S4ND layers in place of convolutions of 1 to 3 axes.

    Parameters
    ----------
    config : S4NDConfig, optional
    l_max : int, optional
        Longest kernel in each direction; the input's by default.

    Returns
    -------
    callable
        For ``replace_layers``. A depthwise convolution becomes an S4ND of every channel, any other one that
        sums over channels. A stride becomes a mean over as many points; dilation and padding have no meaning
        then: the output has the size that ``padding="same"`` would give.

    Raises
    ------
    ConfigError
        By the factory, if a layer is no convolution, is transposed, or has groups of several channels.
    """
    kernels = config or S4NDConfig()

    def build(name: str, layer: nn.Module) -> nn.Module:
        dim = CONVOLUTIONS.get(type(layer))
        if dim is None or not isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            raise ConfigError(
                f'"{name}" is a {type(layer).__name__}; S4ND takes the place of Conv1d, Conv2d and Conv3d. '
                "Match those only."
            )
        channels, out = layer.in_channels, layer.out_channels
        if layer.groups == channels and out % channels == 0:
            conv = kernels.build(channels, dim, channels=out // channels, l_max=l_max)
        elif layer.groups == 1:
            conv = kernels.build(channels, dim, out_channels=out, l_max=l_max)
        else:
            raise ConfigError(
                f'"{name}" has {channels} channels in {layer.groups} groups; S4ND acts on every channel '
                "alone or sums over all. Match other layers, or return None for this one."
            )
        return S4NDConv(conv, tuple(layer.stride))

    return build


def s4nd_for_attention(config: S4NDConfig | None = None, *, channels: int = 2) -> Factory:
    """Make a factory of S4ND layers in place of self-attention.

    Parameters
    ----------
    config : S4NDConfig, optional
        By default HiPPO-LegS modes and steps from 1e-3 to 1e-1.
    channels : int
        Kernels of every channel.

    Returns
    -------
    callable
        For ``replace_layers``: takes ``torch.nn.MultiheadAttention`` with ``batch_first=True``, and layers
        that map (B, L, D) to the same shape and tell ``D`` as ``embed_dim``, ``d_model``, or
        ``qkv.in_features`` (timm).

    Raises
    ------
    ConfigError
        By the factory, if a layer does not tell its width or puts the batch second.
    """
    kernels = config or SEQUENCES

    def build(name: str, layer: nn.Module) -> nn.Module:
        if not getattr(layer, "batch_first", True):
            raise ConfigError(f'"{name}" puts the batch second; build the model with batch_first=True.')
        width = getattr(layer, "embed_dim", getattr(layer, "d_model", None))
        width = getattr(getattr(layer, "qkv", None), "in_features", width)
        if not isinstance(width, int):
            raise ConfigError(
                f'"{name}", a {type(layer).__name__}, does not tell its width as embed_dim, d_model or qkv. '
                "Write a factory that returns S4NDAttention(S4ND(width, 1), with_weights=False)."
            )
        mixer = kernels.build(width, 1, channels=channels, out="glu")
        return S4NDAttention(mixer, with_weights=isinstance(layer, nn.MultiheadAttention))

    return build


class S4NDConv(nn.Module):
    """An S4ND in the place of a convolution.

    Parameters
    ----------
    conv : S4ND
    stride : tuple of int
        Points of every axis whose mean is taken.

    Attributes
    ----------
    rate : float
        Distance between points as a multiple of the base resolution's, 1 until it is set.
    """

    def __init__(self, conv: S4ND, stride: tuple[int, ...]) -> None:
        super().__init__()
        self.conv, self.stride, self.rate = conv, stride, 1.0

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, *grid) to (B, C', *grid over the stride, rounded up)."""
        y: Tensor = self.conv(x, self.rate)
        if max(self.stride) > 1:
            y = POOLS[self.conv.dim](y, self.stride, ceil_mode=True)
        return y


class S4NDAttention(nn.Module):
    """An S4ND on sequences in the place of self-attention.

    Parameters
    ----------
    mixer : S4ND
        Of one axis.
    with_weights : bool
        Return a pair as ``torch.nn.MultiheadAttention`` does, without weights.

    Attributes
    ----------
    rate : float
        Distance between steps as a multiple of the base resolution's, 1 until it is set.
    """

    batch_first = True
    in_proj_bias = None  # by which torch's own encoder layers know that their fused path is not for this
    _qkv_same_embed_dim = False

    def __init__(self, mixer: S4ND, with_weights: bool) -> None:
        super().__init__()
        self.mixer, self.with_weights, self.rate = mixer, with_weights, 1.0

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,  # noqa: ARG002 - of MultiheadAttention
        is_causal: bool = False,
    ) -> Tensor | tuple[Tensor, None]:
        """Mix sequences (B, L, D); arguments as those of ``torch.nn.MultiheadAttention``.

        Raises
        ------
        ShapeError
            If key or value is another tensor than the query.
        ConfigError
            If weights or a mask of pairs are asked for, which a convolution has not.
        """
        if any(other is not None and other is not query for other in (key, value)):
            raise ShapeError("S4ND mixes one sequence; key and value must be the query itself.")
        if attn_mask is not None or is_causal or need_weights:
            raise ConfigError(
                "S4ND has no weights and takes no mask of pairs. Call it without attn_mask, is_causal and "
                "need_weights; to look back only, build it with bidirectional=False."
            )
        x = query.mT
        if key_padding_mask is not None:
            is_bool = key_padding_mask.dtype == torch.bool  # else 0 and -inf, to be added to scores
            is_padding = key_padding_mask if is_bool else key_padding_mask < 0
            x = x.masked_fill(is_padding[:, None], 0)
        y: Tensor = self.mixer(x, self.rate).mT
        return (y, None) if self.with_weights else y


def _places(model: nn.Module, match: Match) -> list[tuple[str, nn.Module]]:
    """List the outermost layers that match, every place of each."""

    def matches(name: str, layer: nn.Module) -> bool:
        if isinstance(match, type | tuple):
            return isinstance(layer, match)
        return match(name, layer)

    found: list[tuple[str, nn.Module]] = []
    for name, layer in model.named_modules(remove_duplicate=False):
        inside = any(name.startswith(f"{outer}.") for outer, _ in found)
        if not inside and matches(name, layer):
            found.append((name, layer))
            if not name:
                raise ConfigError(
                    f"The model itself, a {type(model).__name__}, matches; only layers inside it can be "
                    "swapped. Put it into a Sequential or match less."
                )
    if not found:
        kinds = sorted({type(layer).__name__ for layer in model.modules()})
        raise ConfigError(f"No layer matches. The model has {', '.join(kinds)}; match one of them.")
    return found


def _made(name: str, layer: nn.Module, factory: Factory) -> nn.Module | None:
    new = factory(name, layer)
    reference = next(layer.parameters(), None)
    if new is not None:
        new.train(layer.training)
        if reference is not None:
            new.to(reference.device, reference.dtype)
    return new


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
