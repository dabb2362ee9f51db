"""How a connection acts in AWS; shared by Kafka (IAM), AWSLambda, S3 and AWSKinesisDataStreams."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType


class AWSConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsAWSConnectionConfig``. ``test_bucket`` counts for S3 alone."""

    role_arn: str | UnsetType = UNSET
    test_bucket: str | UnsetType = UNSET
