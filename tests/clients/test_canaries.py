"""Every secret member holds a canary: no form of it may leave a server by any way there is."""

from __future__ import annotations

import base64
import gzip
import json
import urllib.parse
from contextlib import closing
from pathlib import Path
from typing import Any

import bson
import httpx
from kafka_broker import KafkaBroker
from servers import wait_until

from brookmill.clock import SystemClock
from brookmill.config import Settings
from brookmill.domain.cluster import Cluster
from brookmill.domain.secret import Secret
from brookmill.store import Store
from brookmill.testing import Server, server
from brookmill.testing.mongod import User, mongod

#: With characters that escape differently in every form.
CANARY = 'canary/"ö&7Q4xW9bT2kLm+%'
NAMES = ("password", "clientSecret", "sslKey", "sslKeyPassword", "schemaRegistryPassword", "clusterPassword")
REGION = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}


def canary(name: str) -> str:
    return f"{name}-{CANARY}"


def spellings(secret: str) -> set[bytes]:
    """Raw, reversed, in hexadecimal, escaped for URLs and JSON, and in base64 wherever it may begin."""
    raw = secret.encode()
    coded = {base64.b64encode(b"x" * shift + raw + b"y" * 3)[4:-8] for shift in range(3)}
    safe = {one.translate(bytes.maketrans(b"+/", b"-_")) for one in coded}
    quoted = {
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote(secret),
        urllib.parse.quote_plus(secret),
    }
    once = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    twice = {json.dumps(text)[1:-1] for text in once}
    texts = {text.encode() for text in quoted | once | twice | {text.lower() for text in quoted}}
    return {raw, raw[::-1], raw.hex().encode(), raw.hex().upper().encode(), *coded, *safe, *texts}


ALL = {spelling: name for name in NAMES for spelling in spellings(canary(name))}


def found(content: bytes) -> set[str]:
    return {name for spelling, name in ALL.items() if spelling in content}


def test_the_search_finds_every_form() -> None:
    secret = canary("password")
    for form in (
        secret,
        json.dumps({"a": secret}),
        json.dumps(json.dumps({"a": secret})),
        f"mongodb://u:{urllib.parse.quote_plus(secret)}@h",
        base64.b64encode(f"user:{secret}\n....".encode()).decode(),
        secret.encode().hex(),
        repr({"a": secret}),
    ):
        assert found(form.encode()) == {"password"}, form
    assert not found(b"password of no canary")


class Caller:
    """Asks a server, and keeps all that it ever answers."""

    def __init__(self, served: Server, client: httpx.Client) -> None:
        self._client = client
        self._streams = f"/api/atlas/v2/groups/{served.environment['MONGODB_ATLAS_PROJECT_ID']}/streams"
        self.heard: dict[str, bytes] = {}

    def ask(
        self, method: str, path: str, body: Any = None, *statuses: int, media: str = "json"
    ) -> httpx.Response:
        accept = f"application/vnd.atlas.2025-03-12+{media}"
        answer = self._client.request(method, self._streams + path, json=body, headers={"Accept": accept})
        assert answer.status_code in (statuses or (200, 202)), (method, path, answer.text)
        content = gzip.decompress(answer.content) if media == "gzip" else answer.content
        self.heard[f"{len(self.heard)} {method} {path}"] = content + str(answer.headers).encode()
        return answer


def connections(bootstrap: str) -> list[dict[str, Any]]:
    """Kafka with every secret, and a login that nobody takes."""
    login = {name: canary(name) for name in ("password", "clientSecret", "sslKey", "sslKeyPassword")}
    kafka = {
        "name": "kafka",
        "type": "Kafka",
        "bootstrapServers": bootstrap,
        "authentication": {"mechanism": "PLAIN", "username": "user", **login},
        "security": {"protocol": "SASL_PLAINTEXT"},
    }
    registry = {
        "name": "registry",
        "type": "SchemaRegistry",
        "provider": "CONFLUENT",
        "schemaRegistryUrls": ["http://127.0.0.1:9"],
        "schemaRegistryAuthentication": {
            "type": "USER_INFO",
            "username": "user",
            "password": canary("schemaRegistryPassword"),
        },
    }
    return [kafka, registry, {"name": "sample", "type": "Sample"}]


def go_through(caller: Caller, bodies: list[dict[str, Any]]) -> None:
    """Every verb that a connection has, right and wrong."""
    for body in bodies:
        one = f"/ws/connections/{body['name']}"
        caller.ask("POST", "/ws/connections", body)
        caller.ask("POST", "/ws/connections", body, 409)
        caller.ask("PATCH", one, body)
        caller.ask("PATCH", f"{one}?dryRun=true", body)
        caller.ask("PATCH", one, body | {"nonsense": 1}, 400)
        caller.ask("PATCH", one, body | {"type": "nonsense"}, 400)
        caller.ask("POST", f"{one}:test", {})
        caller.ask("POST", f"{one}:plan", body)
        for path in (
            one,
            f"{one}:usedBy",
            f"{one}/revisions",
            f"{one}/revisions/1",
            f"{one}/revisions/1:diff",
        ):
            caller.ask("GET", path)
    caller.ask("GET", "/ws/connections")


def run(caller: Caller) -> None:
    """Processors that fail for their logins, and one whose documents become dead letters."""
    from_kafka = {"$source": {"connectionName": "kafka", "topic": "t"}}
    to_kafka = {"$emit": {"connectionName": "kafka", "topic": "t"}}
    sample = {"$source": {"connectionName": "sample"}}
    bad = {"$addFields": {"x": {"$divide": [1, 0]}}}
    into = {"$merge": {"into": {"connectionName": "cluster", "db": "d", "coll": "out"}}}
    queue = {"dlq": {"connectionName": "cluster", "db": "d", "coll": "dead"}}
    pipelines = {"reads": [from_kafka, into], "writes": [sample, to_kafka], "dies": [sample, bad, into]}
    for name, pipeline in pipelines.items():
        caller.ask("POST", "/ws/processor", {"name": name, "pipeline": pipeline, "options": queue})
        caller.ask("POST", f"/ws/processor/{name}:start", None, 200, 400, 500)


def state(caller: Caller, name: str) -> str:
    return str(caller.ask("GET", f"/ws/processor/{name}").json()["state"])


def read_all(caller: Caller, served: Server) -> None:
    """Whatever else can be read."""
    for name in ("reads", "writes", "dies"):
        caller.ask("GET", f"/ws/processor/{name}")
    for path in ("/ws/processors?includeCount=true", "/ws/rollouts", "/ws?includeConnections=true"):
        caller.ask("GET", path)
    caller.ask("GET", "/ws/auditLogs", media="gzip")
    caller.ask("GET", "/ws:downloadOperationalLogs", media="gzip")
    caller.heard["metrics"] = httpx.get(f"{served.base}/metrics").content


def test_no_canary_leaves(tmp_path: Path, apache: KafkaBroker) -> None:
    """Kafka refuses the login; the cluster takes its own."""
    data = tmp_path / "data"
    settings: dict[str, Any] = {"log_level": "debug", "rate_limit": 0, "allow_private": True}
    settings |= {"metrics_names": True, "retry_budget": 1, "sample_rate": 50}
    user = User("user", canary("clusterPassword"), ("readWrite@d",))
    with mongod(users=[user]) as cluster:
        configure(data, cluster.uri.replace("://", f"://user:{urllib.parse.quote_plus(user.password)}@"))
        with server(data, **settings) as served:
            keys = served.environment
            login = httpx.DigestAuth(
                keys["MONGODB_ATLAS_PUBLIC_API_KEY"], keys["MONGODB_ATLAS_PRIVATE_API_KEY"]
            )
            with httpx.Client(base_url=served.base, auth=login, timeout=30) as client:
                caller = Caller(served, client)
                caller.ask("POST", "", {"name": "ws", "dataProcessRegion": REGION})
                main = {"name": "cluster", "type": "Cluster", "clusterName": "main"}
                go_through(caller, [*connections(apache.servers["SASL"]), main])
                run(caller)
                wait_until(lambda: state(caller, "reads") == "FAILED", 60, "the refused login")
                wait_until(lambda: cluster.documents("d.dead"), 60, "dead letters")
                read_all(caller, served)
                caller.ask(
                    "PATCH",
                    "/ws/connections/kafka?updates=rolling",
                    {"bootstrapServers": "127.0.0.1:9"},
                    200,
                    409,
                )
                running = files(data)
        dead = bson.encode({"all": cluster.documents("d.dead")})
    for place, content in {**caller.heard, **running, **files(data), "dead letters": dead}.items():
        assert not found(content), place
    assert b"dies" in caller.heard["metrics"], "there was something to find"
    assert any(b"SASL authentication error" in content for content in running.values()), (
        "the refusal itself is told"
    )


def configure(data: Path, uri: str) -> None:
    data.mkdir()
    with closing(Store.open(Settings(data_dir=str(data)), SystemClock())) as store, store.write() as session:
        session.put_cluster(Cluster(id="1" * 24, name="main", uri=Secret(uri), created=1.0))


def files(data: Path) -> dict[str, bytes]:
    """Database, its log, and the server's."""
    return {str(path): path.read_bytes() for path in data.rglob("*") if path.is_file()}
