from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.clients import Completion, Request
from longwave.clients.batches import Encoded, Writer, answer_all, pack, pack_by

LENGTHS = st.lists(st.integers(1, 40), max_size=30)


def items(lengths):
    return [Encoded(i, Request(prompt=""), [0] * length, []) for i, length in enumerate(lengths)]


@settings(max_examples=40)
@given(LENGTHS, st.integers(1, 100))
def test_batches_hold_every_request_once_and_stay_small(lengths, batch_tokens):
    batches = list(pack(items(lengths), batch_tokens))
    assert sorted(item.index for batch in batches for item in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(item.length for item in batch) * len(batch) <= batch_tokens


@given(LENGTHS)
def test_batches_hold_similar_lengths(lengths):
    packed = [item.length for batch in pack(items(lengths), 50) for item in batch]
    assert packed == sorted(lengths)


def test_requests_of_another_key_are_in_another_batch():
    batches = list(pack_by(lambda item: (item.length % 2,), items([1, 2, 3, 4]), 1000))
    assert [[item.length for item in batch] for batch in batches] == [[1, 3], [2, 4]]


def test_the_last_token_of_a_continuation_is_not_read():
    lengths = [Encoded(0, Request(prompt=""), [1, 2], after).length for after in ([], [3], [3, 4])]
    assert lengths == [2, 2, 3]


def test_answers_carry_their_places_and_tokens():
    completion = Completion(text="x", n_tokens=2)
    (group,) = answer_all(iter([items([3, 1])]), lambda batch: [(completion,) for _ in batch])
    assert [(place, result.tokens_in, result.tokens_out) for place, result in group] == [(0, 3, 2), (1, 1, 2)]


def write(tokens, *, stop=(), end=0):
    writer = Writer(lambda ids: "".join(chr(96 + token) for token in ids), frozenset({end}), stop)
    for token in tokens:
        writer.add(token, -float(token))
    return writer.completion()


@pytest.mark.parametrize(
    ("tokens", "stop", "text", "logprob", "reason"),
    [
        ([1, 2], (), "ab", -3.0, "length"),
        ([1, 0, 2], (), "a", -1.0, "stop"),
        ([1, 2, 3, 1], ("c",), "ab", -3.0, "stop"),
        ([1, 2, 3], ("bc",), "a", -1.0, "stop"),
        ([1, 2, 3], ("c", "ab"), "", 0.0, "stop"),
        ([], (), "", 0.0, "length"),
    ],
)
def test_a_completion_ends_at_the_end_or_before_a_stop_string(tokens, stop, text, logprob, reason):
    found = write(tokens, stop=stop)
    assert (found.text, found.logprob, found.finish_reason) == (text, logprob, reason)
    assert found.n_tokens == len(text)
