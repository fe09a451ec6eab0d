"""The engine: every request is answered as if it were alone, whatever comes and goes beside it."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from longwave import registry
from longwave.errors import ConfigError, DataError, ShapeError
from longwave.generation import SamplingConfig, generate_ids
from longwave.models import LanguageModel, LanguageModelConfig
from longwave.serving.engine import Engine, EngineConfig
from longwave.serving.jobs import TokenStream
from longwave.serving.requests import (
    EngineClosed,
    Event,
    Finished,
    ModelFailed,
    NewToken,
    Overloaded,
    PromptScores,
    TokenRequest,
)

T = TypeVar("T")
VOCAB, MAX_LENGTH = 37, 96
GREEDY = SamplingConfig(temperature=0.0)
HEADS = {"n_heads": 2}
KINDS: dict[str, dict[str, Any]] = {
    **{name: {"mixer": name} for name in sorted(registry.entries("mixers"))},
    "hyena-modal": {"mixer": "hyena", "mixer_options": {"filter": {"kind": "modal", "order": 3}}},
    "h3-long": {"mixer": "h3", "mixer_options": {"kernel": "long_conv"}},
    "hybrid-hyena": {"mixer": "hyena", "attention_layers": (1,), "attention_options": HEADS},
    "hybrid-h3": {"mixer": "h3", "attention_layers": (0,), "attention_options": HEADS},
}


def build(kind: str, *, seed: int = 0, max_length: int = MAX_LENGTH) -> LanguageModel:
    """Make a model in float64 whose layers outweigh its embedding."""
    sizes = {"vocab_size": VOCAB, "d_model": 16, "n_layers": 2, "max_length": max_length}
    model = LanguageModel(LanguageModelConfig(**(sizes | KINDS[kind])), seed=seed).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for linear in (m for block in model.blocks for m in block.modules() if isinstance(m, nn.Linear)):
            linear.weight.normal_(0, 3 * linear.in_features**-0.5, generator=generator)
    return model


def ask(ids: list[int], new: int, sampling: SamplingConfig = GREEDY, **options: Any) -> TokenRequest:
    return TokenRequest(ids=tuple(ids), max_new_tokens=new, sampling=sampling, **options)


async def read(stream: TokenStream) -> list[Event]:
    return [event async for event in stream]


def serve(model: Any, talk: Callable[[Engine], Coroutine[Any, Any, T]], **sizes: Any) -> T:
    """Run a talk with an engine, which is closed afterwards."""
    with Engine(model, EngineConfig(**sizes)) as engine:
        return asyncio.run(talk(engine))


def answers(model: Any, requests: list[TokenRequest], **sizes: Any) -> list[list[Event]]:
    """Ask everything at once."""

    async def talk(engine: Engine) -> list[list[Event]]:
        return await asyncio.gather(*(read(engine.stream(request)) for request in requests))

    return serve(model, talk, **sizes)


def tokens(events: list[Event]) -> list[int]:
    return [event.id for event in events if isinstance(event, NewToken)]


def alone(model: LanguageModel, request: TokenRequest) -> list[int]:
    """Return what ``generate_ids`` adds to a prompt."""
    sampling = SamplingConfig(
        temperature=request.sampling.temperature,
        top_k=request.sampling.top_k,
        top_p=request.sampling.top_p,
        seed=request.seed,
    )
    ids = torch.tensor([request.ids])
    stop = () if request.end_id is None else (request.end_id,)
    found = generate_ids(model, ids, max_new_tokens=request.max_new_tokens, sampling=sampling, stop_ids=stop)[
        0, ids.shape[1] :
    ].tolist()
    return found[: found.index(request.end_id)] if request.end_id in found else found


def prompt(length: int, seed: int) -> list[int]:
    return torch.randint(VOCAB, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_continues_texts_together_as_each_alone(kind: str) -> None:
    model, lengths = build(kind), (31, 1, 17, 30, 5, 64, 2)
    requests = [ask(prompt(length, length), 20) for length in lengths]
    requests += [ask(prompt(9, 1), 25, SamplingConfig(top_p=0.9), seed=7)]
    found = answers(model, requests, max_batch=4, prefill_tokens=16)
    assert [tokens(events) for events in found] == [alone(model, request) for request in requests]
    assert [events[-1] for events in found] == [Finished("length")] * len(requests)


SAMPLINGS = (GREEDY, SamplingConfig(), SamplingConfig(temperature=0.7, top_k=5), SamplingConfig(top_p=0.8))


@st.composite
def _arrivals(draw: st.DrawFn) -> list[tuple[int, TokenRequest, int | None]]:
    """Draw when requests come (in tokens of others seen), what they ask, and when they are given up."""
    found = []
    for number in range(draw(st.integers(1, 7))):
        length = draw(st.integers(1, 60))
        request = ask(
            prompt(length, number),
            draw(st.integers(0, MAX_LENGTH - length + 1)),
            draw(st.sampled_from(SAMPLINGS)),
            seed=draw(st.integers(0, 5)),
            end_id=draw(st.none() | st.integers(0, VOCAB - 1)),
        )
        found.append((draw(st.integers(0, 30)), request, draw(st.none() | st.integers(0, 20))))
    return found


@pytest.mark.parametrize("kind", ["hybrid-hyena", "hybrid-h3", "s4d"])
@settings(max_examples=8)
@given(arrivals=_arrivals(), max_batch=st.integers(1, 5), prefill_tokens=st.sampled_from([1, 7, 32]))
def test_any_comings_and_goings_change_no_answer(
    kind: str, arrivals: list, max_batch: int, prefill_tokens: int
) -> None:
    model = build(kind)

    async def talk(engine: Engine) -> list[list[int]]:
        seen = 0

        async def one(after: int, request: TokenRequest, patience: int | None) -> list[int]:
            nonlocal seen
            while seen < after and engine.stats().running:
                await asyncio.sleep(0)
            stream, found = engine.stream(request), []
            async for event in stream:
                if isinstance(event, NewToken):
                    found.append(event.id)
                    seen += 1
                if patience is not None and len(found) >= patience:
                    await stream.aclose()
            return found

        return await asyncio.gather(*(one(*arrival) for arrival in arrivals))

    found = serve(model, talk, max_batch=max_batch, prefill_tokens=prefill_tokens)
    for (_, request, patience), ids in zip(arrivals, found, strict=True):
        expected = alone(model, request)
        assert ids == (expected if patience is None else expected[: max(patience, min(1, len(expected)))])


def test_log_probabilities_are_those_of_the_whole_text() -> None:
    model, requests = build("hybrid-hyena"), [ask(prompt(n, n), 12, n_top=3) for n in (20, 3, 11)]
    for request, events in zip(requests, answers(model, requests), strict=True):
        ids = [*request.ids, *tokens(events)]
        expected = model(torch.tensor([ids]))[0].float().log_softmax(-1)[len(request.ids) - 1 : -1]
        found = [event for event in events if isinstance(event, NewToken)]
        chosen = expected.gather(1, torch.tensor([[event.id] for event in found]))[:, 0]
        torch.testing.assert_close(torch.tensor([event.log_prob for event in found]), chosen)
        values, best = expected.topk(3)
        assert [[token for token, _ in event.top] for event in found] == best.tolist()
        torch.testing.assert_close(torch.tensor([[p for _, p in event.top] for event in found]), values)


@pytest.mark.parametrize("prefill_tokens", [1, 5, 100])
def test_a_text_is_scored_without_new_tokens(prefill_tokens: int) -> None:
    model, ids = build("hybrid-hyena"), prompt(23, 0)
    request = ask(ids, 0, score_prompt=True, n_top=2)
    ((scores, last),) = answers(model, [request], prefill_tokens=prefill_tokens)
    assert isinstance(scores, PromptScores)
    assert last == Finished("length")
    expected = model(torch.tensor([ids]))[0, :-1].float().log_softmax(-1)
    assert scores.log_probs[0] is scores.top[0] is None
    chosen = expected.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    torch.testing.assert_close(torch.tensor(scores.log_probs[1:]), chosen)
    assert [[token for token, _ in top or ()] for top in scores.top[1:]] == expected.topk(2)[1].tolist()


def test_scores_come_before_the_first_token() -> None:
    (events,) = answers(build("s4d"), [ask([1, 2, 3], 2, score_prompt=True)])
    assert [type(event) for event in events] == [PromptScores, NewToken, NewToken, Finished]
    assert events[0].top == (None, (), ())


def test_the_end_is_not_sent() -> None:
    model, ids = build("h3"), prompt(8, 3)
    whole = alone(model, ask(ids, 30))
    (events,) = answers(model, [ask(ids, 30, end_id=whole[7])])
    assert tokens(events) == whole[: whole.index(whole[7])]
    assert events[-1] == Finished("stop")


def test_a_text_may_fill_the_model_to_the_last_place() -> None:
    model = build("hybrid-hyena")
    requests = [ask(prompt(n, n), MAX_LENGTH - n + 1) for n in (1, MAX_LENGTH, 40, 70, 95)]
    found = answers(model, requests, max_batch=3)
    assert [tokens(events) for events in found] == [alone(model, request) for request in requests]


def test_old_rows_do_not_use_up_the_room_of_new_ones() -> None:
    """Texts come one after the other, always beside another: positions go on far beyond ``max_length``."""
    model = build("hybrid-hyena")

    async def talk(engine: Engine) -> list[list[Event]]:
        async def chain(seed: int) -> list[list[Event]]:
            return [await read(engine.stream(ask(prompt(5, seed + n), 30 + seed))) for n in range(6)]

        first, second = await asyncio.gather(chain(0), chain(10))
        return first + second

    found = serve(model, talk)
    requests = [ask(prompt(5, seed + n), 30 + seed) for seed in (0, 10) for n in range(6)]
    assert [tokens(events) for events in found] == [alone(model, request) for request in requests]


@pytest.mark.parametrize("how", ["close", "cancel", "drop"])
def test_a_request_that_is_given_up_frees_its_place(how: str) -> None:
    async def talk(engine: Engine) -> tuple[list[int], Any]:
        stream = engine.stream(ask([1], 90))
        await anext(stream)
        if how == "close":
            await stream.aclose()
        elif how == "cancel":
            waiting = asyncio.ensure_future(read(stream))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        del stream
        gc.collect()
        return tokens(await read(engine.stream(ask([2, 3], 4)))), engine.stats()

    model = build("s4d", max_length=20_000)
    found, stats = serve(model, talk, max_batch=1)
    assert found == alone(model, ask([2, 3], 4))
    assert (stats.cancelled, stats.reached_length, stats.running, stats.waiting) == (1, 1, 0, 0)


def test_a_given_up_stream_is_over() -> None:
    async def talk(engine: Engine) -> list[Event]:
        stream = engine.stream(ask([1], 90))
        await stream.aclose()
        return await read(stream)

    assert serve(build("s4d"), talk) == []


class Gate:
    """A model whose steps wait to be let through, so that a test decides what happens meanwhile."""

    def __init__(self, model: LanguageModel, *, poison: int | None = None) -> None:
        self.model, self.poison = model, poison
        self.is_open = threading.Event()
        self.is_open.set()
        self.chunks: list[int] = []
        self.batches: list[int] = []
        self.fails: type[Exception] | None = None
        self.max_length = model.max_length
        self.init_state = model.init_state

    def prefill(self, ids: Tensor, state: Any, *, last_only: bool = False) -> tuple[Tensor, Any]:
        self.is_open.wait()
        self.chunks.append(ids.shape[1])
        logits, state = self.model.prefill(ids, state, last_only=last_only)
        return self._poisoned(logits, ids[:, 0]), state

    def step(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        self.is_open.wait()
        self.batches.append(len(ids))
        self.chunks.append(0)
        if self.fails is not None:
            failure, self.fails = self.fails, None
            raise failure("a step that fails")
        logits, state = self.model.step(ids, state)
        return self._poisoned(logits, ids), state

    def _poisoned(self, logits: Tensor, ids: Tensor) -> Tensor:
        logits = logits.clone()
        if self.poison is not None:
            logits[ids == self.poison] = torch.nan
        return logits


def test_a_long_prompt_is_read_in_pieces_between_steps() -> None:
    gate = Gate(build("hybrid-hyena"))

    async def talk(engine: Engine) -> None:
        gate.is_open.clear()
        short = asyncio.ensure_future(read(engine.stream(ask([1], 30))))
        long = asyncio.ensure_future(read(engine.stream(ask(prompt(60, 0), 3))))
        await asyncio.sleep(0)
        gate.is_open.set()
        await asyncio.gather(short, long)

    serve(gate, talk, prefill_tokens=16)
    first_joint = gate.chunks.index(0)
    # one token of the short prompt, then pieces of the long one, a step after each
    assert gate.chunks[first_joint - 2 : first_joint + 8] == [1, 15, 0, 16, 0, 16, 0, 13, 0, 0]


@pytest.mark.parametrize("kind", [RuntimeError, TypeError, MemoryError, ZeroDivisionError, ShapeError])
def test_a_failing_step_ends_its_requests_and_not_the_engine(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(build("hybrid-hyena"))

    async def talk(engine: Engine) -> list[Any]:
        gate.fails = kind
        failed = await asyncio.gather(
            *(read(engine.stream(ask([n], 9))) for n in (1, 2)), return_exceptions=True
        )
        return [*failed, await read(engine.stream(ask([3], 9))), engine.stats()]

    *failed, after, stats = serve(gate, talk)
    assert {type(error) for error in failed} <= {ModelFailed, list}
    assert ModelFailed in {type(error) for error in failed}
    (cause,) = {error.__cause__ for error in failed if isinstance(error, ModelFailed)}
    assert isinstance(cause, kind)
    assert "The model failed while it continued" in caplog.text
    assert tokens(after) == alone(gate.model, ask([3], 9))
    assert (stats.failed + stats.reached_length, stats.running) == (3, 0)


def test_logits_that_are_no_numbers_end_their_own_text_only() -> None:
    model = build("hybrid-hyena")
    good = [ask(prompt(5, n), 12) for n in range(40)]
    calm = [request for request in good if 0 not in (*request.ids, *alone(model, request))][:3]
    gate = Gate(model, poison=0)

    async def talk(engine: Engine) -> list[Any]:
        requests = [calm[0], ask([4, 0, 5, 0], 9), *calm[1:], ask([0], 3, SamplingConfig())]
        return await asyncio.gather(
            *(read(engine.stream(request)) for request in requests), return_exceptions=True
        )

    first, _, second, third, poisoned = serve(gate, talk)
    assert [tokens(events) for events in (first, second, third)] == [alone(model, r) for r in calm]
    assert isinstance(poisoned, DataError)
    assert "NaN" in str(poisoned)


def test_a_prompt_outside_the_vocabulary_fails_alone() -> None:
    model = build("s4d")
    gate = Gate(model)  # does not tell its vocabulary, so that the model finds out

    async def talk(engine: Engine) -> list[Any]:
        requests = [ask([1], 5), ask([VOCAB], 5), ask([2], 5)]
        return await asyncio.gather(*(read(engine.stream(r)) for r in requests), return_exceptions=True)

    first, wrong, last = serve(gate, talk)
    assert isinstance(wrong, ShapeError)
    assert [tokens(first), tokens(last)] == [alone(model, ask([n], 5)) for n in (1, 2)]


def test_requests_that_cannot_be_answered_are_refused_at_once() -> None:
    async def talk(engine: Engine) -> None:
        with pytest.raises(ShapeError, match="Ask for at most 87 new tokens"):
            engine.stream(ask(prompt(10, 0), 88))
        with pytest.raises(ShapeError, match="Shorten the prompt by 4 tokens"):
            engine.stream(ask(prompt(100, 0), 0))
        with pytest.raises(ShapeError, match="vocabulary has 37 entries"):
            engine.stream(ask([3, 37], 1))

    serve(build("s4d"), talk)


def test_too_many_requests_are_refused_until_one_ends() -> None:
    gate = Gate(build("s4d"))

    async def talk(engine: Engine) -> Any:
        gate.is_open.clear()
        streams = [engine.stream(ask([n], 2)) for n in range(3)]
        with pytest.raises(Overloaded, match="max_waiting=2"):
            engine.stream(ask([4], 2))
        await streams[2].aclose()
        streams.append(engine.stream(ask([4], 2)))  # in place of the one that was given up
        gate.is_open.set()
        await asyncio.gather(*map(read, streams))
        return engine.stats()

    stats = serve(gate, talk, max_batch=1, max_waiting=2)
    assert (stats.refused, stats.cancelled, stats.reached_length) == (1, 1, 3)


def test_an_engine_takes_requests_only_while_it_runs() -> None:
    engine = Engine(build("s4d"))

    async def refused(words: str) -> None:
        with pytest.raises(EngineClosed, match=words):
            engine.stream(ask([1], 1))

    asyncio.run(refused("was not started"))
    engine.start()
    engine.start()
    engine.close()
    engine.close()
    asyncio.run(refused("is closed"))
    with pytest.raises(EngineClosed, match="Make another"):
        engine.start()


def test_closing_lets_requests_end_within_their_grace() -> None:
    model = build("s4d")

    async def talk() -> list[Event]:
        engine = Engine(model)
        engine.start()
        stream = engine.stream(ask([1], 9))
        await asyncio.to_thread(engine.close, 30.0)
        return await read(stream)

    assert tokens(asyncio.run(talk())) == alone(model, ask([1], 9))


def test_closing_without_grace_ends_every_request() -> None:
    gate = Gate(build("s4d"))

    async def talk() -> tuple[list[Any], Any]:
        engine = Engine(gate, EngineConfig(max_batch=1))
        engine.start()
        gate.is_open.clear()
        streams = [engine.stream(ask([n], 50)) for n in (1, 2)]
        closing = asyncio.ensure_future(asyncio.to_thread(engine.close, 0.0))
        await asyncio.sleep(0.01)
        gate.is_open.set()
        await closing
        return await asyncio.gather(*map(read, streams), return_exceptions=True), engine.stats()

    found, stats = asyncio.run(talk())
    assert [type(error) for error in found] == [EngineClosed, EngineClosed]
    assert (stats.failed, stats.running, stats.waiting) == (2, 0, 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_that_is_no_failure_of_a_model_leaves_nobody_waiting() -> None:
    gate = Gate(build("s4d"))

    async def talk(engine: Engine) -> Any:
        gate.fails = KeyboardInterrupt  # what no handler of the engine's takes
        with pytest.raises(EngineClosed, match="before this answer was complete"):
            await read(engine.stream(ask([1], 9)))
        with pytest.raises(EngineClosed, match="is closed"):
            engine.stream(ask([1], 9))

    serve(gate, talk)


def test_counters_add_up() -> None:
    model = build("hybrid-hyena")
    whole = alone(model, ask([5, 6], 6))

    async def talk(engine: Engine) -> Any:
        await asyncio.gather(
            read(engine.stream(ask([1, 2, 3], 5))), read(engine.stream(ask([5, 6], 6, end_id=whole[0])))
        )
        return engine.stats()

    stats = serve(model, talk)
    assert (stats.reached_length, stats.stopped, stats.running, stats.waiting) == (1, 1, 0, 0)
    assert (stats.prompt_tokens, stats.new_tokens, stats.steps) == (5, 6, 4)
    assert stats.work_s > 0


def test_an_engine_needs_a_length_that_the_model_has() -> None:
    with pytest.raises(ConfigError, match="reads at most 96"):
        Engine(build("s4d"), EngineConfig(max_length=97))
    unbounded = Gate(build("s4d"))
    unbounded.max_length = None
    with pytest.raises(ConfigError, match="needs a bound"):
        Engine(unbounded)
    assert Engine(unbounded, EngineConfig(max_length=50)).max_length == 50


@pytest.mark.parametrize(
    ("name", "value"), [("max_batch", 0), ("max_waiting", -1), ("max_length", 0), ("prefill_tokens", 0)]
)
def test_sizes_out_of_range_are_refused(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f'"{name}" is {value}'):
        EngineConfig(**{name: value})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ids": ()}, "no token"),
        ({"max_new_tokens": -1}, '"max_new_tokens" is -1'),
        ({"n_top": -1}, '"n_top" is -1'),
        ({"seed": 1 << 64}, "64 bits"),
    ],
)
def test_requests_that_mean_nothing_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TokenRequest(**({"ids": (1,), "max_new_tokens": 1, "sampling": GREEDY} | changes))


class Plain:
    """A decoder whose state only remembers; it cannot be realigned."""

    max_length = 50

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.rooms = model, []

    def init_state(self, batch: int, max_length: int | None = None) -> list[Tensor]:
        self.rooms.append((batch, max_length))
        return []

    def prefill(self, ids: Tensor, state: list[Tensor], *, last_only: bool = False) -> tuple[Tensor, Any]:
        state.extend(ids.unbind(1))
        logits = self.model(torch.stack(state, 1))[:, -ids.shape[1] :]
        return logits[:, -1:] if last_only else logits, state

    def step(self, ids: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        logits, state = self.prefill(ids[:, None], state)
        return logits[:, 0], state


def test_any_decoder_is_served_if_only_in_turns() -> None:
    model = build("s4d")
    requests = [ask(prompt(n, n), 9) for n in (3, 8, 1, 5)]
    plain = Plain(model)
    found = answers(plain, requests, max_batch=3)
    assert sorted(set(plain.rooms)) == [(1, 9), (1, 11), (1, 13), (1, 16), (1, 50)]
    assert [tokens(events) for events in found] == [alone(model, request) for request in requests]


def test_texts_share_steps() -> None:
    gate = Gate(build("hybrid-hyena"))

    async def talk(engine: Engine) -> None:
        gate.is_open.clear()
        all_of_them = [asyncio.ensure_future(read(engine.stream(ask([n], 20)))) for n in range(8)]
        await asyncio.sleep(0)
        gate.is_open.set()
        await asyncio.gather(*all_of_them)

    serve(gate, talk, max_batch=8)
    assert set(gate.batches) == {8}
    assert len(gate.batches) == 19


@pytest.mark.parametrize("n_texts", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_finished_texts_leave_no_memory_behind(n_texts: int) -> None:
    model = build("hybrid-hyena", max_length=64)

    async def talk(engine: Engine) -> list[int]:
        async def some(n_requests: int) -> int:
            for first in range(0, n_requests, 50):
                requests = [ask(prompt(1 + n % 7, n), 1 + n % 5) for n in range(first, first + 50)]
                await asyncio.gather(*(read(engine.stream(request)) for request in requests))
            return n_tensors()

        return [await some(50), await some(n_texts)]

    before, after = serve(model, talk, max_batch=8)
    assert after < before + 50  # the last text may not be dropped yet; fifty would hold five hundred


def n_tensors() -> int:
    """Count the tensors there are."""
    gc.collect()
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())
