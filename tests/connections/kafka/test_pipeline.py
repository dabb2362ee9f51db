"""Messages of every kind through whole pipelines: what becomes of them, and where the others end up."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest
from servers import Broker, wait_until

from brookmill.clock import SystemClock
from brookmill.config import Outside
from brookmill.connections import DeadLetter, Opening
from brookmill.connections.kafka import Kafka
from brookmill.plan import plan


class Flow:
    """``source`` to ``stages`` to ``emit``, all real but for the worker around them."""

    def __init__(
        self, broker: Broker, source: dict[str, Any], stages: list[dict[str, Any]], emit: dict[str, Any]
    ) -> None:
        kafka = Kafka(bootstrap_servers=broker.bootstrap)
        config = {"auto_offset_reset": "earliest", **source.pop("config", {})}
        first = {"$source": {"connectionName": "k", **source, "config": config}}
        planned: Any = plan([first, *stages, {"$emit": {"connectionName": "k", **emit}}], {"k": kafka})
        opening = Opening("p" * 24, SystemClock(), outside=Outside(allow_private=True))
        self.source = kafka.open_source(planned.source.options, opening)
        self.sink = kafka.open_sink(planned.sink.options, replace(opening, constants=planned.sink.constants))
        self.program = planned.program("json", SystemClock())
        self.letters: list[DeadLetter] = []

    def play(self, count: int) -> None:
        """Until ``count`` messages have come in and all that comes of them is written."""
        seen = 0

        def all_in() -> bool:
            nonlocal seen
            batch = self.source.read(100, 0.05)
            seen += len(batch) + len(batch.refused)
            output, letters = self.program.push(batch)
            self.letters += [*batch.refused, *letters, *self.sink.write(output)]
            return seen >= count

        try:
            wait_until(all_in, what=f"{count} messages")
            self.letters += self.sink.flush()
        finally:
            self.sink.close()
            self.source.close()


def test_what_is_no_document_is_a_dead_letter_and_the_rest_goes_on(broker: Broker) -> None:
    come, go = broker.topic(), broker.topic()
    values = [b'{"n":1}', None, b"[1,[2]]", b"\0\0\0\0\7" + b'{"n":2}', b"5", b"oops", b"", b"\xff", b'{"n":']
    broker.write(come, *values)
    flow = Flow(
        broker, {"topic": come}, [{"$addFields": {"o": {"$meta": "stream.source.offset"}}}], {"topic": go}
    )
    flow.play(len(values))
    assert broker.values(go, 4) == [
        b'{"n":1,"o":0}',
        b'{"o":1}',
        b'{"0":1,"1":[2],"o":2}',
        b'{"n":2,"o":3}',
    ]
    assert [letter.document for letter in flow.letters] == [b"5", b"oops", b"", b"\xff", b'{"n":']
    assert {letter.operator for letter in flow.letters} == {"KafkaConsumerOperator"}
    assert [letter.meta["source"]["offset"] for letter in flow.letters] == [4, 5, 6, 7, 8]


def test_key_and_headers_go_round(broker: Broker) -> None:
    come, go = broker.topic(), broker.topic()
    broker.write(come, b'{"a":1}', key=struct.pack(">i", 7), headers=[("h", b"\xff"), ("i", None)])
    config = {
        "key": {"$meta": "stream.source.key"},
        "keyFormat": "long",
        "headers": {"$meta": "stream.source.headers"},
    }
    Flow(broker, {"topic": come, "config": {"keyFormat": "int"}}, [], {"topic": go, "config": config}).play(1)
    (message,) = broker.read(go, 1)
    assert (message.key(), message.headers()) == (struct.pack(">q", 7), [("h", b"\xff"), ("i", None)])


def test_expressions_that_fail_are_dead_letters_with_their_documents(broker: Broker) -> None:
    come, go = broker.topic(), broker.topic()
    broker.write(come, b'{"d":0,"t":"x"}', b'{"d":2,"t":"x"}', b'{"d":1}', b'{"d":4,"t":"x"}')
    emit = {
        "topic": {"$concat": [go, {"$ifNull": ["$none", ""]}]},
        "config": {
            "key": {"$divide": [4, "$d"]},
            "keyFormat": "double",
            "tombstoneWhen": {"$cond": [{"$eq": ["$d", 2]}, "yes", {"$eq": ["$d", 4]}]},
            "headers": {"$cond": [{"$eq": ["$t", "x"]}, {"h": 1.5}, "none"]},
        },
    }
    flow = Flow(broker, {"topic": come}, [], emit)
    flow.play(4)
    (message,) = broker.read(go, 1)
    assert (message.value(), message.key()) == (None, struct.pack(">d", 1.0))
    assert message.headers() == [("h", struct.pack(">d", 1.5))]
    reasons = sorted((int(letter.meta["source"]["offset"]), letter.reason) for letter in flow.letters)
    assert [offset for offset, _ in reasons] == [0, 1, 2]
    assert "divide by zero" in reasons[0][1]
    assert "tombstoneWhen must give a boolean" in reasons[1][1]
    assert "headers must be an object or an array" in reasons[2][1]
    assert {letter.operator for letter in flow.letters} == {"KafkaEmitOperator"}


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, b'{"at":{"$date":"2024-08-12T21:41:01.788Z"},"l":5,"d":{"$numberDecimal":"1.5"}}'),
        (
            {"outputFormat": "canonicalJson"},
            b'{"at":{"$date":{"$numberLong":"1723498861788"}},"l":{"$numberLong":"5"},'
            b'"d":{"$numberDecimal":"1.5"}}',
        ),
        ({"outputFormat": "basicJson"}, b'{"at":1723498861788,"l":5,"d":"1.5"}'),
        (
            {"outputFormat": "basicJson", "dateFormat": "ISO8601"},
            b'{"at":"2024-08-12T21:41:01.788Z","l":5,"d":"1.5"}',
        ),
        (
            {"dateFormat": "ISO8601"},
            b'{"at":"2024-08-12T21:41:01.788Z","l":5,"d":{"$numberDecimal":"1.5"}}',
        ),
    ],
)
def test_output_formats(broker: Broker, config: dict[str, Any], text: bytes) -> None:
    come, go = broker.topic(), broker.topic()
    broker.write(
        come,
        b'{"at":{"$date":"2024-08-12T21:41:01.788Z"},"l":{"$numberLong":"5"},"d":{"$numberDecimal":"1.5"}}',
    )
    Flow(broker, {"topic": come}, [], {"topic": go, "config": config}).play(1)
    assert broker.values(go, 1) == [text]
