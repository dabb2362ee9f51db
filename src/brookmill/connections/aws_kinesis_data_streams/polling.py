"""Shards read by asking again and again: GetRecords, five times a second and shard at most."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

from brookmill.clock import Clock
from brookmill.connections.aws.trouble import THROTTLED, code, failed, failing, passing
from brookmill.connections.aws_kinesis_data_streams.arrivals import Arrival, Arrivals
from brookmill.connections.aws_kinesis_data_streams.shards import HORIZON, Start

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError
    from types_boto3_kinesis import KinesisClient
    from types_boto3_kinesis.type_defs import GetRecordsOutputTypeDef

#: Most records of one answer.
_LIMIT = 10_000
#: Seconds between two questions about a shard: while there is more, and when all is read.
_BUSY, _CALM = 0.2, 0.5
#: Seconds to wait after an answer that may be another later: at first, and at most.
_PAUSE, _LONGEST = 0.5, 10.0
#: Seconds of such answers until reading fails. A shard that is asked too often, by whomever, waits for ever.
_PATIENCE = 30.0
#: What is said of a shard whose last record became too old, and of a stream that is not there.
GONE = "ResourceNotFoundException"


@dataclass(slots=True)
class _Shard:
    """``next``: where to go on when ``iterator`` is too old; that None: it is read to its end. ``pause``: how
    long to wait after the next answer that passes. ``since``: monotonic time of the first such in a row.
    """

    id: str
    next: Start
    iterator: str | None
    pause: float = _PAUSE
    since: float | None = None


class Polling:
    """A ``Feed``. ``reader``: a client that does not try again by itself; here is known when to."""

    def __init__(
        self, client: KinesisClient, reader: KinesisClient, stream: str, clock: Clock, arrivals: Arrivals
    ) -> None:
        self._client = client
        self._reader = reader
        self._stream = stream
        self._clock = clock
        self._arrivals = arrivals
        self._what = f"Could not read the Kinesis stream {stream}"

    def start(self, shard: str, start: Start) -> bool:
        """The latest record is the one there is now, not the one when the thread comes to look."""
        from botocore.exceptions import ClientError

        with failing(self._what):
            try:
                iterator = self._iterator(shard, start)
            except ClientError as e:
                if code(e) != GONE:
                    raise
                return False
        run = Thread(target=self._run, args=[_Shard(shard, start.later, iterator)], daemon=True)
        run.start()
        return True

    def close(self) -> None:
        self._reader.close()

    def _run(self, shard: _Shard) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            while shard.iterator is not None and not self._arrivals.over.is_set():
                self._clock.wait(self._arrivals.over, self._turn(shard, shard.iterator))
        except (BotoCoreError, ClientError) as e:
            self._arrivals.put(failed(self._what, e))
        except Exception as e:
            self._arrivals.put(e)

    def _turn(self, shard: _Shard, iterator: str) -> float:
        """Ask once; the seconds to wait before the next time."""
        from botocore.exceptions import BotoCoreError, ClientError

        with self._arrivals.holding:
            try:
                answer = self._reader.get_records(ShardIterator=iterator, Limit=_LIMIT)
            except (BotoCoreError, ClientError) as e:
                name = code(e) if isinstance(e, ClientError) else ""
                return self._refused(shard, name, e)
            return self._answered(shard, answer)

    def _answered(self, shard: _Shard, answer: GetRecordsOutputTypeDef) -> float:
        records, behind = answer["Records"], answer.get("MillisBehindLatest", 0)
        shard.iterator = answer.get("NextShardIterator")
        shard.pause, shard.since = _PAUSE, None
        if records:
            shard.next = Start("AFTER_SEQUENCE_NUMBER", records[-1]["SequenceNumber"])
        if records or shard.iterator is None:
            self._arrivals.put(Arrival(shard.id, records, behind, shard.iterator is None))
        return _BUSY if behind else _CALM

    def _refused(self, shard: _Shard, name: str, error: BotoCoreError | ClientError) -> float:
        if name == "ExpiredIteratorException":
            shard.iterator = self._iterator(shard.id, shard.next)
            return 0.0
        if name == GONE:
            shard.iterator = None
            self._arrivals.put(Arrival(shard.id, (), gone=True))
            return 0.0
        now = self._clock.monotonic()
        if shard.since is None:
            shard.since = now
        if name not in THROTTLED and (not passing(error) or now - shard.since > _PATIENCE):
            raise error
        pause, shard.pause = shard.pause, min(shard.pause * 2, _LONGEST)
        return pause

    def _iterator(self, shard: str, start: Start) -> str:
        from botocore.exceptions import ClientError

        asked: dict[str, Any] = {
            "StreamName": self._stream,
            "ShardId": shard,
            "ShardIteratorType": start.type,
        }
        if start.sequence is not None:
            asked["StartingSequenceNumber"] = start.sequence
        elif start.type == "AT_TIMESTAMP":
            asked["Timestamp"] = start.date
        try:
            return self._client.get_shard_iterator(**asked)["ShardIterator"]
        except ClientError as e:
            if start.sequence is None or code(e) != "InvalidArgumentException":
                raise
            return self._iterator(shard, HORIZON)  # the number belongs to another shard
