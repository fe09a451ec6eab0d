"""Clients: models behind one interface, requests in, results out."""

from longwave.clients.base import Client, Completion, Request, Result, StreamingClient
from longwave.clients.cache import CachedClient
from longwave.clients.fake import FakeClient, OracleClient, Teachable
from longwave.clients.hosted import HostedClient
from longwave.clients.hosted_settings import HostedSettings, ServerAddress
from longwave.clients.hugging_face import HuggingFaceClient, HuggingFaceSettings
from longwave.clients.local import LocalClient
from longwave.clients.replay import ReplayClient
from longwave.clients.specs import open_client

__all__ = [
    "CachedClient",
    "Client",
    "Completion",
    "FakeClient",
    "HostedClient",
    "HostedSettings",
    "HuggingFaceClient",
    "HuggingFaceSettings",
    "LocalClient",
    "OracleClient",
    "ReplayClient",
    "Request",
    "Result",
    "ServerAddress",
    "StreamingClient",
    "Teachable",
    "open_client",
]
