"""The published networks: numbers of parameters, counted by hand and as published."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import UnknownName
from longwave.models import IMAGE_PRESETS, ImageClassifier, image_preset

PUBLISHED_S4ND = 30_007_057  # with a skip of the stem's 3 input channels, which means nothing there
COUNTS = {
    "conv2d-iso-cifar": 725_514,
    "convnext-tiny": 28_589_128,
    "convnext-tiny-s4nd": PUBLISHED_S4ND - 3 - (18 * 2 + 2) * 64,  # no low rank in any kernel
    "convnext-tiny-s4nd-dplr": PUBLISHED_S4ND - 3,
    "s4nd-iso-cifar": 3_963_402,
    "s4nd-iso-cifar-zero-shot": 1_196_042,
    "vit-b16": 86_567_656,
    "vit-b16-s4nd": 88_785_640,
}


@pytest.mark.parametrize("name", IMAGE_PRESETS)
def test_parameters_are_as_many_as_published(name):
    with torch.device("meta"):
        model = ImageClassifier(image_preset(name))
    assert sum(parameter.numel() for parameter in model.parameters()) == COUNTS[name]


def test_parameters_of_convnext_tiny_by_hand():
    depths, widths = (3, 3, 9, 3), (96, 192, 384, 768)
    blocks = sum(n * (8 * d * d + 58 * d) for n, d in zip(depths, widths, strict=True))
    between = sum(8 * d * d + 4 * d for d in widths[:-1])
    rest = (48 * 96 + 96 + 2 * 96) + 2 * 768 + 769 * 1000
    assert blocks + between + rest == COUNTS["convnext-tiny"]


def test_parameters_of_convnext_tiny_with_s4nd_by_hand():
    channels = sum(n * d for n, d in zip((3, 3, 9, 3), (96, 192, 384, 768), strict=True))
    shared = 2 * 32 + 2 * 32 + 2 * 32  # modes, input weights and low rank of an axis
    axis = 1 + 2 * 32 * 2  # a step and two complex read-outs, of an axis and channel
    blocks = channels * (2 * axis + 1 - 50) + 18 * 2 * shared
    stem = 2 * (3 + shared + 64 * 3 * 64) + 33 * 192 + 2 * 96 - (48 * 96 + 96 + 2 * 96)
    assert COUNTS["convnext-tiny"] + blocks + stem == COUNTS["convnext-tiny-s4nd-dplr"]


def test_parameters_of_vit_with_s4nd_by_hand():
    mixer = 2 * 2 * 768 * 64 + 768 + 2 * 64 + 2 * 768 + (1536 * 1536 + 1536)
    mlp = 2 * 768 * 3072 + 3072 + 768
    rest = 256 * 3 * 768 + 768 + 2 * 768 + 769 * 1000
    assert 12 * (mixer + mlp + 4 * 768) + rest == COUNTS["vit-b16-s4nd"]


def test_an_unknown_preset_is_refused():
    with pytest.raises(UnknownName, match="convnext-tiny"):
        image_preset("convnext-tny")
