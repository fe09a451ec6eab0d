"""Clients: models behind one interface, requests in, results out."""

from longwave.clients.base import Client, Completion, Request, Result
from longwave.clients.cache import CachedClient
from longwave.clients.fake import FakeClient, OracleClient, Teachable
from longwave.clients.local import LocalClient
from longwave.clients.replay import ReplayClient
from longwave.clients.specs import open_client

__all__ = [
    "CachedClient",
    "Client",
    "Completion",
    "FakeClient",
    "LocalClient",
    "OracleClient",
    "ReplayClient",
    "Request",
    "Result",
    "Teachable",
    "open_client",
]
