"""Counts and latencies of HTTP calls and of processors, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from brookmill import __version__
from brookmill.http.expiry_metrics import ExpiryMetrics
from brookmill.http.processor_metrics import ProcessorMetrics
from brookmill.operations.expiries import Expiry
from brookmill.operations.measurements import Measurement

MEDIA = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Labels are operationIds and status codes only: nothing that a client could make up."""

    def __init__(
        self, measure: Callable[[], Iterable[Measurement]], expire: Callable[[], Iterable[Expiry]]
    ) -> None:
        """``measure``: what running processors measure at that moment. ``expire``: when certificates or
        tokens end.
        """
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        registry.register(ProcessorMetrics(measure))
        registry.register(ExpiryMetrics(expire))
        self._calls = Counter(
            "brookmill_http_requests", "Calls answered.", ("operation", "status"), registry=registry
        )
        self._seconds = Histogram(
            *("brookmill_http_request_seconds", "Seconds from request to answer.", ("operation",)),
            registry=registry,
            buckets=_SECONDS,
        )
        self.running = Gauge("brookmill_http_requests_running", "Calls being answered.", registry=registry)
        build = Gauge("brookmill_build_info", "Always 1.", ("version",), registry=registry)
        build.labels(__version__).set(1)

    def count(self, operation: str, status: int, seconds: float) -> None:
        """One call was answered. ``status`` 499: its client was gone."""
        self._calls.labels(operation, status).inc()
        self._seconds.labels(operation).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)
