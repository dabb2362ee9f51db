"""What came of a pipeline under test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from brookmill.mql.values import Document
from brookmill.testing.lambdas import Call
from brookmill.testing.message import Message
from brookmill.testing.stored import StoredObject
from brookmill.testing.web import Request


class Topics(dict[str, Sequence[Message]]):
    """Messages by topic; a topic to which nothing was written has none."""

    def __missing__(self, topic: str) -> Sequence[Message]:
        return []


@dataclass(frozen=True)
class Result:
    """``output``: the documents that reached the end of the pipeline, in order; of those written as JSON,
    what the text says. ``at_end``: how many of them came last, only because windows were closed at the end.
    ``topics``: messages by Kafka topic. ``collections``: documents by ``"db.coll"``, looked up also by
    ``"connection.db.coll"``. ``objects``: written to S3 or Azure. ``requests``: of ``$https``. ``calls``: of
    ``$externalFunction``. ``dead_letters``: as they stand in a dead letter queue. ``stats``: members of the
    stats reply. ``notes``: what was read otherwise than it is written; servers refuse it.
    """

    output: list[Document]
    at_end: int = 0
    topics: Mapping[str, Sequence[Message]] = field(default_factory=Topics)
    collections: Mapping[str, Any] = field(default_factory=dict)
    objects: Sequence[StoredObject] = ()
    requests: Sequence[Request] = ()
    calls: Sequence[Call] = ()
    dead_letters: list[Document] = field(default_factory=list)
    stats: Document = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def reasons(self) -> list[str]:
        """Why each of the dead letters is one."""
        return [letter["errInfo"]["reason"] for letter in self.dead_letters]
