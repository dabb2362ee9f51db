"""PATCH of a connection: the rules of the contract, c.2, row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brookmill.domain.names import new_id
from brookmill.domain.processor import Processor, State

UPDATE = "updateGroupStreamConnection"
CASES = json.loads((Path(__file__).parents[1] / "cases" / "connections" / "update.json").read_text("utf-8"))
ROWS = [pytest.param(row, id=f"{rule}: {row['name']}") for rule, rows in CASES.items() for row in rows]


@pytest.mark.parametrize("row", ROWS)
def test_rules(ask: Any, secrets_of: Callable[[str], dict[str, str]], row: dict[str, Any]) -> None:
    made = ask("createGroupStreamConnection", {"name": "it"} | row["stored"])
    kept = secrets_of("it")
    if "error" in row:
        error = ask.error(UPDATE, row["patch"], connectionName="it")
        assert error.code == row["error"]
        assert row.get("detail", "") in error.detail
        assert error.status == 400
        assert ask("getGroupStreamConnection", connectionName="it") == made, "a refused body changes nothing"
        assert secrets_of("it") == kept
        return
    filled = {"id": made["id"], "name": "it", "region": "VIRGINIA_USA"}
    expected = filled | row["out"]
    assert ask(UPDATE, row["patch"], connectionName="it") == expected, "the answer has no state"
    assert ask("getGroupStreamConnection", connectionName="it") == expected | {"state": made["state"]}
    if "secrets" in row:
        assert secrets_of("it") == row["secrets"]


def test_what_is_not_there_is_told_before_a_look_at_the_body(ask: Any) -> None:
    error = ask.error(UPDATE, b"{no JSON", connectionName="nope")
    assert (error.code, error.status) == ("STREAM_CONNECTION_NOT_FOUND_FOR_NAME", 404)
    assert error.parameters == ("nope", "b" * 24, ask.path["tenantName"])
    error = ask.error(UPDATE, b"{no JSON", tenantName="none", connectionName="nope")
    assert (error.code, error.status) == ("STREAM_TENANT_NOT_FOUND_FOR_NAME", 404)
    assert error.parameters == ("b" * 24, "none")


@pytest.mark.parametrize("name", ["../x", "a\u0000b", "ｋafka", "k" * 10_000, ".."])
def test_hostile_names_are_not_found(ask: Any, name: str) -> None:
    assert ask.error(UPDATE, {}, connectionName=name).status in {400, 404}
    assert ask.error("getGroupStreamConnection", connectionName=name).status in {400, 404}


def started(ask: Any, pipeline: list[dict[str, Any]], options: dict[str, Any] | None = None) -> None:
    with ask.store.write() as session:
        workspace = session.workspace("b" * 24, ask.path["tenantName"])
        processor = Processor(
            id=new_id(1.0),
            workspace_id=workspace.id,
            name="running",
            pipeline=json.dumps(pipeline),
            options=json.dumps(options) if options else None,
            effective_tier="SP10",
            state=State.STARTED,
            state_changed=1.0,
            created=1.0,
        )
        session.add_processor(processor)


USES = [
    ([{"$source": {"connectionName": "it", "topic": "t"}}], None),
    ([{"$source": {"documents": []}}, {"$emit": {"connectionName": "it", "topic": "t"}}], None),
    ([{"$merge": {"into": {"connectionName": "it", "db": "d", "coll": "c"}}}], None),
    ([{"$tumblingWindow": {"pipeline": [{"$lookup": {"from": {"connectionName": "it"}}}]}}], None),
    ([{"$source": {"connectionName": "o", "schemaRegistry": {"connectionName": "it"}}}], None),
    ([], {"dlq": {"connectionName": "it", "db": "d", "coll": "c"}}),
]


@pytest.mark.parametrize(("pipeline", "options"), USES)
def test_a_connection_in_use_is_refused(ask: Any, pipeline: Any, options: Any) -> None:
    ask("createGroupStreamConnection", {"name": "it", "type": "Https", "url": "http://a"})
    ask("createGroupStreamConnection", {"name": "other", "type": "Https", "url": "http://a"})
    started(ask, pipeline, options)
    for operation in (UPDATE, "deleteGroupStreamConnection"):
        error = ask.error(operation, {"url": "http://b"}, connectionName="it")
        assert (error.code, error.status) == ("STREAM_CONNECTION_HAS_STREAM_PROCESSORS", 409)
        assert error.parameters == ("it", "running")
    assert ask(UPDATE, {"url": "http://b"}, connectionName="other")["url"] == "http://b"
    lenient = ask.set(updates="next-start")
    assert lenient(UPDATE, {"url": "http://c"}, connectionName="it")["url"] == "http://c"


def test_a_wrong_body_is_told_before_the_use(ask: Any) -> None:
    ask("createGroupStreamConnection", {"name": "it", "type": "Kafka", "bootstrapServers": "a:1"})
    started(ask, [{"$source": {"connectionName": "it", "topic": "t"}}])
    patch = {"networking": {"access": {"type": "VPC"}}}
    assert ask.error(UPDATE, patch, connectionName="it").code == "STREAM_NETWORKING_CANNOT_BE_MODIFIED"


def test_a_name_in_a_filter_is_no_use(ask: Any) -> None:
    ask("createGroupStreamConnection", {"name": "it", "type": "Https", "url": "http://a"})
    started(ask, [{"$source": {"documents": []}}, {"$match": {"a": {"connectionName": "it"}}}])
    assert ask(UPDATE, {"url": "http://b"}, connectionName="it")["url"] == "http://b"
