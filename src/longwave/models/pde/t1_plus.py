"""T1+: coefficients of a field seen as an image, and any image network on them."""

# Shapes: B batch, C channels, M modes

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import torch
from torch import Tensor, nn

from longwave.errors import ShapeError
from longwave.models._checks import check_sizes
from longwave.models._initialise import seeded
from longwave.models._pretrained import build_pretrained
from longwave.models.pde.coefficient_model import CoefficientLift, CoefficientModel
from longwave.models.pde.pointwise import activation_function
from longwave.models.pde.t1_block import T1Block
from longwave.models.pde.t1_config import check_box
from longwave.models.pde.unet import UNet, UNetConfig
from longwave.ops.transforms import crop_modes, pad_modes

__all__ = ["T1Plus", "T1PlusConfig"]


@dataclass(frozen=True, kw_only=True)
class T1PlusConfig:
    """Sizes and parts of a T1+ model.

    Parameters
    ----------
    kind : {"t1-plus"}
        Says in a file which model it is.
    in_channels, out_channels : int
        Of the fields, coordinates not counted.
    resolution : tuple of int
        The grid of the training data, 1 to 3 axes.
    n_modes : tuple of int
        Modes of each axis, counted from the lowest.
    basis : {"dct", "hartley", "rfft"}
        ``choose_basis`` finds the one that loses least.
    activation : {"gelu", "relu", "sin", "identity"}
        In the one block before the image network.
    scaling : {"unit", "orthonormal"}
        What the network reads. ``"unit"``: coefficients over ``sqrt(N)``, which makes 1 of the field 1 and
        numbers of order one of most fields. ``"orthonormal"``: the paper's, ``sqrt(N)`` times as large.
    coordinates : bool
        Give the lift the place of every point.
    channel_exponent : int
        Of the U-Net that is the image network when no other is given; see ``UNetConfig``.
    n_levels : int, optional
        Its depth; default as deep as the modes allow.
    stride : int
        Each axis of the image is filled up with zeros to a multiple of it, for image networks that need that.

    Raises
    ------
    ConfigError
        If sizes contradict each other or are out of range.
    """

    kind: Literal["t1-plus"] = "t1-plus"
    in_channels: int
    out_channels: int
    resolution: tuple[int, ...]
    n_modes: tuple[int, ...]
    basis: Literal["dct", "hartley", "rfft"] = "dct"
    activation: Literal["gelu", "relu", "sin", "identity"] = "gelu"
    scaling: Literal["unit", "orthonormal"] = "unit"
    coordinates: bool = True
    channel_exponent: int = 6
    n_levels: int | None = None
    stride: int = 1

    def __post_init__(self) -> None:
        check_sizes(in_channels=self.in_channels, out_channels=self.out_channels, stride=self.stride)
        for name in ("resolution", "n_modes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_box(self.n_modes, self.resolution)

    @property
    def n_dims(self) -> int:
        """Axes of the grid."""
        return len(self.resolution)

    @property
    def box(self) -> tuple[int, ...]:
        """Modes of each axis."""
        return self.n_modes

    @property
    def keep_high(self) -> bool:
        """Modes outside the box are dropped."""
        return False

    @property
    def image_channels(self) -> int:
        """Channels of the image: those of the input and one coordinate an axis."""
        return self.in_channels + self.n_dims

    @property
    def image_sizes(self) -> tuple[int, ...]:
        """Sizes of the image, modes filled up to the stride."""
        return tuple(-(-m // self.stride) * self.stride for m in self.n_modes)


class T1Plus(CoefficientModel):
    """A lift, one T1 block, and an image network on the box of coefficients.

    Parameters
    ----------
    config : T1PlusConfig
    network : nn.Module, optional
        Maps images (B, ``config.image_channels``, *``config.image_sizes``) to (B, out_channels, *the same);
        default a ``UNet``.
    seed : int
        Seeds the initial weights of all but a network that was given.

    References
    ----------
    arXiv 2211.14453; the public code knows eight sizes of images, here any number of modes will do.

    Examples
    --------
    >>> config = T1PlusConfig(
    ...     in_channels=3, out_channels=3, resolution=(32, 32), n_modes=(11, 9), channel_exponent=3
    ... )
    >>> T1Plus(config)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 3, 32, 32])
    """

    config_class = T1PlusConfig
    config: T1PlusConfig

    def __init__(self, config: T1PlusConfig, network: nn.Module | None = None, *, seed: int = 0) -> None:
        super().__init__(config)
        width = config.image_channels
        std = math.sqrt(math.prod(config.resolution) / (width * math.prod(config.box)))
        with seeded(seed):
            self.lift = CoefficientLift(config, width)
            self.block = T1Block(width, config.box, activation_function(config.activation), std=std)
        self.image_network = _unet(config, seed) if network is None else network

    def network(self, z: Tensor) -> Tensor:
        """Map coefficients to coefficients, shape (B, C_in, *n_modes) to (B, C_out, *n_modes)."""
        box = z.shape[2:]
        v = self.block(self.lift(z))  # (M, B, C)
        image = v.permute(1, 2, 0).reshape(*v.shape[1:], *box)
        image = pad_modes(image, self.config.image_sizes)
        y: Tensor = self.image_network(image)
        self._check_image(y, image.shape)
        return crop_modes(y, box)

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, device: str | torch.device = "cpu", network: nn.Module | None = None
    ) -> Self:
        """Load what ``save_pretrained`` wrote; the model comes in evaluation mode.

        Parameters
        ----------
        folder : str or Path
        device : str or torch.device
        network : nn.Module, optional
            A new image network of the kind that was given, if one was; its weights are read into it.

        Raises
        ------
        MissingFile
            If there is no such folder.
        CheckpointError
            If a file is missing, truncated, from a newer format or from another model or image network.
        """
        return build_pretrained(Path(folder), T1PlusConfig, lambda config: cls(config, network), device)

    def _check_image(self, y: Tensor, sizes: Sequence[int]) -> None:
        wanted = (sizes[0], self.config.out_channels, *sizes[2:])
        if tuple(y.shape) != wanted:
            raise ShapeError(
                f"The image network of T1Plus gave shape {tuple(y.shape)} for an image of {tuple(sizes)}; it "
                f"must give {wanted}. Set its channels, and stride to what it rounds sizes to."
            )


def _unet(config: T1PlusConfig, seed: int) -> UNet:
    deepest = int(math.log2(min(config.image_sizes)))
    unet = UNetConfig(
        in_channels=config.image_channels,
        out_channels=config.out_channels,
        channel_exponent=config.channel_exponent,
        n_levels=config.n_levels or max(1, deepest),
        n_dims=config.n_dims,
    )
    return UNet(unet, seed=seed)
