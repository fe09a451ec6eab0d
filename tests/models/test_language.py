from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.models import LanguageModel, LanguageModelConfig

Tiny = Callable[..., LanguageModelConfig]
Lively = Callable[..., LanguageModel]


def naive_norm(x: Tensor, norm: torch.nn.LayerNorm) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * norm.weight + norm.bias


def naive_forward(model: LanguageModel, ids: Tensor) -> Tensor:
    """Write the model from its formula; mixers have their own oracles."""
    table = model.embedding.weight
    r = torch.stack([torch.stack([table[i] for i in row]) for row in ids])
    for block in model.blocks:
        r = r + block.mixer(naive_norm(r, block.mixer_norm))
        a = naive_norm(r, block.mlp_norm) @ block.mlp.up.weight.T + block.mlp.up.bias
        gelu = 0.5 * a * (1 + torch.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3)))
        r = r + gelu @ block.mlp.down.weight.T + block.mlp.down.bias
    return naive_norm(r, model.norm) @ table[: model.config.vocab_size].T


def test_forward_follows_the_formula(kind: str, lively: Lively, ids: Tensor, tolerance: Callable) -> None:
    model = lively(kind, torch.float64)
    torch.testing.assert_close(model(ids), naive_forward(model, ids), **tolerance(torch.float64))


def test_gradients_follow_the_formula(lively: Lively, ids: Tensor, tolerance: Callable) -> None:
    model = lively("hybrid", torch.float64)
    weights = torch.randn(37, dtype=torch.float64)
    parameters = list(model.parameters())
    fast = torch.autograd.grad((model(ids) @ weights).sum(), parameters)
    slow = torch.autograd.grad((naive_forward(model, ids) @ weights).sum(), parameters)
    torch.testing.assert_close(fast, slow, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("vocab_size", [1, 36, 37, 40], ids=lambda v: f"V{v}")
def test_logits_have_the_real_vocabulary_and_weights_a_padded_one(tiny: Tiny, vocab_size: int) -> None:
    model = LanguageModel(tiny(vocab_size=vocab_size))
    assert model(torch.zeros(2, 3, dtype=torch.int64)).shape == (2, 3, vocab_size)
    assert model.embedding.num_embeddings % 8 == 0
    assert model.embedding.num_embeddings - vocab_size < 8


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (1, 96), (0, 5)], ids=str)
def test_extreme_shapes_are_fine(kind: str, tiny: Tiny, shape: tuple[int, int]) -> None:
    assert LanguageModel(tiny(kind))(torch.zeros(shape, dtype=torch.int64)).shape == (*shape, 37)


def test_no_logit_depends_on_the_future(kind: str, lively: Lively, ids: Tensor) -> None:
    model = lively(kind, torch.float64)
    embedded: list[Tensor] = []

    def keep(module: object, inputs: object, output: Tensor) -> None:
        output.retain_grad()
        embedded.append(output)

    model.embedding_dropout.register_forward_hook(keep)
    t = 17
    model(ids)[:, t].square().sum().backward()
    gradient = embedded[0].grad.abs()
    assert gradient[:, t + 1 :].max() < 1e-12 * gradient[:, : t + 1].max()
    assert gradient[:, : t + 1].amax(-1).min() > 0


def test_rows_do_not_depend_on_their_neighbours(kind: str, lively: Lively, ids: Tensor) -> None:
    model = lively(kind, torch.float64)
    alone = torch.cat([model(row.unsqueeze(0)) for row in ids])
    torch.testing.assert_close(model(ids), alone, rtol=0, atol=1e-12)


def test_logits_of_a_prefix_are_the_prefix_of_the_logits(kind: str, lively: Lively, ids: Tensor) -> None:
    model = lively(kind, torch.float64)
    torch.testing.assert_close(model(ids[:, :13]), model(ids)[:, :13], rtol=0, atol=1e-12)


def test_gradient_checkpointing_changes_no_gradient(kind: str, lively: Lively, ids: Tensor) -> None:
    model = lively(kind, torch.float64)
    gradients = []
    for switch in (False, True):
        model.gradient_checkpointing = switch
        loss = model(ids).square().mean()
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-12, atol=1e-15)


def test_gradient_checkpointing_keeps_fewer_activations(tiny: Tiny, ids: Tensor) -> None:
    model = LanguageModel(tiny(n_layers=4))
    kept = []
    for switch in (False, True):
        model.gradient_checkpointing = switch
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, s=sizes: (s.append(t.numel()), t)[1], lambda t: t
        ):
            model(ids)
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 2


def test_gradient_checkpointing_repeats_its_dropout(tiny: Tiny, ids: Tensor, seed: int) -> None:
    model = LanguageModel(tiny(dropout=0.5))
    gradients = []
    for switch in (False, True):
        model.gradient_checkpointing = switch
        torch.manual_seed(seed)
        gradients.append(torch.autograd.grad(model(ids).square().mean(), list(model.parameters())))
    torch.testing.assert_close(gradients[1], gradients[0])


@pytest.mark.parametrize("dropouts", [(0.5, 0.0), (0.0, 0.5)], ids=["residual", "embedding"])
def test_dropout_acts_in_training_only(tiny: Tiny, ids: Tensor, dropouts: tuple[float, float]) -> None:
    model = LanguageModel(tiny(dropout=dropouts[0], embedding_dropout=dropouts[1]))
    assert not torch.equal(model(ids), model(ids))
    model.eval()
    assert torch.equal(model(ids), model(ids))


def test_without_dropout_training_and_evaluation_agree(kind: str, lively: Lively, ids: Tensor) -> None:
    model = lively(kind)
    assert torch.equal(model.train()(ids), model.eval()(ids))


def residual_types(model: LanguageModel, ids: Tensor) -> set[torch.dtype]:
    seen: set[torch.dtype] = set()
    for norm in (m for m in model.modules() if isinstance(m, torch.nn.LayerNorm)):
        norm.register_forward_pre_hook(lambda _, inputs: seen.add(inputs[0].dtype))
    model(ids)
    return seen


def test_autocast_computes_in_half_precision_around_a_float32_residual(
    kind: str, lively: Lively, ids: Tensor
) -> None:
    model = lively(kind)
    with torch.autocast("cpu", torch.bfloat16):
        assert model(ids).dtype == torch.bfloat16
        assert residual_types(model, ids) == {torch.float32}


def test_autocast_stays_near_full_precision(kind: str, lively: Lively, ids: Tensor) -> None:
    model = lively(kind)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(ids).float()
    full = model(ids)
    assert (half - full).norm() < 0.03 * full.norm()


def test_a_model_of_half_precision_has_a_float32_residual(kind: str, lively: Lively, ids: Tensor) -> None:
    model = lively(kind).to(torch.bfloat16)
    assert residual_types(model, ids) == {torch.float32}
    assert model(ids).dtype == torch.bfloat16


def test_embedding_and_output_share_one_weight(tiny: Tiny) -> None:
    model = LanguageModel(tiny())
    large = [name for name, p in model.named_parameters() if p.shape[0] == model.embedding.num_embeddings]
    assert large == ["embedding.weight"]


def test_padding_gets_no_gradient(tiny: Tiny, ids: Tensor) -> None:
    model = LanguageModel(tiny())
    model(ids).logsumexp(-1).sum().backward()
    assert (model.embedding.weight.grad[37:] == 0).all()
    assert (model.embedding.weight.grad[:37] != 0).any(-1).all()


def test_a_model_learns_a_short_text_by_heart(kind: str, tiny: Tiny, seed: int) -> None:
    model = LanguageModel(tiny(kind, d_model=32), seed=seed)
    text = torch.randint(37, (1, 25), generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.AdamW(model.optimizer_groups(lr=1e-2, weight_decay=0.1))
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(model(text[:, :-1])[0], text[0, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1
    assert torch.equal(model.generate(text[:, :5], max_new_tokens=20, temperature=0.0), text)


def test_mixers_know_their_options(tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match=r'"ordr".*"order"'):
        LanguageModel(tiny("hyena", mixer_options={"ordr": 3}))


def test_a_mixer_that_looks_ahead_is_refused(tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match=r'"hyena" of layer 0 looks ahead .*needs causal mixers'):
        LanguageModel(tiny("hyena", mixer_options={"bidirectional": True}))


def test_an_unknown_mixer_names_the_nearest() -> None:
    config = LanguageModelConfig(vocab_size=8, d_model=8, n_layers=1, max_length=8, mixer="hyna")
    with pytest.raises(ConfigError, match=r'Unknown mixer "hyna".*"hyena"'):
        LanguageModel(config)


def test_a_sequence_longer_than_the_model_is_refused(tiny: Tiny) -> None:
    with pytest.raises(ShapeError, match="sequence of 97 tokens is longer than the model's max_length of 96"):
        LanguageModel(tiny())(torch.zeros(1, 97, dtype=torch.int64))


@pytest.mark.parametrize(
    "ids", [torch.zeros(3, dtype=torch.int64), torch.zeros(1, 3)], ids=["flat", "floats"]
)
def test_anything_but_a_batch_of_ids_is_refused(tiny: Tiny, ids: Tensor) -> None:
    with pytest.raises(ShapeError, match=r"takes integers of shape \(batch, length\)"):
        LanguageModel(tiny())(ids)


@pytest.mark.parametrize("bad", [-1, 37])
def test_ids_outside_the_vocabulary_are_refused(tiny: Tiny, bad: int) -> None:
    with pytest.raises(ShapeError, match="but the vocabulary has 37 entries"):
        LanguageModel(tiny())(torch.tensor([[0, bad]]))
