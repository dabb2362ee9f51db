"""One document's message, and how many go in one request, within Pub/Sub's limits."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bson import Decimal128

from brookmill.connections.gcp_pub_sub.options import TOPIC
from brookmill.errors import DocumentError
from brookmill.mql.values import nullish

#: Bytes. Reference: Pub/Sub, quotas and limits.
LARGEST_MESSAGE = 10_000_000
_LARGEST_KEY = 1024
_LARGEST_ATTRIBUTE = 1024
#: Most messages of a request, and about most bytes.
_COUNT, _BYTES = 1000, 4 * 1024 * 1024
#: What a message takes besides its texts, about.
_FRAME = 64


class PubSubMessage(NamedTuple):
    """``body``: as the REST interface takes it. ``size``: about how many bytes of a request it takes.

    ``document`` and ``meta`` are what goes to the dead letters if need be.
    """

    topic: str
    body: dict[str, Any]
    size: int
    document: bytes
    meta: dict[str, Any]


@dataclass(slots=True)
class Batch:
    """Messages of one topic for one request."""

    messages: list[PubSubMessage] = field(default_factory=list)
    size: int = 0

    def takes(self, one: PubSubMessage) -> bool:
        """Whether there is room for it; the first always has."""
        return not self.messages or (len(self.messages) < _COUNT and self.size + one.size <= _BYTES)

    def add(self, one: PubSubMessage) -> None:
        self.messages.append(one)
        self.size += one.size


def message(document: bytes, given: Mapping[str, Any]) -> PubSubMessage:
    """``given``: columns and constants by name. Raises DocumentError."""
    topic = given["topic"]
    if not isinstance(topic, str) or not TOPIC.fullmatch(topic):
        raise DocumentError("the Pub/Sub topic must be a string that can name one")
    attributes = dict(_attributes(given))
    key = _ordering_key(given.get("orderingKey"))
    size = len(document) + sum(len(name) + len(value) for name, value in attributes.items()) + len(key)
    if size > LARGEST_MESSAGE:
        raise DocumentError(f"the message is larger than {LARGEST_MESSAGE} bytes")
    body: dict[str, Any] = {"data": base64.b64encode(document).decode()}
    if attributes:
        body["attributes"] = attributes
    if key:
        body["orderingKey"] = key
    return PubSubMessage(topic, body, size * 4 // 3 + _FRAME, document, given.get("meta") or {})


def _ordering_key(key: Any) -> str:
    """Null gives none."""
    if nullish(key):
        return ""
    if not isinstance(key, str) or _size(key) > _LARGEST_KEY:
        raise DocumentError(f"orderingKey must give a string of at most {_LARGEST_KEY} bytes")
    return key


def _attributes(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Numbers and booleans as JSON writes them; null gives no attribute."""
    for column, value in given.items():
        name = column.removeprefix("attributes.")
        if name == column or nullish(value):
            continue
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, (str, int, float, Decimal128)):
            text = str(value)
        else:
            raise DocumentError(f"the attribute {name} must be a string, a number or a boolean")
        if _size(text) > _LARGEST_ATTRIBUTE:
            raise DocumentError(f"the attribute {name} is larger than {_LARGEST_ATTRIBUTE} bytes")
        yield name, text


def _size(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise DocumentError("attributes and orderingKey must be valid UTF-8") from None
