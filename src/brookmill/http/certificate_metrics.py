"""Ends of certificates, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from brookmill.operations.expiries import Expiry

_NAME = "brookmill_connection_certificate_not_after_seconds"


class CertificateMetrics(Collector):
    """Asks whenever it is asked itself."""

    def __init__(self, expire: Callable[[], Iterable[Expiry]]) -> None:
        self._expire = expire

    def describe(self) -> Iterable[Metric]:
        """Registering must ask nobody."""
        return ()

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(_NAME, "When a certificate of a connection ends, seconds since the epoch.")
        for one in self._expire():
            family.add_sample(_NAME, one.labels, one.not_after)
        yield family
