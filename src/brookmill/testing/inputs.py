"""Which of a test's inputs the source of a pipeline reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from brookmill.testing.timeline import Event, InvalidFlow, Timeline, moment, timeline, told

#: Documents of the one source; or by connection, or by Kafka topic.
Inputs = Iterable[Any] | Mapping[str, Any]


def played(source: Mapping[str, Any], inputs: Inputs | None, topics: Mapping[str, Any]) -> Timeline | None:
    """The timeline of the source that ``{$source: source}`` means; None: the test has nothing for it.

    Raises InvalidFlow.
    """
    name = source.get("connectionName")
    by_topic = _by_topic(source, topics)
    if isinstance(inputs, Mapping):
        inputs = dict(inputs)
        if name in inputs:
            own = inputs.pop(name)
            by_topic |= _by_topic(source, own) if isinstance(own, Mapping) else {None: _entries(own)}
        by_topic |= _by_topic(source, inputs)
    elif inputs is not None:
        by_topic[None] = _entries(inputs)
    if not by_topic:
        return None
    if name is None:
        raise InvalidFlow("the documents stand in the pipeline itself; there is no source to take inputs")
    partitions = max(_partitions(content) for content in by_topic.values())
    streams = [list(_stream(content, topic)) for topic, content in by_topic.items()]
    return timeline(_merged(streams), partitions=partitions)


def _by_topic(source: Mapping[str, Any], contents: Mapping[str, Any]) -> dict[str | None, Any]:
    """``contents`` by topic. Raises InvalidFlow for what is no topic that the source reads."""
    topic = source.get("topic", source.get("coll", []))
    read = [topic] if isinstance(topic, str) else topic
    for name in contents:
        if name not in read and ("topic" in source or ("." not in name and "db" not in source)):
            known = ", ".join(map(str, (source.get("connectionName"), *read)))
            raise InvalidFlow(f"inputs for {name!r}: the pipeline only reads {known}")
    return {name: content for name, content in contents.items()}  # noqa: C416 - other type of key


def _entries(content: Any) -> Sequence[Any]:
    if isinstance(content, str | bytes | Mapping) or not isinstance(content, Iterable):
        raise InvalidFlow("inputs must be a list of documents, or a mapping of such lists by connection")
    return list(content)


def _partitions(content: Any) -> int:
    return int(content.get("partitions", 1)) if isinstance(content, Mapping) else 1


def _stream(content: Any, topic: str | None) -> Iterator[Any]:
    if isinstance(content, Mapping):
        if not content.keys() <= {"partitions", "messages"}:
            raise InvalidFlow(f"the topic {topic} must be a list, or have messages and partitions")
        content = content.get("messages", [])
    for entry in _entries(content):
        made = told(entry)
        yield replace(made, topic=made.topic or topic) if isinstance(made, Event) else made


def _merged(streams: Sequence[Sequence[Any]]) -> list[Any]:
    """One after the other; by time, where everything has one."""
    entries = [entry for stream in streams for entry in stream]
    timed = all(isinstance(entry, Event) and entry.at is not None for entry in entries)
    return sorted(entries, key=lambda entry: moment(entry.at)) if timed and len(streams) > 1 else entries
