"""``generate`` of transformers over Longwave's decoding state."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.hf import LongwaveCache, LongwaveForCausalLM
from longwave.hf.cache import CACHE_NAME

Make = Callable[..., LongwaveForCausalLM]
STEPS = 13
PAD = 0


def cache_of(output: object) -> LongwaveCache | None:
    """Return the cache by the name that the installed transformers has for it."""
    return getattr(output, CACHE_NAME)


def greedy(model: LongwaveForCausalLM, ids: Tensor, **options: object) -> Tensor:
    return model.generate(ids, **({"max_new_tokens": STEPS, "do_sample": False} | options))


@pytest.fixture
def padded(ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return three prompts of 11, 4 and 9 tokens, padded on the left, and their mask."""
    mask = torch.ones_like(ids)
    mask[1, :7], mask[2, :2] = 0, 0
    return ids * mask, mask


def test_greedy_is_longwaves_own(kind: str, tiny: Make, ids: Tensor) -> None:
    model = tiny(kind)
    own = model.model.generate(ids, max_new_tokens=STEPS, temperature=0.0)
    assert torch.equal(greedy(model, ids), own)


def test_greedy_does_without_a_cache_what_it_does_with_one(kind: str, tiny: Make, ids: Tensor) -> None:
    model = tiny(kind)
    assert torch.equal(greedy(model, ids), greedy(model, ids, use_cache=False))


@pytest.mark.parametrize("uses_cache", [True, False], ids=["cached", "whole"])
def test_padded_prompts_are_continued_as_if_alone(
    kind: str, tiny: Make, padded: tuple[Tensor, Tensor], uses_cache: bool
) -> None:
    model = tiny(kind)
    ids, mask = padded
    together = greedy(model, ids, attention_mask=mask, use_cache=uses_cache)[:, 11:]
    alone = [greedy(model, row[own.bool()][None])[0, -STEPS:] for row, own in zip(ids, mask, strict=True)]
    assert torch.equal(together, torch.stack(alone))


def test_beams_do_with_a_cache_what_they_do_without(kind: str, tiny: Make, ids: Tensor) -> None:
    model = tiny(kind)
    options = {"num_beams": 4, "num_return_sequences": 2}
    assert torch.equal(greedy(model, ids, **options), greedy(model, ids, **options, use_cache=False))


def test_beams_of_padded_prompts_are_those_of_the_prompts(
    kind: str, tiny: Make, padded: tuple[Tensor, Tensor]
) -> None:
    model = tiny(kind)
    ids, mask = padded
    together = greedy(model, ids, attention_mask=mask, num_beams=3)[:, 11:]
    alone = [
        greedy(model, row[own.bool()][None], num_beams=3)[0, -STEPS:]
        for row, own in zip(ids, mask, strict=True)
    ]
    assert torch.equal(together, torch.stack(alone))


def test_more_beams_find_what_is_at_least_as_likely(tiny: Make, ids: Tensor) -> None:
    model = tiny()
    one = greedy(model, ids)
    many = greedy(model, ids, num_beams=8)

    def score(found: Tensor) -> Tensor:
        log_probs = model(found).logits.log_softmax(-1)[:, 10:-1]
        return log_probs.gather(2, found[:, 11:, None]).sum((1, 2))

    assert bool((score(many) >= score(one) - 1e-4).all())


def test_sampling_is_repeated_by_its_seed(tiny: Make, ids: Tensor) -> None:
    model = tiny()
    drawn = []
    for _ in range(2):
        torch.manual_seed(5)
        drawn.append(model.generate(ids, max_new_tokens=STEPS, do_sample=True, top_p=0.9))
    assert torch.equal(*drawn)


def test_sampling_draws_the_models_probabilities(tiny: Make) -> None:
    model = tiny(vocab_size=5)
    prompt = torch.tensor([[1, 2, 3]])
    torch.manual_seed(0)
    drawn = model.generate(prompt.expand(4000, -1), max_new_tokens=1, do_sample=True, top_k=0)[:, -1]
    expected = model(prompt).logits[0, -1].softmax(-1)
    torch.testing.assert_close(drawn.bincount(minlength=5) / 4000, expected, rtol=0, atol=0.03)


def test_a_row_ends_with_its_stop_token(tiny: Make, ids: Tensor) -> None:
    model = tiny()
    free = greedy(model, ids)
    stop = int(free[0, 13])
    stopped = greedy(model, ids, eos_token_id=stop, pad_token_id=PAD)
    assert int(stopped[0, 13]) == stop
    assert not stopped[0, 14:].any()


def test_prompts_can_be_read_in_chunks(kind: str, tiny: Make, ids: Tensor) -> None:
    model = tiny(kind)
    assert torch.equal(greedy(model, ids, prefill_chunk_size=4), greedy(model, ids))


def test_the_cache_has_room_for_what_was_asked_for_and_no_more(tiny: Make, ids: Tensor) -> None:
    output = greedy(tiny(), ids, return_dict_in_generate=True)
    assert cache_of(output).state.max_length == 11 + STEPS - 1


def test_generation_goes_on_from_a_cache(kind: str, tiny: Make, ids: Tensor) -> None:
    model = tiny(kind)
    cache = LongwaveCache()
    first = greedy(model, ids, max_new_tokens=5, **{CACHE_NAME: cache})
    assert torch.equal(
        greedy(model, first, max_new_tokens=STEPS - 5, **{CACHE_NAME: cache}), greedy(model, ids)
    )


def test_a_forward_pass_goes_on_from_a_cache(kind: str, tiny: Make, ids: Tensor) -> None:
    model = tiny(kind)
    cache = cache_of(model(ids[:, :4], use_cache=True))
    chunk = model(ids[:, 4:10], past_key_values=cache).logits
    last = model(ids[:, 10:], past_key_values=cache).logits
    torch.testing.assert_close(torch.cat([chunk, last], 1), model(ids).logits[:, 4:], rtol=1e-4, atol=1e-4)
    assert cache.get_seq_length() == 11


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
def test_a_cache_may_go_by_either_name(tiny: Make, ids: Tensor, name: str) -> None:
    cache = LongwaveCache()
    tiny()(ids, **{name: cache})
    assert cache.get_seq_length() == 11


def test_a_forward_pass_makes_no_cache_unless_asked(tiny: Make, ids: Tensor) -> None:
    assert cache_of(tiny()(ids)) is None


def test_reordering_before_the_first_token_does_nothing() -> None:
    cache = LongwaveCache()
    cache.reorder_cache(torch.tensor([0, 0]))
    assert (cache.get_seq_length(), cache.nbytes) == (0, 0)


def test_the_memory_of_a_cache_is_that_of_its_state(tiny: Make, ids: Tensor) -> None:
    cache = cache_of(tiny("attention")(ids, use_cache=True))
    assert cache.nbytes >= 2 * 2 * 3 * 64 * 16 * 4  # keys and values, layers, rows, room, width, bytes


def test_padding_that_reaches_into_a_second_chunk_is_refused(
    tiny: Make, padded: tuple[Tensor, Tensor]
) -> None:
    ids, mask = padded
    with pytest.raises(ShapeError, match=r"leaves out \[0, 7, 2\].*said \[0, 4, 2\]"):
        greedy(tiny(), ids, attention_mask=mask, prefill_chunk_size=4)


def test_more_tokens_than_the_model_reads_are_refused(tiny: Make, ids: Tensor) -> None:
    with pytest.raises(ShapeError, match="the model reads at most 64"):
        greedy(tiny(), ids, max_new_tokens=60)


def test_another_kind_of_cache_is_refused(tiny: Make, ids: Tensor) -> None:
    with pytest.raises(ConfigError, match='cache_implementation is "static"'):
        greedy(tiny(), ids, cache_implementation="static")


def test_a_draft_model_is_refused(tiny: Make, ids: Tensor) -> None:
    with pytest.raises(ValueError, match="assisted"):
        greedy(tiny(), ids[:1], assistant_model=tiny())
