"""Writes objects to S3: small ones whole, large ones in parts."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from brookmill.connections import Opening
from brookmill.connections.aws import region_of
from brookmill.connections.aws.account import Account
from brookmill.connections.aws.trouble import failing
from brookmill.connections.objects.sink import ObjectSink
from brookmill.connections.s3.options import BUCKET, S3SinkOptions

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

    from brookmill.connections.s3 import S3


def s3_sink(connection: S3, options: S3SinkOptions, opening: Opening) -> ObjectSink:
    """Raises ConnectionFailed, also when there is no bucket of a name that is the same for all documents."""
    region = options.region or region_of(connection, opening.outside)
    account = Account(connection.aws, opening, region)
    client: S3Client = account.client("s3", max_pool_connections=options.parallelism + 1)
    bucket = opening.constants.get("bucket")
    if bucket is not None:
        with failing(f"Could not find the S3 bucket {bucket}"):
            client.head_bucket(Bucket=bucket)
    return ObjectSink(
        operator=options.operator,
        config=options.config,
        parallelism=options.parallelism,
        bucket=BUCKET,
        begin=lambda bucket, key, content_type: S3Upload(client, bucket, key, content_type),
        opening=opening,
    )


class S3Upload:
    """An ``Upload``. It becomes a multipart upload with the first part that is sent ahead."""

    def __init__(self, client: S3Client, bucket: str, key: str, content_type: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._content_type = content_type
        self._upload_id: str | None = None
        self._parts: list[CompletedPartTypeDef] = []

    def part(self, data: bytes) -> None:
        with self._writing():
            if self._upload_id is None:
                begun = self._client.create_multipart_upload(
                    Bucket=self._bucket, Key=self._key, ContentType=self._content_type
                )
                self._upload_id = begun["UploadId"]
            self._send(self._upload_id, data)

    def finish(self, data: bytes) -> None:
        with self._writing():
            if self._upload_id is None:
                self._client.put_object(
                    Bucket=self._bucket, Key=self._key, Body=data, ContentType=self._content_type
                )
                return
            if data:
                self._send(self._upload_id, data)
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id,
                MultipartUpload={"Parts": self._parts},
            )

    def abandon(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        if self._upload_id is not None:
            with suppress(BotoCoreError, ClientError):  # a rule of the bucket's owner removes what stays
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=self._key, UploadId=self._upload_id
                )

    def _send(self, upload_id: str, data: bytes) -> None:
        number = len(self._parts) + 1
        answer = self._client.upload_part(
            Bucket=self._bucket, Key=self._key, UploadId=upload_id, PartNumber=number, Body=data
        )
        part: CompletedPartTypeDef = {"PartNumber": number, "ETag": answer["ETag"]}
        for checksum in ("ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME"):
            if checksum in answer:
                part[checksum] = answer[checksum]
        self._parts.append(part)

    def _writing(self) -> AbstractContextManager[None]:
        return failing(f"Could not write to the S3 bucket {self._bucket}")
