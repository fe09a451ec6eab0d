"""The model behind the interface is the model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.hf import LongwaveForCausalLM
from longwave.models import LanguageModel

Make = Callable[..., LongwaveForCausalLM]
Tolerance = Callable[[torch.dtype], dict[str, float]]


def left_padded(ids: Tensor, padding: list[int]) -> tuple[Tensor, Tensor]:
    """Put padding before rows that keep their length; return ids and mask."""
    width = ids.shape[1] + max(padding)
    rows, masks = (
        torch.zeros(len(ids), width, dtype=ids.dtype),
        torch.zeros(len(ids), width, dtype=torch.int64),
    )
    for row, (own, n) in enumerate(zip(ids, padding, strict=True)):
        end = n + len(own)
        rows[row, width - end + n :], masks[row, width - end + n :] = own, 1
    return rows, masks


def test_logits_are_those_of_the_language_model(kind: str, tiny: Make, ids: Tensor) -> None:
    model = tiny(kind)
    assert torch.equal(model(ids).logits, model.model(ids))


def test_a_new_model_starts_as_the_language_model_does(tiny: Make, seed: int) -> None:
    model = tiny()
    fresh = LongwaveForCausalLM(model.config, seed=seed).model.state_dict()
    expected = LanguageModel(model.config.language_model, seed=seed).state_dict()
    assert all(torch.equal(fresh[name], tensor) for name, tensor in expected.items())


def test_loss_is_the_cross_entropy_of_the_next_token(tiny: Make, ids: Tensor) -> None:
    output = tiny()(ids, labels=ids)
    expected = F.cross_entropy(output.logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    torch.testing.assert_close(output.loss, expected)


def test_labels_of_minus_100_are_left_out(tiny: Make, ids: Tensor) -> None:
    labels = ids.clone()
    labels[:, :6] = -100
    output = tiny()(ids, labels=labels)
    expected = F.cross_entropy(output.logits[:, 5:-1].flatten(0, 1), ids[:, 6:].flatten())
    torch.testing.assert_close(output.loss, expected)


def test_loss_of_a_micro_batch_is_weighed_by_the_whole_batch(tiny: Make, ids: Tensor) -> None:
    model = tiny()
    whole = model(ids, labels=ids).loss
    parts = [model(row[None], labels=row[None], num_items_in_batch=3 * 10).loss for row in ids]
    torch.testing.assert_close(sum(parts), whole)


def test_a_tuple_is_returned_on_request(tiny: Make, ids: Tensor) -> None:
    model = tiny()
    loss, logits = model(ids, labels=ids, return_dict=False)
    assert torch.equal(logits, model.model(ids))
    assert loss.ndim == 0


@pytest.mark.parametrize("keep", [1, 4])
def test_the_last_logits_alone_are_computed_on_request(tiny: Make, ids: Tensor, keep: int) -> None:
    model = tiny()
    torch.testing.assert_close(model(ids, logits_to_keep=keep).logits, model(ids).logits[:, -keep:])


@pytest.mark.parametrize("uses_cache", [False, True], ids=["whole", "cached"])
def test_padding_on_the_left_leaves_no_trace(
    kind: str, tiny: Make, ids: Tensor, uses_cache: bool, tolerance: Tolerance
) -> None:
    model = tiny(kind)
    rows, mask = left_padded(ids, [0, 5, 2])
    logits = model(rows, attention_mask=mask, use_cache=uses_cache).logits
    real = torch.stack([row[own.bool()] for row, own in zip(logits, mask, strict=True)])
    torch.testing.assert_close(real, model(ids).logits, **tolerance(torch.float32))


def test_padding_on_the_right_leaves_no_trace(
    kind: str, tiny: Make, ids: Tensor, tolerance: Tolerance
) -> None:
    model = tiny(kind)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    logits = model(ids, attention_mask=mask).logits
    torch.testing.assert_close(logits[1, :7], model(ids[1:2, :7]).logits[0], **tolerance(torch.float32))


def test_gradients_do_not_come_from_padding(tiny: Make, ids: Tensor, tolerance: Tolerance) -> None:
    model = tiny()
    model(ids, labels=ids).loss.backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    rows, mask = left_padded(ids, [3, 0, 1])
    labels = rows.masked_fill(mask == 0, -100)
    labels[torch.arange(3), (mask == 0).sum(1)] = -100  # nothing precedes the first token
    model(rows, attention_mask=mask, labels=labels).loss.backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], **tolerance(torch.float32))


def test_the_embedding_is_the_output_layer(tiny: Make) -> None:
    model = tiny()
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_shared_weights_count_once(tiny: Make) -> None:
    model = tiny()
    assert model.num_parameters() == sum(p.numel() for p in model.model.parameters())


def test_gradient_checkpointing_changes_no_gradient(tiny: Make, ids: Tensor) -> None:
    model = tiny().train()
    model(ids, labels=ids).loss.backward()
    expected = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    model.activation_checkpointing_enable()
    model(ids, labels=ids).loss.backward()
    assert model.model.gradient_checkpointing
    assert all(torch.equal(p.grad, want) for p, want in zip(model.parameters(), expected, strict=True))


def test_gradient_checkpointing_can_be_switched_off(tiny: Make) -> None:
    model = tiny()
    model.activation_checkpointing_enable()
    model.activation_checkpointing_disable()
    assert not model.model.gradient_checkpointing


def test_labels_of_another_shape_are_refused(tiny: Make, ids: Tensor) -> None:
    with pytest.raises(ShapeError, match=r"labels have shape \(3, 10\)"):
        tiny()(ids, labels=ids[:, 1:])


def test_an_unknown_argument_is_refused(tiny: Make, ids: Tensor) -> None:
    with pytest.raises(TypeError, match="output_atentions"):
        tiny()(ids, output_atentions=True)


def test_a_vocabulary_is_not_resized(tiny: Make) -> None:
    with pytest.raises(ConfigError, match="37 entries and cannot be resized"):
        tiny().resize_token_embeddings(50)


def test_an_embedding_of_another_shape_is_refused(tiny: Make) -> None:
    with pytest.raises(ShapeError, match=r"shape \(37, 16\), but \(40, 16\)"):
        tiny().set_input_embeddings(torch.nn.Embedding(37, 16))


def test_an_embedding_can_be_replaced(tiny: Make, ids: Tensor) -> None:
    model = tiny()
    model.set_input_embeddings(torch.nn.Embedding.from_pretrained(torch.zeros(40, 16)))
    assert torch.equal(model(ids).logits, torch.zeros(3, 11, 37))


def test_without_the_library_the_extra_is_named() -> None:
    code = "import sys; sys.modules['transformers'] = None\nimport longwave.hf"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ
    )
    assert (
        'MissingExtra: longwave.hf needs an extra; install it with: pip install "longwave[hf]"'
        in found.stderr
    )
