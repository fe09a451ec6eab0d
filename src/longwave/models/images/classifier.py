"""Classifiers of images: a network and a linear layer, told the resolution in every call."""

# Shapes: B batch, C channels, K classes, grid 2 axes of an image or 3 of video

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, cast

from torch import Tensor, nn

from longwave.errors import ShapeError
from longwave.mixers import S4ND
from longwave.mixers.s4nd_settings import check_rates
from longwave.models._checks import check_fractions, check_sizes
from longwave.models._initialise import seeded
from longwave.models._optimizer import ParameterGroup, parameter_groups
from longwave.models._pretrained import SavedModel
from longwave.models.images.convnext import ConvNeXt, ConvNeXtConfig
from longwave.models.images.isotropic import Isotropic, IsotropicConfig
from longwave.models.images.parts import Trunk, start
from longwave.models.images.vit import ViT, ViTConfig

__all__ = ["Classifier", "ClassifierConfig", "ImageClassifier", "ImageClassifierConfig", "TrunkConfig"]

TrunkConfig = IsotropicConfig | ConvNeXtConfig | ViTConfig
TRUNKS: dict[type[TrunkConfig], type[Trunk]] = {
    IsotropicConfig: Isotropic,
    ConvNeXtConfig: ConvNeXt,
    ViTConfig: ViT,
}


class ClassifierConfig(Protocol):
    """What the configuration of any classifier tells: a frozen dataclass with more besides."""

    @property
    def trunk(self) -> TrunkConfig:
        """The network."""
        ...

    @property
    def in_channels(self) -> int:
        """Channels of the input."""
        ...

    @property
    def n_classes(self) -> int:
        """Logits of the output."""
        ...

    @property
    def head_dropout(self) -> float:
        """Dropout before the last layer."""
        ...


@dataclass(frozen=True, kw_only=True)
class ImageClassifierConfig:
    """A classifier of images.

    Parameters
    ----------
    kind : {"image"}
        Says in a file which model it is.
    trunk : IsotropicConfig, ConvNeXtConfig or ViTConfig
        The network.
    in_channels : int
        1 for grey images, 3 for colours.
    n_classes : int
        Classes, or attributes that are judged one by one.
    head_dropout : float
        Probability of dropping a feature before the last layer in training.

    Raises
    ------
    ConfigError
        If a number is below 1 or the probability outside [0, 1).
    """

    kind: Literal["image"] = "image"
    trunk: TrunkConfig = field(default_factory=IsotropicConfig)
    in_channels: int = 3
    n_classes: int = 10
    head_dropout: float = 0.0

    def __post_init__(self) -> None:
        check_sizes(in_channels=self.in_channels, n_classes=self.n_classes)
        check_fractions(head_dropout=self.head_dropout)


class Classifier(SavedModel, ABC):
    """A network that reduces a signal to a vector, and a linear layer to classes.

    Parameters
    ----------
    config : ClassifierConfig
        Of type ``config_class``.
    seed : int
        Seeds the initial weights; the global random state is left alone.

    Attributes
    ----------
    trunk : Trunk
    head : Linear
    """

    n_dims: ClassVar[int]

    def __init__(self, config: ClassifierConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        build = cast(Callable[[TrunkConfig, int, int], Trunk], TRUNKS[type(config.trunk)])
        with seeded(seed):
            self.trunk = build(config.trunk, config.in_channels, self.n_dims)
            self.head_dropout = nn.Dropout(config.head_dropout)
            self.head = nn.Linear(self.trunk.width, config.n_classes)
            start(self.head)

    def forward(self, x: Tensor, rate: float | Sequence[float] = 1.0) -> Tensor:
        """Compute the logits of every class.

        Parameters
        ----------
        x : Tensor, shape (B, C, *grid)
            Real; channels before the axes, height before width, time before both.
        rate : float, or sequence of float
            Distance between points as a multiple of the base resolution's: 2 where an image has half as many
            points an axis. One number is the rate of height and width; a sequence has one for each axis.
            Networks without S4ND take no notice.

        Returns
        -------
        Tensor, shape (B, K)

        Raises
        ------
        ShapeError
            If channels or axes are not the model's, or the grid is too small for it.
        ConfigError
            If a rate is not above 0.
        """
        self._check(x)
        logits: Tensor = self.head(self.head_dropout(self.trunk(x, self._rates(rate))))
        return logits

    def features(self, x: Tensor, rate: float | Sequence[float] = 1.0) -> Tensor:
        """Compute the features (B, width, *coarser grid) that are pooled for the head."""
        self._check(x)
        return self.trunk.features(x, self._rates(rate))

    def set_bandlimit(self, bandlimit: float | Sequence[float | None] | None) -> int:
        """Set the bandlimit of every S4ND of the model, and return how many there are.

        Raises
        ------
        ConfigError
            If it is not above 0 and up to 1.
        """
        layers = [module for module in self.modules() if isinstance(module, S4ND)]
        for layer in layers:
            layer.set_bandlimit(bandlimit)
        return len(layers)

    def optimizer_groups(self, *, lr: float, weight_decay: float) -> list[ParameterGroup]:
        """Put every parameter into one group, as ``LanguageModel.optimizer_groups`` does.

        Parameters
        ----------
        lr : float
        weight_decay : float

        Returns
        -------
        list of groups for ``torch.optim``
        """
        return parameter_groups(self, lr=lr, weight_decay=weight_decay)

    def _rates(self, rate: float | Sequence[float]) -> tuple[float, ...]:
        """Return a rate for every axis; one number leaves time as it is."""
        if isinstance(rate, list | tuple):
            return check_rates(rate, self.n_dims)
        return (*[1.0] * (self.n_dims - 2), *check_rates(rate, 2))

    def _check(self, x: Tensor) -> None:
        channels = self.config.in_channels
        is_signal = x.dim() == 2 + self.n_dims and x.is_floating_point() and 0 not in x.shape[2:]
        if not is_signal or x.shape[1] != channels:
            axes = "time, height, width" if self.n_dims == 3 else "height, width"
            raise ShapeError(
                f"The input has shape {tuple(x.shape)} and type {x.dtype}; this {type(self).__name__} takes "
                f"real signals of shape (B, {channels}, {axes}). Put channels first, or build the model with "
                "the in_channels of the data."
            )


class ImageClassifier(Classifier):
    """A classifier of images at any resolution.

    Parameters
    ----------
    config : ImageClassifierConfig
    seed : int
        Seeds the initial weights; the global random state is left alone.

    References
    ----------
    arXiv 2210.06583, section 5.

    Examples
    --------
    >>> import torch
    >>> small = IsotropicConfig(d_model=8, n_layers=1)
    >>> model = ImageClassifier(ImageClassifierConfig(trunk=small, in_channels=1, n_classes=10))
    >>> model(torch.zeros(2, 1, 28, 28)).shape, model(torch.zeros(2, 1, 7, 7), rate=4.0).shape
    (torch.Size([2, 10]), torch.Size([2, 10]))
    """

    config_class = ImageClassifierConfig
    config: ImageClassifierConfig
    n_dims = 2
