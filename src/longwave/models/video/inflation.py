"""From a network for images to one for video: space as it was, and time as a short average."""

from __future__ import annotations

import dataclasses
from typing import Literal

import torch
from torch import Tensor, nn

from longwave.errors import ConfigError
from longwave.mixers import S4ND, S4NDConfig
from longwave.mixers.s4nd_axis import AxisKernel
from longwave.mixers.s4nd_settings import KernelName, check_bandlimits, check_steps, per_axis
from longwave.models.images import ImageClassifier, ViTConfig
from longwave.models.video.classifier import VideoClassifier, VideoClassifierConfig

__all__ = ["inflate"]

TIME_KERNEL: KernelName = "s4d-lin"
SPACE = 2  # axes of an image


def inflate(
    model: ImageClassifier,
    *,
    n_classes: int | None = None,
    dt: float = 2.0,
    taps: Literal["centre", "mean"] = "centre",
    seed: int = 0,
) -> VideoClassifier:
    """Make a classifier of video from one of images.

    Parameters
    ----------
    model : ImageClassifier
        Isotropic or ConvNeXt; it is left as it is.
    n_classes : int, optional
        Start another head, of so many classes; otherwise the head is kept.
    dt : float
        Step of the new kernels along time, which are averages over about ``2 / dt`` frames back with taps
        that sum to 1. From 100 on they are deltas.
    taps : {"centre", "mean"}
        Where convolutions have several taps along time: all weight on the middle one, or as much on each.
    seed : int
        Seeds the new head.

    Returns
    -------
    VideoClassifier
        In the type, on the device and in the mode of ``model``.

    Raises
    ------
    ConfigError
        If the network has no form for video, or ``dt`` is not above 0.

    Notes
    -----
    On a clip of identical frames, every frame has the features of the image: exactly with deltas and
    ``taps="centre"``, and away from the first frames otherwise (with ``"mean"``, away from both ends). A
    bandlimit holds for space only.

    References
    ----------
    arXiv 2210.06583, section 5.2; repeated taps are those of I3D, arXiv 1705.07750, divided by their number.

    Examples
    --------
    >>> from longwave.models.images import ImageClassifierConfig, IsotropicConfig
    >>> small = ImageClassifierConfig(trunk=IsotropicConfig(d_model=8, n_layers=1))
    >>> inflate(ImageClassifier(small), n_classes=51)(torch.zeros(1, 3, 4, 9, 9)).shape
    torch.Size([1, 51])
    """
    config = _video_config(model, n_classes, dt)
    if taps not in ("centre", "mean"):
        raise ConfigError(f'taps is "{taps}"; give "centre" or "mean".')
    video = VideoClassifier(config, seed=seed)
    for name, module in model.named_modules():
        if n_classes is None or name != "head":
            _inflate_module(module, video.get_submodule(name), dt, taps)
    reference = next(model.parameters())
    return video.to(reference.device, reference.dtype).train(model.training)


def _video_config(model: ImageClassifier, n_classes: int | None, dt: float) -> VideoClassifierConfig:
    trunk = model.config.trunk
    if isinstance(trunk, ViTConfig) or getattr(trunk, "sequence", False):
        raise ConfigError(
            "A ViT, like any network on a sequence, reads the points of one image and has no form for video. "
            "Inflate a ConvNeXt."
        )
    return VideoClassifierConfig(
        trunk=dataclasses.replace(trunk, s4nd=_with_time(trunk.s4nd, dt)),
        in_channels=model.config.in_channels,
        n_classes=n_classes or model.config.n_classes,
        head_dropout=model.config.head_dropout,
    )


def _with_time(config: S4NDConfig, dt: float) -> S4NDConfig:
    """Put the settings of a new first axis before those of an image's two."""
    kernels: tuple[KernelName, ...] = per_axis("kernel", config.kernel, SPACE)
    ways: tuple[bool, ...] = per_axis("bidirectional", config.bidirectional, SPACE)
    return dataclasses.replace(
        config,
        kernel=(TIME_KERNEL, *kernels),
        dt=(check_steps((dt, dt), 1)[0], *check_steps(config.dt, SPACE)),
        bandlimit=(None, *check_bandlimits(config.bandlimit, SPACE)),
        bidirectional=(True, *ways),
    )


@torch.no_grad()
def _inflate_module(flat: nn.Module, solid: nn.Module, dt: float, taps: str) -> None:
    """Copy the parameters that a module holds itself."""
    if isinstance(flat, AxisKernel):  # copied with their layer, one axis further
        return
    if isinstance(flat, S4ND) and isinstance(solid, S4ND):
        for axis, kernel in enumerate(flat.axes):
            solid.axes[axis + 1].load_state_dict(kernel.state_dict())
        solid.reinit_axis(0, dt)
        solid.set_bandlimit((None, *flat.bandlimit))
    for name, value in flat.named_parameters(recurse=False):
        target = solid.get_parameter(name)
        if isinstance(solid, nn.Conv3d) and name == "weight":
            is_patch = solid.stride[0] == solid.kernel_size[0]
            target.copy_(_over_time(value, solid.kernel_size[0], "mean" if is_patch else taps))
        else:
            target.copy_(value)


def _over_time(weight: Tensor, n_taps: int, taps: str) -> Tensor:
    """Spread weights (O, I, h, w) over taps of time, (O, I, T, h, w)."""
    if taps == "mean":
        return (weight / n_taps)[:, :, None].expand(-1, -1, n_taps, -1, -1)
    shares = torch.zeros(n_taps, dtype=weight.dtype, device=weight.device)
    shares[n_taps // 2] = 1
    return weight[:, :, None] * shares[:, None, None]
