"""One connection of each seed type: how it is created, how it is changed, and what must never come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CLUSTER = "Cluster0"
ROLE = "arn:aws:iam::123456789012:role/streams"


@dataclass(frozen=True)
class Sample:
    """``created`` and ``changed`` are request bodies; ``secrets`` are texts that no answer may hold."""

    created: dict[str, Any]
    changed: dict[str, Any]
    secrets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.created["name"])


def samples(bootstrap: str) -> list[Sample]:
    """The seven types in the order of Atlas' page; the Kafka one reaches the broker at ``bootstrap``."""
    return [
        Sample({"type": "Sample", "name": "sample_stream_solar"}, {"type": "Sample"}),
        Sample(
            {
                "type": "Cluster",
                "name": "cluster",
                "clusterName": CLUSTER,
                "dbRoleToExecute": {"role": "readAnyDatabase", "type": "BUILT_IN"},
            },
            {"type": "Cluster", "dbRoleToExecute": {"role": "readWriteAnyDatabase", "type": "BUILT_IN"}},
        ),
        Sample(
            {
                "type": "Kafka",
                "name": "kafka",
                "bootstrapServers": bootstrap,
                "security": {"protocol": "SASL_PLAINTEXT"},
                "authentication": {"mechanism": "PLAIN", "username": "demo", "password": "first-secret"},
            },
            {
                "type": "Kafka",
                "authentication": {"password": "second-secret"},
                "config": {"client.id": "demo"},
            },
            ("first-secret", "second-secret"),
        ),
        Sample(
            {
                "type": "Https",
                "name": "https",
                "url": "https://example.com/in",
                "headers": {"x-team": "mill"},
            },
            {"type": "Https", "headers": {"x-team": "brook"}},
        ),
        Sample(
            {"type": "AWSLambda", "name": "lambda", "aws": {"roleArn": ROLE}},
            {"type": "AWSLambda", "aws": {"roleArn": f"{ROLE}-2"}},
        ),
        Sample(
            {"type": "S3", "name": "s3", "aws": {"roleArn": ROLE, "testBucket": "one"}},
            {"type": "S3", "aws": {"roleArn": ROLE, "testBucket": "two"}},
        ),
        Sample(
            {"type": "AWSKinesisDataStreams", "name": "kinesis", "aws": {"roleArn": ROLE}},
            {"type": "AWSKinesisDataStreams", "aws": {"roleArn": f"{ROLE}-2"}},
        ),
    ]
