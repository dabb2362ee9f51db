"""Publishes documents, many to a request, over the REST interface: it can be held to judged addresses."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from brookmill.connections import DeadLetter, Form, Opening, Output
from brookmill.connections.egress.http import client
from brookmill.connections.egress.trouble import failed
from brookmill.connections.gcp_pub_sub.endpoint import (
    CONNECT,
    TIMEOUT,
    account_of,
    base_url,
    topic_url,
    words,
)
from brookmill.connections.gcp_pub_sub.login import Login
from brookmill.connections.gcp_pub_sub.message import Batch, PubSubMessage, message
from brookmill.connections.gcp_pub_sub.options import PubSubSinkOptions
from brookmill.connections.json_reply import JSONReply, json_reply
from brookmill.errors import ConnectionFailed, DocumentError

if TYPE_CHECKING:
    from brookmill.connections.gcp_pub_sub import GCPPubSub

#: Most topics of one processor. Reference: engine reference, section 1.3.
_TOPICS = 1000
#: Seconds to wait before trying again.
_PAUSES = (0.2, 1.0, 3.0)
_NEVER = threading.Event()


class PubSubSink:
    """A ``Sink``. Columns or constants: ``topic``, ``orderingKey``, ``attributes.NAME``, ``meta``.

    Messages of one topic are published in their order, so those of an ordering key keep theirs.
    """

    accepts: Form = "json"

    def __init__(self, connection: GCPPubSub, options: PubSubSinkOptions, opening: Opening) -> None:
        """Logs in. Raises ConnectionFailed."""
        outside, gcp = opening.outside, connection.gcp
        self._project = options.project_id
        self._base = base_url(outside, options.region)
        self._constants = opening.constants
        self._clock = opening.clock
        self._topics: set[str] = set()
        self._client = client(outside, connect_timeout=CONNECT, timeout=TIMEOUT)
        try:
            self._login = Login(account_of(gcp), outside, self._client)
        except ConnectionFailed:
            self._client.close()
            raise

    def write(self, output: Output) -> list[DeadLetter]:
        letters: list[DeadLetter] = []
        waiting: dict[str, Batch] = {}
        for i, document in enumerate(output.values):
            given = {**self._constants, **{name: column[i] for name, column in output.columns.items()}}
            try:
                one = self._message(document, given)
            except DocumentError as e:
                letters.append(_letter(str(e), document, given.get("meta") or {}))
                continue
            batch = waiting.setdefault(one.topic, Batch())
            if not batch.takes(one):
                letters += self._publish(one.topic, batch.messages)
                batch = waiting[one.topic] = Batch()
            batch.add(one)
        for topic, batch in waiting.items():
            letters += self._publish(topic, batch.messages)
        return letters

    def flush(self) -> list[DeadLetter]:
        """Nothing waits: ``write`` returns when all is published."""
        return []

    def close(self) -> None:
        self._client.close()

    def _message(self, document: bytes, given: dict[str, Any]) -> PubSubMessage:
        one = message(document, given)
        if one.topic not in self._topics:
            if len(self._topics) >= _TOPICS:
                raise DocumentError(f"a processor writes to at most {_TOPICS} Pub/Sub topics")
            self._topics.add(one.topic)
        return one

    def _publish(self, topic: str, batch: Sequence[PubSubMessage]) -> Iterator[DeadLetter]:
        """All of them or, where the request is refused, each by itself."""
        what = f"Could not publish to the Pub/Sub topic {topic}"
        reply = self._asked(topic, batch, what)
        if reply.status == 200:
            return
        if reply.status == 400 and len(batch) > 1:
            for one in batch:
                yield from self._publish(topic, [one])
        elif reply.status == 400:
            yield _letter(f"{what}: {words(reply)}", batch[0].document, batch[0].meta)
        else:
            raise ConnectionFailed(f"{what}: {words(reply)}", retry=_passing(reply.status))

    def _asked(self, topic: str, batch: Sequence[PubSubMessage], what: str) -> JSONReply:
        """The reply, after a few tries where another may be better."""
        url = f"{topic_url(self._base, self._project, topic)}:publish"
        body = orjson.dumps({"messages": [one.body for one in batch]})
        for pause in _PAUSES:
            try:
                reply = self._sent(url, body)
                if not _passing(reply.status):
                    return reply
            except httpx.TransportError as e:
                failure = failed(what, e)
                if not failure.retry:
                    raise failure from e
            self._clock.wait(_NEVER, pause)
        try:
            return self._sent(url, body)
        except httpx.TransportError as e:
            raise failed(what, e) from e

    def _sent(self, url: str, body: bytes) -> JSONReply:
        headers = {"content-type": "application/json", **self._login.headers()}
        return json_reply(
            self._client, self._client.build_request("POST", url, content=body, headers=headers), self._clock
        )


def _passing(status: int) -> bool:
    return status >= 500 or status in (408, 425, 429)


def _letter(reason: str, document: bytes, meta: dict[str, Any]) -> DeadLetter:
    return DeadLetter(reason, PubSubSinkOptions.operator, document, meta)
