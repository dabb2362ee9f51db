"""What a processor depends on: the connections that it names."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from brookmill.domain.options import options_of
from brookmill.domain.pipeline import connections_of
from brookmill.domain.processor import Processor


def connections_used(processor: Processor) -> frozenset[str]:
    """Those that its pipeline or its dead letter queue names."""
    queue = options_of(processor.options).dlq
    own = () if queue is UNSET else (str(queue.connection_name),)
    return connections_of(msgspec.json.decode(processor.pipeline)).union(own)
