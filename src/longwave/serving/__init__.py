"""Serve a language model over HTTP in OpenAI's dialect, many texts at once in one batch."""

from longwave.serving.config import ServerConfig
from longwave.serving.engine import Engine, EngineConfig
from longwave.serving.requests import (
    EngineClosed,
    EngineStats,
    Event,
    Finished,
    ModelFailed,
    NewToken,
    Overloaded,
    PromptScores,
    TokenRequest,
)
from longwave.serving.server import build_app, run_server, running_server

__all__ = [
    "Engine",
    "EngineClosed",
    "EngineConfig",
    "EngineStats",
    "Event",
    "Finished",
    "ModelFailed",
    "NewToken",
    "Overloaded",
    "PromptScores",
    "ServerConfig",
    "TokenRequest",
    "build_app",
    "run_server",
    "running_server",
]
