"""Numbers of arXiv 2302.06646's public training configuration of a language model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from longwave.recipes import h3_conv_pile, h3_pile


@pytest.mark.parametrize("steps", [None, 100_000], ids=["whole", "50b"])
def test_all_but_the_model_is_h3s_own(steps: int | None) -> None:
    conv, h3 = h3_conv_pile(steps=steps), h3_pile("125m", steps=steps)
    assert replace(conv, model=h3.model) == h3


def test_filters_are_squashed_dropped_and_learned_at_the_base_rate() -> None:
    options = h3_conv_pile().model.mixer_options
    assert options["kernel"] == "long_conv"
    assert options["filter"] == {"init": "random", "squash": 0.003, "dropout": 0.2, "lr": None}


def test_attention_is_in_layers_1_and_8() -> None:
    assert h3_conv_pile().model.attention_layers == (1, 8)
