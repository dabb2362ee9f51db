"""Documents that leave a processor, for clients without cursors. Brookmill's own; ``sp`` has ``samples``."""

from __future__ import annotations

import threading
from typing import Any, Final

import bson
import msgspec
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion

from brookmill.domain.principal import STREAM_MANAGERS
from brookmill.mql import encoder
from brookmill.mql.values import Document
from brookmill.operations import Call, operation
from brookmill.operations.samples import sample
from brookmill.runtime.sample import Sample, Shown

#: Documents and seconds, where the caller does not say; most of both, and most bytes of an answer.
_DOCUMENTS, _SECONDS = 10, 10
_MOST_DOCUMENTS, _MOST_SECONDS, _MOST_BYTES = 1000, 30, 4 * 1024 * 1024
_CODEC: CodecOptions[Document] = CodecOptions(
    tz_aware=True,
    uuid_representation=UuidRepresentation.STANDARD,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
#: Seconds between two looks whether somebody ended the wait.
_LOOK: Final = 0.5


@operation(
    "sampleGroupStreamProcessor",
    "GET /groups/{groupId}/streams/{tenantName}/processor/{processorName}:sample",
    since="2024-05-30",
    roles=STREAM_MANAGERS,
    query=("limit", "seconds"),
    waits=True,
)
def sample_processor(call: Call, group_id: str, tenant_name: str, processor_name: str) -> Any:
    """What leaves a started processor from now on: ``limit`` documents, or those of so many ``seconds``.

    ``dropped``: so many more passed meanwhile. Dead letters are among them, as ``_dlqMessage``.
    """
    limit = call.number("limit", _DOCUMENTS, least=1, most=_MOST_DOCUMENTS)
    seconds = call.number("seconds", _SECONDS, least=1, most=_MOST_SECONDS)
    looking = sample(call, processor_name, limit)
    try:
        found = _fetched(call, looking, limit, seconds)
    finally:
        looking.close()
    return {"documents": [msgspec.Raw(_json(one)) for one in found], "dropped": looking.dropped}


def _fetched(call: Call, looking: Sample, limit: int, seconds: float) -> list[Shown]:
    found: list[Shown] = []
    room, end, news = _MOST_BYTES, call.clock.monotonic() + seconds, threading.Event()
    looking.hold(news.set)
    while room > 0 and len(found) < limit and not looking.finished:
        left = end - call.clock.monotonic()
        if left <= 0:
            break
        if looking.worth_waiting:
            call.clock.wait(news, min(left, _LOOK))
            news.clear()
        taken = looking.take(limit - len(found), room)
        room -= sum(len(one.data) for one in taken)
        found += taken
    looking.hold(None)
    return found


def _json(one: Shown) -> bytes:
    return one.data if one.form == "json" else encoder()(bson.decode(one.data, _CODEC))
