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
    """``number``: of its partition, for ever: no other shard gets it. ``after``: sequence number of the last
    record that was read; None: none was, ``start`` counts.

    ``ended``: it is closed, and read to its end. ``heard``: monotonic time of the last record, or of the
    beginning. ``checkpoint``: ``after`` of the kept checkpoint. ``behind``: milliseconds between what was
    read last and the newest record.
    """

    id: str
    number: int
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
    """Those that are read, and those that were until the stream forgets them.

    ``count``: how many there ever were, which is the number of the next.
    """

    def __init__(self) -> None:
        self._members: dict[str, Shard] = {}
        self.count = 0

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, id_: str) -> Shard:
        return self._members[id_]

    def __contains__(self, id_: str) -> bool:
        return id_ in self._members

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._members.values())

    def resume(self, position: Sequence[Mapping[str, Any]], now: float) -> list[Shard]:
        """Go on where ``position`` was; the shards that there is something to read of.

        Older positions forgot no shard and tell no numbers: there a shard's place is its number.
        """
        for place, one in enumerate(position):
            given = one["start"]
            at = None if given["at"] is None else int(given["at"])
            shard = self._add(one["shard"], Start(given["type"], given["sequence"], at), now)
            shard.number = int(one.get("number", place))
            shard.after = shard.checkpoint = one["after"]
            shard.ended = one["ended"]
        self.count = max((shard.number + 1 for shard in self), default=0)
        return [shard for shard in self if not shard.ended]

    def position(self) -> list[dict[str, Any]]:
        return [
            {
                "shard": s.id,
                "number": s.number,
                "after": s.after,
                "start": _encoded(s.start.later),
                "ended": s.ended,
            }
            for s in self
        ]

    def keep(self, position: Sequence[Mapping[str, Any]]) -> None:
        """A checkpoint with ``position`` is safe. Shards may have been forgotten since it was taken."""
        for one in position:
            if one["shard"] in self:
                self[one["shard"]].checkpoint = one["after"]

    def begin(self, listed: Sequence[Mapping[str, Any]], start: Start, now: float) -> list[Shard]:
        """The shards to read first. From LATEST on those that are closed count as read."""
        if start.type != "LATEST":
            ids = {one["ShardId"] for one in listed}
            return [
                self._add(one["ShardId"], start, now) for one in listed if not ids.intersection(_parents(one))
            ]
        closed = [one for one in listed if "EndingSequenceNumber" in one["SequenceNumberRange"]]
        for one in closed:
            self._add(one["ShardId"], start, now).ended = True
        new = [one["ShardId"] for one in listed if one not in closed]
        return [self._add(id_, start, now) for id_ in new]

    def discover(self, listed: Sequence[Mapping[str, Any]], now: float) -> list[Shard]:
        """New shards whose parents are read to their end, or are gone. They are read from their beginning,
        though not from before a point in time that was asked for.
        """
        ids = {one["ShardId"] for one in listed}
        new = []
        for one in listed:
            parents = _parents(one)
            known = [self[p] for p in parents if p in self]
            waiting = any(p in ids and p not in self for p in parents)
            if one["ShardId"] in self or waiting or not all(parent.ended for parent in known):
                continue
            since = [p.start.at for p in known if p.start.at is not None]
            start = Start("AT_TIMESTAMP", at=min(since)) if len(since) == len(known) > 0 else HORIZON
            new.append(self._add(one["ShardId"], start, now))
        return new

    def forget(self, listed: Sequence[Mapping[str, Any]]) -> None:
        """Let go of shards that are read to their end and that the stream does not list any more.

        As long as one is listed it has to be known as read; and as long as a child of it was not begun, the
        child's beginning depends on it. After a restart from an older position all of this is done again.
        The last number stays, so that a position tells which is the next.
        """
        needed = {one["ShardId"] for one in listed}
        for one in listed:
            if one["ShardId"] not in self:
                needed.update(_parents(one))
        for shard in list(self):
            if shard.ended and shard.id not in needed and shard.number < self.count - 1:
                del self._members[shard.id]

    def idle(self, now: float, after: float | None) -> frozenset[int]:
        """Numbers of those that are ended, or silent for more than ``after`` seconds (None: none ever is).

        The forgotten are ended too: nothing may wait for them.
        """
        silent = (s.number for s in self if s.ended or (after is not None and now - s.heard > after))
        forgotten = frozenset(range(self.count)).difference(s.number for s in self)
        return forgotten.union(silent)

    def stats(self, idle: frozenset[int], watermarks: Mapping[int, int]) -> dict[str, Any]:
        """Of the shards that are still read, in the manner of ``kafkaPartitions``; upstream tells nothing."""
        shown = []
        for shard in self:
            if shard.ended:
                continue
            one: dict[str, Any] = {"shardId": shard.id, "isIdle": shard.number in idle}
            if shard.after is not None:
                one["currentSequenceNumber"] = shard.after
            if shard.checkpoint is not None:
                one["checkpointSequenceNumber"] = shard.checkpoint
            if shard.behind is not None:
                one["millisBehindLatest"] = Int64(shard.behind)
            if shard.number in watermarks:
                one["watermark"] = date_from_ms(watermarks[shard.number])
            shown.append(one)
        return {"kinesisShards": shown}

    def _add(self, id_: str, start: Start, now: float) -> Shard:
        shard = self._members[id_] = Shard(id_, self.count, start, now)
        self.count += 1
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
