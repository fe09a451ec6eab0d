"""A small model behind the whole server: its answers are those it gives by itself."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from longwave.clients import LocalClient, Request, open_client
from longwave.data import ByteTokenizer
from longwave.generation import SamplingConfig, generate_text
from longwave.models import LanguageModel, LanguageModelConfig
from longwave.serving import Engine, EngineConfig, ServerConfig, build_app, running_server

WEB = httpx.Client(verify=False, timeout=60)  # reading certificates takes longer than everything else
JSON = {"content-type": "application/json"}
PROMPTS = ["The sea", "né ☃", "", "Why is the sky blue?", "x" * 40]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    config = LanguageModelConfig(vocab_size=257, d_model=16, n_layers=2, max_length=96)
    model = LanguageModel(config, seed=0)
    model.embedding.weight.data.mul_(20.0)  # far from uniform, so that differences show
    return model.eval()


@pytest.fixture(scope="module")
def served(model) -> Iterator[tuple[str, Engine]]:
    with Engine(model, EngineConfig(max_batch=8)) as engine:
        app = build_app(engine, ByteTokenizer(), ServerConfig(name="tiny"))
        with running_server(app) as url:
            yield url, engine


def complete(url: str, **body: object) -> dict[str, object]:
    answer = WEB.post(f"{url}/v1/completions", json={"model": "tiny", "temperature": 0, **body})
    return answer.raise_for_status().json()


@pytest.fixture(scope="module", autouse=True)
def close_connections() -> Iterator[None]:
    yield
    WEB.close()


def test_greedy_texts_are_those_of_the_model(model, served) -> None:
    answer = complete(served[0], prompt=PROMPTS, max_tokens=20)
    greedy = SamplingConfig(temperature=0)
    assert [choice["text"] for choice in answer["choices"]] == [
        generate_text(model, ByteTokenizer(), prompt, max_new_tokens=20, sampling=greedy)
        for prompt in PROMPTS
    ]


def test_a_seed_repeats_a_text_in_any_company(served) -> None:
    asked = {"temperature": 1, "seed": 5, "max_tokens": 20}
    alone = complete(served[0], prompt=PROMPTS[0], **asked)["choices"][0]["text"]
    together = complete(served[0], prompt=PROMPTS, n=2, **asked)["choices"]
    assert together[0]["text"] == alone
    assert together[1]["text"] != alone


def test_our_own_client_scores_and_writes_as_on_the_model_itself(model, served) -> None:
    there = open_client(f"openai:tiny@{served[0]}?api=completions")
    here = LocalClient(model, ByteTokenizer(), name="tiny")
    asked = [Request(prompt=prompt, max_tokens=12, temperature=0.0, stop=("e",)) for prompt in PROMPTS]
    asked += [Request(prompt="The sea", continuation=text) for text in (" is blue", " ☃", "né")]
    for mine, theirs in zip(here.complete(asked), there.complete(asked), strict=True):
        assert (mine.error, theirs.error) == (None, None)
        (left,), (right,) = mine.completions, theirs.completions
        assert (left.text, left.n_tokens) == (right.text, right.n_tokens)
        assert left.logprob == pytest.approx(right.logprob, abs=1e-3)


def test_the_whole_length_of_the_model_can_be_scored(served) -> None:
    answer = complete(served[0], prompt="y" * 96, max_tokens=1, echo=True, logprobs=1)
    assert len(answer["choices"][0]["logprobs"]["tokens"]) == 97


def test_an_end_inside_a_prompt_says_nothing(served) -> None:
    (choice,) = complete(served[0], prompt=[97, 256], max_tokens=0, echo=True, logprobs=0)["choices"]
    assert choice["logprobs"]["tokens"] == ["a", ""]


def test_a_client_that_leaves_gives_its_row_back(served) -> None:
    url, engine = served
    body = {"model": "tiny", "prompt": "a", "max_tokens": 90, "n": 8, "stream": True}
    cancelled = engine.stats().cancelled
    with WEB.stream("POST", f"{url}/v1/completions", json=body) as answer:
        next(answer.iter_lines())
    end = time.monotonic() + 10
    while engine.stats().running and time.monotonic() < end:
        threading.Event().wait(0.01)
    assert engine.stats().running == 0
    assert engine.stats().cancelled > cancelled


@pytest.mark.parametrize("n", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_at_once_get_the_same_as_alone(model, served, n) -> None:
    greedy = SamplingConfig(temperature=0)
    alone = {
        (prompt, size): generate_text(model, ByteTokenizer(), prompt, max_new_tokens=size, sampling=greedy)
        for prompt in PROMPTS
        for size in (3, 11)
    }

    def ask(number: int) -> bool:
        prompt, size = PROMPTS[number % 5], (3, 11)[number % 7 % 2]
        if number % 10 == 9:  # and leaves
            body = {"model": "tiny", "prompt": prompt, "max_tokens": 50, "stream": True}
            with WEB.stream("POST", f"{served[0]}/v1/completions", content=json.dumps(body), headers=JSON):
                return True
        return (
            complete(served[0], prompt=prompt, max_tokens=size)["choices"][0]["text"] == alone[prompt, size]
        )

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(n))) == n
