"""The original page with the real curl: its seven request samples, both logins, every status it names."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from served import Served

from brookmill.domain.access import AccessEntry
from brookmill.domain.names import new_id
from brookmill.domain.principal import Role
from brookmill.domain.processor import Processor, State

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

SEVEN = ["Sample", "Cluster", "Kafka", "Https", "AWSLambda", "S3", "AWSKinesisDataStreams"]


@dataclass(frozen=True)
class Curl:
    """The command line of the page: its headers, and one way to log in."""

    url: str
    login: tuple[str, ...]

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], Any]:
        """Status, headers with names in lower case, and the body."""
        command = [
            "curl",
            "--silent",
            "--show-error",
            "--include",
            *self.login,
            "--header",
            "Accept: application/vnd.atlas.2024-08-05+json",
            "--header",
            "Content-Type: application/json",
            "--request",
            method,
            f"{self.url}/api/atlas/v2{path}",
        ]
        text = body if isinstance(body, str) else json.dumps(body)
        data = [] if body is None else ["--data", text]
        done = subprocess.run([*command, *data], check=True, capture_output=True)
        *_, head, content = done.stdout.decode().split("\r\n\r\n")
        status, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(status.split()[1]), headers, json.loads(content) if content else None


@pytest.fixture(params=["digest", "bearer"])
def curl(request: pytest.FixtureRequest, served: Served) -> Curl:
    if request.param == "digest":
        public, private = served.api_key()
        return Curl(served.url, ("--digest", "--user", f"{public}:{private}"))
    return Curl(served.url, ("--header", f"Authorization: Bearer {served.bearer().token}"))


@pytest.fixture
def connections(served: Served) -> str:
    """The path of the connections of a new workspace."""
    return f"/groups/{served.own.id}/streams/{served.workspace().name}/connections"


def shown(body: Any) -> Any:
    """What comes back of a sample: all but the secrets, which start with "canary"."""
    if not isinstance(body, dict):
        return body
    return {name: shown(value) for name, value in body.items() if not str(value).startswith("canary")}


@pytest.mark.parametrize("type_", SEVEN)
def test_a_sample_of_the_page_round_trips(
    curl: Curl, connections: str, samples: dict[str, Any], type_: str
) -> None:
    sample = samples[type_]
    path = f"{connections}/{sample['name']}"
    status, headers, made = curl("POST", connections, sample)
    assert status == 200
    assert headers["content-type"] == "application/vnd.atlas.2023-02-01+json;charset=utf-8"
    server_made = {"id": made["id"], "region": "VIRGINIA_USA"}
    assert made == shown(sample) | server_made | {"state": made["state"]}

    status, _, changed = curl("PATCH", path, sample)
    assert (status, changed) == (200, shown(sample) | server_made)
    status, _, read = curl("GET", path)
    assert (status, read) == (200, shown(sample) | server_made | {"state": read["state"]})
    status, _, listed = curl("GET", connections)
    assert (status, [c["name"] for c in listed["results"]]) == (200, [sample["name"]])
    assert "canary" not in str([made, changed, read, listed])


def test_the_twelve_members_of_authentication(samples: dict[str, Any]) -> None:
    assert len(samples["Kafka"]["authentication"]) == 12


def test_what_was_patched_is_read(curl: Curl, connections: str) -> None:
    curl("POST", connections, {"name": "k", "type": "Kafka", "bootstrapServers": "a:1"})
    _, _, answer = curl("PATCH", f"{connections}/k", {"bootstrapServers": "localhost:9093"})
    assert answer["bootstrapServers"] == "localhost:9093"
    assert curl("GET", f"{connections}/k")[2]["bootstrapServers"] == "localhost:9093"


def error(status: int, code: str, detail: str, parameters: list[str], reason: str) -> dict[str, Any]:
    return {"detail": detail, "error": status, "errorCode": code, "parameters": parameters, "reason": reason}


def test_400(curl: Curl, connections: str) -> None:
    curl("POST", connections, {"name": "h", "type": "Https", "url": "http://a"})
    status, headers, body = curl("PATCH", f"{connections}/h", {"url": "nowhere"})
    text = "The request content produced the validation error: Invalid url."
    assert (status, body) == (400, error(400, "VALIDATION_ERROR", text, ["Invalid url"], "Bad Request"))
    assert headers["x-error-code"] == "VALIDATION_ERROR"
    assert headers["content-type"] == "application/json"
    _, _, body = curl("PATCH", f"{connections}/h", "{")
    assert body == error(400, "MALFORMED_JSON", "Received JSON is malformed.", [], "Bad Request")


def test_401_without_credentials(served: Served, connections: str) -> None:
    for login in ((), ("--digest", "--user", "nobody:none"), ("--header", "Authorization: Bearer none")):
        status, headers, body = Curl(served.url, login)("PATCH", f"{connections}/h", {"url": "http://a"})
        assert status == 401
        assert headers["www-authenticate"].startswith('Digest realm="MMS Public API"')
        assert list(body.items()) == [
            ("error", 401),
            ("reason", "Unauthorized"),
            ("detail", "You are not authorized for this resource."),
            ("errorCode", "UNEXPECTED_ERROR"),
        ]


def test_401_without_the_role(served: Served, connections: str) -> None:
    token = served.bearer(frozenset(), {served.own.id: frozenset({Role.GROUP_READ_ONLY})}).token
    curl = Curl(served.url, ("--header", f"Authorization: Bearer {token}"))
    status, headers, body = curl("PATCH", f"{connections}/h", {"url": "http://a"})
    text = "Current user is not authorized to perform this action."
    assert (status, body) == (401, error(401, "USER_UNAUTHORIZED", text, [], "Unauthorized"))
    assert "www-authenticate" not in headers


def test_403(served: Served, connections: str) -> None:
    public, private = served.api_key()
    with served.store.write() as session:
        key = next(k for k in session.access.api_keys() if k.public_key == public)
        session.access.add_access_entry(key.id, AccessEntry(cidr="203.0.113.9/32", created=1.0))
    curl = Curl(served.url, ("--digest", "--user", f"{public}:{private}"))
    status, _, body = curl("PATCH", f"{connections}/h", {"url": "http://a"})
    text = "IP address 127.0.0.1 is not allowed to access this resource."
    assert (status, body) == (
        403,
        error(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", text, ["127.0.0.1"], "Forbidden"),
    )


def test_404(curl: Curl, served: Served, connections: str) -> None:
    workspace = connections.split("/")[4]
    status, _, body = curl("PATCH", f"{connections}/c1", {"url": "http://a"})
    text = f"Stream connection with name c1 for project {served.own.id} and name {workspace} not found."
    assert (status, body) == (
        404,
        error(
            404, "STREAM_CONNECTION_NOT_FOUND_FOR_NAME", text, ["c1", served.own.id, workspace], "Not Found"
        ),
    )
    status, _, body = curl("PATCH", f"/groups/{served.own.id}/streams/none/connections/c1", {})
    assert (status, body["errorCode"]) == (404, "STREAM_TENANT_NOT_FOUND_FOR_NAME")
    status, _, body = curl("PATCH", f"/groups/{'f' * 24}/streams/none/connections/c1", {})
    assert (status, body["errorCode"]) == (404, "GROUP_NOT_FOUND")


def test_409(curl: Curl, served: Served, connections: str) -> None:
    curl("POST", connections, {"name": "h", "type": "Https", "url": "http://a"})
    status, _, body = curl("POST", connections, {"name": "h", "type": "Https", "url": "http://a"})
    text = "A Stream connection with the name h already exists."
    assert (status, body) == (
        409,
        error(409, "STREAM_CONNECTION_NAME_ALREADY_EXISTS", text, ["h"], "Conflict"),
    )
    with served.store.write() as session:
        workspace = session.workspace(served.own.id, connections.split("/")[4])
        assert workspace is not None
        session.add_processor(
            Processor(
                id=new_id(1.0),
                workspace_id=workspace.id,
                name="p",
                pipeline='[{"$source":{"documents":[]}},{"$https":{"connectionName":"h"}}]',
                effective_tier="SP10",
                state=State.STARTED,
                state_changed=1.0,
                created=1.0,
            )
        )
    status, _, body = curl("PATCH", f"{connections}/h", {"url": "http://b"})
    assert (status, body["errorCode"]) == (409, "STREAM_CONNECTION_HAS_STREAM_PROCESSORS")
    assert body["parameters"] == ["h", "p"]
    assert curl("GET", f"{connections}/h")[2]["url"] == "http://a"


def test_500_when_a_sealed_row_was_damaged(curl: Curl, served: Served, connections: str) -> None:
    for name in ("bad", "good"):
        curl(
            "POST",
            connections,
            {"name": name, "type": "Https", "url": "http://a", "headers": {"k": "canary"}},
        )
    database = Path(served.services.settings.data_dir) / "brookmill.db"
    with sqlite3.connect(database) as past_the_server:
        damage = "UPDATE connections SET sealed = zeroblob(length(sealed)) WHERE name = 'bad'"
        assert past_the_server.execute(damage).rowcount >= 1
    past_the_server.close()
    status, headers, body = curl("PATCH", f"{connections}/bad", {"url": "http://b"})
    assert (status, body) == (
        500,
        error(500, "UNEXPECTED_ERROR", "Unexpected error.", [], "Internal Server Error"),
    )
    assert headers["x-error-code"] == "UNEXPECTED_ERROR"
    assert curl("PATCH", f"{connections}/good", {"url": "http://b"})[0] == 200, "the server lives on"
    curl("DELETE", connections.removesuffix("/connections"))


def test_pretty_and_envelope(curl: Curl, connections: str) -> None:
    curl("POST", connections, {"name": "h", "type": "Https", "url": "http://a"})
    status, _, body = curl("PATCH", f"{connections}/h?envelope=true&pretty=true", {"url": "http://b"})
    assert (status, body["status"], body["content"]["url"]) == (200, 200, "http://b")


def test_hostile_bodies_change_nothing(curl: Curl, connections: str, tmp_path: Path) -> None:
    curl("POST", connections, {"name": "h", "type": "Https", "url": "http://a"})
    before = curl("GET", f"{connections}/h")
    large = tmp_path / "large"
    large.write_text('{"url":"' + "x" * 50_000_000 + '"}')
    deep = tmp_path / "deep"
    deep.write_text('{"url":' + "[" * 1_000_000 + "]" * 1_000_000 + "}")
    for body, status in ((f"@{large}", 413), (f"@{deep}", 400), ("\x01", 400), ('{"url":"\\u0000"}', 400)):
        assert curl("PATCH", f"{connections}/h", body)[0] == status
    assert curl("GET", f"{connections}/h")[2] == before[2]


@pytest.mark.parametrize("name", ["..%2Fx", "%00", "k" * 5_000, "%EF%BD%8Bafka", "%FF", "a%3Astart"])
def test_hostile_names_are_refused(curl: Curl, connections: str, name: str) -> None:
    status, _, body = curl("PATCH", f"{connections}/{name}", {"url": "http://a"})
    assert status in {400, 404}
    assert re.fullmatch(r"[A-Z_]+", body["errorCode"])
