"""The MongoDB MCP server from npm over HTTPS with our own authority: its four streams tools, step by step."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import npm_package
import pytest

pytestmark = pytest.mark.timeout(400)

NAME, VERSION = "mongodb-mcp-server", "3.0.4"
ROLE = {"aws": {"roleArn": "arn:aws:iam::123456789012:role/r"}}
CONNECTIONS: dict[str, dict[str, Any]] = {
    "Kafka": {
        "bootstrapServers": "127.0.0.1:9092",
        "authentication": {"mechanism": "PLAIN", "username": "u", "password": "canary"},
        "security": {"protocol": "SASL_PLAINTEXT"},
    },
    "Https": {"url": "https://example.com", "headers": {"a": "1"}},
    "Cluster": {
        "clusterName": "Cluster0",
        "dbRoleToExecute": {"role": "readWriteAnyDatabase", "type": "BUILT_IN"},
    },
    "S3": ROLE,
    "AWSKinesisDataStreams": ROLE,
    "AWSLambda": ROLE,
    "SchemaRegistry": {
        "provider": "CONFLUENT",
        "schemaRegistryUrls": ["https://example.com"],
        "schemaRegistryAuthentication": {"type": "USER_INFO", "username": "u", "password": "canary"},
    },
    "Sample": {},
}
PIPELINE = [{"$source": {"connectionName": "sample_stream_solar"}}, {"$https": {"connectionName": "Https"}}]


@dataclass
class MCP:
    """The server of tools: a line of JSON-RPC to its standard input, one back. Raises on a tool's error."""

    process: subprocess.Popen[str]
    asked: int = 0

    def __call__(self, tool: str, **arguments: Any) -> str:
        """What the tool ``atlas-TOOL`` tells."""
        answer = self.ask("tools/call", {"name": f"atlas-{tool}", "arguments": arguments})["result"]
        text = "\n".join(part["text"] for part in answer["content"])
        assert not answer.get("isError"), text
        assert "canary" not in text
        return text

    def ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        self.tell({"id": self.asked, "method": method, "params": parameters})
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message: dict[str, Any] = json.loads(line)
            if message.get("id") == self.asked and "method" not in message:
                return message
        raise AssertionError("the MCP server ended")

    def tell(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0"} | message) + "\n")
        self.process.stdin.flush()


@contextmanager
def run(command: list[str], output: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process whose standard error goes to a file: a pipe that nobody reads would stop it."""
    with (
        output.open("w") as errors,
        subprocess.Popen(
            command,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What ``brookmill env`` tells of a server with a self-made certificate."""
    home = tmp_path_factory.mktemp("https")
    brookmill, data = [sys.executable, "-m", "brookmill"], ["--data-dir", str(home / "data")]
    serve = [*brookmill, "serve", *data, "--dev", "--tls", "self-made", "--http", "127.0.0.1:0"]
    with run([*serve, "--wire", "off"], home / "log") as server:
        assert server.stdout is not None
        assert "https://" in server.stdout.readline()
        told = subprocess.run([*brookmill, "env", *data, "-o", "json"], check=True, capture_output=True)
        yield json.loads(told.stdout)


@pytest.fixture
def mcp(variables: dict[str, str], tmp_path: Path) -> Iterator[MCP]:
    if reason := npm_package.unavailable(NAME, VERSION):
        pytest.skip(reason)
    main = npm_package.directory(NAME, VERSION) / "dist" / "esm" / "index.js"
    quiet = {"MDB_MCP_TELEMETRY": "disabled", "HOME": str(tmp_path)}
    with run(["node", str(main)], tmp_path / "log", **variables, **quiet) as process:
        client = MCP(process)
        who = {"protocolVersion": "2025-06-18", "capabilities": {}}
        who["clientInfo"] = {"name": "brookmill-tests", "version": "1"}
        assert client.ask("initialize", who)["result"]["serverInfo"]["version"] == VERSION
        client.tell({"method": "notifications/initialized"})
        yield client


@pytest.fixture
def held(variables: dict[str, str]) -> Iterator[httpx.Client]:
    """Looks past the MCP server at what the server holds."""
    login = (variables["MONGODB_ATLAS_PUBLIC_API_KEY"], variables["MONGODB_ATLAS_PRIVATE_API_KEY"])
    with httpx.Client(
        base_url=f"{variables['MONGODB_ATLAS_BASE_URL']}/api/atlas/v2/groups/"
        f"{variables['MONGODB_ATLAS_PROJECT_ID']}/streams/",
        auth=httpx.DigestAuth(*login),
        headers={"Accept": "application/vnd.atlas.2025-03-12+json"},
        verify=ssl.create_default_context(cafile=variables["SSL_CERT_FILE"]),
        timeout=30,
    ) as client:
        yield client


def test_its_streams_tools(mcp: MCP, held: httpx.Client, variables: dict[str, str]) -> None:
    project = {"projectId": variables["MONGODB_ATLAS_PROJECT_ID"]}
    here = project | {"workspaceName": "mcp"}
    assert project["projectId"] in mcp("list-projects")
    region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
    mcp("streams-build", resource="workspace", tier="SP10", includeSampleData=True, **region, **here)
    assert held.get("mcp").json()["dataProcessRegion"] == region
    assert "mcp" in mcp("streams-discover", action="list-workspaces", **project)
    _connect(mcp, held, here)
    _process(mcp, held, here)
    networking = {"cloudProvider": "aws", "region": "US_EAST_1"}
    mcp("streams-discover", action="get-networking", **networking, **project)
    mcp("streams-manage", action="update-workspace", newTier="SP30", **here)
    assert held.get("mcp").json()["streamConfig"]["tier"] == "SP30"
    mcp("streams-teardown", resource="connection", resourceName="Https", **here)
    assert held.get("mcp/connections/Https").status_code == 404
    mcp("streams-teardown", resource="workspace", **here)
    assert held.get("mcp").status_code == 404


def _connect(mcp: MCP, held: httpx.Client, here: dict[str, str]) -> None:
    for type_, members in CONNECTIONS.items():
        given = {"connectionConfig": members} if members else {}
        mcp(
            "streams-build",
            resource="connection",
            connectionName=type_,
            connectionType=type_,
            **given,
            **here,
        )
        assert held.get(f"mcp/connections/{type_}").json()["type"] == type_
        assert type_ in mcp("streams-discover", action="inspect-connection", resourceName=type_, **here)
    listed = mcp("streams-discover", action="list-connections", **here)
    assert all(type_ in listed for type_ in CONNECTIONS)
    before = held.get("mcp/connections/Kafka").json()
    login = {"mechanism": "PLAIN", "username": "other", "password": "canary-2"}
    change = {"action": "update-connection", "resourceName": "Kafka"}
    mcp("streams-manage", connectionConfig={"authentication": login}, **change, **here)
    after = held.get("mcp/connections/Kafka").json()
    assert after == before | {"authentication": {"mechanism": "PLAIN", "username": "other"}}
    change["resourceName"] = "Https"
    mcp("streams-manage", connectionConfig={"headers": {"b": "2"}}, **change, **here)
    assert held.get("mcp/connections/Https").json()["headers"] == {"b": "2"}


def _process(mcp: MCP, held: httpx.Client, here: dict[str, str]) -> None:
    one = here | {"resourceName": "p"}
    mcp("streams-build", resource="processor", processorName="p", pipeline=PIPELINE, autoStart=False, **here)
    assert held.get("mcp/processor/p").json()["state"] == "CREATED"
    mcp("streams-manage", action="start-processor", **one)
    assert held.get("mcp/processor/p").json()["state"] == "STARTED"
    for action in ("inspect-processor", "diagnose-processor"):
        assert "p" in mcp("streams-discover", action=action, **one)
    assert "STARTED" in mcp("streams-discover", action="list-processors", **here)
    mcp("streams-manage", action="stop-processor", **one)
    assert held.get("mcp/processor/p").json()["state"] == "STOPPED"
    longer = [PIPELINE[0], {"$match": {"a": 1}}, PIPELINE[1]]
    mcp("streams-manage", action="modify-processor", pipeline=longer, **one)
    assert held.get("mcp/processor/p").json()["pipeline"] == longer
    mcp("streams-teardown", resource="processor", **one)
    assert held.get("mcp/processor/p").status_code == 404
