"""Classifiers of video: the networks for images on three axes, time first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from longwave.models._checks import check_fractions, check_sizes
from longwave.models.images import Classifier, ConvNeXtConfig, IsotropicConfig

__all__ = ["VideoClassifier", "VideoClassifierConfig"]


@dataclass(frozen=True, kw_only=True)
class VideoClassifierConfig:
    """A classifier of video.

    Parameters
    ----------
    kind : {"video"}
        Says in a file which model it is.
    trunk : IsotropicConfig or ConvNeXtConfig
        The network; with ``mixer="conv"`` it is the twin of three-dimensional convolutions.
    in_channels, n_classes, head_dropout
        As in ``ImageClassifierConfig``.

    Raises
    ------
    ConfigError
        If a number is below 1 or the probability outside [0, 1).
    """

    kind: Literal["video"] = "video"
    trunk: IsotropicConfig | ConvNeXtConfig = field(default_factory=IsotropicConfig)
    in_channels: int = 3
    n_classes: int = 10
    head_dropout: float = 0.0

    def __post_init__(self) -> None:
        check_sizes(in_channels=self.in_channels, n_classes=self.n_classes)
        check_fractions(head_dropout=self.head_dropout)


class VideoClassifier(Classifier):
    """A classifier of clips (B, C, time, height, width) at any resolution and of any number of frames.

    Parameters
    ----------
    config : VideoClassifierConfig
    seed : int
        Seeds the initial weights; the global random state is left alone.

    Notes
    -----
    A single ``rate`` is that of height and width; ``rate=(2.0, 1.0, 1.0)`` is a clip of every second frame.

    References
    ----------
    arXiv 2210.06583, section 5.2.

    Examples
    --------
    >>> import torch
    >>> small = IsotropicConfig(d_model=8, n_layers=1)
    >>> model = VideoClassifier(VideoClassifierConfig(trunk=small, in_channels=1, n_classes=10))
    >>> model(torch.zeros(2, 1, 6, 28, 28)).shape
    torch.Size([2, 10])
    """

    config_class = VideoClassifierConfig
    config: VideoClassifierConfig
    n_dims = 3
