"""The test of a Kinesis connection: the service, the role, a stream, one record of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from brookmill.connections import Opening
from brookmill.connections.aws import region_of
from brookmill.connections.aws.probe import entered
from brookmill.connections.aws.trouble import failing
from brookmill.connections.aws_kinesis_data_streams.aggregated import unpacked
from brookmill.connections.aws_kinesis_data_streams.options import KinesisProbe
from brookmill.connections.ladder import Ladder
from brookmill.errors import DocumentError
from brookmill.mql.ejson import parse_json

if TYPE_CHECKING:
    from brookmill.connections.aws_kinesis_data_streams import AWSKinesisDataStreams

#: Most shards that are asked for their oldest record, and most answers of one without any.
_SHARDS, _ANSWERS = 4, 3


def probe(connection: AWSKinesisDataStreams, options: KinesisProbe, opening: Opening, ladder: Ladder) -> None:
    """Raises ConnectionFailed and DocumentError."""
    region = options.region or region_of(connection, opening.outside)
    client = entered(
        connection.aws,
        service="kinesis",
        region=region,
        opening=opening,
        ladder=ladder,
        signed=lambda service: service.list_streams(Limit=1),
    )
    try:
        if options.stream is not UNSET:
            _climb(client, options.stream, ladder)
    finally:
        client.close()


def _climb(client: Any, stream: str, ladder: Ladder) -> None:
    with ladder.step("authorize") as seen, failing(f"Could not find the Kinesis stream {stream}"):
        summary = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
        seen.update(stream=stream, status=summary["StreamStatus"], shards=summary["OpenShardCount"])
    with ladder.step("read") as seen, failing(f"Could not read the Kinesis stream {stream}"):
        data = _first(client, stream)
        seen.update({"records": 0} if data is None else {"bytes": len(data)})
    if data is not None:
        with ladder.step("decode") as seen:
            document = parse_json(data)
            if not isinstance(document, dict):
                raise DocumentError("the record is JSON, but no object")
            seen["fields"] = len(document)


def _first(client: Any, stream: str) -> bytes | None:
    """One of the oldest records; None: none was found in a short while."""
    shards = client.list_shards(StreamName=stream, MaxResults=_SHARDS)["Shards"]
    for shard in shards:
        asked = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(**asked)["ShardIterator"]
        for _ in range(_ANSWERS):
            answer = client.get_records(ShardIterator=iterator, Limit=1)
            if answer["Records"]:
                data: bytes = answer["Records"][0]["Data"]
                packed = unpacked(data)
                return packed[0].data if packed else data
            iterator = answer.get("NextShardIterator")
            if iterator is None or not answer.get("MillisBehindLatest"):
                break
    return None
