"""Writes records to a Kinesis stream; what is written is there when ``write`` returns."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from brookmill.connections import DeadLetter, Form, Opening, Output
from brookmill.connections.aws import region_of
from brookmill.connections.aws.account import Account
from brookmill.connections.aws.trouble import failing
from brookmill.connections.aws_kinesis_data_streams.options import KinesisSinkOptions, is_partition_key
from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from types_boto3_kinesis import KinesisClient

    from brookmill.connections.aws_kinesis_data_streams import AWSKinesisDataStreams

#: What one request takes. Reference: Amazon Kinesis Data Streams API, PutRecords.
_RECORDS, _BYTES = 500, 5 * 1024**2
#: Largest record, its key included. Reference: engine reference, section 6.
_LARGEST = 1024**2
#: Seconds between two tries to write what a shard did not take: shards count by the second.
_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0)
_NEVER = threading.Event()


class Record(NamedTuple):
    data: bytes
    key: str

    @property
    def size(self) -> int:
        return len(self.data) + len(self.key.encode())


class KinesisSink:
    """A ``Sink``. Columns or constants: ``partitionKey``, ``meta``.

    Records of one key come in their order. Where Kinesis takes only some of a request, a key goes again from
    the first record on that was not taken: some may then be there twice, but the last one comes last.
    """

    accepts: Form = "json"

    def __init__(
        self, connection: AWSKinesisDataStreams, options: KinesisSinkOptions, opening: Opening
    ) -> None:
        """Raises ConnectionFailed, also when there is no such stream."""
        self._options = options
        self._constants = opening.constants
        self._clock = opening.clock
        region = options.region or region_of(connection, opening.outside)
        self._client: KinesisClient = Account(connection.aws, opening, region).client("kinesis")
        self._failing = f"Could not write to the Kinesis stream {options.stream}"
        with failing(self._failing):
            self._client.describe_stream_summary(StreamName=options.stream)

    def write(self, output: Output) -> list[DeadLetter]:
        letters, records = [], []
        keys = output.columns.get("partitionKey") or [self._constants["partitionKey"]] * len(output)
        for i, data in enumerate(output.values):
            why = _problem(data, keys[i])
            if why is None:
                records.append(Record(data, keys[i]))
            else:
                meta = output.columns["meta"][i]
                letters.append(DeadLetter(why, self._options.operator, data, meta))
        for request in _requests(records):
            self._put(request)
        return letters

    def flush(self) -> list[DeadLetter]:
        """Nothing waits."""
        return []

    def close(self) -> None:
        self._client.close()

    def _put(self, records: Sequence[Record]) -> None:
        """Raises ConnectionFailed when Kinesis does not take all of them for too long."""
        reason = ""
        for pause in (0.0, *_PAUSES):
            self._clock.wait(_NEVER, pause)
            records, reason = self._put_once(records)
            if not records:
                return
        raise ConnectionFailed(f"{self._failing}: {len(records)} records were not taken: {reason}")

    def _put_once(self, records: Sequence[Record]) -> tuple[list[Record], str]:
        """What has to go again, and why."""
        with failing(self._failing):
            answer = self._client.put_records(
                StreamName=self._options.stream,
                Records=[{"Data": record.data, "PartitionKey": record.key} for record in records],
            )
        if not answer.get("FailedRecordCount"):
            return [], ""
        again: list[Record] = []
        behind: set[str] = set()
        reason = ""
        for record, result in zip(records, answer["Records"], strict=True):
            if error := result.get("ErrorCode"):
                behind.add(record.key)
                reason = f"{error}: {result.get('ErrorMessage', '')}"[:300]
            if record.key in behind:
                again.append(record)
        return again, reason


def _problem(data: bytes, key: Any) -> str | None:
    """Why a document cannot be a record; None when it can."""
    if not is_partition_key(key):
        return "the Kinesis partition key must be a string of 1 to 256 characters"
    if Record(data, key).size > _LARGEST:
        return f"the document is larger than the {_LARGEST} bytes of a Kinesis record"
    return None


def _requests(records: Sequence[Record]) -> Iterator[list[Record]]:
    request: list[Record] = []
    size = 0
    for record in records:
        if request and (len(request) == _RECORDS or size + record.size > _BYTES):
            yield request
            request, size = [], 0
        request.append(record)
        size += record.size
    if request:
        yield request
