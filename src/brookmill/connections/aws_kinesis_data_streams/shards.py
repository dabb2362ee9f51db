"""Which shards a source reads, in which order, and how far it is in each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from bson import Int64

from brookmill.mql.values import date_from_ms

StartType = Literal["LATEST", "TRIM_HORIZON", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"]


class Start(NamedTuple):
    """Where to begin in a shard. ``at``: milliseconds since the epoch; of LATEST, when that was said."""

    type: StartType
    sequence: str | None = None
    at: int | None = None

    @property
    def later(self) -> Start:
        """The same at any later time: what was the latest once is a point in time then."""
        return Start("AT_TIMESTAMP", at=self.at) if self.type == "LATEST" else self

    @property
    def date(self) -> dt.datetime | None:
        return None if self.at is None else dt.datetime.fromtimestamp(self.at / 1000, dt.UTC)


HORIZON = Start("TRIM_HORIZON")


@dataclass(slots=True)
class Shard:
    """``after``: sequence number of the last record that was read; None: none was, ``start`` counts.

    ``ended``: it is closed, and read to its end. ``heard``: monotonic time of the last record, or of the
    beginning. ``checkpoint``: ``after`` of the kept checkpoint. ``behind``: milliseconds between what was
    read last and the newest record.
    """

    id: str
    start: Start
    heard: float
    after: str | None = None
    ended: bool = False
    checkpoint: str | None = None
    behind: int | None = None

    @property
    def next(self) -> Start:
        """Where to go on."""
        return self.start if self.after is None else Start("AFTER_SEQUENCE_NUMBER", self.after)


class Shards:
    """In the order in which reading them began: an index is a partition's number for ever."""

    def __init__(self) -> None:
        self._members: list[Shard] = []
        self.index: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, index: int) -> Shard:
        return self._members[index]

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._members)

    def resume(self, position: Sequence[Mapping[str, Any]], now: float) -> list[Shard]:
        """Go on where ``position`` was; the shards that there is something to read of."""
        for one in position:
            given = one["start"]
            at = None if given["at"] is None else int(given["at"])
            start = Start(given["type"], given["sequence"], at)
            self._add(Shard(one["shard"], start, now, one["after"], one["ended"], one["after"]))
        return [shard for shard in self._members if not shard.ended]

    def position(self) -> list[dict[str, Any]]:
        return [
            {"shard": s.id, "after": s.after, "start": _encoded(s.start.later), "ended": s.ended}
            for s in self._members
        ]

    def begin(self, listed: Sequence[Mapping[str, Any]], start: Start, now: float) -> list[Shard]:
        """The shards to read first. From LATEST on those that are closed count as read."""
        if start.type != "LATEST":
            ids = {one["ShardId"] for one in listed}
            return [
                self._add(Shard(one["ShardId"], start, now))
                for one in listed
                if not ids.intersection(_parents(one))
            ]
        closed = [one for one in listed if "EndingSequenceNumber" in one["SequenceNumberRange"]]
        for one in closed:
            self._add(Shard(one["ShardId"], start, now, ended=True))
        new = [one["ShardId"] for one in listed if one not in closed]
        return [self._add(Shard(id_, start, now)) for id_ in new]

    def discover(self, listed: Sequence[Mapping[str, Any]], now: float) -> list[Shard]:
        """New shards whose parents are read to their end, or are gone. They are read from their beginning,
        though not from before a point in time that was asked for.
        """
        ids = {one["ShardId"] for one in listed}
        new = []
        for one in listed:
            parents = _parents(one)
            known = [self._members[self.index[p]] for p in parents if p in self.index]
            waiting = any(p in ids and p not in self.index for p in parents)
            if one["ShardId"] in self.index or waiting or not all(parent.ended for parent in known):
                continue
            since = [p.start.at for p in known if p.start.at is not None]
            start = Start("AT_TIMESTAMP", at=min(since)) if len(since) == len(known) > 0 else HORIZON
            new.append(self._add(Shard(one["ShardId"], start, now)))
        return new

    def idle(self, now: float, after: float | None) -> frozenset[int]:
        """Those that are ended, or silent for more than ``after`` seconds; None: none ever is."""
        return frozenset(
            i for i, s in enumerate(self._members) if s.ended or (after is not None and now - s.heard > after)
        )

    def stats(self, idle: frozenset[int], watermarks: Mapping[int, int]) -> dict[str, Any]:
        """Of the shards that are still read, in the manner of ``kafkaPartitions``; upstream tells nothing."""
        shown = []
        for i, shard in enumerate(self._members):
            if shard.ended:
                continue
            one: dict[str, Any] = {"shardId": shard.id, "isIdle": i in idle}
            if shard.after is not None:
                one["currentSequenceNumber"] = shard.after
            if shard.checkpoint is not None:
                one["checkpointSequenceNumber"] = shard.checkpoint
            if shard.behind is not None:
                one["millisBehindLatest"] = Int64(shard.behind)
            if i in watermarks:
                one["watermark"] = date_from_ms(watermarks[i])
            shown.append(one)
        return {"kinesisShards": shown}

    def _add(self, shard: Shard) -> Shard:
        self.index[shard.id] = len(self._members)
        self._members.append(shard)
        return shard


def _encoded(start: Start) -> dict[str, Any]:
    return {
        "type": start.type,
        "sequence": start.sequence,
        "at": None if start.at is None else Int64(start.at),
    }


def _parents(listed: Mapping[str, Any]) -> list[str]:
    names = ("ParentShardId", "AdjacentParentShardId")
    return [listed[name] for name in names if listed.get(name)]
