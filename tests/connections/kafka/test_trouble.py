"""Errors that a Kafka client reports beside its answers: which end a processor, and whether for good."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from servers import Broker, free_port

from brookmill.clock import VirtualClock
from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.connections.kafka import Kafka
from brookmill.connections.kafka.trouble import TIMEOUT, Trouble
from brookmill.errors import ConnectionFailed


def troubled(clock: VirtualClock) -> Trouble:
    return Trouble(Kafka(), Opening("p", clock, outside=Outside(allow_private=True)))


@pytest.fixture
def nobody() -> Producer:
    """A client whose brokers are not there."""
    return Producer({"bootstrap.servers": f"127.0.0.1:{free_port()}", "log_level": 0})


class Hurried(VirtualClock):
    """A clock on which every look takes a second."""

    def monotonic(self) -> float:
        self.advance(1.0)
        return super().monotonic()


@pytest.mark.parametrize(
    ("code", "retry"),
    [
        (KafkaError._AUTHENTICATION, False),
        (KafkaError.SASL_AUTHENTICATION_FAILED, False),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, False),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, False),
        (KafkaError._SSL, False),
        (KafkaError._BAD_MSG, True),
        (KafkaError._FATAL, True),
    ],
)
def test_what_waiting_cannot_mend_is_raised_at_once(nobody: Producer, code: int, retry: bool) -> None:
    trouble = troubled(VirtualClock())
    trouble.hear(KafkaError(code, "the reason"))
    trouble.over()
    with pytest.raises(ConnectionFailed, match=f"code: {code}, message: the reason") as failure:
        trouble.check(nobody)
    assert failure.value.retry is retry


@pytest.mark.parametrize("code", [KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._MSG_TIMED_OUT])
def test_what_may_pass_is_waited_for(nobody: Producer, code: int) -> None:
    trouble = troubled(VirtualClock())
    trouble.hear(KafkaError(code))
    trouble.check(nobody)


def test_brokers_that_stay_away_fail_after_their_time(nobody: Producer) -> None:
    clock = Hurried()
    trouble = troubled(clock)
    trouble.hear(KafkaError(KafkaError._ALL_BROKERS_DOWN))

    def wait() -> None:
        while True:
            trouble.check(nobody)

    with pytest.raises(ConnectionFailed) as failure:
        wait()
    assert failure.value.retry
    assert TIMEOUT < clock.monotonic() < TIMEOUT * 2


def test_brokers_that_came_back_unheard_are_asked(broker: Broker) -> None:
    clock = VirtualClock()
    trouble = troubled(clock)
    trouble.hear(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    clock.advance(TIMEOUT + 1)
    client = Producer({"bootstrap.servers": broker.bootstrap})
    trouble.check(client)
    clock.advance(TIMEOUT + 1)
    trouble.check(client)


def test_a_cluster_that_settles_is_asked_again_for_a_while() -> None:
    clock = VirtualClock()
    trouble = troubled(clock)
    answers = [KafkaError(KafkaError.NOT_COORDINATOR), KafkaError(KafkaError.LEADER_NOT_AVAILABLE)]

    def ask() -> str:
        if answers:
            raise KafkaException(answers.pop())
        return "settled"

    assert trouble.patiently("No", ask) == "settled"

    def never() -> str:
        raise KafkaException(KafkaError(KafkaError.NOT_COORDINATOR))

    begun = clock.monotonic()
    with pytest.raises(ConnectionFailed, match=r"^No with kafka error code: 16") as failure:
        trouble.patiently("No", never)
    assert failure.value.retry
    assert TIMEOUT < clock.monotonic() - begun < TIMEOUT + 1


def test_what_is_not_settling_fails_at_once() -> None:
    def ask() -> str:
        raise KafkaException(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))

    with pytest.raises(ConnectionFailed) as failure:
        troubled(VirtualClock()).patiently("No", ask)
    assert not failure.value.retry
