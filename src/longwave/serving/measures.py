"""What the server tells Prometheus: requests, seconds, tokens, and how full the engine is."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from longwave.serving.choices import TextEngine

__all__ = ["FORM", "Measures"]

FORM = CONTENT_TYPE_LATEST
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
OUTCOMES = ("stopped", "reached_length", "cancelled", "failed", "refused")


class Measures:
    """Counters in a registry of their own.

    Parameters
    ----------
    engine : TextEngine
        Asked for its counters whenever they are read.
    """

    def __init__(self, engine: TextEngine) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_EngineCollector(engine))
        self._requests = Counter(
            "longwave_http_requests",
            "Requests by route and status; 499 is a client that left.",
            ("route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "longwave_http_request_seconds",
            "Seconds until the last byte was sent.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._first = Histogram(
            "longwave_first_token_seconds",
            "Seconds from an accepted completion to its first token.",
            buckets=SECONDS,
            registry=self._registry,
        )

    def add_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that is over."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def add_first_token(self, seconds: float) -> None:
        """Note how long a completion took to begin."""
        self._first.observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text form."""
        return generate_latest(self._registry)


class _EngineCollector(Collector):
    """Read the engine's counters when they are asked for."""

    def __init__(self, engine: TextEngine) -> None:
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        """Yield gauges and counters."""
        stats = self._engine.stats()
        yield GaugeMetricFamily("longwave_completions_running", "Completions being written.", stats.running)
        yield GaugeMetricFamily("longwave_completions_waiting", "Completions that wait.", stats.waiting)
        outcomes = CounterMetricFamily(
            "longwave_completions",
            "Completions by outcome; those cut at a stop string count as cancelled.",
            labels=("outcome",),
        )
        for outcome in OUTCOMES:
            outcomes.add_metric((outcome,), getattr(stats, outcome))
        yield outcomes
        tokens = CounterMetricFamily("longwave_tokens", "Tokens read and drawn.", labels=("kind",))
        tokens.add_metric(("prompt",), stats.prompt_tokens)
        tokens.add_metric(("new",), stats.new_tokens)
        yield tokens
        yield CounterMetricFamily("longwave_steps", "Steps of the running batch.", stats.steps)
        yield CounterMetricFamily("longwave_work_seconds", "Seconds in which there was work.", stats.work_s)
