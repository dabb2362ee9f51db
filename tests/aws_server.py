"""Real servers of AWS's protocols on loopback: one that checks signatures and rights, one that reshards.

Their packages are fetched once, into folders of their own; ``unavailable()`` of each says why they cannot be.
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
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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

FILES = Path(__file__).parent / "aws"
#: Beside the virtual environment, for all runs to come.
JARS = FILES.parents[1] / ".jars"

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


@dataclass(frozen=True)
class Packages:
    """A server's packages, pinned by ``lock`` and put into the folder ``{}`` by ``command``."""

    name: str
    lock: str
    tool: str
    command: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Another lock gets another folder."""
        return JARS / f"{self.name}-{hashlib.sha256((FILES / self.lock).read_bytes()).hexdigest()[:12]}"

    def unavailable(self) -> str | None:
        """Why they cannot be had; None when they are there. Fetches them."""
        if self.path.is_dir():
            return None
        if shutil.which(self.tool) is None:
            return f"{self.name} needs {self.tool}, and there is none"
        JARS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=JARS) as fresh:
            shutil.copytree(FILES, f"{fresh}/all")
            command = [self.tool, *(part.format(f"{fresh}/all") for part in self.command)]
            ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
            if ran.returncode != 0:
                return f"{self.name} cannot be fetched: {(ran.stderr or ran.stdout).strip()[-300:]}"
            if not self.path.is_dir():  # whoever else does the same: one of them is whole
                shutil.move(f"{fresh}/all", self.path)
        return None


MINISTACK = Packages(
    "ministack",
    "servers.lock",
    sys.executable,
    (
        *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--require-hashes", "-r", "{}/servers.lock", "--target", "{}/lib"),
    ),
)
KINESIS_LOCAL = Packages(
    "kinesis-local",
    "package-lock.json",
    "npm",
    ("ci", "--prefix", "{}", "--no-audit", "--no-fund", "--ignore-scripts"),
)


@contextmanager
def _running(
    log: Path, cwd: Path, command: Sequence[str | Path], environment: Mapping[str, str]
) -> Iterator[None]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BROOKMILL_"))}
    with log.open("wb") as out:
        process = subprocess.Popen(
            list(map(str, command)),
            env={**kept, **environment},
            stdout=out,
            stderr=out,
            cwd=cwd,
        )
    try:
        yield
    finally:
        process.kill()  # one of them would wait for its clients first
        process.wait(20)


@dataclass
class Cloud:
    """One account. Everything is asked as its root, but by Brookmill, who is the user ``brookmill``."""

    url: str
    key: dict[str, str] = field(default_factory=lambda: dict(ROOT))
    role: str = "arn:aws:iam::000000000000:role/any-role"
    credentials: str = "assume-role"
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    def client(self, service: str) -> Any:
        """Always the same: making one takes longer than most tests."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.url,
                region_name=REGION,
                **ROOT,
            )
        return self._clients[service]

    def settings(self, **more: Any) -> dict[str, Any]:
        """Settings by which Brookmill gets here."""
        usual = {"aws_endpoint_url": self.url, "aws_external_id": EXTERNAL_ID, "allow_private": True}
        usual["aws_credentials"] = self.credentials
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
        name = f"s-{uuid4().hex[:12]}"
        self.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
        self.settle(name)
        return name

    def settle(self, stream: str) -> None:
        """Wait until what was asked of ``stream`` is done."""
        kinesis = self.client("kinesis")

        def active() -> bool:
            summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
            return bool(summary["StreamStatus"] == "ACTIVE")

        wait_until(active, what="the stream")

    def split(self, stream: str, shard: str, at: int = 2**127) -> None:
        kinesis = self.client("kinesis")
        kinesis.split_shard(StreamName=stream, ShardToSplit=shard, NewStartingHashKey=str(at))
        self.settle(stream)

    def merge(self, stream: str, one: str, other: str) -> None:
        kinesis = self.client("kinesis")
        kinesis.merge_shards(StreamName=stream, ShardToMerge=one, AdjacentShardToMerge=other)
        self.settle(stream)

    def put(self, stream: str, *values: bytes, key: str = "k", keys: Sequence[str] | None = None) -> None:
        """Write ``values`` in order, five hundred at a time. ``keys``: of each, None: all have ``key``."""
        pairs = list(zip(values, keys or [key] * len(values), strict=True))
        for i in range(0, len(pairs), 500):
            records = [{"Data": data, "PartitionKey": key} for data, key in pairs[i : i + 500]]
            answer = self.client("kinesis").put_records(StreamName=stream, Records=records)
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
        "PYTHONPATH": str(MINISTACK.path / "lib"),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(directory),
        **{name.upper(): value for name, value in ROOT.items()},
    }
    with _running(directory / "ministack.log", directory, [sys.executable, "-m", "ministack"], given):
        here = Cloud(f"http://127.0.0.1:{port}")
        iam = here.client("iam")
        _answers(iam.list_users)
        iam.create_user(UserName="brookmill")
        rights = _policy({"Action": "sts:AssumeRole", "Resource": "*"})
        iam.put_user_policy(UserName="brookmill", PolicyName="p", PolicyDocument=rights)
        key = iam.create_access_key(UserName="brookmill")["AccessKey"]
        here.key = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        here.role = here.allow(*RIGHTS)
        runs = _policy({"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
        iam.create_role(RoleName="function", AssumeRolePolicyDocument=runs)
        yield here


@contextmanager
def resharding_cloud(directory: Path) -> Iterator[Cloud]:
    """Kinesis alone, whose closed shards stay to be read and then end, as in AWS; it checks no rights."""
    here = Cloud(f"http://127.0.0.1:{free_port()}", credentials="static")
    given = {
        "KINESIS_MOCK_PLAIN_PORT": here.url.rpartition(":")[2],
        "KINESIS_MOCK_TLS_PORT": str(free_port()),
        "LOG_LEVEL": "ERROR",
        **dict.fromkeys(("CREATE_STREAM_DURATION", "SPLIT_SHARD_DURATION", "MERGE_SHARDS_DURATION"), "5ms"),
    }
    program = KINESIS_LOCAL.path / "node_modules" / "kinesis-local"
    command: list[str | Path] = ["node", "--require", FILES / "loopback.cjs", "main.js"]
    with _running(directory / "kinesis-local.log", program, command, given):
        _answers(here.client("kinesis").list_streams)
        yield here


def _answers(ask: Callable[[], Any]) -> None:
    """Wait until a server that was just started does."""

    def answered() -> bool:
        try:
            ask()
        except BotoCoreError:
            return False
        return True

    wait_until(answered, 30, "the AWS server")
