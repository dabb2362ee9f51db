"""Who uses a connection, what a change would do, and when certificates and tokens end."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest
import trustme

from brookmill.domain.names import new_id
from brookmill.domain.processor import Processor, State
from brookmill.operations import Services
from brookmill.operations.expiries import expiries

CREATE = "createGroupStreamConnection"
UPDATE = "updateGroupStreamConnection"
USED = "getGroupStreamConnectionUsedBy"
PLAN = "planGroupStreamConnectionUpdate"
IT = {"connectionName": "it"}
SOLAR: dict[str, Any] = {"$source": {"connectionName": "solar"}}
SINK = {"$emit": {"connectionName": "it", "topic": "t"}}
WINDOW = {
    "$tumblingWindow": {
        "interval": {"size": 1, "unit": "second"},
        "pipeline": [{"$https": {"connectionName": "it", "as": "x"}}, {"$limit": 1}],
    }
}


def add(ask: Any, name: str, *pipeline: Any, state: State = State.STOPPED, dlq: str | None = None) -> str:
    queue = {"dlq": {"connectionName": dlq, "db": "d", "coll": "c"}}
    with ask.store.write() as session:
        workspace = session.workspace("b" * 24, ask.path["tenantName"])
        id = new_id(1.0)
        processor = Processor(
            id=id,
            workspace_id=workspace.id,
            name=name,
            pipeline=json.dumps(pipeline),
            options=None if dlq is None else json.dumps(queue),
            effective_tier="SP10",
            state=state,
            state_changed=1.0,
            created=1.0,
        )
        session.add_processor(processor)
    return id


@pytest.fixture
def kafka(ask: Any) -> Any:
    """A workspace with a Kafka connection ``it`` and a sample."""
    ask(CREATE, {"type": "Kafka", "name": "it", "bootstrapServers": "one:9092"})
    ask(CREATE, {"type": "Sample", "name": "solar"})
    return ask


def test_every_place_is_told(ask: Any) -> None:
    ask(CREATE, {"type": "Https", "name": "it", "url": "http://h1"})
    window = add(ask, "window", SOLAR, WINDOW, {"$https": {"connectionName": "it"}})
    queue = add(ask, "queue", SOLAR, dlq="it", state=State.STARTED)
    add(ask, "other", SOLAR, {"$emit": {"connectionName": "other", "topic": "it"}})
    assert ask(USED, **IT) == {
        "certificates": [],
        "name": "it",
        "processors": [
            {
                "deadLetters": False,
                "id": window,
                "name": "window",
                "stages": [
                    {"path": "pipeline.1.$tumblingWindow.pipeline.0", "stage": "$https"},
                    {"path": "pipeline.2", "stage": "$https"},
                ],
                "state": "STOPPED",
            },
            {"deadLetters": True, "id": queue, "name": "queue", "stages": [], "state": "STARTED"},
        ],
        "revision": 1,
        "tokens": [],
        "type": "Https",
    }
    assert ask.error(USED, connectionName="nope").status == 404


def effects(plan: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["effect"] for one in plan["processors"]}


def test_what_an_update_would_touch(kafka: Any) -> None:
    add(kafka, "runs", SOLAR, SINK, state=State.STARTED)
    add(kafka, "waits", SOLAR, SINK)
    plan = kafka(PLAN, {"bootstrapServers": "two:9092"}, **IT)
    assert plan["changes"] == [
        {"after": "two:9092", "before": "one:9092", "path": "bootstrapServers", "secret": False}
    ]
    assert effects(plan) == {"runs": "RESTART", "waits": "NEXT_START"}
    assert plan["refused"]["errorCode"] == "STREAM_CONNECTION_HAS_STREAM_PROCESSORS"
    assert "refused" not in kafka(PLAN, {}, {"updates": "next-start"}, **IT)
    assert effects(kafka(PLAN, {}, **IT)) == {"runs": "NONE", "waits": "NONE"}
    assert kafka("getGroupStreamConnection", **IT)["bootstrapServers"] == "one:9092", "nothing is written"
    _, _, tag = plan["ifMatch"].partition("-")
    assert tag == '1"'
    kafka.set(updates="next-start").sending(if_match=plan["ifMatch"])(UPDATE, {}, **IT)


def test_what_a_deletion_would_break(kafka: Any) -> None:
    add(kafka, "waits", SOLAR, SINK)
    add(kafka, "broken", SOLAR, {"$nope": {}}, SINK)
    plan = kafka(PLAN, query={"delete": "true"}, **IT)
    assert effects(plan) == {"waits": "BREAKS", "broken": "NEXT_START"}, (
        "what was broken before does not count"
    )
    assert "connection named it does not exist" in plan["processors"][0]["problem"]
    assert "refused" not in plan


def test_what_a_rollback_would_change(kafka: Any) -> None:
    kafka(UPDATE, {"bootstrapServers": "two:9092"}, **IT)
    plan = kafka(PLAN, query={"revision": "1"}, **IT)
    assert [change["after"] for change in plan["changes"]] == ["one:9092"]
    with pytest.raises(Exception, match="no revision 7"):
        kafka(PLAN, query={"revision": "7"}, **IT)


def test_what_the_update_would_be_refused_with_is_told(kafka: Any) -> None:
    error = kafka.error(PLAN, {"nonsense": 1}, **IT)
    assert (error.code, error.status) == ("INVALID_ATTRIBUTE", 400)
    plan = kafka(PLAN, {"networking": {"access": {"type": "TRANSIT_GATEWAY"}}}, **IT)
    assert plan["refused"]["errorCode"] == "STREAM_NETWORKING_CANNOT_BE_MODIFIED"


def pem(ask: Any, days: float) -> str:
    """The certificate of an authority, and one of it that ends in ``days``."""
    end = dt.datetime.fromtimestamp(ask.clock.now() + days * 86_400, dt.UTC)
    start = end - dt.timedelta(days=400)
    authority = trustme.CA()
    leaf = authority.issue_cert("broker", not_after=end, not_before=start)
    return str(leaf.cert_chain_pems[0].bytes().decode()) + str(authority.cert_pem.bytes().decode())


@pytest.mark.parametrize(
    ("days", "left", "state"),
    [(100.5, 100, "VALID"), (29.5, 29, "EXPIRES_SOON"), (-0.5, -1, "EXPIRED"), (500, 500, "NOT_YET_VALID")],
)
def test_a_certificate_tells_how_long_it_lasts(kafka: Any, days: float, left: int, state: str) -> None:
    kafka(UPDATE, {"security": {"brokerPublicCertificate": pem(kafka, days)}}, **IT)
    [certificate] = kafka(USED, **IT)["certificates"]
    assert (certificate["daysLeft"], certificate["state"]) == (left, state)
    assert certificate["member"] == "security.brokerPublicCertificate"
    services = Services(kafka.store, kafka.supervisor, kafka.clock, kafka.settings)
    id = kafka("getGroupStreamConnection", **IT)["id"]
    [expiry] = [one for one in expiries(services) if one.labels["connection_id"] == id]
    assert abs(expiry.not_after - (kafka.clock.now() + days * 86_400)) <= 1
    assert expiry.kind == "certificate"
    assert expiry.labels.keys() == {"group_id", "connection_id", "member"}


def jwt(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none"}, claims, {"signature": "hush"})
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )


@pytest.mark.parametrize(
    ("days", "left", "state"), [(45, 45, "VALID"), (29.5, 29, "EXPIRES_SOON"), (-0.5, -1, "EXPIRED")]
)
def test_a_token_tells_how_long_it_lasts(ask: Any, days: float, left: int, state: str) -> None:
    end = ask.clock.now() + days * 86_400
    headers = {
        "Authorization": f"Bearer {jwt({'exp': end})}",
        "X-Key": "opaque",
        "X-Odd": "a.b.c",
        "X": jwt({}),
    }
    body = {"name": "hook", "type": "Https", "url": "https://x.example", "headers": headers}
    ask(CREATE, body)
    [token] = ask(USED, connectionName="hook")["tokens"]
    assert (token["member"], token["daysLeft"], token["state"]) == ("headers.Authorization", left, state)
    assert token.keys() == {"member", "daysLeft", "state", "notAfter"}
    services = Services(ask.store, ask.supervisor, ask.clock, ask.settings)
    id = ask("getGroupStreamConnection", connectionName="hook")["id"]
    [expiry] = [one for one in expiries(services) if one.labels["connection_id"] == id]
    assert (expiry.kind, expiry.not_after) == ("token", end)


def test_what_is_no_certificate_is_not_told(kafka: Any) -> None:
    body = {
        "authentication": {"sslCertificate": "PEM"},
        "security": {"brokerPublicCertificate": "${file:/x}"},
    }
    kafka(UPDATE, body, **IT)
    assert kafka(USED, **IT)["certificates"] == []
