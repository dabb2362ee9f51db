"""S3, Kinesis and Lambda connections with a fault each: where their tests end, and why."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from aws_server import RIGHTS, ROOT, Cloud
from msgspec import UNSET
from probes import CANARY, Fault, black_hole, climbed, closed, found, rows, steps

from brookmill.config import Outside
from brookmill.connections.aws import AWSConfig
from brookmill.connections.aws_kinesis_data_streams import AWSKinesisDataStreams
from brookmill.connections.aws_lambda import AWSLambda
from brookmill.connections.s3 import S3

Made = tuple[Any, dict[str, Any], dict[str, Any]]
FUNCTION = "def handler(event, context):\n    return event\n"
Tried = Callable[[Cloud], dict[str, Any]]


def nothing(_: Cloud) -> dict[str, Any]:
    return {}


def connected(
    kind: Any,
    tried: Tried = nothing,
    role: Callable[[Cloud], Any] = lambda cloud: cloud.aws,
    *,
    region: str | None = None,
    **settings: Any,
) -> Any:
    """``settings``: over those that lead to the cloud."""

    def make(cloud: Cloud, _: ExitStack) -> Made:
        connection = kind(aws=role(cloud), **({"region": region} if region else {}))
        return connection, tried(cloud), {"outside": Outside(**cloud.settings(**settings))}

    return make


def may(*actions: str) -> Callable[[Cloud], AWSConfig]:
    return lambda cloud: AWSConfig(role_arn=cloud.allow(*actions))


def at(url: Callable[[ExitStack], str]) -> Any:
    return lambda cloud, stack: connected(S3, aws_endpoint_url=url(stack))(cloud, stack)


def recorded(value: bytes) -> Tried:
    def make(cloud: Cloud) -> dict[str, Any]:
        stream = cloud.stream()
        cloud.put(stream, value)
        return {"stream": stream}

    return make


def bucket(cloud: Cloud) -> dict[str, Any]:
    return {"bucket": cloud.bucket()}


STRANGER = "arn:aws:iam::000000000000:role/nobody"
WRONG_KEY: dict[str, Any] = {"aws_secret_access_key": CANARY}
FAULTS = {
    "no keys": Fault("settings", "SETTINGS", connected(S3, aws_access_key_id=None)),
    "no role": Fault("settings", "SETTINGS", connected(S3, role=lambda _: UNSET)),
    "no such region": Fault("resolve", "NO_ADDRESS", connected(S3, aws_endpoint_url="http://s3.xx.invalid")),
    "metadata": Fault(
        "resolve", "FORBIDDEN_ADDRESS", connected(S3, aws_endpoint_url="http://169.254.169.254")
    ),
    "private": Fault("resolve", "FORBIDDEN_ADDRESS", connected(S3, allow_private=False)),
    "closed port": Fault("connect", "REFUSED", at(lambda _: f"http://127.0.0.1:{closed()}")),
    "black hole": Fault(
        "connect", "NO_ANSWER", at(lambda s: f"http://127.0.0.1:{s.enter_context(black_hole())}"), 2.0
    ),
    "secret key": Fault("authenticate", "CREDENTIALS", connected(S3, **WRONG_KEY)),
    "secret key without a role": Fault(
        "authenticate", "CREDENTIALS", connected(S3, aws_credentials="static", **WRONG_KEY)
    ),
    "role's ARN": Fault("authenticate", "ROLE", connected(S3, role=lambda _: AWSConfig(role_arn=STRANGER))),
    "external ID": Fault("authenticate", "ROLE", connected(S3, aws_external_id=CANARY)),
    "STS does not answer": Fault(
        "authenticate",
        "NO_ANSWER",
        connected(S3, aws_endpoint_url_sts=f"http://127.0.0.1:{closed()}"),
    ),
    "missing bucket": Fault("authorize", "NOT_FOUND", connected(S3, lambda _: {"bucket": "never-there"})),
    "denied bucket": Fault("authorize", "DENIED", connected(S3, bucket, may("sts:GetCallerIdentity"))),
    "bucket that is only read": Fault("authorize", "DENIED", connected(S3, bucket, may("s3:ListBucket"))),
    "missing stream": Fault(
        "authorize", "NOT_FOUND", connected(AWSKinesisDataStreams, lambda _: {"stream": "never-there"})
    ),
    "stream of another region": Fault(
        "authorize",
        "NOT_FOUND",
        connected(AWSKinesisDataStreams, lambda cloud: {"stream": cloud.stream()}, region="DUBLIN_IRL"),
    ),
    "denied stream": Fault(
        "authorize",
        "DENIED",
        connected(AWSKinesisDataStreams, lambda cloud: {"stream": cloud.stream()}, may("s3:PutObject")),
    ),
    "stream that is only written": Fault(
        "read",
        "DENIED",
        connected(
            AWSKinesisDataStreams,
            recorded(b"{}"),
            may("kinesis:DescribeStreamSummary", "kinesis:PutRecords"),
        ),
    ),
    "no JSON": Fault("decode", "UNDECODABLE", connected(AWSKinesisDataStreams, recorded(CANARY.encode()))),
    "missing function": Fault(
        "authorize", "NOT_FOUND", connected(AWSLambda, lambda _: {"functionName": "never-there"})
    ),
    "denied function": Fault(
        "authorize",
        "DENIED",
        connected(AWSLambda, lambda cloud: {"functionName": cloud.function(FUNCTION)}, may("s3:PutObject")),
    ),
}


@pytest.mark.parametrize("fault", rows(FAULTS, ["black hole"]))
def test_a_fault_is_seen_where_it_is(cloud: Cloud, fault: str) -> None:
    found(FAULTS[fault], cloud)


LOWEST = ["settings", "resolve", "connect", "authenticate"]


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize(
    ("kind", "tried", "more"),
    [
        (S3, nothing, []),
        (S3, bucket, ["authorize"]),
        (AWSKinesisDataStreams, lambda cloud: {"stream": cloud.stream()}, ["authorize", "read"]),
        (AWSKinesisDataStreams, recorded(b'{"a":1}'), ["authorize", "read", "decode"]),
        (AWSLambda, lambda cloud: {"functionName": cloud.function(FUNCTION)}, ["authorize"]),
    ],
)
def test_a_good_connection_is_climbed(
    cloud: Cloud, kind: Any, tried: Tried, more: list[str], static: bool
) -> None:
    settings: dict[str, Any] = {"aws_credentials": "static", **ROOT} if static else {}
    connection, wanted, told = connected(kind, tried, **settings)(cloud, ExitStack())
    assert steps(climbed(connection, wanted, **told)) == [*LOWEST, *more]


def test_the_test_bucket_is_the_bucket_and_stays_empty(cloud: Cloud) -> None:
    name = cloud.bucket()
    connection = S3(aws=AWSConfig(role_arn=cloud.allow(*RIGHTS), test_bucket=name))
    assert steps(climbed(connection, {}, outside=Outside(**cloud.settings())))[-1] == "authorize"
    assert cloud.objects(name) == {}
    assert "Uploads" not in cloud.client("s3").list_multipart_uploads(Bucket=name)
