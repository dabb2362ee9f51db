"""Tests of connections as callers ask for them: kept, unsaved, and as a PATCH would leave them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from schema_registry import SchemaRegistryServer, schema_registry

from brookmill.clock import SystemClock
from brookmill.domain.principal import Role
from brookmill.errors import UserError
from brookmill.operations import OPERATIONS

GROUP = "b" * 24
TEST, UNSAVED = "testGroupStreamConnection", "testGroupStreamConnectionUnsaved"
UPDATE = "updateGroupStreamConnection"
RIGHT, WRONG = "r1ght-p4ss", "wr0ng-p4ss"
DRY = {"dryRun": "true"}


@pytest.fixture
def server() -> Iterator[SchemaRegistryServer]:
    with schema_registry() as running:
        running.login = ("ann", RIGHT)
        running.add("s", '{"type": "record", "name": "R", "fields": []}')
        yield running


@pytest.fixture
def asked(ask: Any) -> Any:
    """With a clock that goes, and the way to this machine open."""
    return replace(ask.set(allow_private=True), clock=SystemClock())


def body(server: SchemaRegistryServer, password: str = RIGHT) -> dict[str, Any]:
    login = {"type": "USER_INFO", "username": "ann", "password": password}
    return {
        "name": "r",
        "type": "SchemaRegistry",
        "provider": "CONFLUENT",
        "schemaRegistryUrls": [server.url],
        "schemaRegistryAuthentication": login,
    }


def codes(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(rung["step"], rung["code"]) for rung in report["steps"]]


def refusal(asked: Any, edit: Any, query: dict[str, str]) -> str:
    with pytest.raises(UserError) as error:
        asked(UPDATE, edit, query, connectionName="r")
    return error.value.code


LOWEST = [("settings", "OK"), ("resolve", "OK"), ("connect", "OK")]


def test_a_kept_connection_is_tested_with_its_secrets(asked: Any, server: SchemaRegistryServer) -> None:
    asked("createGroupStreamConnection", body(server))
    report = asked(TEST, connectionName="r")
    assert (report["name"], report["type"], report["ok"]) == ("r", "SchemaRegistry", True)
    assert codes(report) == [*LOWEST, ("authenticate", "OK")]
    assert all(type(rung["durationMs"]) is int for rung in report["steps"])
    deeper = asked(TEST, {"subject": "s"}, connectionName="r")
    assert codes(deeper)[-1] == ("decode", "OK")
    missing = asked(TEST, {"subject": "t"}, connectionName="r")
    assert (missing["ok"], codes(missing)[-1]) == (False, ("authorize", "NOT_FOUND"))
    assert missing["steps"][-1]["message"] == "the schema registry does not know the subject t"
    assert missing["steps"][-1]["hint"].startswith("Check the name")


def test_an_unsaved_one_is_tested_and_not_kept(asked: Any, server: SchemaRegistryServer) -> None:
    sent = body(server) | {"try": {"subject": "s"}}
    del sent["name"]
    report = asked(UNSAVED, sent)
    assert "name" not in report
    assert codes(report)[-1] == ("decode", "OK")
    assert codes(asked(UNSAVED, body(server, WRONG)))[-1] == ("authenticate", "CREDENTIALS")
    assert asked("listGroupStreamConnections")["totalCount"] == 0


def test_a_dry_run_tests_the_edit_over_what_is_kept(
    asked: Any, server: SchemaRegistryServer, secrets_of: Any
) -> None:
    made = asked("createGroupStreamConnection", body(server))
    with schema_registry() as other:
        other.login = ("ann", RIGHT)
        edit = {"schemaRegistryUrls": [other.url], "try": {"subject": "s"}}
        report = asked(UPDATE, edit, DRY, connectionName="r")
        assert other.asked
    assert codes(report)[-2:] == [("authenticate", "OK"), ("authorize", "NOT_FOUND")], "the kept password"
    edit = {"schemaRegistryAuthentication": {"password": WRONG}}
    report = asked(UPDATE, edit, DRY, connectionName="r")
    assert codes(report)[-1] == ("authenticate", "CREDENTIALS")
    assert WRONG not in json.dumps(report)
    assert asked("getGroupStreamConnection", connectionName="r") == made
    assert secrets_of("r") == {"schemaRegistryAuthentication.password": RIGHT}


def test_a_dry_run_refuses_what_the_patch_would(asked: Any, server: SchemaRegistryServer) -> None:
    asked("createGroupStreamConnection", body(server))
    for edit, code in [
        ({"type": "Kafka"}, "VALIDATION_ERROR"),
        ({"schemaRegistryUrls": ["ftp://x"]}, "VALIDATION_ERROR"),
        ({"nonsense": 1}, "INVALID_ATTRIBUTE"),
        ({"try": []}, "INVALID_JSON_ATTRIBUTE"),
        ({"try": {"topic": "t"}}, "INVALID_ATTRIBUTE"),
    ]:
        assert refusal(asked, edit, DRY) == code
    assert refusal(asked, {}, {"dryRun": "maybe"}) == "INVALID_QUERY_PARAMETER"
    assert refusal(asked, {"try": {}}, {}) == "INVALID_ATTRIBUTE", "it is no dry run"


def test_what_is_not_there_cannot_be_tested(asked: Any) -> None:
    assert asked.error(TEST, connectionName="none").code == "STREAM_CONNECTION_NOT_FOUND_FOR_NAME"
    assert asked.error(UNSAVED, {"type": "Kafk"}).code == "INVALID_ENUM_VALUE"
    assert asked.error(UNSAVED, {"name": "k"}).code == "MISSING_ATTRIBUTE"


def test_a_cluster_is_found_by_the_name_that_the_server_knows(asked: Any) -> None:
    asked("createGroupStreamConnection", {"name": "c", "type": "Cluster", "clusterName": "nowhere"})
    assert codes(asked(TEST, connectionName="c")) == [("settings", "NOT_FOUND")]


def test_who_may_update_may_test() -> None:
    edit = OPERATIONS[UPDATE].roles
    assert edit is not None
    assert OPERATIONS[TEST].roles == OPERATIONS[UNSAVED].roles == edit
    assert Role.GROUP_DATA_ACCESS_READ_WRITE not in edit


def test_who_tested_what_is_in_the_audit_log(asked: Any, server: SchemaRegistryServer) -> None:
    asked("createGroupStreamConnection", body(server, WRONG))
    asked(TEST, connectionName="r")
    asked(UPDATE, {"schemaRegistryAuthentication": {"password": RIGHT}}, DRY, connectionName="r")
    asked(UPDATE, {"schemaRegistryUrls": [server.url]}, connectionName="r")
    with asked.store.read() as session:
        texts = list(session.audit.of_workspace(GROUP, asked.path["tenantName"], 0, 1e11))
    events = [json.loads(text) for text in texts]
    assert [event["activity_name"] for event in events] == ["Create", "test", "test", "Update"]
    assert all(event["status"] == "Success" for event in events), "the test did what it was asked for"
    assert not [text for text in texts if RIGHT in str(text) or WRONG in str(text)]


def test_references_to_secrets_are_resolved_for_a_test(
    asked: Any, server: SchemaRegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_PASSWORD", RIGHT)
    allowing = asked.set(references_env="APP_")
    allowing("createGroupStreamConnection", body(server, "${env:APP_PASSWORD}"))
    assert codes(allowing(TEST, connectionName="r"))[-1] == ("authenticate", "OK")
    with pytest.raises(UserError, match=r"password: the reference to a variable .* is not allowed"):
        asked.set(references_env="X_")(TEST, connectionName="r")
