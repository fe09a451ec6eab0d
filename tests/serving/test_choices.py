from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.data import ByteTokenizer
from longwave.generation import SamplingConfig
from longwave.serving import Overloaded
from longwave.serving.choices import Choice, Order, gather, merge

END = 256
IDS = st.lists(st.sampled_from([*b"ab\n", *"é☃😀".encode(), 0xFF]), min_size=1, max_size=30)
STOPS = st.lists(st.sampled_from(["a", "ab", "b\n", "é", "☃a"]), max_size=3).map(tuple)


def order(ids: object = b"p", **options: object) -> Order:
    settings = {"index": 0, "max_new_tokens": 40, "sampling": SamplingConfig(), "seed": 0, **options}
    return Order(ids=tuple(ids), **settings)


def read(fake, new_ids: list[int], asked: Order) -> list:
    engine = fake.FakeEngine(script={bytes(i % 256 for i in asked.ids): new_ids})
    (pieces,) = asyncio.run(gather([Choice(engine, ByteTokenizer(), asked)]))
    assert engine.n_open == 0
    return pieces


@given(IDS, IDS, STOPS, st.booleans())
def test_text_does_not_depend_on_whether_tokens_are_scored(fake, prompt, new, stop, echo) -> None:
    plain, scored = (read(fake, new, order(prompt, stop=stop, echo=echo, n_top=n_top)) for n_top in (None, 1))
    assert "".join(piece.text for piece in plain) == "".join(piece.text for piece in scored)
    assert plain[-1].reason == scored[-1].reason == "stop"


@given(IDS, IDS, st.booleans())
def test_tokens_join_to_the_text_and_say_where_they_begin(fake, prompt, new, echo) -> None:
    pieces = read(fake, new, order(prompt, echo=echo, n_top=0))
    text = "".join(piece.text for piece in pieces)
    tokens = [token for piece in pieces for token in piece.tokens]
    assert "".join(token.text for token in tokens) == text
    assert [text[token.offset : token.offset + len(token.text)] for token in tokens] == [
        token.text for token in tokens
    ]
    assert [token.id for token in tokens] == [*(prompt if echo else ()), *new, END]


@given(IDS, STOPS)
def test_tokens_of_a_cut_text_cover_it_and_begin_in_it(fake, new, stop) -> None:
    pieces = read(fake, new, order(stop=stop, n_top=0))
    text = "".join(piece.text for piece in pieces)
    tokens = [token for piece in pieces for token in piece.tokens]
    assert "".join(token.text for token in tokens).startswith(text)
    assert all(token.offset < len(text) or token.text == "" for token in tokens)


@given(IDS)
def test_tokens_come_with_the_text_they_end_and_not_before(fake, new) -> None:
    sent = 0
    for piece in read(fake, new, order(n_top=0, stop=("ab\n", "☃a"))):
        sent += len(piece.text)
        assert all(token.offset + len(token.text) <= sent for token in piece.tokens)


def test_the_end_of_the_text_is_told_with_its_probability(fake) -> None:
    pieces = read(fake, [*b"ab"], order(n_top=2))
    last = pieces[-1].tokens[-1]
    assert (last.id, last.text, last.offset, last.log_prob) == (END, "", 2, fake.log_prob(END, 3))
    assert len(last.top) == 2


@pytest.mark.parametrize("n_top", [None, 0])
def test_the_end_of_the_text_counts_as_drawn(fake, n_top) -> None:
    engine = fake.FakeEngine(script={b"p": [*b"ab"]})
    choice = Choice(engine, ByteTokenizer(), order(n_top=n_top))
    asyncio.run(gather([choice]))
    assert choice.n_new == 3


def test_stop_strings_are_not_looked_for_in_the_prompt(fake) -> None:
    pieces = read(fake, [*b"xyab"], order(b"ab", stop=("ab",), echo=True))
    assert "".join(piece.text for piece in pieces) == "abxy"


def test_a_prompt_that_ends_inside_a_character_is_finished_by_the_answer(fake) -> None:
    first, *rest = "é".encode()
    pieces = read(fake, [*rest, *b"!"], order([first], echo=True, n_top=0))
    tokens = [token for piece in pieces for token in piece.tokens]
    assert [(token.text, token.offset) for token in tokens] == [("", 0), ("é", 0), ("!", 1), ("", 2)]


def test_a_text_that_stops_gives_its_place_back_at_once(fake) -> None:
    engine = fake.FakeEngine(script={b"p": [*b"abc", *b"d" * 30]})
    asyncio.run(gather([Choice(engine, ByteTokenizer(), order(stop=("bc",)))]))
    assert (engine.n_open, engine.n_cancelled) == (0, 1)
    assert engine.n_tokens == 3


def test_merged_pieces_are_those_of_each(fake) -> None:
    engine = fake.FakeEngine()
    orders = [order(bytes([65 + i]), index=i, max_new_tokens=5 + i) for i in range(7)]

    async def run() -> dict[int, str]:
        texts = dict.fromkeys(range(7), "")
        async for piece in merge([Choice(engine, ByteTokenizer(), each) for each in orders]):
            texts[piece.index] += piece.text
        return texts

    assert asyncio.run(run()) == {
        i: (fake.written(each.ids, 0) * 5)[: 5 + i] for i, each in enumerate(orders)
    }


@pytest.mark.parametrize("reads", [gather, merge], ids=["gather", "merge"])
def test_an_error_gives_the_others_up(fake, reads) -> None:
    engine = fake.FakeEngine(fails=Overloaded("too much"))

    async def run() -> None:
        choices = [Choice(engine, ByteTokenizer(), order(index=i)) for i in range(3)]
        if reads is gather:
            await gather(choices)
        else:
            async for _ in merge(choices):
                pass

    with pytest.raises(Overloaded, match="too much"):
        asyncio.run(run())
    assert engine.n_open == 0


def test_leaving_a_merged_stream_gives_all_up(fake) -> None:
    engine = fake.FakeEngine(is_stuck=True)

    async def run() -> None:
        stream = merge([Choice(engine, ByteTokenizer(), order(index=i)) for i in range(3)])
        await anext(stream)
        await stream.aclose()

    asyncio.run(run())
    assert (engine.n_open, engine.n_cancelled) == (0, 3)
