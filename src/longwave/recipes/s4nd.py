"""S4ND: the settings of the paper's experiments, and runs on images that come with the package.

Settings of runs on CIFAR and ImageNet are those of the public code (arXiv 2210.06583). Runs on MNIST,
Omniglot and moving digits are our own, in the same manner and small. What the public code has for ImageNet
and the loop has not: an average of the weights over time, and RandAugment.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from longwave.config import apply_overrides
from longwave.data.images import AugmentConfig
from longwave.mixers import S4NDConfig
from longwave.models.images import ImageClassifierConfig, IsotropicConfig, image_preset
from longwave.models.video import VideoClassifierConfig
from longwave.recipes.images import image_run, stages_in
from longwave.training import ImageDataConfig, TrainConfig
from longwave.training.models import ClassifierModelConfig

__all__ = [
    "conv2d_cifar",
    "conv2d_cifar_progressive",
    "conv2d_cifar_zero_shot",
    "conv2d_mnist",
    "conv2d_mnist_progressive",
    "conv2d_mnist_zero_shot",
    "conv2d_omniglot",
    "conv3d_moving_digits",
    "convnext_imagenet",
    "s4nd",
    "s4nd_cifar",
    "s4nd_cifar_progressive",
    "s4nd_cifar_zero_shot",
    "s4nd_imagenet_convnext",
    "s4nd_imagenet_vit",
    "s4nd_mnist",
    "s4nd_mnist_progressive",
    "s4nd_mnist_sequence",
    "s4nd_mnist_zero_shot",
    "s4nd_moving_digits",
    "s4nd_omniglot",
    "s4nd_tiny",
    "vit_imagenet",
]

OWN_STEPS = 2400  # 30 epochs of the bundled 4000 images in batches of 50
CIFAR_STEPS, CIFAR_WARMUP = 90_000, 900  # 100 epochs of 45,000 images, one to warm up
CIFAR = "cifar-10-batches-bin"
IMAGENET_IMAGES = 1_281_167
RATES, SHARES = (4.0, 2.0, 1.0), (50, 25, 25)  # of progressive resizing, epochs of 100

Mixer = Literal["s4nd", "conv"]
Norm = Literal["point", "domain"]


def s4nd_tiny(*, seed: int = 0) -> TrainConfig:
    """Return a run of about a minute on a CPU: MNIST at 7 x 7, to be read at 14 x 14 and 28 x 28."""
    kernels = S4NDConfig(d_state=32, bandlimit=1 / 4, dt=_steps(4.0))
    trunk = IsotropicConfig(d_model=24, n_layers=3, s4nd=kernels, norm="domain")
    data = ImageDataConfig(source="mnist", rate=4.0)
    return image_run(_images(trunk), data, steps=480, warmup_steps=40, weight_decay=0.03, seed=seed)


def s4nd(*, seed: int = 0) -> TrainConfig:
    """Return a run for images of one's own, ``data=FOLDER``: 4 layers of width 64, 30 epochs.

    Without, it is that on MNIST. Pictures of different sizes need ``data.size``.
    """
    return s4nd_mnist(seed=seed)


def s4nd_mnist(*, seed: int = 0) -> TrainConfig:
    """Return the bundled MNIST at 28 x 28: 4 layers of width 64."""
    return _mnist("s4nd", ImageDataConfig(source="mnist"), seed)


def conv2d_mnist(*, seed: int = 0) -> TrainConfig:
    """Return the twin of ``s4nd_mnist`` with 3 x 3 convolutions and about as many parameters."""
    return _mnist("conv", ImageDataConfig(source="mnist"), seed)


def s4nd_mnist_zero_shot(*, seed: int = 0) -> TrainConfig:
    """Return the bundled MNIST at 7 x 7, with kernels limited to what this grid shows."""
    kernels = S4NDConfig(bandlimit=1 / 4, dt=_steps(4.0))
    return _mnist("s4nd", ImageDataConfig(source="mnist", rate=4.0), seed, kernels=kernels, norm="domain")


def conv2d_mnist_zero_shot(*, seed: int = 0) -> TrainConfig:
    """Return the twin of ``s4nd_mnist_zero_shot`` with 3 x 3 convolutions."""
    return _mnist("conv", ImageDataConfig(source="mnist", rate=4.0), seed, norm="domain")


def s4nd_mnist_progressive(*, seed: int = 0) -> TrainConfig:
    """Return the bundled MNIST at 7 x 7, 14 x 14 and 28 x 28: a half and two quarters of the steps."""
    stages = stages_in(OWN_STEPS, RATES, SHARES, bandlimits=(0.25, 0.5, None))
    data = ImageDataConfig(source="mnist", stages=stages)
    return _mnist("s4nd", data, seed, kernels=S4NDConfig(dt=_steps(4.0)))


def conv2d_mnist_progressive(*, seed: int = 0) -> TrainConfig:
    """Return the twin of ``s4nd_mnist_progressive`` with 5 x 5 convolutions, as published for CIFAR."""
    data = ImageDataConfig(source="mnist", stages=stages_in(OWN_STEPS, RATES, SHARES))
    return _mnist("conv", data, seed, kernel_size=5)


def s4nd_mnist_sequence(*, seed: int = 0) -> TrainConfig:
    """Return the bundled MNIST as sequences of 784 pixels, row by row, for S4ND of one axis."""
    kernels = S4NDConfig(kernel="s4d-legs", dt=(1e-3, 1e-1))
    trunk = IsotropicConfig(d_model=84, n_layers=4, sequence=True, s4nd=kernels)
    return _own(_images(trunk), ImageDataConfig(source="mnist"), seed=seed)


def s4nd_omniglot(*, seed: int = 0) -> TrainConfig:
    """Return 8 alphabets of Omniglot at 15 x 15, to be read at up to 105 x 105."""
    return _omniglot("s4nd", seed)


def conv2d_omniglot(*, seed: int = 0) -> TrainConfig:
    """Return the twin of ``s4nd_omniglot`` with 3 x 3 convolutions."""
    return _omniglot("conv", seed)


def s4nd_moving_digits(*, seed: int = 0) -> TrainConfig:
    """Return clips of 16 frames in which a digit moves to one of 8 directions and bounces."""
    return _moving_digits("s4nd", seed)


def conv3d_moving_digits(*, seed: int = 0) -> TrainConfig:
    """Return the twin of ``s4nd_moving_digits`` with 3 x 3 x 3 convolutions."""
    return _moving_digits("conv", seed)


def s4nd_cifar(*, seed: int = 0) -> TrainConfig:
    """Return CIFAR-10 at 32 x 32: 6 layers of width 512; ``data`` is the folder of its binary files."""
    return _cifar("s4nd-iso-cifar", _cifar_data(), weight_decay=0.05, seed=seed)


def conv2d_cifar(*, seed: int = 0) -> TrainConfig:
    """Return CIFAR-10 at 32 x 32 for 4 layers of 3 x 3 convolutions of width 128."""
    return _cifar("conv2d-iso-cifar", _cifar_data(), weight_decay=0.05, seed=seed)


def s4nd_cifar_zero_shot(*, seed: int = 0) -> TrainConfig:
    """Return CIFAR-10 at 16 x 16 for 32 x 32: 6 layers of width 256, bandlimit 0.2."""
    return _cifar("s4nd-iso-cifar-zero-shot", _cifar_data(rate=2.0), weight_decay=0.03, seed=seed)


def conv2d_cifar_zero_shot(*, seed: int = 0) -> TrainConfig:
    """Return the twin of ``s4nd_cifar_zero_shot``: 4 layers of 3 x 3 convolutions."""
    return _cifar("conv2d-iso-cifar", _cifar_data(rate=2.0), weight_decay=0.03, seed=seed)


def s4nd_cifar_progressive(*, seed: int = 0) -> TrainConfig:
    """Return CIFAR-10 at 8 x 8, 16 x 16 and 32 x 32, for 50, 25 and 25 epochs."""
    return _cifar("s4nd-iso-cifar-zero-shot", _cifar_progressive(), weight_decay=0.03, seed=seed)


def conv2d_cifar_progressive(*, seed: int = 0) -> TrainConfig:
    """Return the twin of ``s4nd_cifar_progressive``: 4 layers of 5 x 5 convolutions."""
    config = _cifar("conv2d-iso-cifar", _cifar_progressive(), weight_decay=0.03, seed=seed)
    return apply_overrides(config, ["model.trunk.kernel_size=5"])


def s4nd_imagenet_vit(*, seed: int = 0) -> TrainConfig:
    """Return ImageNet for ViT-B/16 with S4ND in place of attention; ``data`` is a folder of pictures.

    All pictures are in memory, 150 kB each at 224 x 224 and so 190 GB for each process with all of ImageNet.
    """
    return _imagenet("vit-b16-s4nd", lr=1e-3, weight_decay=0.03, batch=1024, warmup=10, seed=seed)


def vit_imagenet(*, seed: int = 0) -> TrainConfig:
    """Return ImageNet for ViT-B/16, the twin of ``s4nd_imagenet_vit``."""
    return _imagenet("vit-b16", lr=1e-3, weight_decay=0.03, batch=1024, warmup=10, seed=seed)


def s4nd_imagenet_convnext(*, seed: int = 0) -> TrainConfig:
    """Return ImageNet for ConvNeXt-T with S4ND; memory as for ``s4nd_imagenet_vit``."""
    return _imagenet("convnext-tiny-s4nd", lr=4e-3, weight_decay=0.05, batch=3840, warmup=20, seed=seed)


def convnext_imagenet(*, seed: int = 0) -> TrainConfig:
    """Return ImageNet for ConvNeXt-T, the twin of ``s4nd_imagenet_convnext``."""
    return _imagenet("convnext-tiny", lr=4e-3, weight_decay=0.05, batch=3840, warmup=20, seed=seed)


def _mnist(
    mixer: Mixer,
    data: ImageDataConfig,
    seed: int,
    *,
    kernels: S4NDConfig | None = None,
    kernel_size: int = 3,
    norm: Norm = "point",
) -> TrainConfig:
    """Build either twin, of 100,000 parameters."""
    if mixer == "s4nd":
        trunk = IsotropicConfig(d_model=64, n_layers=4, s4nd=kernels or S4NDConfig(), norm=norm)
    else:
        width = {3: 48, 5: 30}[kernel_size]
        trunk = IsotropicConfig(mixer="conv", d_model=width, n_layers=4, kernel_size=kernel_size, norm=norm)
    return _own(_images(trunk), data, seed=seed)


def _omniglot(mixer: Mixer, seed: int) -> TrainConfig:
    rate = 7.0
    kernels = S4NDConfig(bandlimit=1 / rate, dt=_steps(rate))
    s4nd_trunk = IsotropicConfig(d_model=64, n_layers=4, s4nd=kernels, norm="domain")
    conv_trunk = IsotropicConfig(mixer="conv", d_model=48, n_layers=4, norm="domain")
    model = _images(s4nd_trunk if mixer == "s4nd" else conv_trunk, n_classes=8)
    augment = AugmentConfig(degrees=10, scale=0.1)
    return _own(model, ImageDataConfig(source="omniglot", rate=rate, augment=augment), seed=seed)


def _moving_digits(mixer: Mixer, seed: int) -> TrainConfig:
    kernels = S4NDConfig(bandlimit=(None, 1 / 2, 1 / 2), dt=(_steps(1.0), _steps(2.0), _steps(2.0)))
    s4nd_trunk = IsotropicConfig(d_model=48, n_layers=4, s4nd=kernels)
    conv_trunk = IsotropicConfig(mixer="conv", d_model=29, n_layers=4)
    model = VideoClassifierConfig(
        in_channels=1, n_classes=8, trunk=s4nd_trunk if mixer == "s4nd" else conv_trunk
    )
    data = ImageDataConfig(source="moving-digits", rate=2.0, n_train=4000, n_test=1000)
    return _own(model, data, seed=seed)


def _steps(rate: float) -> tuple[float, float]:
    """Return steps of 0.1 to 1 of the grid of a rate: as long, in points of the training, as published.

    Steps count in points of the full resolution. With 0.1 to 1 of those, kernels at rate 4 would be a point
    long, and a bandlimit of 1/4 would leave them the constant mode alone.
    """
    return 0.1 / rate, 1.0 / rate


def _own(model: ClassifierModelConfig, data: ImageDataConfig, *, seed: int) -> TrainConfig:
    """Return a run on bundled samples: 30 epochs of 4000 in batches of 50, two of them to warm up."""
    return image_run(model, data, steps=OWN_STEPS, warmup_steps=160, lr=5e-3, seed=seed)


def _images(trunk: IsotropicConfig, *, n_classes: int = 10) -> ImageClassifierConfig:
    """Return a classifier of grey images."""
    return ImageClassifierConfig(in_channels=1, n_classes=n_classes, trunk=trunk)


def _cifar_data(rate: float = 1.0) -> ImageDataConfig:
    return ImageDataConfig(source=CIFAR, rate=rate, validation_fraction=0.1)


def _cifar_progressive() -> ImageDataConfig:
    stages = stages_in(CIFAR_STEPS, RATES, SHARES, bandlimits=(0.2, 0.2, None))
    return dataclasses.replace(_cifar_data(), stages=stages)


def _cifar(preset: str, data: ImageDataConfig, *, weight_decay: float, seed: int) -> TrainConfig:
    return image_run(
        image_preset(preset),
        data,
        steps=CIFAR_STEPS,
        warmup_steps=CIFAR_WARMUP,
        weight_decay=weight_decay,
        seed=seed,
    )


def _imagenet(
    preset: str, *, lr: float, weight_decay: float, batch: int, warmup: int, seed: int
) -> TrainConfig:
    """Return 310 epochs; the rate falls for 300, to a hundredth of its peak, and stays there."""
    per_epoch = IMAGENET_IMAGES / batch
    data = ImageDataConfig(
        source="imagenet",
        size=224,
        augment=AugmentConfig(flip=True, erase=0.25, mixup=0.8, cutmix=1.0),
        label_smoothing=0.1,
    )
    config = image_run(
        image_preset(preset),
        data,
        steps=round(310 * per_epoch),
        batch_size=batch,
        lr=lr,
        weight_decay=weight_decay,
        final_lr_fraction=0.01,
        seed=seed,
    )
    optim = dataclasses.replace(
        config.optim, schedule_steps=round(300 * per_epoch), warmup_fraction=warmup / 300
    )
    return dataclasses.replace(config, optim=optim, precision="bfloat16")
