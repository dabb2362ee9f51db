"""Clusters: the real connection to a server in memory; change streams are played from a timeline."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from bson import Int64, Timestamp
from msgspec import UNSET
from pymongo.errors import OperationFailure

from brookmill.connections import Batch, Opening, Sink, Source
from brookmill.connections.cluster import Cluster
from brookmill.connections.cluster.merge import MergeSink
from brookmill.connections.cluster.namespace import Namespace
from brookmill.connections.cluster.source_options import ChangeStreamOptions
from brookmill.connections.cluster.write_options import MergeOptions, TimeSeriesOptions
from brookmill.mql import run_pipeline
from brookmill.mql.values import Document, date_from_ms, ms_from_date
from brookmill.testing.clusters import with_id
from brookmill.testing.player import Played, Player
from brookmill.testing.standins import STANDINS
from brookmill.testing.timeline import Arrival, Event, Timeline
from brookmill.testing.world import World

_META = ("operationType", "ns", "documentKey")
_CHANGES = frozenset({"insert", "update", "replace", "delete"})


class Voice:
    """Change events, made whole; documents that are none become inserts. The first ``copied`` are those of an
    initial sync.
    """

    partitions = 1

    def __init__(self, options: ChangeStreamOptions, copied: int) -> None:
        self._options = options
        self._copied = copied

    def partition(self, event: Event) -> int:  # noqa: ARG002 - there is one
        return 0

    def batch(self, played: Sequence[Played]) -> Batch:
        found = [(event, one) for one in played for event in self._events(one)]
        if self._options.config.full_document_only:
            found = [(event, one) for event, one in found if event.get("fullDocument") is not None]
            values = [event["fullDocument"] for event, _ in found]
        else:
            values = [event for event, _ in found]
        times = [_time(event, one.time) for event, one in found]

        def meta(i: int) -> Document:
            event, one = found[i]
            more = {"initialSync": {"phase": "copying"}} if one.step < self._copied else {}
            given = {name: event[name] for name in _META if name in event}
            return {"type": "atlas", "ts": date_from_ms(times[i]), **given, **more}

        return Batch(values, times, form="document", meta=meta)

    def _events(self, played: Played) -> list[Document]:
        document = played.event.document
        if "operationType" in document:
            event = self._whole(document, played)
        else:
            event = self._whole({"operationType": "insert", "fullDocument": document}, played)
        pipeline = self._options.config.pipeline
        return run_pipeline(pipeline, [event]) if pipeline and played.step >= self._copied else [event]

    def _whole(self, given: Document, played: Played) -> Document:
        """The event with all that a server says of a change to a document, in its order."""
        if given["operationType"] not in _CHANGES:
            return given
        db, coll = self._namespace(played.event.topic)
        event: Document = {
            "_id": {"_data": f"{played.step:016X}"},
            "operationType": given["operationType"],
            "clusterTime": Timestamp(max(0, played.time // 1000), 1),
            "wallTime": date_from_ms(_time(given, played.time)),
            "fullDocument": None,
            "fullDocumentBeforeChange": None,
            "ns": {"db": db, "coll": coll},
            "documentKey": None,
        } | given
        if event["operationType"] == "insert" and event["fullDocument"] is not None:
            event["fullDocument"] = with_id(event["fullDocument"], played.step)
        known = event["fullDocument"] or event["fullDocumentBeforeChange"] or {}
        if event["documentKey"] is None and "_id" in known:
            event["documentKey"] = {"_id": known["_id"]}
        return {name: value for name, value in event.items() if value is not None or name in given}

    def _namespace(self, topic: str | None) -> tuple[str, str]:
        """Of an event that names ``topic``: ``db.coll``, or a collection of the database that is watched."""
        options = self._options
        db = "test" if options.db is UNSET else options.db
        if topic is None:
            return db, options.collections[0] if options.collections else "test"
        head, dot, tail = topic.partition(".")
        return (head, tail) if dot and (options.db is UNSET or head == db) else (db, topic)

    def stats(self, position: int, idle: frozenset[int]) -> dict[str, Any]:  # noqa: ARG002
        return {"changeStreamTimeDifferenceSecs": Int64(0)}


def _time(event: Document, arrival: int) -> int:
    wall, cluster = event.get("wallTime"), event.get("clusterTime")
    if wall is not None:
        return ms_from_date(wall)
    return cluster.time * 1000 if isinstance(cluster, Timestamp) else arrival


class IndexedMerge(MergeSink):
    """The real sink; the unique indexes that it asks for are made when they are missing."""

    def _check(self, target: Namespace, *, final: bool = False) -> None:
        keys = self._options.keys
        if keys != ("_id",) and target not in self._checked:
            with suppress(OperationFailure):  # of stored documents that break it the sink will tell
                self._client[target.db][target.coll].create_index([(key, 1) for key in keys], unique=True)
        super()._check(target, final=final)


@STANDINS("Cluster")
class PlayedCluster(Cluster, frozen=True, kw_only=True, tag="Cluster"):
    """``world``: of the test."""

    world: World

    def open_source(self, options: ChangeStreamOptions, opening: Opening) -> Source:
        name = str(self.name)
        copied = [] if not options.syncs else list(self._copied(options))
        if name not in self.world.synced:
            after = self.world.timelines.get(name, Timeline())
            self.world.timelines[name] = Timeline([*copied, *after.steps])
            self.world.synced.add(name)
        return Player(
            self.world.timelines[name],
            Voice(options, len(copied)),
            self.world.clock,
            position=opening.position,
        )

    def _copied(self, options: ChangeStreamOptions) -> Sequence[Arrival]:
        content = self.world.clusters.initial(str(self.cluster_name))
        return [
            Arrival(Event(document, topic=f"{options.db}.{name}"), None)
            for name in options.collections
            for document in content.get(f"{options.db}.{name}", [])
        ]

    def open_sink(self, options: MergeOptions | TimeSeriesOptions, opening: Opening) -> Sink:
        if isinstance(options, MergeOptions):
            return IndexedMerge(self, options, opening)
        return super().open_sink(options, opening)
