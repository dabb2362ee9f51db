"""The fields of ``$emit`` for S3, as pipelines write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.connections.aws import Region
from brookmill.connections.objects.names import is_plain, target_problems
from brookmill.connections.objects.options import ObjectConfig

#: Names of buckets. Reference: Amazon S3 User Guide, general purpose bucket naming rules.
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class S3SinkOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``bucket``, ``path`` and ``partition_by`` are expressions. ``region`` UNSET: the connection's."""

    operator: ClassVar[str] = "S3EmitOperator"

    connection_name: str
    bucket: Any
    path: Any
    region: Region | UnsetType = UNSET
    parallelism: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    partition_by: Any | UnsetType = UNSET
    config: ObjectConfig = ObjectConfig()

    def expressions(self) -> Iterator[tuple[str, tuple[str, ...], Any]]:
        """Column, path of the member and spec of every expression."""
        yield "bucket", ("bucket",), self.bucket
        yield "path", ("path",), self.path
        if self.partition_by is not UNSET:
            yield "partitionBy", ("partitionBy",), self.partition_by
        if not (is_plain(self.bucket) and is_plain(self.path)):
            yield "meta", (), {"$meta": "stream"}  # for documents that name no bucket or path

    def problems(self, constants: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Path and text of what is wrong with constants and with the rest."""
        yield from target_problems(constants, BUCKET)
        yield from self.config.problems()
        if self.partition_by is not UNSET and self.parallelism == 1:
            yield ("partitionBy",), "partitionBy needs a parallelism greater than 1"


class S3Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What a test tries. Without ``bucket`` it is the connection's ``aws.testBucket``."""

    bucket: Annotated[str, msgspec.Meta(pattern=f"^{BUCKET.pattern}$")] | UnsetType = UNSET
    region: Region | UnsetType = UNSET
