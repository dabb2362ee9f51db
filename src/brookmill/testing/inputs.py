"""Which of a test's inputs the source of a pipeline reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from brookmill.testing.timeline import Advance, Event, InvalidFlow, Timeline, moment, timeline, told

#: Documents of the one source; or by connection, or by Kafka topic, Kinesis stream or collection.
Inputs = Iterable[Any] | Mapping[str, Any]

#: Members of a topic that is written with its partitions.
_TOPIC = frozenset({"partitions", "messages"})
#: Members of a message in Kafka's own words, and what they are of an ``Event``.
_MESSAGE = {name: name for name in ("topic", "partition", "key", "headers")}
_MESSAGE |= {"value": "document", "timestamp": "at"}


def played(source: Mapping[str, Any], inputs: Inputs | None, topics: Mapping[str, Any]) -> Timeline | None:
    """The timeline of the source that ``{$source: source}`` means; None: the test has nothing for it.

    Raises InvalidFlow.
    """
    by_topic = dict(_by_topic(source, topics))
    if isinstance(inputs, Mapping):
        by_topic |= _by_topic(source, inputs)
    elif inputs is not None:
        by_topic[None] = _entries(inputs)
    if not by_topic:
        return None
    partitions = max(_partitions(content) for content in by_topic.values())
    streams = [list(_stream(content, topic)) for topic, content in by_topic.items()]
    entries = _merged(streams)
    if source.get("connectionName") is None and not all(isinstance(one, Advance) for one in entries):
        raise InvalidFlow("the documents stand in the pipeline itself; there is no source to take inputs")
    return timeline(entries, partitions=partitions, topics=filter(None, by_topic))


def _by_topic(source: Mapping[str, Any], contents: Mapping[str, Any]) -> Iterator[tuple[str | None, Any]]:
    """``contents`` by topic; None: of the source as a whole. Raises InvalidFlow for what it does not read."""
    connection = source.get("connectionName")
    for written, content in _flat("", contents):
        name = written
        if name != connection and name.startswith(f"{connection}."):
            name = name[len(str(connection)) + 1 :]
        if name == connection and name not in _read(source):
            yield None, content
        elif _reads(source, name):
            yield name, content
        else:
            known = ", ".join(map(str, (connection, *_read(source))))
            raise InvalidFlow(f"inputs for {written!r}: the pipeline only reads {known}")


def _flat(prefix: str, contents: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, content in contents.items():
        if isinstance(content, Mapping) and not content.keys() <= _TOPIC:
            yield from _flat(f"{prefix}{name}.", content)
        else:
            yield f"{prefix}{name}", content


def _read(source: Mapping[str, Any]) -> Sequence[str]:
    """What the source names: topics, a stream or collections."""
    named = source.get("topic", source.get("stream", source.get("coll", [])))
    return [named] if isinstance(named, str) else list(named)


def _reads(source: Mapping[str, Any], name: str) -> bool:
    if name in _read(source):
        return True
    if "topic" in source or "stream" in source:
        return False
    db, _, coll = name.partition(".")
    if not coll:
        return "db" in source and "coll" not in source
    return db == source.get("db", db) and ("coll" not in source or coll in _read(source))


def _entries(content: Any) -> Sequence[Any]:
    if isinstance(content, str | bytes | Mapping) or not isinstance(content, Iterable):
        raise InvalidFlow("inputs must be a list of documents, or a mapping of such lists by connection")
    return list(content)


def _partitions(content: Any) -> int:
    return int(content.get("partitions", 1)) if isinstance(content, Mapping) else 1


def _stream(content: Any, topic: str | None) -> Iterator[Any]:
    if isinstance(content, Mapping):
        content = content.get("messages", [])
    for entry in _entries(content):
        made = told(_message(entry) if topic is not None else entry)
        yield replace(made, topic=made.topic or topic) if isinstance(made, Event) else made


def _message(entry: Any) -> Any:
    """A message in Kafka's own words as an event; all else as it is."""
    if not isinstance(entry, Mapping) or "value" not in entry or not entry.keys() <= _MESSAGE.keys():
        return entry
    if "headers" not in entry and not ("key" in entry and isinstance(entry["value"], Mapping)):
        return entry
    return Event(**{_MESSAGE[name]: value for name, value in entry.items()})


def _merged(streams: Sequence[Sequence[Any]]) -> list[Any]:
    """One after the other; by time, where everything has one."""
    entries = [entry for stream in streams for entry in stream]
    timed = all(isinstance(entry, Event) and entry.at is not None for entry in entries)
    return sorted(entries, key=lambda entry: moment(entry.at)) if timed and len(streams) > 1 else entries
