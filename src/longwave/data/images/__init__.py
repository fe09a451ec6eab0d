"""Labelled images: bundled ones, files of the usual kinds, other resolutions, and changes for training."""

from longwave.data.images.augment import (
    AugmentConfig,
    augment,
    random_affine,
    random_crop,
    random_erase,
    random_flip,
)
from longwave.data.images.bundled import load_digits, load_mnist, load_omniglot
from longwave.data.images.data_set import ImageDataSet, ImageSplit, Normalization
from longwave.data.images.draws import Draw
from longwave.data.images.files import read_cifar, read_mnist
from longwave.data.images.mixing import cutmix, mix, mixup
from longwave.data.images.npz import read_npz
from longwave.data.images.pictures import read_hugging_face, read_image_folder
from longwave.data.images.resize import resize, sizes_at_rate, to_float

__all__ = [
    "AugmentConfig",
    "Draw",
    "ImageDataSet",
    "ImageSplit",
    "Normalization",
    "augment",
    "cutmix",
    "load_digits",
    "load_mnist",
    "load_omniglot",
    "mix",
    "mixup",
    "random_affine",
    "random_crop",
    "random_erase",
    "random_flip",
    "read_cifar",
    "read_hugging_face",
    "read_image_folder",
    "read_mnist",
    "read_npz",
    "resize",
    "sizes_at_rate",
    "to_float",
]
