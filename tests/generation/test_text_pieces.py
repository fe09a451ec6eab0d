from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.data import ByteTokenizer
from longwave.generation import StopCutter, TextPieces

BYTES = st.lists(st.sampled_from([*b"ab<\n", *"é☃😀\ufffd".encode(), 0xFF, 0x80, 256]), max_size=80)


def pieces_of(ids: list[int]) -> list[str]:
    pieces = TextPieces(ByteTokenizer())
    return [*(pieces.push(token) for token in ids), pieces.flush()]


def cut(pieces: list[str], stop: tuple[str, ...]) -> tuple[list[str], bool]:
    cutter = StopCutter(stop)
    ready = []
    for piece in pieces:
        ready.append(cutter.push(piece))
        if cutter.is_done:
            break
    return [*ready, cutter.flush()], cutter.is_done


@given(BYTES)
def test_pieces_join_to_the_text_of_all_ids(ids: list[int]) -> None:
    assert "".join(pieces_of(ids)) == ByteTokenizer().decode(ids)


@given(st.text(max_size=60))
def test_no_piece_is_a_part_of_a_character(text: str) -> None:
    pieces = pieces_of(list(text.encode()))
    assert [piece for piece in pieces if piece] == [*text]


@pytest.mark.parametrize("text", ["é", "☃", "😀"])
def test_an_unfinished_character_is_shown_at_the_end_as_python_does(text: str) -> None:
    ids = list(text.encode())[:-1]
    assert pieces_of(ids)[-1] == bytes(ids).decode(errors="replace")


@given(
    st.lists(st.text("ab", max_size=4), max_size=12),
    st.lists(st.text("ab", min_size=1, max_size=4), max_size=3).map(tuple),
)
def test_text_is_cut_before_the_first_stop_string(pieces: list[str], stop: tuple[str, ...]) -> None:
    text = "".join(pieces)
    found = [text.find(each) for each in stop if each in text]
    ready, is_done = cut(pieces, stop)
    assert is_done == bool(found)
    if not found:
        assert "".join(ready) == text
    else:  # a stop string that is complete earlier may begin later
        ends = [text.find(each) + len(each) for each in stop if each in text]
        assert len("".join(ready)) <= min(ends)
        assert not any(each in "".join(ready) for each in stop)


def test_what_may_begin_a_stop_string_is_held_back_and_no_more() -> None:
    cutter = StopCutter(("\nUser:",))
    assert [cutter.push(piece) for piece in ("a\nU", "se", "x")] == ["a", "", "\nUsex"]


def test_without_stop_strings_nothing_is_held_back() -> None:
    assert cut(["a", "b"], ()) == (["a", "b", ""], False)
