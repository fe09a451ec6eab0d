"""A tiny language model behind the local client, and a made-up server behind the hosted one."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from longwave.clients import HostedClient, HuggingFaceClient, LocalClient
from longwave.clients.hosted_settings import read_spec
from longwave.clients.sending import Clock


@pytest.fixture(scope="session")
def open_tiny() -> Callable[..., LocalClient]:
    """Return a function that opens a tiny untrained model; options go to the client."""
    from longwave.data import ByteTokenizer
    from longwave.models import LanguageModel, LanguageModelConfig

    @cache
    def build(mixer: str, seed: int) -> LanguageModel:
        config = LanguageModelConfig(vocab_size=257, d_model=16, n_layers=2, max_length=48, mixer=mixer)
        model = LanguageModel(config, seed=seed)
        model.embedding.weight.data.mul_(20.0)  # far from uniform, so that differences show
        return model

    def make(mixer: str = "attention", seed: int = 0, **options: object) -> LocalClient:
        return LocalClient(build(mixer, seed), ByteTokenizer(), name="tiny", **options)

    return make


@pytest.fixture(scope="session")
def open_bigram() -> Callable[..., LocalClient]:
    """Return a function that opens a model that remembers two tokens; its greedy text is varied."""
    import torch
    from torch import nn

    from longwave.data import ByteTokenizer

    class Bigram(nn.Module):
        def __init__(self, alphabet: str, seed: int) -> None:
            super().__init__()
            self.max_length = 48
            self.device = torch.device("cpu")
            drawn = 3.0 * torch.randn(2, 257, 257, generator=torch.Generator().manual_seed(seed))
            allowed = torch.full((257,), -50.0)
            allowed[sorted(set(alphabet.encode()))] = 0.0
            self.register_buffer("table", drawn + allowed)

        def forward(self, ids):
            before = torch.cat([torch.full_like(ids[:, :1], 256), ids[:, :-1]], dim=1)
            return self.table[0][ids] + self.table[1][before]

        def init_state(self, batch, max_length=None):
            del max_length
            return torch.full((batch,), 256)

        def prefill(self, ids, state, *, last_only=False):
            del state
            logits = self(ids)
            return (logits[:, -1:] if last_only else logits), ids[:, -1]

        def step(self, ids, state):
            return self.table[0][ids] + self.table[1][state], ids

    def make(alphabet: str = "abcdefghijklmnopqrstuvwxyz", seed: int = 0, **options: object) -> LocalClient:
        return LocalClient(Bigram(alphabet, seed), ByteTokenizer(), name="bigram", **options)

    return make


@pytest.fixture(scope="session")
def api() -> ModuleType:
    """Return the module of the made-up server."""
    path = Path(__file__).parents[1] / "fixtures" / "openai_server.py"
    spec = importlib.util.spec_from_file_location("openai_server", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["openai_server"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the keys of whoever runs the tests out of them."""
    for name in ("LONGWAVE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def open_hosted(api: ModuleType) -> Callable[..., HostedClient]:
    """Return a function that opens a hosted client on a made-up server; its time moves when it sleeps."""

    def make(server: object, options: str = "", *, time: object = None, url: str = "") -> HostedClient:
        name, address, settings = read_spec(f"tiny@{url or 'http://127.0.0.1:9'}{options and '?'}{options}")
        time = time or api.FakeTime()
        return HostedClient(
            name,
            address,
            settings,
            transport=None if url else server.transport(),
            clock=Clock(monotonic=time.read, wall=time.read, sleep=time.sleep),
        )

    return make


@pytest.fixture(scope="session")
def tiny_transformers() -> ModuleType:
    """Return the module that makes tiny models of transformers."""
    from transformers import AutoTokenizer, GPT2LMHeadModel, LlamaForCausalLM  # noqa: F401 - takes seconds

    path = Path(__file__).parents[1] / "fixtures" / "tiny_transformers.py"
    spec = importlib.util.spec_from_file_location("tiny_transformers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def open_transformers(tiny_transformers: ModuleType) -> Callable[..., HuggingFaceClient]:
    """Return a function that opens a tiny model of transformers; options go to the client."""

    @cache
    def build(kind: str) -> tuple[object, object]:
        tokenizer = tiny_transformers.make_tokenizer(begins=kind == "llama", template=tiny_transformers.CHAT)
        return tiny_transformers.make_model(kind, len(tokenizer)), tokenizer

    def make(kind: str = "gpt2", **options: object) -> HuggingFaceClient:
        model, tokenizer = build(kind)
        return HuggingFaceClient(model, tokenizer, **{"name": "tiny", "version": "1"} | options)

    return make
