"""One update, its schedule and its measures, against arithmetic written out."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.data import BPETokenizer, WindowSampler, build_token_file, prepare_text
from longwave.models import LanguageModel, LanguageModelConfig
from longwave.training import OptimConfig, TrainConfig, train
from longwave.training.distributed import Workers
from longwave.training.optim import build_optimizer, clip_gradients, set_rates
from longwave.training.session import Session, open_data
from longwave.training.validation import next_token_loss, validate

Change = Callable[..., TrainConfig]
ALONE = Workers(rank=0, world=1, device=torch.device("cpu"))


class NaiveAdamW:
    """Algorithm 2 of arXiv 1711.05101, one number after the other in float64."""

    def __init__(self, start: np.ndarray, decay: float, config: OptimConfig) -> None:
        self.w, self.decay, self.config = start.astype(np.float64), decay, config
        self.m, self.v, self.t = np.zeros_like(self.w), np.zeros_like(self.w), 0

    def step(self, gradient: np.ndarray, lr: float) -> None:
        first, second = self.config.betas
        self.t += 1
        for i in np.ndindex(self.w.shape):
            self.w[i] -= lr * self.decay * self.w[i]
            self.m[i] = first * self.m[i] + (1 - first) * gradient[i]
            self.v[i] = second * self.v[i] + (1 - second) * gradient[i] ** 2
            mean, square = self.m[i] / (1 - first**self.t), self.v[i] / (1 - second**self.t)
            self.w[i] -= lr * mean / (math.sqrt(square) + self.config.eps)


def naive_rate(step: int, *, peak: float, steps: int, warmup: int, final: float) -> float:
    if step < warmup:
        return peak * (step + 1) / warmup
    share = (step + 1 - warmup) / (steps - warmup)
    return peak * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * share)))


@pytest.mark.parametrize("name", ["blocks.0.mlp.up.weight", "norm.weight"], ids=["decayed", "undecayed"])
@pytest.mark.parametrize("clip", [0.0, 0.5], ids=["unclipped", "clipped"])
def test_six_updates_are_those_of_the_formula(name: str, clip: float, generator: torch.Generator) -> None:
    config = OptimConfig(
        lr=0.02, betas=(0.7, 0.8), eps=1e-3, weight_decay=0.4, clip=clip, warmup_fraction=1 / 3
    )
    model = LanguageModel(LanguageModelConfig(vocab_size=5, d_model=4, n_layers=1, max_length=4, d_mlp=3))
    optimizer = build_optimizer(model, config)
    weight = dict(model.named_parameters())[name]
    naive = NaiveAdamW(weight.detach().numpy(), 0.4 if weight.ndim > 1 else 0.0, config)
    for step in range(6):
        weight.grad = torch.randn(weight.shape, generator=generator)
        gradient = weight.grad.double().numpy()
        norm = math.sqrt((gradient**2).sum())
        shrink = clip / norm if 0 < clip < norm else 1.0
        naive.step(gradient * shrink, naive_rate(step, peak=0.02, steps=6, warmup=2, final=0.1))
        set_rates(optimizer, config, step, 6)
        clip_gradients([weight], clip)
        optimizer.step()
    np.testing.assert_allclose(weight.detach().numpy(), naive.w, rtol=1e-5, atol=1e-6)


def naive_gradients(model: LanguageModel, windows: Tensor) -> dict[str, Tensor]:
    """Differentiate the mean over all targets, one window after the other."""
    each = [F.cross_entropy(model(w[None, :-1])[0], w[1:]) for w in windows]
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(torch.stack(each).mean(), parameters), strict=True))


@pytest.fixture
def gradients(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """Return a function that does the first update and gives its gradients, and those of one big batch."""

    def first_update(**keys: object) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        config = change(model_dropout=0.0, optim_clip=0.0, **keys)
        data = open_data(config, tmp_path, ALONE)
        session = Session(config, tmp_path, ALONE, data, "hash")
        found: dict[str, Tensor] = {}
        monkeypatch.setattr(
            session.optimizer,
            "step",
            lambda: found.update({n: p.grad.clone() for n, p in session.model.named_parameters()}),
        )
        sampler = WindowSampler(prepare_text(config.data, tmp_path).train, 24, config.seed)
        windows = torch.from_numpy(sampler.batch(0, config.batch_size))
        expected = naive_gradients(session.model, windows)
        session.update(1)
        session.close()
        return found, expected

    return first_update


@pytest.mark.parametrize("accumulation", [1, 2, 3, 6], ids=lambda n: f"parts{n}")
def test_micro_batches_add_up_to_the_gradient_of_one_big_batch(
    accumulation: int, gradients: Callable[..., tuple[dict[str, Tensor], dict[str, Tensor]]]
) -> None:
    found, expected = gradients(batch_size=6, accumulation=accumulation)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_recomputed_blocks_give_the_gradient_of_one_big_batch(
    gradients: Callable[..., tuple[dict[str, Tensor], dict[str, Tensor]]],
) -> None:
    found, expected = gradients(gradient_checkpointing=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_the_logged_rate_is_that_of_the_formula(
    change: Change, curve: Callable[[Path], list[dict[str, float]]], tmp_path: Path
) -> None:
    train(change(), tmp_path / "out")
    rates = [row["lr"] for row in curve(tmp_path / "out") if "lr" in row]
    expected = [naive_rate(step, peak=3e-3, steps=8, warmup=2, final=0.1) for step in range(8)]
    assert rates == pytest.approx(expected)


def test_the_logged_norm_is_that_before_clipping(
    change: Change, curve: Callable[[Path], list[dict[str, float]]], tmp_path: Path
) -> None:
    train(change(optim_clip=1e-3, steps=1), tmp_path / "tight")
    train(change(optim_clip=0.0, steps=1), tmp_path / "free")
    tight, free = (curve(tmp_path / name)[0]["grad_norm"] for name in ("tight", "free"))
    assert tight == free > 1e-3


@pytest.mark.parametrize("limit", [1e-3, 0.5, 1.0], ids=str)
def test_clipping_keeps_the_direction(limit: float, generator: torch.Generator) -> None:
    parameters = [nn.Parameter(torch.zeros(n)) for n in (1, 7, 20)]
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    before = torch.cat([p.grad.clone() for p in parameters])
    clip_gradients(parameters, limit)
    after = torch.cat([p.grad for p in parameters])
    torch.testing.assert_close(after, before * limit / before.norm(), rtol=1e-5, atol=1e-7)


def test_nothing_to_clip_has_no_norm() -> None:
    assert float(clip_gradients([nn.Parameter(torch.zeros(2))], 1.0)) == 0.0


class Uneven(nn.Module):
    """The same logits everywhere, different for every token."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.logits = torch.linspace(-2, 2, vocab_size)

    def forward(self, ids: Tensor) -> Tensor:
        return self.logits.expand(*ids.shape, -1)


@pytest.mark.parametrize("kind", ["byte", "bpe"])
def test_bits_per_byte_of_many_scripts_are_those_counted_byte_by_byte(kind: str, tmp_path: Path) -> None:
    texts = ["né", "日本語", "👩‍👧", "plain", "a", "ü" * 9]
    (tmp_path / "a.jsonl").write_text("".join(f'{{"text": "{text}"}}\n' for text in texts))
    from longwave.data import ByteTokenizer

    tokenizer = ByteTokenizer() if kind == "byte" else BPETokenizer.train(texts * 3, 290)
    tokens = build_token_file(tmp_path / "a.jsonl", tmp_path / "tokens", tokenizer)
    model = Uneven(tokenizer.vocab_size)
    _, bits = validate(
        model,
        tokens,
        torch.from_numpy(tokenizer.byte_lengths),
        seq_len=1,
        max_windows=1000,
        batch_size=8,
        workers=ALONE,
        autocast=torch.autocast("cpu", enabled=False),
    )
    log_probabilities = model.logits.double().log_softmax(0).tolist()
    n_bits = 0.0
    read = b""
    for token in tokens.tokens[1:].tolist():  # every token but the first is predicted, end tokens too
        n_bits -= log_probabilities[token] / math.log(2)
        read += tokenizer._bytes[token] if kind == "bpe" else bytes([token]) if token < 256 else b""
    assert bits == pytest.approx(n_bits / len(read), rel=1e-6)
    assert "".join(texts).encode().endswith(read)


def test_the_loss_of_half_logits_is_summed_in_float32() -> None:
    class Half(nn.Module):
        def forward(self, ids: Tensor) -> Tensor:
            return torch.zeros(*ids.shape, 1000, dtype=torch.bfloat16)

    ids = torch.zeros(4, 49, dtype=torch.int64)
    loss = next_token_loss(Half(), ids, ids)
    assert float(loss) == pytest.approx(math.log(1000), rel=1e-6)  # bfloat16 would be off by 1e-3


def test_dropout_of_a_step_depends_on_the_step_alone(change: Change, tmp_path: Path) -> None:
    config = change(model_dropout=0.5, accumulation=2)
    data = open_data(config, tmp_path, ALONE)
    losses = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        session = Session(config, tmp_path, ALONE, data, "hash")
        torch.rand(noise)
        session.update(1)
        losses.append(session.measure()["loss"])
        session.close()
    assert losses[0] == losses[1]


def test_windows_of_a_run_are_those_of_its_sampler(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = change(steps=3, accumulation=2)
    seen: list[Tensor] = []

    def spy(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        seen.append(torch.cat([inputs, targets[:, -1:]], dim=1))
        return next_token_loss(model, inputs, targets)

    monkeypatch.setattr("longwave.training.text.next_token_loss", spy)
    train(config, tmp_path / "out")
    sampler = WindowSampler(prepare_text(config.data, tmp_path / "out").train, 24, config.seed)
    expected = np.concatenate([sampler.batch(step, 4) for step in range(3)])
    np.testing.assert_array_equal(torch.cat(seen).numpy(), expected)
