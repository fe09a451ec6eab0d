"""The server does what its own description says, for requests made up from that description."""

from __future__ import annotations

import importlib.util

import pytest
from hypothesis import HealthCheck, given, settings

from longwave.data import ByteTokenizer
from longwave.serving import ServerConfig, build_app

needs_schemathesis = pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed"
)
PAGES = [
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model}"),
    ("GET", "/tokenizer_info"),
    ("POST", "/tokenize"),
    ("POST", "/detokenize"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/chat/completions"),
]


@pytest.fixture(scope="session")
def described(address):
    """Return what schemathesis reads from the shared server."""
    import schemathesis

    return schemathesis.openapi.from_url(f"{address}/openapi.json")


def test_every_page_is_described(http) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    assert sorted((method.upper(), path) for path in paths for method in paths[path]) == sorted(PAGES)


def test_the_description_names_the_model_the_bounds_and_the_errors(http) -> None:
    page = http.get("/openapi.json").json()
    body = page["components"]["schemas"]["CompletionBody"]
    assert body["properties"]["model"]["enum"] == ["tiny"]
    assert body["additionalProperties"] is False
    assert body["properties"]["temperature"]["anyOf"][0] == {"type": "number", "minimum": 0.0, "maximum": 2.0}
    assert all(parameter.get("description") for parameter in body["properties"].values())
    answers = page["paths"]["/v1/completions"]["post"]["responses"]
    assert {"200", "4XX", "5XX"} == set(answers)
    assert set(answers["200"]["content"]) == {"application/json", "text/event-stream"}


def test_a_key_is_described_where_one_is_wanted(engine) -> None:
    app = build_app(engine, ByteTokenizer(), ServerConfig(name="tiny"), api_key="key")
    paths = app.openapi()["paths"]
    assert paths["/v1/models"]["get"]["security"] == [{"key": []}]
    assert paths["/health"]["get"]["security"] == []


def fit(case):
    """Make a right request one that fits the model, and agrees with itself: no description can say that."""
    body = case.body
    if not isinstance(body, dict):
        return case
    for name in ("prompt", "tokens"):
        if name in body:
            body[name] = shorten(body[name])
    if "messages" in body:
        body["messages"] = [{**turn, "content": shorten(turn["content"])} for turn in body["messages"][:2]]
    body.update({name: min(body[name], 3) for name in ("n", "max_tokens") if body.get(name)})
    if "best_of" in body:
        body["best_of"] = body.get("n") or 1
    if not body.get("logprobs"):
        body.pop("top_logprobs", None)
    body.pop("max_completion_tokens", None)
    return case


def shorten(value):
    """Cut texts and lists, and make ids those of the tokenizer."""
    if isinstance(value, list):
        return [shorten(each) for each in value[:4]]
    if isinstance(value, dict):
        return {**value, "text": value["text"][:20]}
    return value[:20] if isinstance(value, str) else int(value) % 257


@needs_schemathesis
@pytest.mark.parametrize(("method", "path"), PAGES, ids=[path for _, path in PAGES])
@pytest.mark.parametrize("n", [8, pytest.param(200, marks=pytest.mark.slow)])
def test_made_up_requests_get_answers_as_described(described, method, path, n) -> None:
    from schemathesis import GenerationMode

    operation = described[path][method]
    right = operation.as_strategy(generation_mode=GenerationMode.POSITIVE).map(fit)
    wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(max_examples=n, suppress_health_check=list(HealthCheck), deadline=None)
    @given(right | wrong)
    def ask(case) -> None:
        case.call_and_validate()

    ask()
