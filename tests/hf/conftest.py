"""Tiny models behind the interface of transformers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from longwave.hf import LongwaveConfig, LongwaveForCausalLM
from longwave.models import LanguageModelConfig

HEADS = {"n_heads": 2}
KINDS: dict[str, dict[str, object]] = {
    "hyena": {"mixer": "hyena"},
    "attention": {"mixer": "attention", "mixer_options": HEADS},
    "hybrid": {"mixer": "hyena", "attention_layers": (1,), "attention_options": HEADS},
    "h3": {
        "mixer": "h3",
        "mixer_options": {"d_state": 8, "shift_state": 5, "train_b": True},
        "attention_layers": (0,),
        "attention_options": HEADS | {"rotary": False},
    },
    "h3-conv": {"mixer": "h3", "mixer_options": {"kernel": "long_conv"}},
    "s4d": {"mixer": "s4d", "mixer_options": {"d_state": 8}},
    "fixed-positions": {"mixer": "hyena", "mixer_options": {"filter": {"position_lr": 0.0}}},
}
Make = Callable[..., LongwaveForCausalLM]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say of every test of this folder that it needs the extra."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.extra("hf"))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Return one kind of model after the other."""
    return request.param


@pytest.fixture
def tiny(seed: int) -> Make:
    """Return a function that makes a tiny model with lively layers, in evaluation mode."""

    def make(kind: str = "hybrid", **changes: object) -> LongwaveForCausalLM:
        sizes = {"vocab_size": 37, "d_model": 16, "n_layers": 2, "max_length": 64}
        config = LanguageModelConfig(**(sizes | KINDS[kind] | changes))
        model = LongwaveForCausalLM(LongwaveConfig(config=config), seed=seed).eval()
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for linear in (m for m in model.model.blocks.modules() if isinstance(m, nn.Linear)):
                linear.weight.normal_(0, 1.5 * linear.in_features**-0.5, generator=generator)
        return model

    return make


@pytest.fixture
def ids(generator: torch.Generator) -> torch.Tensor:
    """Return three sequences of an odd length."""
    return torch.randint(1, 37, (3, 11), generator=generator)


@pytest.fixture(scope="session")
def released() -> ModuleType:
    """Return the module of released state dicts beside this file."""
    spec = importlib.util.spec_from_file_location("released", Path(__file__).with_name("released.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
