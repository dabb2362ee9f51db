"""Reads a Kinesis stream: every shard to its end, parents before their children."""

from __future__ import annotations

import email.utils
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from msgspec import UNSET

from brookmill.connections import Batch, Opening
from brookmill.connections.aws import region_of
from brookmill.connections.aws.account import Account
from brookmill.connections.aws.trouble import failing
from brookmill.connections.aws_kinesis_data_streams.aggregated import Packed, unpacked
from brookmill.connections.aws_kinesis_data_streams.arrivals import (
    HOLDERS,
    Arrival,
    Arrivals,
    Feed,
    KinesisRecord,
)
from brookmill.connections.aws_kinesis_data_streams.fan_out import FanOut
from brookmill.connections.aws_kinesis_data_streams.options import KinesisSourceOptions, SourceConfig
from brookmill.connections.aws_kinesis_data_streams.polling import Polling
from brookmill.connections.aws_kinesis_data_streams.shards import HORIZON, Shard, Shards, Start
from brookmill.errors import ConnectionFailed
from brookmill.mql.values import Document, date_from_ms, ms_from_date

if TYPE_CHECKING:
    from types_boto3_kinesis import KinesisClient

    from brookmill.connections.aws_kinesis_data_streams import AWSKinesisDataStreams

log = structlog.get_logger(__name__)

#: Most connections of subscriptions that are kept; there may be more shards, and more connections then.
_CONNECTIONS = 100


class _Row(NamedTuple):
    """One document: what it came in, and in which shard."""

    shard: Shard
    record: KinesisRecord
    packed: Packed


class KinesisSource:
    """A ``Source``. Its position lists the shards that are read, or were and are not forgotten by the stream:
    how far each is read, or where to begin.
    """

    def __init__(
        self, connection: AWSKinesisDataStreams, options: KinesisSourceOptions, opening: Opening
    ) -> None:
        """Raises ConnectionFailed."""
        self._options = options
        self._clock = opening.clock
        idle = options.shard_idle_timeout
        self._idle_after = None if idle is UNSET else idle.milliseconds / 1000
        self._what = f"Could not read the Kinesis stream {options.stream}"
        region = options.region or region_of(connection, opening.outside)
        account = Account(connection.aws, opening, region)
        self._client: KinesisClient = account.client("kinesis")
        self._arrivals = Arrivals()
        self._waiting: deque[Arrival] = deque()
        self._shards = Shards()
        self._feed = self._opened(account)
        try:
            self._begin(opening.position)
        except BaseException:
            self.close()
            raise

    def _opened(self, account: Account) -> Feed:
        consumer = self._options.config.consumer_arn
        if consumer is not UNSET:
            subscriber = account.client("kinesis", max_pool_connections=_CONNECTIONS)
            return FanOut(subscriber, consumer, self._clock, self._arrivals)
        once = {"mode": "standard", "total_max_attempts": 1}
        reader = account.client("kinesis", max_pool_connections=HOLDERS, retries=once)
        return Polling(self._client, reader, self._options.stream, self._clock, self._arrivals)

    def _begin(self, position: Any) -> None:
        now = self._clock.monotonic()
        listed, said = self._listed()
        if position is None:
            self._start(self._shards.begin(listed, _start(self._options.config, said), now))
        else:
            self._start(self._shards.resume(position, now))
        self._discover(listed)

    def read(self, limit: int, timeout: float) -> Batch:
        if self._clock.monotonic() >= self._discover_at:
            self._look()
        rows: list[_Row] = []
        while len(rows) < limit and (arrival := self._next(0.0 if rows else timeout)):
            rows += self._taken(arrival, limit - len(rows))
        return self._batch(rows)

    def position(self) -> Any:
        return self._shards.position()

    def acknowledge(self, position: Any) -> None:
        """Kinesis keeps no positions: nobody is told."""
        self._shards.keep(position)

    def lag(self, watermarks: Mapping[int, int]) -> dict[str, Any]:
        return self._shards.stats(self._idle(), watermarks)

    def close(self) -> None:
        self._arrivals.close()
        self._feed.close()
        self._client.close()

    def _next(self, timeout: float) -> Arrival | None:
        return self._waiting.popleft() if self._waiting else self._arrivals.take(timeout)

    def _taken(self, arrival: Arrival, limit: int) -> list[_Row]:
        """As many rows as there is room for, but no record in part: a position lies between records."""
        shard = self._shards[arrival.shard]
        rows: list[_Row] = []
        count = 0
        for record in arrival.records:
            if len(rows) >= limit:
                break
            packed = unpacked(record["Data"]) or [Packed(record["PartitionKey"], record["Data"])]
            rows += [_Row(shard, record, one) for one in packed]
            count += 1
        if count:
            shard.after = arrival.records[count - 1]["SequenceNumber"]
            shard.heard = self._clock.monotonic()
        if count < len(arrival.records):
            self._waiting.appendleft(arrival._replace(records=arrival.records[count:]))
            return rows
        shard.behind = arrival.behind
        if arrival.gone:
            self._lose(shard)
        elif arrival.ended:
            shard.ended = True
            self._look()
        return rows

    def _lose(self, shard: Shard) -> None:
        """A closed shard vanishes when its last record is too old, and with it what was not read of it."""
        listed, _ = self._listed()
        if any(one["ShardId"] == shard.id for one in listed):
            text = f"{self._what}: there is no consumer {self._options.config.consumer_arn}"
            raise ConnectionFailed(text, retry=False)
        self._gone(shard)
        self._discover(listed)

    def _gone(self, shard: Shard) -> None:
        log.warning("a shard of a Kinesis stream is gone", stream=self._options.stream, shard=shard.id)
        shard.ended = True

    def _batch(self, rows: Sequence[_Row]) -> Batch:
        times = [ms_from_date(row.record["ApproximateArrivalTimestamp"]) for row in rows]
        return Batch(
            values=[row.packed.data for row in rows],
            times=times,
            partitions=[row.shard.number for row in rows],
            partition_count=self._shards.count,
            meta=lambda i: self._meta(rows[i], times[i]),
            idle=self._idle(),
        )

    def _meta(self, row: _Row, time: int) -> Document:
        """``stream.source``. Reference: engine reference, section 1.9."""
        return {
            "type": "kinesis",
            "ts": date_from_ms(time),
            "kinesisStream": self._options.stream,
            "shardId": row.shard.id,
            "sequenceNumber": row.record["SequenceNumber"],
            "partitionKey": row.packed.key,
        }

    def _idle(self) -> frozenset[int]:
        return self._shards.idle(self._clock.monotonic(), self._idle_after)

    def _look(self) -> None:
        """Look for new shards. Where Kinesis does not answer it is asked again later: others can be read."""
        try:
            self._discover(self._listed()[0])
        except ConnectionFailed as e:
            if not e.retry:
                raise
            log.warning("looking for new shards failed", error=str(e))
            self._discover_at = self._clock.monotonic() + self._options.config.reshard_detection

    def _discover(self, listed: Sequence[Mapping[str, Any]]) -> None:
        now = self._clock.monotonic()
        self._discover_at = now + self._options.config.reshard_detection
        while new := self._shards.discover(listed, now):
            self._start(new)
        self._shards.forget(listed)

    def _start(self, shards: Sequence[Shard]) -> None:
        for shard in shards:
            if not self._feed.start(shard.id, shard.next):
                self._gone(shard)

    def _listed(self) -> tuple[list[Mapping[str, Any]], int]:
        """All shards there are, parents first, and when that was, in milliseconds of AWS's clock."""
        with failing(self._what):
            page = self._client.list_shards(StreamName=self._options.stream)
            listed: list[Mapping[str, Any]] = [*page["Shards"]]
            said = page["ResponseMetadata"]["HTTPHeaders"].get("date")
            while token := page.get("NextToken"):  # which may not come with the name
                page = self._client.list_shards(NextToken=token)
                listed += page["Shards"]
        date = self._clock.now() if said is None else email.utils.parsedate_to_datetime(said).timestamp()
        return sorted(listed, key=lambda shard: shard["ShardId"]), int(date * 1000)


def _start(config: SourceConfig, now: int) -> Start:
    """Where a new processor begins. ``now``: milliseconds since the epoch."""
    match config.initial_position:
        case "LATEST":
            return Start("LATEST", at=now)
        case "AT_TIMESTAMP":
            return Start("AT_TIMESTAMP", at=ms_from_date(config.at_timestamp))
        case "TRIM_HORIZON":
            return HORIZON
    return Start(config.initial_position, sequence=str(config.sequence_number))
