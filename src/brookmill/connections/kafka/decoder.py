"""Kafka messages to a batch: values, times, metadata, and what has a key that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bson import Int64

from brookmill.connections import Batch, DeadLetter
from brookmill.connections.kafka.keys import read_key
from brookmill.connections.kafka.options import KafkaSourceOptions
from brookmill.errors import DocumentError
from brookmill.mql.values import Document, date_from_ms

_BRACE = ord("{")

#: A message as the client hands it out; its types say that it may lack what every message read has.
Message = Any


class Decoder:
    """Knows how the keys are written. It runs for every message: lists are built whole, not item by item."""

    def __init__(self, options: KafkaSourceOptions) -> None:
        self._format = options.config.key_format
        self._pass_through = options.config.key_format_error == "passThrough"

    def batch(self, messages: Sequence[Message], numbers: Sequence[int], arrival: int) -> Batch:
        """``numbers``: the partition of each message; ``arrival``: now, for messages without a time."""
        refused: list[DeadLetter] = []
        if self._format != "binData" and not self._pass_through:
            refused = [letter for m in messages if (letter := self._refused(m)) is not None]
        if refused:
            kept = [(m, n) for m, n in zip(messages, numbers, strict=True) if self._refused(m) is None]
            messages, numbers = [m for m, _ in kept], [n for _, n in kept]
        times = [at if kind else arrival for kind, at in [m.timestamp() for m in messages]]
        return Batch(
            values=[v if v and v[0] == _BRACE else _unusual(v) for v in [m.value() for m in messages]],
            times=times,
            partitions=numbers,
            meta=lambda i: self._meta(messages[i], times[i]),
            refused=refused,
        )

    def _refused(self, message: Message) -> DeadLetter | None:
        try:
            self._key(message)
        except DocumentError as e:
            meta = {"source": self._meta(message, message.timestamp()[1])}
            return DeadLetter(str(e), KafkaSourceOptions.operator, message.value(), meta)
        return None

    def _key(self, message: Message) -> Any:
        """The key as ``keyFormat`` says; a missing one is empty binary data there, as upstream shows it."""
        raw = message.key()
        if self._format == "binData":
            return raw or b""
        return None if raw is None else read_key(raw, self._format)

    def _meta(self, message: Message, time: int) -> Document:
        """``stream.source``. Reference: engine reference, section 1.9."""
        meta = {
            "type": "kafka",
            "ts": date_from_ms(time),
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": Int64(message.offset()),
        }
        try:
            key = self._key(message)
        except DocumentError:
            key = None if self._pass_through else message.key()
        if key is not None:
            meta["key"] = key
        return meta | {"headers": [{"k": k, "v": v} for k, v in message.headers() or ()]}


def _unusual(value: bytes | None) -> bytes:
    """A value that does not start like an object: a tombstone, or one behind a registry's prefix."""
    if value is None:
        return b"{}"
    return value[5:] if value[:1] == b"\0" and len(value) > 5 else value
