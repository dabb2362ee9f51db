"""Messages that brokers refused, and what they were made of: a delivery report gives no headers back."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from brookmill.connections import Output
from brookmill.connections.kafka.decoder import Message
from brookmill.connections.kafka.keys import Headers

#: So many outputs are remembered.
_RECENT = 16


class Sent(NamedTuple):
    """A message as it was handed to the client."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Headers | None = None


class Returned:
    """Remembers the last outputs without looking at them: nothing is searched before something comes back."""

    def __init__(self) -> None:
        self._recent: deque[tuple[Sequence[Sent | bytes | None], Output]] = deque(maxlen=_RECENT)
        self._messages: list[Message] = []

    def __bool__(self) -> bool:
        return bool(self._messages)

    def remember(self, sent: Sequence[Sent | bytes | None], output: Output) -> None:
        """What was made of each document of ``output``: all of a message, its value alone, or nothing."""
        self._recent.append((sent, output))

    def add(self, message: Message) -> None:
        """A message of a delivery report."""
        self._messages.append(message)

    def take(self) -> list[tuple[Sent, Output, int]]:
        """What came back, with the output it was made of and the place in it; then it is forgotten."""
        messages, self._messages = self._messages, []
        return [self._found(message) for message in messages]

    def _found(self, message: Message) -> tuple[Sent, Output, int]:
        topic, value, key = message.topic(), message.value(), message.key()
        for all_sent, output in reversed(self._recent):
            for i, sent in enumerate(all_sent):
                if isinstance(sent, Sent) and sent[:3] == (topic, value, key):
                    return sent, output, i
                if sent is not None and sent == value:
                    return Sent(topic, value, key), output, i
        return Sent(topic, value, key), Output([value or b""]), 0
