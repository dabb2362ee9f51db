"""A message that a pipeline under test has written to a topic or stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Message:
    """A Kafka message that the pipeline emitted. ``value``: the document; None: a tombstone.

    ``key`` and header values are bytes as they were written; ``raw``: the value's bytes. It is equal to what
    its value is equal to: topics compare with lists of documents.
    """

    topic: str
    value: Any
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    raw: bytes | None = None

    def __eq__(self, other: object) -> bool:
        return bool(_parts(self) == _parts(other) if isinstance(other, Message) else self.value == other)

    __hash__ = None  # type: ignore[assignment]  # like documents

    def __getitem__(self, name: str) -> Any:
        """A member of the document."""
        return self.value[name]

    def shown(self) -> dict[str, Any]:
        """As flow files write it: key and header values are texts where they can be."""
        headers = {name: _text(value) for name, value in self.headers}
        return {"document": self.value, "key": _text(self.key), "headers": headers}


def _parts(message: Message) -> tuple[Any, ...]:
    return message.topic, message.value, message.key, message.headers


def _text(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value
    return text if text.isprintable() else value
