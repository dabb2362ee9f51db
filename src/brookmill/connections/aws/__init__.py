"""How a connection acts in AWS; shared by Kafka (IAM), AWSLambda, S3 and AWSKinesisDataStreams."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.config import Outside
from brookmill.domain.connection import Connection
from brookmill.domain.region import AWS_NAMES

_DEFAULT = "us-east-1"

#: The ``region`` of a stage. It becomes part of a host name.
Region = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,4}(-[a-z0-9]{1,16}){1,4}$")]


class AWSConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsAWSConnectionConfig``. ``test_bucket`` counts for S3 alone."""

    role_arn: str | UnsetType = UNSET
    test_bucket: str | UnsetType = UNSET


def region_of(connection: Connection, outside: Outside) -> str:
    """Where a stage goes that names no region, in AWS's words."""
    return outside.aws_region or AWS_NAMES.get(str(connection.region), _DEFAULT)
