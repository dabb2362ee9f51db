"""Statistics of running processors, in the text format of Prometheus."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from brookmill.operations.measurements import Measurement

_PREFIX = "mongodb_atlas_stream_processing_"

#: Metric, whether it only grows, what it says, and where it is in the stats reply. The names are those of
#: Atlas's own integrations where it has one (engine reference, section 5.4).
_METRICS: tuple[tuple[str, bool, str, Callable[[dict[str, Any]], Any]], ...] = (
    ("input_message_count", True, "Documents read.", lambda s: s.get("inputMessageCount")),
    ("input_message_size", True, "Bytes read.", lambda s: s.get("inputMessageSize")),
    ("output_message_count", True, "Documents written.", lambda s: s.get("outputMessageCount")),
    ("output_message_size", True, "Bytes written.", lambda s: s.get("outputMessageSize")),
    ("dlq_message_count", True, "Dead letters.", lambda s: s.get("dlqMessageCount")),
    ("dlq_message_size", True, "Bytes of dead letters.", lambda s: s.get("dlqMessageSize")),
    ("state_size", False, "Bytes that open windows hold.", lambda s: s.get("stateSize")),
    ("memory_usage_bytes", False, "Memory of the worker.", lambda s: s.get("memoryUsageBytes")),
    ("kafka_total_offset_lag", False, "Messages still to read.", lambda s: s.get("kafkaTotalOffsetLag")),
    (
        "change_stream_time_difference_secs",
        False,
        "Seconds behind the oplog.",
        lambda s: s.get("changeStreamTimeDifferenceSecs"),
    ),
    (
        "watermark_seconds",
        False,
        "Watermark, seconds since the epoch.",
        lambda s: _seconds(s.get("watermark")),
    ),
    ("processor_p50_micros", False, "Median latency lately.", lambda s: s.get("latency", {}).get("p50")),
    (
        "processor_p99_micros",
        False,
        "99th percentile of latency lately.",
        lambda s: s.get("latency", {}).get("p99"),
    ),
)


def _seconds(date: Any) -> float | None:
    return date.timestamp() if isinstance(date, dt.datetime) else None


class ProcessorMetrics(Collector):
    """Asks for measurements whenever it is asked itself. Operators are numbered from the source, 0."""

    def __init__(self, measure: Callable[[], Iterable[Measurement]]) -> None:
        self._measure = measure

    def describe(self) -> Iterable[Metric]:
        """Registering must ask nobody."""
        return ()

    def collect(self) -> Iterator[Metric]:
        measured = list(self._measure())
        for name, grows, text, read in _METRICS:
            values = [(one.labels, value) for one in measured if (value := read(one.stats)) is not None]
            yield _family(name, text, values, grows=grows)
        for kind, member in (
            ("input", "inputMessageCount"),
            ("output", "outputMessageCount"),
            ("dlq", "dlqMessageCount"),
        ):
            values = [
                (one.labels | {"operator": operator["name"], "position": str(position)}, operator[member])
                for one in measured
                for position, operator in enumerate(one.stats.get("operatorStats", ()))
                if member in operator
            ]
            yield _family(
                f"operator_{kind}_message_count", f"Documents by operator: {kind}.", values, grows=True
            )


def _family(name: str, text: str, values: Iterable[tuple[dict[str, str], Any]], *, grows: bool) -> Metric:
    family = (CounterMetricFamily if grows else GaugeMetricFamily)(_PREFIX + name, text)
    for labels, value in values:
        family.add_sample(_PREFIX + name + ("_total" if grows else ""), labels, float(value))
    return family
