from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, ShapeError
from longwave.generation import SamplingConfig, generate_text, stream_text
from longwave.generation.text import _cut_at_stop, _decode_stream

GREEDY = SamplingConfig(temperature=0.0)
BYTES = st.lists(st.sampled_from([*b"ab \n", *"é€🙂".encode(), 0xFF]), max_size=90)


class ByteCodec:
    """One token a byte, 256 ends a document."""

    end_id = 256

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, ids: list[int]) -> str:
        return bytes(ids).decode("utf-8", errors="replace")


def test_text_is_the_continuation_without_the_prompt(says: Callable) -> None:
    model, tokenizer = says(b"a", b"bc", b" d")
    assert generate_text(model, tokenizer, "?", max_new_tokens=3, sampling=GREEDY) == "abc d"


def test_text_ends_before_the_end_id(says: Callable) -> None:
    model, tokenizer = says(b"a", b"b", None)
    assert generate_text(model, tokenizer, "?", max_new_tokens=9, sampling=GREEDY) == "ab"


def test_an_empty_prompt_starts_a_document(says: Callable) -> None:
    model, tokenizer = says(b"a")
    model.table[0, 2] = 1.0  # the piece "a" follows the end id
    assert generate_text(model, tokenizer, "", max_new_tokens=1, sampling=GREEDY) == "a"


def test_pieces_come_as_soon_as_they_are_whole(says: Callable) -> None:
    model, tokenizer = says(b"a\xe2", b"\x82", b"\xac", b"b")
    assert list(stream_text(model, tokenizer, "?", max_new_tokens=4, sampling=GREEDY)) == ["a", "€", "b"]


def test_a_character_left_unfinished_is_shown_as_such(says: Callable) -> None:
    model, tokenizer = says(b"a", b"\xe2\x82")
    assert generate_text(model, tokenizer, "?", max_new_tokens=2, sampling=GREEDY) == "a\ufffd"


def test_a_stop_string_is_cut_across_token_borders(says: Callable) -> None:
    model, tokenizer = says(b"ab\n", b"\nQ", b": c")
    pieces = stream_text(model, tokenizer, "?", max_new_tokens=3, sampling=GREEDY, stop=["\n\nQ:"])
    assert list(pieces) == ["ab"]


def test_the_beginning_of_a_stop_string_is_given_back_when_it_does_not_go_on(says: Callable) -> None:
    model, tokenizer = says(b"a\n", b"b")
    pieces = stream_text(model, tokenizer, "?", max_new_tokens=2, sampling=GREEDY, stop=["\n\n"])
    assert list(pieces) == ["a", "\nb"]


def test_generation_ends_at_a_stop_string(says: Callable) -> None:
    model, tokenizer = says(b"a", b".", b"b", b"c")
    generate_text(model, tokenizer, "?", max_new_tokens=4, sampling=GREEDY, stop=["."])
    assert len(model.tape.seen) == 2  # the prompt and "a"; "." was drawn and never read


@given(BYTES)
def test_streamed_pieces_add_up_to_the_whole_text(ids: list[int]) -> None:
    codec = ByteCodec()
    pieces = list(_decode_stream(codec, iter([*ids, codec.end_id, *b"never"])))
    assert "".join(pieces) == codec.decode(ids)
    assert "" not in pieces


@given(
    st.lists(st.text("ab", max_size=4), max_size=12),
    st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
)
def test_cutting_a_stream_equals_cutting_the_whole(pieces: list[str], stop: list[str]) -> None:
    whole = "".join(pieces)
    ends = [whole.find(text) for text in stop if text in whole]
    # Pieces are judged as they come: a complete stop ends the text even if a longer one would begin earlier.
    cut = "".join(_cut_at_stop(pieces, tuple(stop)))
    assert whole.startswith(cut)
    assert not any(text in cut for text in stop)
    assert len(cut) in {whole.find(text) for text in stop} if ends else cut == whole


@given(st.text("abc", max_size=20), st.text("abc", min_size=1, max_size=3))
def test_one_character_at_a_time_cuts_at_the_first_stop(text: str, stop: str) -> None:
    assert "".join(_cut_at_stop(text, (stop,))) == text.partition(stop)[0]


def test_a_prompt_too_long_is_refused_with_both_lengths(says: Callable) -> None:
    model, tokenizer = says(b"a", max_length=3)
    with pytest.raises(ShapeError, match="prompt has 4 tokens, but the model reads at most 3"):
        stream_text(model, tokenizer, "????", max_new_tokens=1)


def test_an_empty_stop_string_is_refused(says: Callable) -> None:
    with pytest.raises(ConfigError, match="empty string, which every text contains"):
        stream_text(*says(b"a"), "?", max_new_tokens=1, stop=["."[1:]])


def test_a_bare_stop_string_is_refused(says: Callable) -> None:
    with pytest.raises(ConfigError, match=r'must be a sequence of strings.*"END"'):
        stream_text(*says(b"a"), "?", max_new_tokens=1, stop="END")
