"""Real servers of AWS's protocols on loopback: one that checks signatures and rights, one that reshards.

Their packages are fetched once, into a folder of their own. ``unavailable()`` says why they cannot be had.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.exceptions import BotoCoreError
from servers import free_port, wait_until

from brookmill.clock import Clock, SystemClock
from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.connections.aws import AWSConfig

LOCK = Path(__file__).parent / "aws" / "servers.lock"
#: Beside the virtual environment, for all runs to come; another lock gets another folder.
PACKAGES = LOCK.parents[2] / ".jars" / f"aws-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"

REGION = "us-east-1"
ROOT = {"aws_access_key_id": "AKIAROOTROOTROOTROOT", "aws_secret_access_key": "root-s3cret"}
EXTERNAL_ID = "e-xternal-1"

#: What a connection's role may do, as upstream's documentation asks for it.
RIGHTS = [
    *("kinesis:SubscribeToShard", "kinesis:ListShards", "kinesis:DescribeStreamSummary"),
    *("kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:PutRecords"),
    *("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"),
    "lambda:InvokeFunction",
]


@cache
def unavailable() -> str | None:
    """Why there can be no such servers here; None when there can. Fetches their packages."""
    if PACKAGES.is_dir():
        return None
    PACKAGES.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PACKAGES.parent) as fresh:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--no-input", "--require-hashes", "-r", str(LOCK), "--target", f"{fresh}/lib"]
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
        if ran.returncode != 0:
            return f"the packages of the AWS servers cannot be fetched: {ran.stderr.strip()[-300:]}"
        if not PACKAGES.is_dir():
            shutil.move(f"{fresh}/lib", PACKAGES)
    return None


@contextmanager
def _running(module: str, *arguments: str, log: Path, **environment: str) -> Iterator[None]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BROOKMILL_"))}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=kept | {"PYTHONPATH": str(PACKAGES)} | environment,
            stdout=out,
            stderr=out,
            cwd=log.parent,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@dataclass
class Cloud:
    """One account. Everything is asked as its root, but by Brookmill, who is the user ``brookmill``."""

    url: str
    key: dict[str, str] = field(default_factory=lambda: dict(ROOT))
    role: str = ""

    def client(self, service: str, **more: Any) -> Any:
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **ROOT, **more)  # type: ignore[call-overload]

    def settings(self, **more: Any) -> dict[str, Any]:
        """Settings by which Brookmill gets here."""
        usual = {"aws_endpoint_url": self.url, "aws_external_id": EXTERNAL_ID, "allow_private": True}
        return usual | self.key | more

    def opening(self, clock: Clock | None = None, *, position: Any = None, **more: Any) -> Opening:
        """``more``: constants, or settings."""
        constants = more.pop("constants", {})
        return Opening(
            "p" * 24,
            clock or SystemClock(),
            position,
            constants=constants,
            outside=Outside(**self.settings(**more)),
        )

    @property
    def aws(self) -> AWSConfig:
        return AWSConfig(role_arn=self.role)

    def allow(self, *actions: str) -> str:
        """The ARN of a new role that Brookmill may take on, and that may do ``actions``."""
        iam, name = self.client("iam"), f"r-{uuid4().hex[:12]}"
        trusted = {"AWS": iam.get_user(UserName="brookmill")["User"]["Arn"]}
        condition = {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
        trust = _policy({"Principal": trusted, "Action": "sts:AssumeRole", "Condition": condition})
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        rights = _policy({"Action": list(actions), "Resource": "*"})
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=rights)
        return str(role)

    def bucket(self) -> str:
        name = f"b-{uuid4().hex[:12]}"
        self.client("s3").create_bucket(Bucket=name)
        return name

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """All objects by key, oldest first."""
        s3 = self.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = [one for page in pages for one in page.get("Contents", [])]
        found.sort(key=lambda one: (one["LastModified"], one["Key"]))
        return {o["Key"]: s3.get_object(Bucket=bucket, Key=o["Key"])["Body"].read() for o in found}

    def stream(self, shards: int = 1) -> str:
        name, kinesis = f"s-{uuid4().hex[:12]}", self.client("kinesis")
        kinesis.create_stream(StreamName=name, ShardCount=shards)

        def active() -> bool:
            summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
            return bool(summary["StreamStatus"] == "ACTIVE")

        wait_until(active, what="the stream")
        return name

    def put(self, stream: str, *values: bytes, key: str = "k") -> None:
        """Write ``values`` in order, five hundred at a time."""
        kinesis = self.client("kinesis")
        for i in range(0, len(values), 500):
            records = [{"Data": value, "PartitionKey": key} for value in values[i : i + 500]]
            answer = kinesis.put_records(StreamName=stream, Records=records)
            assert answer["FailedRecordCount"] == 0

    def records(self, stream: str) -> list[dict[str, Any]]:
        """All records, shard by shard."""
        kinesis, found = self.client("kinesis"), []
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            asked = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            iterator = kinesis.get_shard_iterator(**asked)["ShardIterator"]
            while iterator and (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
                found += answer["Records"]
                iterator = answer.get("NextShardIterator")
        return found

    def function(self, source: str, **more: Any) -> str:
        """The name of a new function; ``source`` defines ``handler(event, context)``."""
        name, packed = f"f-{uuid4().hex[:12]}", io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("index.py", source)
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role="arn:aws:iam::000000000000:role/function",
            Handler="index.handler",
            Code={"ZipFile": packed.getvalue()},
            **more,
        )
        return name


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


@contextmanager
def cloud(directory: Path) -> Iterator[Cloud]:
    """An account on a server that checks signatures, roles and rights."""
    port = free_port()
    given = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(directory),
        **{name.upper(): value for name, value in ROOT.items()},
    }
    with _running("ministack", log=directory / "ministack.log", **given):
        here = Cloud(f"http://127.0.0.1:{port}")
        iam = here.client("iam")
        _answers(lambda: iam.create_user(UserName="brookmill"))
        rights = _policy({"Action": "sts:AssumeRole", "Resource": "*"})
        iam.put_user_policy(UserName="brookmill", PolicyName="p", PolicyDocument=rights)
        key = iam.create_access_key(UserName="brookmill")["AccessKey"]
        here.key = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        here.role = here.allow(*RIGHTS)
        yield here


@contextmanager
def resharding_cloud(directory: Path) -> Iterator[Cloud]:
    """An account where closed shards stay to be read, as in AWS; nobody's rights are checked there."""
    port = free_port()
    with _running("moto.server", "-H", "127.0.0.1", "-p", str(port), log=directory / "moto.log"):
        here = Cloud(f"http://127.0.0.1:{port}", role="arn:aws:iam::123456789012:role/any-role")
        kinesis = here.client("kinesis")
        _answers(kinesis.list_streams)
        yield here


def _answers(ask: Any) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            ask()
        except BotoCoreError:
            assert time.monotonic() < end, "the AWS server did not come up in 30 s"
            time.sleep(0.05)
        else:
            return
