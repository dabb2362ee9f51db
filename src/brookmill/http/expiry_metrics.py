"""Ends of certificates and tokens, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from brookmill.operations.expiries import Expiry

_NAME = "brookmill_connection_{}_not_after_seconds"


class ExpiryMetrics(Collector):
    """Asks whenever it is asked itself."""

    def __init__(self, expire: Callable[[], Iterable[Expiry]]) -> None:
        self._expire = expire

    def describe(self) -> Iterable[Metric]:
        """Registering must ask nobody."""
        return ()

    def collect(self) -> Iterator[Metric]:
        families = {
            kind: GaugeMetricFamily(
                _NAME.format(kind), f"When a {kind} of a connection ends, seconds since the epoch."
            )
            for kind in ("certificate", "token")
        }
        for one in self._expire():
            families[one.kind].add_sample(_NAME.format(one.kind), one.labels, one.not_after)
        yield from families.values()
