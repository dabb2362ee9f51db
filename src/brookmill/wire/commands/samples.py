"""Commands that look at what processors put out. Cursors belong to the workspace, not to a connection."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import bson
from bson import Int64
from bson.raw_bson import RawBSONDocument

from brookmill.mql import MQLError, parse_json
from brookmill.mql.values import Document
from brookmill.operations import Call as Asked
from brookmill.operations import samples
from brookmill.runtime.sample import Sample, Shown
from brookmill.wire.commands import Call, command
from brookmill.wire.errors import CommandError
from brookmill.wire.message import CODEC

#: Documents in a batch unless the client says so. Engine reference, section 5.3.
_BATCH: Final = 5
#: Bytes in a reply, but for a document that is longer.
_REPLY: Final = 4 * 1024 * 1024
#: Seconds that a fetch is held while there is nothing to show: short enough for Ctrl-C and time-outs.
HELD: Final = 1.0


@command("processStreamProcessor", needs="processStreamProcessor", waits=True)
def process(call: Call, asked: Asked) -> Document:
    arguments = call.arguments
    pipeline = arguments.required_pipeline(call.name)
    options = arguments.document("options") or {}
    arguments.end()
    name, sample = samples.process(asked, pipeline, options)
    cursor = call.door.cursors.open(_place(asked), name, sample)
    call.peer.fetches(sample)
    return {"name": name, "cursorId": Int64(cursor)}


@command("startSampleStreamProcessor", needs="sampleStreamProcessor")
def start_sample(call: Call, asked: Asked) -> Document:
    arguments = call.arguments
    name = arguments.text(call.name)
    limit = arguments.number("limit", 0, least=0, most=2**31 - 1)
    arguments.end()
    sample = samples.sample(asked, name, limit or None)
    cursor = call.door.cursors.open(_place(asked), name, sample)
    call.peer.fetches(sample)
    return {"cursorId": Int64(cursor), "firstBatch": []}


@command("getMoreSampleStreamProcessor", needs="getMoreSampleStreamProcessor")
async def get_more_sample(call: Call, asked: Asked) -> Document:
    """Held until it is due, and for a second while there is nothing.

    Its reply serves the shell and every driver's draft.
    """
    arguments = call.arguments
    name = arguments.text(call.name)
    number = arguments.number("cursorId", 0, least=-(2**63), most=2**63 - 1)
    size = arguments.number("batchSize", _BATCH, least=0, most=2**31 - 1) or _BATCH
    arguments.end()
    sample = call.door.cursors.find(number, _place(asked), name)
    call.peer.fetches(sample)
    await asyncio.sleep(sample.pause)
    if sample.worth_waiting:
        await _news(sample)
    messages = await call.door.threads.run(lambda: [_read(one) for one in sample.take(size, _REPLY)])
    over = sample.finished and not (sample.failure and messages)  # an error comes after all documents
    if over:
        call.door.cursors.close(number)
        if sample.failure is not None:
            raise CommandError(f"Failed to sample stream processor results: {sample.failure}", 125)
    reply: Document = {"cursorId": Int64(0 if over else number), "messages": messages}
    if sample.dropped:
        reply["droppedMessageCount"] = Int64(sample.dropped)
    return reply if call.peer.is_mongosh else {**reply, "nextBatch": messages}


def _place(asked: Asked) -> tuple[str, ...]:
    return asked.path["groupId"], asked.path["tenantName"]


async def _news(sample: Sample) -> None:
    """Wait until there is something to fetch."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()
    sample.hold(lambda: _wake(loop, news))
    try:
        with contextlib.suppress(TimeoutError):
            if sample.worth_waiting:
                async with asyncio.timeout(HELD):
                    await news.wait()
    finally:
        sample.hold(None)


def _wake(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the door has closed meanwhile
        loop.call_soon_threadsafe(news.set)


def _read(shown: Shown) -> Document | RawBSONDocument:
    """The document as BSON; what the sink got as JSON is read again, as a consumer would."""
    if shown.form == "bson":
        return RawBSONDocument(shown.data)
    try:
        document = parse_json(shown.data)
        bson.encode(document, codec_options=CODEC)
    except (MQLError, bson.errors.BSONError, OverflowError, ValueError, TypeError):
        return {"text": shown.data.decode("utf-8", "replace")}
    return document if type(document) is dict else {"value": document}
