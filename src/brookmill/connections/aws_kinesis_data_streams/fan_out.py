"""Shards read by enhanced fan-out: SubscribeToShard pushes records for five minutes, again and again."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

import structlog

from brookmill.clock import Clock
from brookmill.connections.aws.trouble import THROTTLED, code, failed
from brookmill.connections.aws_kinesis_data_streams.arrivals import Arrival, Arrivals
from brookmill.connections.aws_kinesis_data_streams.polling import GONE
from brookmill.connections.aws_kinesis_data_streams.shards import HORIZON, Start

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from botocore.eventstream import EventStream
    from types_boto3_kinesis import KinesisClient
    from types_boto3_kinesis.type_defs import (
        SubscribeToShardEventStreamTypeDef,
        SubscribeToShardEventTypeDef,
    )

#: Seconds to wait before asking for a subscription again: an old one still counts for five.
_AGAIN = 5.0
#: Another subscription of the consumer still runs, or Kinesis itself stumbled.
_PASSING = THROTTLED | {"ResourceInUseException", "InternalFailureException"}


class FanOut:
    """A ``Feed``. ``consumer``: ARN of the registered consumer; nobody else may use it."""

    def __init__(self, client: KinesisClient, consumer: str, clock: Clock, arrivals: Arrivals) -> None:
        self._client = client
        self._consumer = consumer
        self._clock = clock
        self._arrivals = arrivals

    def start(self, shard: str, start: Start) -> bool:
        """Whether there is such a shard shows later."""
        Thread(target=self._run, args=[shard, start], daemon=True).start()
        return True

    def close(self) -> None:
        self._client.close()

    def _run(self, shard: str, start: Start) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        place: Start | None = start
        try:
            while place is not None and not self._arrivals.over.is_set():
                place = self._subscribed(shard, place)
        except (BotoCoreError, ClientError) as e:
            self._arrivals.put(failed(f"Could not read as the Kinesis consumer {self._consumer}", e))
        except Exception as e:
            self._arrivals.put(e)

    def _subscribed(self, shard: str, start: Start) -> Start | None:
        """Read one subscription to its end; where to go on, None when the shard is read to its end."""
        from botocore.exceptions import ClientError
        from urllib3.exceptions import HTTPError

        place: Start | None = start.later
        try:
            answer = self._client.subscribe_to_shard(
                ConsumerARN=self._consumer, ShardId=shard, StartingPosition=_position(start)
            )
            stream: EventStream[SubscribeToShardEventStreamTypeDef] = answer["EventStream"]
            try:
                for event in stream:
                    place = self._pushed(shard, event["SubscribeToShardEvent"])
                    if place is None or self._arrivals.over.is_set():
                        break
            finally:
                stream.close()
        except HTTPError:  # the connection broke between two events
            self._clock.wait(self._arrivals.over, _AGAIN)
        except ClientError as e:
            return self._refused(shard, start.later if place is None else place, e)
        return place

    def _pushed(self, shard: str, event: SubscribeToShardEventTypeDef) -> Start | None:
        ended = bool(event.get("ChildShards")) or not event.get("ContinuationSequenceNumber")
        with self._arrivals.holding:
            if event["Records"] or ended:
                behind = event.get("MillisBehindLatest")
                self._arrivals.put(Arrival(shard, event["Records"], behind, ended))
        return None if ended else Start("AFTER_SEQUENCE_NUMBER", event["ContinuationSequenceNumber"])

    def _refused(self, shard: str, place: Start, error: Any) -> Start | None:
        name = code(error)
        if name in _PASSING:
            log.warning(
                "a Kinesis subscription has to wait", consumer=self._consumer, shard=shard, error=name
            )
            self._clock.wait(self._arrivals.over, _AGAIN)
            return place
        if name == "InvalidArgumentException" and place.sequence is not None:
            return HORIZON  # the number belongs to another shard
        if name == GONE:  # the shard or the consumer: whoever takes it looks
            self._arrivals.put(Arrival(shard, (), gone=True))
            return None
        raise error


def _position(start: Start) -> Any:
    position: dict[str, Any] = {"Type": start.type}
    if start.sequence is not None:
        position["SequenceNumber"] = start.sequence
    elif start.type == "AT_TIMESTAMP":
        position["Timestamp"] = start.date
    return position
