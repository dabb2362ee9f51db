"""Kafka messages to a batch: values, times, metadata, and what has a key that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    """Knows how keys and values are written. It runs for every message: lists are built whole where they
    can be.
    """

    def __init__(self, options: KafkaSourceOptions, unframe: Callable[[bytes], Document] | None) -> None:
        """``unframe``: reads values that name their schema; None: values are JSON."""
        self._format = options.config.key_format
        self._pass_through = options.config.key_format_error == "passThrough"
        self._unframe = unframe

    def batch(self, messages: Sequence[Message], numbers: Sequence[int], arrival: int) -> Batch:
        """``numbers``: the partition of each message; ``arrival``: now, for messages without a time.

        Raises ConnectionFailed when there is no getting at a schema.
        """
        refused: list[DeadLetter] = []
        documents: list[Document] = []
        if self._unframe is not None or (self._format != "binData" and not self._pass_through):
            kept = []
            for message, number in zip(messages, numbers, strict=True):
                try:
                    documents.append(self._read(message))
                except DocumentError as e:
                    meta = {"source": self._meta(message, message.timestamp()[1])}
                    refused.append(DeadLetter(str(e), KafkaSourceOptions.operator, message.value(), meta))
                else:
                    kept.append((message, number))
            if refused:
                messages, numbers = [m for m, _ in kept], [n for _, n in kept]
        times = [at if kind else arrival for kind, at in [m.timestamp() for m in messages]]
        values: list[Any] = documents
        if self._unframe is None:
            values = [v if v and v[0] == _BRACE else _unusual(v) for v in [m.value() for m in messages]]
        return Batch(
            values=values,
            times=times,
            form="json" if self._unframe is None else "document",
            partitions=numbers,
            meta=lambda i: self._meta(messages[i], times[i]),
            refused=refused,
        )

    def _read(self, message: Message) -> Document:
        """What can only be read message by message; {} for JSON. Raises DocumentError."""
        if not self._pass_through:
            self._key(message)
        value = message.value()
        return {} if self._unframe is None or value is None else self._unframe(value)

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
