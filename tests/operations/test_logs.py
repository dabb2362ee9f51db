"""Logs: what is told of every change and of every attempt, and how both logs are downloaded."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from brookmill.domain.names import new_id
from brookmill.domain.principal import Role
from brookmill.domain.processor import Processor, State
from brookmill.errors import UserError
from brookmill.operations import File
from brookmill.store import Session, Store

AUDIT, OPERATIONAL = "downloadGroupStreamAuditLogs", "downloadGroupStreamOperationalLogs"
CREATE, UPDATE, DELETE = (
    "createGroupStreamConnection",
    "updateGroupStreamConnection",
    "deleteGroupStreamConnection",
)
HTTPS = {"name": "it", "type": "Https", "url": "http://a", "headers": {"key": "canary"}}


def lines(ask: Any, operation: str, **query: str) -> list[dict[str, Any]]:
    """What a downloaded log holds."""
    file = ask.raw(operation, query=query)
    assert isinstance(file, File)
    return [json.loads(line) for line in gzip.decompress(file.content).splitlines()]


def told(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (e["api"]["operation"], e["activity_name"], e["status"], e["api"]["response"].get("error"))
        for e in events
    ]


def test_one_record_for_each_change_and_each_attempt(ask: Any) -> None:
    ask(CREATE, HTTPS)
    ask.error(CREATE, HTTPS)
    ask(UPDATE, {"url": "http://b"}, connectionName="it")
    ask.error(UPDATE, b"{canary", connectionName="it")
    ask("getGroupStreamConnection", connectionName="it")
    reader = ask.by(org_roles=frozenset(), group_roles={"b" * 24: frozenset({Role.GROUP_READ_ONLY})})
    reader.error(DELETE, connectionName="it")
    ask(DELETE, connectionName="it")
    events = lines(ask, AUDIT)
    assert told(events) == [
        (CREATE, "Create", "Success", None),
        (CREATE, "Create", "Failure", "STREAM_CONNECTION_NAME_ALREADY_EXISTS"),
        (UPDATE, "Update", "Success", None),
        (UPDATE, "Update", "Failure", "MALFORMED_JSON"),
        (DELETE, "Delete", "Failure", "USER_UNAUTHORIZED"),
        (DELETE, "Delete", "Success", None),
    ]
    assert "canary" not in str(events)
    workspace = {"name": ask.path["tenantName"], "type": "workspace"}
    connection = {"name": "it", "type": "connection"}
    for event in events:
        assert event["resources"] == [{"name": "b" * 24, "type": "project"}, workspace, connection]
        assert event["actor"]["user"] == {"name": "owner", "type": "API_KEY", "uid": "c" * 24}
        assert event["src_endpoint"] == {"ip": "127.0.0.1"}
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["time"] == int(ask.clock.now() * 1000)
    numbers = [event["metadata"]["sequence"] for event in events]
    assert numbers == sorted(set(numbers))
    assert told(lines(ask, AUDIT))[-1] == (AUDIT, "Read", "Success", None), "who reads the log is in it"
    with ask.store.read() as session:
        assert session.audit.check().number >= len(events)


def test_a_workspace_tells_of_its_own_beginning_and_of_no_other(ask: Any) -> None:
    name = f"ws-{new_id(5.0)}"
    region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
    ask("createGroupStreamWorkspace", {"name": name, "dataProcessRegion": region})
    there = replace(ask, path={"tenantName": name})
    assert told(lines(there, AUDIT)) == [("createGroupStreamWorkspace", "Create", "Success", None)]
    assert lines(ask, AUDIT) == []


def test_a_processor_and_a_verb(ask: Any) -> None:
    ask.error("createGroupStreamProcessor", {"name": "p", "pipeline": [{"$nonsense": 1}]})
    ask.error("startGroupStreamProcessor", processorName="p")
    ask(CREATE, HTTPS)
    events = lines(ask, AUDIT, spName="p")
    assert [(e["activity_id"], e["activity_name"], e["status"]) for e in events] == [
        (1, "Create", "Failure"),
        (99, "start", "Failure"),
    ]


def test_what_fails_by_our_own_fault_is_told_too(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brookmill.store.session.Session.add_connection", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask(CREATE, HTTPS)
    monkeypatch.undo()
    assert told(lines(ask, AUDIT)) == [(CREATE, "Create", "Failure", "UNEXPECTED_ERROR")]


def test_the_record_is_written_with_the_change(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the record cannot be written, nothing is changed."""

    def broken(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr("brookmill.store.audit.AuditLog.add", broken)
    with pytest.raises(OSError):  # noqa: PT011  # its own, and nothing else raises one
        ask(CREATE, HTTPS)
    monkeypatch.undo()
    assert ask("listGroupStreamConnections")["totalCount"] == 0
    writes, write = [], Store.write

    def counted(store: Store) -> AbstractContextManager[Session]:
        writes.append(store)
        return write(store)

    monkeypatch.setattr(Store, "write", counted)
    ask(CREATE, HTTPS)
    assert len(writes) == 1, "in the same transaction"


def test_ranges_and_names_of_files(ask: Any) -> None:
    begin = int(ask.clock.now())
    ask(CREATE, HTTPS)
    ask.clock.advance(31 * 24 * 3600)
    now, name = int(ask.clock.now()), ask.path["tenantName"]
    assert lines(ask, AUDIT) == [], "the last thirty days"
    assert len(lines(ask, AUDIT, startDate=str(begin), endDate=str(begin))) == 1
    assert lines(ask, AUDIT, startDate=str(begin + 1), endDate=str(now - 1)) == []
    assert lines(ask, AUDIT, endDate="0") == []
    file = ask.raw(AUDIT, query={"startDate": "5", "endDate": "7"})
    assert file.name == f"{name}_5_7_audit.log.gz"
    assert gzip.decompress(file.content) == b""
    for query in ({"startDate": "7", "endDate": "5"}, {"startDate": "x"}, {"endDate": "-1"}):
        for operation in (AUDIT, OPERATIONAL):
            with pytest.raises(UserError) as caught:
                ask.raw(operation, query=query)
            assert caught.value.code == "INVALID_QUERY_PARAMETER"
    for operation in (AUDIT, OPERATIONAL):
        assert ask.error(operation, tenantName="nope").code == "STREAM_TENANT_NOT_FOUND_FOR_NAME"


def test_what_became_of_processors(ask: Any) -> None:
    now = ask.clock.now()
    with ask.store.write() as session:
        workspace = session.workspace("b" * 24, ask.path["tenantName"])
        processor = Processor(
            id=new_id(now),
            workspace_id=workspace.id,
            name="p",
            pipeline="[]",
            effective_tier="SP10",
            state=State.CREATED,
            state_changed=now,
            created=now,
        )
        session.add_processor(processor)
        session.add_processor(msgspec.structs.replace(processor, id=new_id(now), name="q"))
        for state, error in ((State.STARTED, None), (State.STARTED, None), (State.FAILED, "no broker \0")):
            processor = msgspec.structs.replace(processor, state=state, error=error)
            session.replace_processor(processor)
    entries = lines(ask, OPERATIONAL, spName="p")
    assert [(e["state"], e.get("previousState"), e["level"], e.get("error")) for e in entries] == [
        ("CREATED", None, "INFO", None),
        ("STARTED", "CREATED", "INFO", None),
        ("FAILED", "STARTED", "ERROR", "no broker \ufffd"),
    ]
    assert dt.datetime.fromisoformat(entries[0]["time"]).timestamp() == now
    assert len(lines(ask, OPERATIONAL)) == 4
    with ask.store.write() as session:
        late = now + 31 * 24 * 3600
        session.replace_processor(msgspec.structs.replace(processor, state=State.STOPPED, state_changed=late))
    left = lines(ask, OPERATIONAL, startDate="0", endDate=str(int(late)))
    assert [e["state"] for e in left] == ["STOPPED"], "kept for thirty days"
