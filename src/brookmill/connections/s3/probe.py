"""The test of an S3 connection: the service, the role, the bucket, and whether it may be written to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from brookmill.connections import Opening
from brookmill.connections.aws import region_of
from brookmill.connections.aws.probe import entered
from brookmill.connections.aws.trouble import failing
from brookmill.connections.ladder import Ladder
from brookmill.connections.s3.options import S3Probe

if TYPE_CHECKING:
    from brookmill.connections.s3 import S3

#: What would be written.
_KEY = "brookmill-connection-test"


def probe(connection: S3, options: S3Probe, opening: Opening, ladder: Ladder) -> None:
    """Begins a multipart upload and takes it back: that needs the right to write, and leaves nothing.

    Raises ConnectionFailed.
    """
    region = options.region or region_of(connection, opening.outside)
    client = entered(
        connection.aws,
        service="s3",
        region=region,
        opening=opening,
        ladder=ladder,
        signed=lambda service: service.list_buckets(MaxBuckets=1),
    )
    bucket = options.bucket
    if bucket is UNSET and connection.aws is not UNSET:
        bucket = connection.aws.test_bucket
    try:
        if bucket is UNSET:
            return
        with ladder.step("authorize") as seen:
            with failing(f"Could not find the S3 bucket {bucket}"):
                client.head_bucket(Bucket=bucket)
            with failing(f"Could not write to the S3 bucket {bucket}"):
                upload = client.create_multipart_upload(Bucket=bucket, Key=_KEY)["UploadId"]
                client.abort_multipart_upload(Bucket=bucket, Key=_KEY, UploadId=upload)
            seen["bucket"] = bucket
    finally:
        client.close()
