"""Pub/Sub topics in memory."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from brookmill.connections import DeadLetter, Opening, Sink
from brookmill.connections.gcp_pub_sub import GCPPubSub
from brookmill.connections.gcp_pub_sub.message import PubSubMessage
from brookmill.connections.gcp_pub_sub.options import PubSubSinkOptions
from brookmill.connections.gcp_pub_sub.sink import PubSubSink
from brookmill.testing.message import Message
from brookmill.testing.standins import STANDINS
from brookmill.testing.world import World
from brookmill.testing.written import document_of


class PublishedSink(PubSubSink):
    """The real sink; what it would publish is in the topic at once."""

    def __init__(self, connection: PlayedPubSub, options: PubSubSinkOptions, opening: Opening) -> None:  # noqa: ARG002
        self._constants = opening.constants
        self._topics: set[str] = set()
        self._published = connection.world.topics

    def _publish(self, topic: str, batch: Sequence[PubSubMessage]) -> Iterator[DeadLetter]:
        for one in batch:
            data = base64.b64decode(one.body["data"])
            key = one.body.get("orderingKey")
            attributes = one.body.get("attributes", {})
            headers = tuple((name, value.encode()) for name, value in attributes.items())
            message = Message(topic, document_of(data), None if key is None else key.encode(), headers, data)
            self._published.setdefault(topic, []).append(message)
        yield from ()

    def close(self) -> None:
        """Nothing is open."""


@STANDINS("GCPPubSub")
class PlayedPubSub(GCPPubSub, frozen=True, kw_only=True, tag="GCPPubSub"):
    """``world``: of the test."""

    world: World

    def open_sink(self, options: PubSubSinkOptions, opening: Opening) -> Sink:
        return PublishedSink(self, options, opening)
