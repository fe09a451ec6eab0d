"""A made-up engine behind the application, on a loopback port."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import httpx
import openai
import pytest

from longwave.data import ByteTokenizer
from longwave.serving import ServerConfig, build_app, running_server

FIXTURES = Path(__file__).parents[1] / "fixtures"
_spec = importlib.util.spec_from_file_location("serving_engine", FIXTURES / "serving_engine.py")
serving_engine = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = serving_engine  # dataclasses look there
_spec.loader.exec_module(serving_engine)


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    """Return the module of the made-up engine."""
    return serving_engine


@pytest.fixture(scope="session")
def shared_engine():
    """Return the made-up engine behind the address that most tests ask."""
    return serving_engine.FakeEngine(max_length=512)


@pytest.fixture(scope="session")
def address(shared_engine) -> Iterator[str]:
    """Return the address of a server that tests share."""
    app = build_app(shared_engine, ByteTokenizer(), ServerConfig(name="tiny"))
    with running_server(app) as url:
        yield url


@pytest.fixture(scope="session")
def web() -> Iterator[httpx.Client]:
    """Return a client; certificates are not read, which takes longer than everything else."""
    with httpx.Client(verify=False, timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
def http(address) -> Iterator[httpx.Client]:
    """Return a client of the shared server."""
    with httpx.Client(base_url=address, verify=False, timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
def connect(web) -> Callable[..., openai.OpenAI]:
    """Return a function from an address to OpenAI's own client."""

    def to(url: str, api_key: str = "none") -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{url}/v1", api_key=api_key, max_retries=0, http_client=web)

    return to


@pytest.fixture(scope="session")
def client(address, connect) -> openai.OpenAI:
    """Return OpenAI's own client of the shared server."""
    return connect(address)


@pytest.fixture
def engine():
    """Return a made-up engine for one test."""
    return serving_engine.FakeEngine()


@pytest.fixture
def serve(engine) -> Iterator[Callable[..., str]]:
    """Return a function that starts a server of one test's engine and returns its address."""
    with ExitStack() as stack:

        def start(*, api_key: str | None = None, **limits: object) -> str:
            config = ServerConfig(name="tiny", **{"grace_s": 0.0, **limits})
            return stack.enter_context(
                running_server(build_app(engine, ByteTokenizer(), config, api_key=api_key))
            )

        yield start
