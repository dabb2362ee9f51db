"""Acting in AWS: under which role, for how long, and what follows when that is not allowed."""

from __future__ import annotations

import time
from typing import Any

import pytest
from aws_server import REGION, Cloud
from msgspec import UNSET
from servers import Endpoint, free_port

from brookmill.clock import VirtualClock
from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.connections.aws import AWSConfig, region_of
from brookmill.connections.aws.account import Account
from brookmill.connections.aws.trouble import failing
from brookmill.connections.s3 import S3
from brookmill.errors import ConnectionFailed


def refused(cloud: Cloud, role: Any = None, **settings: Any) -> ConnectionFailed:
    aws = cloud.aws if role is None else AWSConfig(role_arn=role)
    with pytest.raises(ConnectionFailed) as failure:
        Account(aws, cloud.opening(**settings), REGION)
    text = repr(failure.value) + str(failure.value.__cause__)
    for secret in (cloud.key["aws_secret_access_key"], "wrong-s3cret"):
        assert secret not in text
    return failure.value


def test_a_role_is_taken_on_with_the_external_id(cloud: Cloud) -> None:
    account = Account(cloud.aws, cloud.opening(), REGION)
    arn = account.client("sts").get_caller_identity()["Arn"]
    assert arn.endswith(f"{cloud.role.rpartition('/')[2]}/brookmill-{'p' * 24}")
    assert ":assumed-role/" in arn


def test_static_credentials_act_as_brookmill_itself_without_any_role(cloud: Cloud) -> None:
    account = Account(UNSET, cloud.opening(aws_credentials="static"), REGION)
    assert account.client("sts").get_caller_identity()["Arn"].endswith(":user/brookmill")


def test_the_environment_counts_only_when_a_setting_says_so(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.key.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    nobody = {"aws_access_key_id": None, "aws_secret_access_key": None}
    failure = refused(cloud, **nobody)
    assert (failure.retry, failure.code) == (False, 420)
    assert "aws_access_key_id" in str(failure)
    account = Account(cloud.aws, cloud.opening(aws_ambient=True, **nobody), REGION)
    assert ":assumed-role/" in account.client("sts").get_caller_identity()["Arn"]


@pytest.mark.parametrize(
    ("role", "settings", "text"),
    [
        ("arn:aws:iam::000000000000:role/none", {}, "AccessDenied"),
        (None, {"aws_external_id": "another"}, "AccessDenied"),
        (None, {"aws_external_id": None}, "AccessDenied"),
        ("nonsense", {}, "RoleArn"),
        (None, {"aws_secret_access_key": "wrong-s3cret"}, "SignatureDoesNotMatch: the credentials in Brook"),
        (None, {"aws_access_key_id": "AKIANOBODYNOBODYNOBO"}, "InvalidClientTokenId: the credentials in"),
    ],
)
def test_who_may_not_is_told_so_once(
    cloud: Cloud, role: str | None, settings: dict[str, Any], text: str
) -> None:
    failure = refused(cloud, role, **settings)
    assert not failure.retry
    assert text in str(failure)
    assert "Could not take on the AWS role" in str(failure)


def test_a_role_must_be_named(cloud: Cloud) -> None:
    failure = refused(cloud, "")
    assert (failure.retry, failure.code) == (False, 420)
    assert "aws.roleArn" in str(failure)


def test_a_server_that_is_away_may_be_tried_again(cloud: Cloud) -> None:
    port = free_port()
    failure = refused(cloud, aws_endpoint_url=f"http://127.0.0.1:{port}")
    assert failure.retry
    assert f"no answer from 127.0.0.1:{port}" in str(failure)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"allow_private": False}, "allow_private"),
        ({"aws_endpoint_url": "http://169.254.169.254"}, "link-local"),
        ({"aws_endpoint_url_sts": "http://[fd00:ec2::254]"}, "metadata"),
        ({"aws_endpoint_url": "http://ann:wrong-s3cret@127.0.0.1"}, "must not hold a user"),
        ({"aws_endpoint_url": "nowhere"}, "aws_endpoint_url is no URL"),
    ],
)
def test_the_way_out_is_judged(cloud: Cloud, settings: dict[str, Any], text: str) -> None:
    failure = refused(cloud, **settings)
    assert (failure.retry, failure.code) == (False, 420)
    assert text in str(failure)


def test_credentials_are_renewed_before_they_expire(cloud: Cloud) -> None:
    clock = VirtualClock(time.time())
    account = Account(cloud.aws, cloud.opening(clock), REGION)
    s3 = account.client("s3")

    def key() -> str:
        return str(s3._get_credentials().get_frozen_credentials().access_key)

    first = key()
    clock.advance(2000)
    assert key() == first
    clock.advance(1500)  # under fifteen minutes are left of the hour
    second = key()
    assert second != first
    assert account.client("sts").get_caller_identity()["Arn"].startswith("arn:aws:sts:")
    clock.advance(3600)
    with pytest.raises(RuntimeError, match="still expired"):  # the server's own clock gives no later hour
        key()


def test_a_role_without_a_right_is_named_with_it(cloud: Cloud) -> None:
    account = Account(AWSConfig(role_arn=cloud.allow("s3:PutObject")), cloud.opening(), REGION)
    with pytest.raises(ConnectionFailed) as failure, failing("Could not read the stream s"):
        account.client("kinesis").list_shards(StreamName="s")
    assert not failure.value.retry
    text = str(failure.value)
    assert text.startswith("Could not read the stream s: AWS answered AccessDeniedException: ")
    assert "kinesis:ListShards" in text


@pytest.mark.parametrize(("status", "retry", "asked"), [(503, True, 3), (500, True, 3), (400, False, 1)])
def test_a_server_in_trouble_is_asked_a_few_times(
    endpoint: Endpoint, status: int, retry: bool, asked: int
) -> None:
    endpoint.answer = lambda _: status
    given = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_credentials": "static"}
    outside = Outside(aws_endpoint_url=endpoint.url, allow_private=True, **given)  # type: ignore[arg-type]
    account = Account(UNSET, Opening("p" * 24, VirtualClock(), outside=outside), REGION)
    with pytest.raises(ConnectionFailed) as failure, failing("Could not read the stream s"):
        account.client("kinesis").list_shards(StreamName="s")
    assert failure.value.retry is retry
    assert len(endpoint.requests) == asked


@pytest.mark.parametrize(
    ("label", "setting", "region"),
    [
        ("FRANKFURT_DEU", None, "eu-central-1"),
        ("FRANKFURT_DEU", "eu-north-1", "eu-north-1"),
        ("westeurope", None, "us-east-1"),
        (UNSET, None, "us-east-1"),
    ],
)
def test_where_a_stage_goes_that_names_no_region(label: Any, setting: str | None, region: str) -> None:
    assert region_of(S3(region=label), Outside(aws_region=setting)) == region
