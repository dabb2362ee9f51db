"""What goes wrong between a Kafka client and its brokers, and whether trying again can help."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import structlog
from msgspec import UNSET

from brookmill.connections.kafka.brokers import judge_advertised
from brookmill.connections.kafka.certificate import complaint
from brookmill.errors import ConnectionFailed, Fault

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Producer
    from confluent_kafka.admin._metadata import ClusterMetadata

    from brookmill.connections import Opening
    from brookmill.connections.kafka import Kafka

#: Seconds until brokers that do not answer count as failed; and when all of them refuse to be spoken to.
TIMEOUT = 30.0
_REFUSING = 2.0
#: Seconds that the first question for metadata and the longest may take: between two, the errors heard are
#: looked at.
_SLICE, _LONG_SLICE = 0.25, 1.0
#: Seconds until a cluster that settles is asked again.
_PAUSE = 0.2
_NEVER = threading.Event()
#: Seconds between two lines of the log about the same error.
_TELL = 60.0

T = TypeVar("T")

log = structlog.get_logger(__name__)


#: What upstream answers when it cannot get to a topic.
_CODE, _NAME = 77175, "Location77175"
#: In the text of an error: the broker ended the TLS handshake, as it does without the right certificate.
_ALERT = "SSL alert number"
_UNBELIEVED = "certificate verify failed"
#: In the text of an error, in small letters: the broker knows another way to log in.
_NO_MECHANISM = ("unsupported sasl mechanism", "not supported by broker", "mechanism handshake failed")
#: In the text of an error, in small letters: the broker hung up on a client that speaks otherwise than it
#: expects. Which it is depends on who is faster: the broker in hanging up or the client in writing on.
_UNFIT = ("security.protocol", "broken pipe", "reset by peer")
_ADVICE = "does security.protocol fit the brokers?"


def hopeless(error: KafkaError) -> bool:
    """Whether trying again cannot help: wrong credentials or settings, missing rights, no such topic."""
    from confluent_kafka import KafkaError as Code

    return _ALERT in error.str() or error.code() in {
        Code._AUTHENTICATION,
        Code._INVALID_ARG,
        Code._SSL,
        Code._UNKNOWN_TOPIC,
        Code._UNSUPPORTED_FEATURE,
        Code.CLUSTER_AUTHORIZATION_FAILED,
        Code.GROUP_AUTHORIZATION_FAILED,
        Code.SASL_AUTHENTICATION_FAILED,
        Code.TOPIC_AUTHORIZATION_FAILED,
        Code.TOPIC_EXCEPTION,
        Code.UNKNOWN_TOPIC_OR_PART,
        Code.UNSUPPORTED_SASL_MECHANISM,
    }


def _settling(error: KafkaError) -> bool:
    from confluent_kafka import KafkaError as Code

    return error.code() in {
        Code.COORDINATOR_LOAD_IN_PROGRESS,
        Code.COORDINATOR_NOT_AVAILABLE,
        Code.LEADER_NOT_AVAILABLE,
        Code.NOT_COORDINATOR,
        Code.NOT_LEADER_FOR_PARTITION,
    }


def failed(what: str, error: KafkaError, explanation: str | None = None) -> ConnectionFailed:
    """The failure that ``error`` is, with its number and text, or ``explanation``, as upstream shows them."""
    text = f"{what} with kafka error code: {error.code()}, message: {explanation or error.str()}"
    return ConnectionFailed(text, retry=not hopeless(error), code=_CODE, name=_NAME, fault=fault_of(error))


def fault_of(error: KafkaError) -> Fault | None:
    """What is wrong, in one word."""
    from confluent_kafka import KafkaError as Code

    text = error.str().lower()
    if _ALERT.lower() in text:
        return "CLIENT_CERTIFICATE"
    match error.code():
        case Code._INVALID_ARG:
            return "SETTINGS"
        case Code._AUTHENTICATION | Code.SASL_AUTHENTICATION_FAILED | Code.UNSUPPORTED_SASL_MECHANISM:
            return "MECHANISM" if any(word in text for word in _NO_MECHANISM) else "CREDENTIALS"
        case Code.TOPIC_AUTHORIZATION_FAILED | Code.GROUP_AUTHORIZATION_FAILED:
            return "DENIED"
        case Code.CLUSTER_AUTHORIZATION_FAILED:
            return "DENIED"
        case Code._UNKNOWN_TOPIC | Code.UNKNOWN_TOPIC_OR_PART | Code.TOPIC_EXCEPTION:
            return "NOT_FOUND"
        case Code._TRANSPORT | Code._TIMED_OUT | Code._ALL_BROKERS_DOWN:
            return "PROTOCOL" if any(word in text for word in _UNFIT) else "NO_ANSWER"
    return None


class Trouble:
    """Errors that a client reports beside its answers: its ``error_cb`` is ``hear``."""

    def __init__(self, connection: Kafka, opening: Opening) -> None:
        self._connection = connection
        self._outside = opening.outside
        self._clock = opening.clock
        self._opening = opening
        self._final: KafkaError | None = None
        self._failure: ConnectionFailed | None = None
        self._latest: KafkaError | None = None
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
            self._final = self._final or error  # the first has the cause of the others
        elif error.code() in (Code._TRANSPORT, Code._RESOLVE):
            self._latest = error
        elif error.code() == Code._ALL_BROKERS_DOWN and self._down is None:
            self._down, self._down_since = error, now

    def fail(self, failure: ConnectionFailed) -> None:
        """What the client needs cannot be had."""
        self._failure = failure

    def over(self) -> None:
        """The brokers answer."""
        self._down = self._latest = None

    def check(self, client: Consumer | Producer) -> None:
        """Raise ConnectionFailed when waiting longer is no use."""
        self._end("Kafka cannot be used")
        if self._down is None or self._clock.monotonic() - self._down_since < TIMEOUT:
            return
        self.topics(client)
        self.over()

    def topics(self, client: Consumer | Producer, topic: str | None = None) -> ClusterMetadata:
        """What the brokers know of ``topic``, None: of all. Raises ConnectionFailed."""
        from confluent_kafka import KafkaException

        what = "Could not connect to the Kafka topic"
        begun, slice_, patience = self._clock.monotonic(), _SLICE, self._opening.patience(TIMEOUT)
        while True:
            try:
                found: ClusterMetadata = client.list_topics(topic, slice_)
            except KafkaException as e:
                error = e.args[0]
            else:
                judge_advertised(found, self._outside)
                return found
            slice_ = min(_LONG_SLICE, slice_ * 2)
            if not getattr(client, "assignment", list)():
                client.poll(0)  # serves error_cb; with an assignment it might take a message
            passed = self._clock.monotonic() - begun
            self._end(what)
            if hopeless(error) or passed > (patience if self._down is None else _REFUSING):
                raise self._silent(what, error)

    def patiently(self, what: str, ask: Callable[[], T]) -> T:
        """What ``ask`` answers. It is asked again while the cluster still settles who leads what.

        ``what``: how the error begins. Raises ConnectionFailed.
        """
        from confluent_kafka import KafkaException

        end = self._clock.monotonic() + self._opening.patience(TIMEOUT)
        while True:
            try:
                return ask()
            except KafkaException as e:
                if not _settling(e.args[0]) or self._clock.monotonic() > end:
                    raise failed(what, e.args[0]) from e
            self._clock.wait(_NEVER, _PAUSE)

    def _silent(self, what: str, error: KafkaError) -> ConnectionFailed:
        """The failure of brokers that give no answer to ``error``'s question."""
        if self._latest is None:
            failure = failed(what, error, f"{error.str()} ({_ADVICE})")
            if self._down is not None:  # they take connections, and hang up
                failure.fault = "PROTOCOL"
            return failure
        fault, heard = fault_of(self._latest), self._latest.str()
        if fault == "PROTOCOL" and "security.protocol" not in heard:
            heard = f"{heard}: {_ADVICE}"
        failure = failed(what, error, f"{error.str()} ({heard})")
        failure.fault = fault
        return failure

    def _end(self, what: str) -> None:
        """Raise ConnectionFailed for what was heard and cannot pass."""
        if self._failure is not None:
            raise self._failure
        if self._final is not None:
            raise failed(what, self._final, self._explanation(self._final))

    def _explanation(self, error: KafkaError) -> str | None:
        """Plain words for what TLS says in its own."""
        if _ALERT in error.str():
            return "the broker refused the TLS handshake: it may want a client certificate, or another one"
        if _UNBELIEVED not in error.str():
            return None
        security = self._connection.security
        authority = None if security is UNSET else security.broker_public_certificate or None
        why = complaint(error.str(), authority, self._outside) or _UNBELIEVED
        return f"the broker's certificate was not accepted: {why}"
