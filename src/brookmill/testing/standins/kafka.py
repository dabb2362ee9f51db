"""Kafka topics in memory."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
from bson import Int64
from msgspec import UNSET

from brookmill.connections import Batch, Opening, Sink, Source
from brookmill.connections.kafka import Kafka
from brookmill.connections.kafka.decoder import Decoder
from brookmill.connections.kafka.keys import Headers, key_writer, write_headers
from brookmill.connections.kafka.options import KafkaSinkOptions, KafkaSourceOptions
from brookmill.connections.kafka.sink import KafkaSink
from brookmill.testing.message import Message
from brookmill.testing.player import Played, Player
from brookmill.testing.standins import STANDINS
from brookmill.testing.timeline import Arrival, Event, InvalidFlow, Timeline
from brookmill.testing.world import World
from brookmill.testing.written import document_of, json_text

#: What the sink believes to write to: no login, and no name that somebody would have to know.
_NOWHERE = Kafka(bootstrap_servers="127.0.0.1:9092")
#: Topic and number of a partition.
Place = tuple[str, int]


class Polled(NamedTuple):
    """A message in the shape in which Kafka's client hands it out."""

    raw: bytes | None
    time: int
    place: Place
    number: int
    raw_key: bytes | None
    pairs: Headers

    def value(self) -> bytes | None:
        return self.raw

    def timestamp(self) -> tuple[int, int]:
        return 1, self.time

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.number

    def key(self) -> bytes | None:
        return self.raw_key

    def headers(self) -> Headers | None:
        return self.pairs or None


class Voice:
    """Messages of all topics that the source reads; they are decoded by what decodes real ones."""

    def __init__(self, timeline: Timeline, options: KafkaSourceOptions) -> None:
        """Raises InvalidFlow for a topic that the source does not read."""
        self._topics = options.topics
        named = timeline.topics | {s.event.topic for s in timeline.steps if isinstance(s, Arrival)}
        #: Those that the test says nothing of are not there; they would hold up the watermark.
        topics = [topic for topic in options.topics if topic in named] or options.topics
        self._format = options.config.key_format
        self._decoder = Decoder(options, None)
        places = [(topic, number) for topic in topics for number in range(timeline.partitions)]
        self._numbers = {place: number for number, place in enumerate(places)}
        self.partitions = len(places)
        self._log: dict[int, tuple[Place, int]] = {}
        ends = dict.fromkeys(places, 0)
        for index, step in enumerate(timeline.steps):
            if isinstance(step, Arrival):
                place = self._place(step.event)
                if place not in ends:
                    raise InvalidFlow(f"input {index}: the pipeline does not read the topic {place[0]}")
                self._log[index] = place, ends[place]
                ends[place] += 1

    def _place(self, event: Event) -> Place:
        return event.topic or self._topics[0], event.partition

    def partition(self, event: Event) -> int:
        return self._numbers[self._place(event)]

    def batch(self, played: Sequence[Played]) -> Batch:
        messages = [self._polled(one) for one in played]
        return self._decoder.batch(messages, [self._numbers[m.place] for m in messages], played[0].time)

    def _polled(self, played: Played) -> Polled:
        event = played.event
        raw = None if event.document is None else json_text(event.document)
        headers = [] if event.headers is None else write_headers(event.headers)
        place, offset = self._log[played.step]
        return Polled(raw, played.time, place, offset, self._key(event.key), headers)

    def _key(self, key: Any) -> bytes | None:
        if key is None or isinstance(key, bytes):
            return None if key is None else bytes(key)
        return json_text(key) if self._format == "binData" else key_writer(self._format)(key)

    def stats(self, position: int, idle: frozenset[int]) -> dict[str, Any]:
        """As those of brokers on which all that is still to be played waits already."""
        read, waiting = dict.fromkeys(self._numbers, 0), dict.fromkeys(self._numbers, 0)
        for index, (place, _) in self._log.items():
            (read if index < position else waiting)[place] += 1
        shown = [
            {
                **({"topic": place[0]} if len(self._topics) > 1 else {}),
                "partition": place[1],
                "currentOffset": Int64(read[place]),
                "isIdle": number in idle,
                "partitionOffsetLag": Int64(waiting[place]),
            }
            for place, number in self._numbers.items()
        ]
        return {"kafkaPartitions": shown, "kafkaTotalOffsetLag": Int64(sum(waiting.values()))}


class Producer:
    """Kafka's client for writing, as far as the sink uses it; what it is given is in the topic at once."""

    def __init__(self, world: World) -> None:
        self._world = world

    def produce(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        *,
        headers: Sequence[tuple[str, str | bytes | None]] = (),
        **_: Any,
    ) -> None:
        document = None if value is None else document_of(value)
        pairs = tuple((name, v.encode() if isinstance(v, str) else v) for name, v in headers)
        self._world.topics.setdefault(topic, []).append(Message(topic, document, key, pairs, value))

    def list_topics(self, topic: str | None = None, timeout: float = 0) -> SimpleNamespace:  # noqa: ARG002
        """That there are brokers is all the sink wants to know."""
        return SimpleNamespace(brokers={}, topics={})

    def poll(self, timeout: float = 0) -> int:  # noqa: ARG002
        return 0

    def flush(self, timeout: float = 0) -> int:  # noqa: ARG002
        return 0

    def purge(self) -> None:
        """Nothing waits."""


class TopicSink(KafkaSink):
    """The real sink over a client in memory; it asks no schema registry and writes JSON in place of Avro."""

    def __init__(self, connection: PlayedKafka, options: KafkaSinkOptions, opening: Opening) -> None:
        self._world = connection.world
        super().__init__(_NOWHERE, msgspec.structs.replace(options, schema_registry=UNSET), opening)

    def _open(self, *_: Any) -> Any:
        return Producer(self._world)


@STANDINS("Kafka")
class PlayedKafka(Kafka, frozen=True, kw_only=True, tag="Kafka"):
    """``world``: of the test."""

    world: World

    def open_source(self, options: KafkaSourceOptions, opening: Opening) -> Source:
        timeline = self.world.timelines.get(str(self.name), Timeline())
        idle = options.partition_idle_timeout
        return Player(
            timeline,
            Voice(timeline, options),
            self.world.clock,
            position=opening.position,
            idle_after=None if idle is UNSET else idle.milliseconds / 1000,
        )

    def open_sink(self, options: KafkaSinkOptions, opening: Opening) -> Sink:
        return TopicSink(self, options, opening)
