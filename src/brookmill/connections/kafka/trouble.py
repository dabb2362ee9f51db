"""What goes wrong between a Kafka client and its brokers, and whether trying again can help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from brookmill.clock import Clock
from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Producer
    from confluent_kafka.admin._metadata import ClusterMetadata

#: Seconds until brokers that do not answer count as failed; and when all of them refuse to be spoken to.
TIMEOUT = 30.0
_REFUSING = 3.0
#: Seconds of one question for metadata: between two, the errors heard are looked at.
_SLICE = 1.0
#: Seconds between two lines of the log about the same error.
_TELL = 60.0

log = structlog.get_logger(__name__)


def hopeless(error: KafkaError) -> bool:
    """Whether trying again cannot help: wrong credentials or settings, missing rights, no such topic."""
    from confluent_kafka import KafkaError as Code

    return error.code() in {
        Code._AUTHENTICATION,
        Code._INVALID_ARG,
        Code._SSL,
        Code._UNKNOWN_TOPIC,
        Code.CLUSTER_AUTHORIZATION_FAILED,
        Code.GROUP_AUTHORIZATION_FAILED,
        Code.SASL_AUTHENTICATION_FAILED,
        Code.TOPIC_AUTHORIZATION_FAILED,
        Code.TOPIC_EXCEPTION,
        Code.UNKNOWN_TOPIC_OR_PART,
        Code.UNSUPPORTED_SASL_MECHANISM,
    }


def failed(what: str, error: KafkaError) -> ConnectionFailed:
    """The failure that ``error`` is, with its number and text as upstream shows them."""
    text = f"{what} with kafka error code: {error.code()}, message: {error.str()}"
    return ConnectionFailed(text, retry=not hopeless(error))


class Trouble:
    """Errors that a client reports beside its answers: its ``error_cb`` is ``hear``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._final: KafkaError | None = None
        self._down: KafkaError | None = None
        self._down_since = 0.0
        self._told: dict[int, float] = {}

    def hear(self, error: KafkaError) -> None:
        """Remember ``error`` if it matters; the client itself goes on trying, even when that cannot help."""
        from confluent_kafka import KafkaError as Code

        now = self._clock.monotonic()
        if now >= self._told.get(error.code(), now):
            self._told[error.code()] = now + _TELL
            log.warning("trouble with Kafka", error=error.str(), code=error.code())
        if hopeless(error) or error.code() in (Code._BAD_MSG, Code._FATAL):
            self._final = error
        elif error.code() == Code._ALL_BROKERS_DOWN and self._down is None:
            self._down, self._down_since = error, now

    def over(self) -> None:
        """The brokers answer."""
        self._down = None

    def check(self, client: Consumer | Producer) -> None:
        """Raise ConnectionFailed when waiting longer is no use."""
        if self._final is not None:
            raise failed("Kafka cannot be used", self._final)
        if self._down is None or self._clock.monotonic() - self._down_since < TIMEOUT:
            return
        self.topics(client)
        self.over()

    def topics(self, client: Consumer | Producer, topic: str | None = None) -> ClusterMetadata:
        """What the brokers know of ``topic``, None: of all. Raises ConnectionFailed."""
        from confluent_kafka import KafkaException

        begun = self._clock.monotonic()
        while True:
            try:
                found: ClusterMetadata = client.list_topics(topic, _SLICE)
            except KafkaException as e:
                error = e.args[0]
            else:
                return found
            if not getattr(client, "assignment", list)():
                client.poll(0)  # serves error_cb; with an assignment it might take a message
            passed = self._clock.monotonic() - begun
            if self._final is not None:
                raise failed("Could not connect to the Kafka topic", self._final)
            if hopeless(error) or passed > (TIMEOUT if self._down is None else _REFUSING):
                raise failed("Could not connect to the Kafka topic", error)
