from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from longwave.errors import ConfigError, ShapeError
from longwave.generation import (
    DecodingConfig,
    SamplingConfig,
    generate_ids,
    make_generator,
    sample_ids,
    stream_ids,
    stream_scored_ids,
)

if TYPE_CHECKING:
    from .conftest import TableDecoder, TrainedModule

GREEDY = SamplingConfig(temperature=0.0)
CYCLE = torch.eye(5).roll(1, dims=1)  # token i is followed by i + 1, the last by 0


def test_generate_follows_the_model(table_decoder: type[TableDecoder]) -> None:
    ids = generate_ids(
        table_decoder(CYCLE), torch.tensor([[0, 2], [3, 3]]), max_new_tokens=4, sampling=GREEDY
    )
    assert ids.tolist() == [[0, 2, 3, 4, 0, 1], [3, 3, 4, 0, 1, 2]]


def test_the_model_reads_every_token_once_and_the_last_one_never(table_decoder: type[TableDecoder]) -> None:
    decoder = table_decoder(CYCLE)
    ids = generate_ids(decoder, torch.tensor([[0, 1]]), max_new_tokens=3, sampling=GREEDY)
    assert torch.stack(decoder.tape.seen, dim=1).tolist() == ids[:, :-1].tolist()


def test_the_state_has_room_for_exactly_what_is_read(table_decoder: type[TableDecoder]) -> None:
    decoder = table_decoder(CYCLE)
    generate_ids(decoder, torch.tensor([[0, 1]]), max_new_tokens=3, sampling=GREEDY)
    assert decoder.tape.room == len(decoder.tape.seen) == 4


def test_stream_yields_what_generate_returns(table_decoder: type[TableDecoder], seed: int) -> None:
    table = torch.randn(7, 7, generator=make_generator(seed))
    prompt = torch.tensor([[1, 2], [3, 4], [5, 6]])
    sampling = SamplingConfig(temperature=0.8, top_k=5, top_p=0.9, seed=seed)
    streamed = stream_ids(table_decoder(table), prompt, max_new_tokens=9, sampling=sampling)
    whole = generate_ids(table_decoder(table), prompt, max_new_tokens=9, sampling=sampling)
    assert torch.equal(torch.stack(list(streamed), dim=1), whole[:, 2:])


def test_scores_are_those_of_the_model_whatever_the_sampling(
    table_decoder: type[TableDecoder], seed: int
) -> None:
    table = torch.randn(7, 7, generator=make_generator(seed))
    prompt = torch.tensor([[1], [3]])
    sampling = SamplingConfig(temperature=0.5, top_k=3, seed=seed)
    steps = list(stream_scored_ids(table_decoder(table), prompt, max_new_tokens=5, sampling=sampling))
    ids = torch.cat([prompt, torch.stack([new for new, _ in steps], dim=1)], dim=1)
    expected = table.log_softmax(dim=1)[ids[:, :-1], ids[:, 1:]]
    torch.testing.assert_close(torch.stack([logprobs for _, logprobs in steps], dim=1), expected)


def test_scored_tokens_are_those_of_the_plain_stream(table_decoder: type[TableDecoder], seed: int) -> None:
    decoder = table_decoder(torch.randn(7, 7, generator=make_generator(seed)))
    options = {"max_new_tokens": 9, "sampling": SamplingConfig(seed=seed), "stop_ids": [2]}
    scored = [new.tolist() for new, _ in stream_scored_ids(decoder, torch.tensor([[1], [3]]), **options)]
    assert scored == [new.tolist() for new in stream_ids(decoder, torch.tensor([[1], [3]]), **options)]


def test_sampling_uses_one_stream_of_random_numbers(table_decoder: type[TableDecoder], seed: int) -> None:
    sampling = SamplingConfig(seed=seed)
    ids = generate_ids(
        table_decoder(torch.zeros(9, 9)), torch.tensor([[0]]), max_new_tokens=6, sampling=sampling
    )
    generator = make_generator(seed)
    expected = [sample_ids(torch.zeros(1, 9), sampling, generator).item() for _ in range(6)]
    assert ids[0, 1:].tolist() == expected


def test_a_row_ends_at_its_stop_id_and_repeats_it(table_decoder: type[TableDecoder]) -> None:
    ids = generate_ids(
        table_decoder(CYCLE), torch.tensor([[0], [2]]), max_new_tokens=4, sampling=GREEDY, stop_ids=[3]
    )
    assert ids.tolist() == [[0, 1, 2, 3], [2, 3, 3, 3]]


def test_generation_ends_when_every_row_has_ended(table_decoder: type[TableDecoder]) -> None:
    decoder = table_decoder(CYCLE)
    generate_ids(decoder, torch.tensor([[1], [2]]), max_new_tokens=50, sampling=GREEDY, stop_ids=[2, 3])
    assert len(decoder.tape.seen) == 1


def test_a_stop_id_in_the_prompt_ends_nothing(table_decoder: type[TableDecoder]) -> None:
    ids = generate_ids(
        table_decoder(CYCLE), torch.tensor([[3]]), max_new_tokens=2, sampling=GREEDY, stop_ids=[3]
    )
    assert ids.tolist() == [[3, 4, 0]]


@pytest.mark.parametrize("shape", [(2, 3), (0, 3)], ids=["no-tokens", "no-rows"])
def test_nothing_to_generate_returns_the_prompt(
    table_decoder: type[TableDecoder], shape: tuple[int, int]
) -> None:
    prompt = torch.zeros(shape, dtype=torch.int64)
    new = 0 if shape[0] else 5
    assert torch.equal(generate_ids(table_decoder(CYCLE), prompt, max_new_tokens=new), prompt)


def test_sampling_defaults_to_the_probabilities_of_the_model(table_decoder: type[TableDecoder]) -> None:
    prompt = torch.tensor([[0]])
    decoder = table_decoder(torch.zeros(50, 50))
    default = generate_ids(decoder, prompt, max_new_tokens=8)
    assert torch.equal(default, generate_ids(decoder, prompt, max_new_tokens=8, sampling=SamplingConfig()))


def test_a_model_that_trains_decodes_without_dropout_and_autograd(trained_module: TrainedModule) -> None:
    generate_ids(trained_module, torch.tensor([[0]]), max_new_tokens=2)
    assert trained_module.modes == [(False, False), (False, False)]


def test_every_module_gets_its_mode_back_between_tokens(trained_module: TrainedModule) -> None:
    stream = stream_ids(trained_module, torch.tensor([[0]]), max_new_tokens=2)
    next(stream)
    assert (trained_module.training, trained_module.frozen.training) == (True, False)
    assert torch.is_grad_enabled()


def test_the_whole_length_of_the_model_can_be_read(table_decoder: type[TableDecoder]) -> None:
    decoder = table_decoder(CYCLE, 4)
    assert generate_ids(decoder, torch.tensor([[0, 1, 2, 3]]), max_new_tokens=1).shape == (1, 5)


def test_a_prompt_longer_than_the_model_is_refused(table_decoder: type[TableDecoder]) -> None:
    with pytest.raises(ShapeError, match=r"prompt has 5 tokens, but the model reads at most 4.*by 1 tokens"):
        stream_ids(table_decoder(CYCLE, 4), torch.zeros(1, 5, dtype=torch.int64), max_new_tokens=1)


def test_more_new_tokens_than_the_model_has_room_for_are_refused(table_decoder: type[TableDecoder]) -> None:
    with pytest.raises(ShapeError, match=r"3 tokens and 9 new ones need 11 positions.*at most 2 new tokens"):
        stream_ids(table_decoder(CYCLE, 4), torch.zeros(1, 3, dtype=torch.int64), max_new_tokens=9)


def test_an_empty_prompt_is_refused(table_decoder: type[TableDecoder]) -> None:
    with pytest.raises(ShapeError, match=r"prompt is empty .*end_id"):
        stream_ids(table_decoder(CYCLE), torch.zeros(1, 0, dtype=torch.int64), max_new_tokens=1)


@pytest.mark.parametrize(
    "prompt", [torch.tensor([1, 2]), torch.tensor([[1.0]])], ids=["one-dimension", "floats"]
)
def test_a_prompt_that_is_no_batch_of_ids_is_refused(
    table_decoder: type[TableDecoder], prompt: torch.Tensor
) -> None:
    with pytest.raises(ShapeError, match=r"takes integers of shape \(batch, length\).*unsqueeze"):
        stream_ids(table_decoder(CYCLE), prompt, max_new_tokens=1)


def test_a_negative_number_of_tokens_is_refused(table_decoder: type[TableDecoder]) -> None:
    with pytest.raises(ConfigError, match='"max_new_tokens" is -1; it must be at least 0'):
        stream_ids(table_decoder(CYCLE), torch.tensor([[1]]), max_new_tokens=-1)


def test_a_prompt_is_read_in_chunks(table_decoder: type[TableDecoder]) -> None:
    decoder = table_decoder(CYCLE)
    ids = generate_ids(
        decoder,
        torch.tensor([[0, 2, 3, 1, 4]]),
        max_new_tokens=2,
        sampling=GREEDY,
        decoding=DecodingConfig(prefill_chunk=2),
    )
    assert ids.tolist() == [[0, 2, 3, 1, 4, 0, 1]]
    assert torch.stack(decoder.tape.seen, dim=1).tolist() == ids[:, :-1].tolist()


def test_a_decoder_without_modes_says_so(table_decoder: type[TableDecoder]) -> None:
    with pytest.raises(ConfigError, match='TableDecoder decodes in one way, but "mode" is "lazy"'):
        generate_ids(
            table_decoder(CYCLE), torch.tensor([[0]]), max_new_tokens=1, decoding=DecodingConfig(mode="lazy")
        )


def test_a_decoder_that_takes_no_padding_says_so(table_decoder: type[TableDecoder]) -> None:
    with pytest.raises(ConfigError, match="state of TableDecoder cannot leave padding out"):
        generate_ids(
            table_decoder(CYCLE), torch.tensor([[0, 1]]), max_new_tokens=1, padding=torch.tensor([1])
        )
