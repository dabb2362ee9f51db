"""How a connection acts in AWS; shared by Kafka (IAM), AWSLambda, S3 and AWSKinesisDataStreams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.config import Outside
from brookmill.domain.connection import Connection

#: AWS's own names of the regions that connections carry.
_REGIONS: Mapping[str, str] = {
    "DUBLIN_IRL": "eu-west-1",
    "FRANKFURT_DEU": "eu-central-1",
    "LONDON_GBR": "eu-west-2",
    "MONTREAL_CAN": "ca-central-1",
    "MUMBAI_IND": "ap-south-1",
    "OHIO_USA": "us-east-2",
    "OREGON_USA": "us-west-2",
    "PARIS_FRA": "eu-west-3",
    "SAOPAULO_BRA": "sa-east-1",
    "SEOUL_KOR": "ap-northeast-2",
    "SINGAPORE_SGP": "ap-southeast-1",
    "SYDNEY_AUS": "ap-southeast-2",
    "TOKYO_JPN": "ap-northeast-1",
    "VIRGINIA_USA": "us-east-1",
}
_DEFAULT = "us-east-1"

#: The ``region`` of a stage. It becomes part of a host name.
Region = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,4}(-[a-z0-9]{1,16}){1,4}$")]


class AWSConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsAWSConnectionConfig``. ``test_bucket`` counts for S3 alone."""

    role_arn: str | UnsetType = UNSET
    test_bucket: str | UnsetType = UNSET


def region_of(connection: Connection, outside: Outside) -> str:
    """Where a stage goes that names no region, in AWS's words."""
    return outside.aws_region or _REGIONS.get(str(connection.region), _DEFAULT)
