"""Revisions of a connection as callers see them, and bringing one back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from brookmill.errors import UserError

CREATE = "createGroupStreamConnection"
GET = "getGroupStreamConnection"
UPDATE = "updateGroupStreamConnection"
DELETE = "deleteGroupStreamConnection"
LIST = "listGroupStreamConnectionRevisions"
SHOW = "getGroupStreamConnectionRevision"
DIFF = "diffGroupStreamConnectionRevision"
BACK = "rollBackGroupStreamConnection"

IT = {"connectionName": "it"}
KAFKA = {
    "type": "Kafka",
    "name": "it",
    "bootstrapServers": "one:9092",
    "authentication": {"mechanism": "PLAIN", "username": "u", "password": "canary-1"},
}


def numbers(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(one["number"], one["action"]) for one in answer["results"]]


def test_who_when_from_where_and_what(ask: Any) -> None:
    asked = ask.sending(user_agent="curl/8.5" + "x" * 300)
    made = asked(CREATE, KAFKA)
    asked(UPDATE, {"authentication": {"password": "canary-2"}, "bootstrapServers": "two:9092"}, **IT)
    shown = asked(LIST, **IT)
    assert shown["totalCount"] == 2
    assert shown["results"][0] == {
        "action": "UPDATE",
        "by": {"id": "c" * 24, "kind": "API_KEY", "name": "owner"},
        "changes": [
            {"path": "authentication.password", "secret": True},
            {"after": "two:9092", "before": "one:9092", "path": "bootstrapServers", "secret": False},
        ],
        "connectionId": made["id"],
        "createdAt": "2023-11-14T22:13:20Z",
        "from": {"address": "127.0.0.1", "client": ("curl/8.5" + "x" * 300)[:256]},
        "number": 2,
        "type": "Kafka",
    }
    first = asked(SHOW, revision="1", **IT)
    assert first["connection"] == {k: v for k, v in made.items() if k != "state"}
    assert {"after": "u", "path": "authentication.username", "secret": False} in first["changes"]
    for answer in (shown, first, asked(DIFF, revision="2", **IT)):
        assert "canary" not in json.dumps(answer)


def test_pages_are_newest_first_and_know_the_one_before(ask: Any) -> None:
    ask(CREATE, {"type": "Https", "name": "it", "url": "http://h1"})
    for n in range(2, 6):
        ask(UPDATE, {"url": f"http://h{n}"}, **IT)
    page = ask(LIST, query={"itemsPerPage": "2", "pageNum": "2"}, **IT)
    assert numbers(page) == [(3, "UPDATE"), (2, "UPDATE")]
    assert [one["changes"][0]["before"] for one in page["results"]] == ["http://h2", "http://h1"]
    assert numbers(ask(LIST, query={"itemsPerPage": "2", "pageNum": "3"}, **IT)) == [(1, "CREATE")]
    assert ask(LIST, query={"pageNum": "9"}, **IT) == {"results": [], "totalCount": 5}


def test_any_two_can_be_compared(ask: Any) -> None:
    ask(CREATE, {"type": "Https", "name": "it", "url": "http://h1", "headers": {"a": "1", "b": "1"}})
    ask(UPDATE, {"url": "http://h2"}, **IT)
    ask(UPDATE, {"url": "http://h1", "headers": {"b": "2"}}, **IT)
    assert ask(DIFF, query={"from": "1"}, revision="3", **IT) == {
        "changes": [
            {"before": "1", "path": "headers.a", "secret": False},
            {"after": "2", "before": "1", "path": "headers.b", "secret": False},
        ],
        "from": 1,
        "to": 3,
    }
    assert ask(DIFF, revision="2", **IT)["changes"] == [
        {"after": "http://h2", "before": "http://h1", "path": "url", "secret": False}
    ]
    assert ask(DIFF, revision="1", **IT)["from"] == 0


@pytest.mark.parametrize("number", ["0", "9", "-1", "one", "1" * 40, "\u0661"])
def test_there_are_no_others(ask: Any, number: str) -> None:
    ask(CREATE, {"type": "Https", "name": "it", "url": "http://h1"})
    for operation in (SHOW, DIFF, BACK):
        error = ask.error(operation, revision=number, **IT)
        assert (error.code, error.status) == ("STREAM_CONNECTION_REVISION_NOT_FOUND", 404)
    with pytest.raises(UserError, match="no revision 9"):
        ask(DIFF, query={"from": "9"}, revision="1", **IT)
    assert ask.error(LIST, connectionName="nope").code == "STREAM_CONNECTION_NOT_FOUND_FOR_NAME"


def test_a_rollback_brings_back_secrets_too_and_is_a_revision_itself(
    ask: Any, secrets_of: Callable[[str], dict[str, str]]
) -> None:
    made = ask(CREATE, KAFKA)
    ask(UPDATE, {"authentication": {"password": "canary-2"}, "bootstrapServers": "two:9092"}, **IT)
    assert ask(BACK, revision="1", **IT) == made
    assert secrets_of("it") == {"authentication.password": "canary-1"}
    newest = ask(LIST, **IT)["results"][0]
    assert (newest["number"], newest["action"], newest["restored"]) == (3, "ROLLBACK", 1)
    assert [change["path"] for change in newest["changes"]] == ["authentication.password", "bootstrapServers"]


def test_a_deletion_can_be_undone(ask: Any, secrets_of: Callable[[str], dict[str, str]]) -> None:
    made = ask(CREATE, KAFKA)
    ask.clock.advance(5)
    ask(DELETE, **IT)
    assert numbers(ask(LIST, **IT)) == [(2, "DELETE"), (1, "CREATE")]
    assert "connection" not in ask(SHOW, revision="2", **IT)
    error = ask.error(BACK, revision="2", **IT)
    assert (error.code, "is the deletion" in error.detail) == ("VALIDATION_ERROR", True)
    assert ask(BACK, revision="1", **IT) == made
    assert ask(GET, **IT) == made
    assert secrets_of("it") == {"authentication.password": "canary-1"}
    assert numbers(ask(LIST, **IT))[0] == (3, "ROLLBACK")


def test_what_has_the_name_now_is_another_type(ask: Any) -> None:
    ask(CREATE, KAFKA)
    ask(DELETE, **IT)
    ask(CREATE, {"type": "Https", "name": "it", "url": "http://h1"})
    error = ask.error(BACK, revision="1", **IT)
    assert error.code == "VALIDATION_ERROR"
    assert "type of connection it cannot be changed" in error.detail
    assert numbers(ask(LIST, **IT))[0] == (3, "CREATE")


def test_what_a_workspace_begins_with_has_one_too(ask: Any) -> None:
    body = {"name": "with-sample", "dataProcessRegion": {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}}
    ask("withGroupStreamSampleConnections", body)
    shown = ask(LIST, tenantName="with-sample", connectionName="sample_stream_solar")["results"]
    assert [one["by"]["name"] for one in shown] == ["owner"]


def test_the_same_key_happens_once(ask: Any) -> None:
    keyed = ask.sending(idempotency_key="k-1")
    made = keyed(CREATE, {"type": "Https", "name": "it", "url": "http://h1"})
    assert keyed(CREATE, {"type": "Https", "name": "it", "url": "http://h1"}) == made
    ask(UPDATE, {"url": "http://h2"}, **IT)
    assert keyed(CREATE, {"type": "Https", "name": "it", "url": "http://h1"}) == made, "as it was answered"
    error = keyed.error(CREATE, {"type": "Https", "name": "other", "url": "http://h1"})
    assert (error.code, error.status) == ("IDEMPOTENCY_KEY_REUSED", 422)
    error = keyed.error(UPDATE, {"url": "http://h2"}, **IT)
    assert error.code == "IDEMPOTENCY_KEY_REUSED"
    assert numbers(ask(LIST, **IT)) == [(2, "UPDATE"), (1, "CREATE")]


def test_a_key_serves_every_write(ask: Any) -> None:
    ask(CREATE, {"type": "Https", "name": "it", "url": "http://h1"})
    patch = ask.sending(idempotency_key="patch")
    assert patch(UPDATE, {"url": "http://h2"}, **IT) == patch(UPDATE, {"url": "http://h2"}, **IT)
    back = ask.sending(idempotency_key="back")
    assert back(BACK, revision="1", **IT) == back(BACK, revision="1", **IT)
    delete = ask.sending(idempotency_key="delete")
    assert delete(DELETE, **IT) is None
    assert delete(DELETE, **IT) is None, "though it is gone"
    assert [n for n, _ in numbers(ask(LIST, **IT))] == [4, 3, 2, 1]


def test_keys_are_the_principals_own_and_kept_for_a_day(ask: Any) -> None:
    mine = ask.sending(idempotency_key="k-2")
    mine(CREATE, {"type": "Https", "name": "it", "url": "http://h1"})
    theirs = mine.by(id="d" * 24)
    assert theirs.error(CREATE, {"type": "Https", "name": "it", "url": "http://h1"}).code == (
        "STREAM_CONNECTION_NAME_ALREADY_EXISTS"
    )
    ask.clock.advance(86_399)
    mine(CREATE, {"type": "Https", "name": "it", "url": "http://h1"})
    ask.clock.advance(1)
    assert mine.error(CREATE, {"type": "Https", "name": "it", "url": "http://h1"}).code == (
        "STREAM_CONNECTION_NAME_ALREADY_EXISTS"
    )


def test_what_was_refused_is_tried_anew(ask: Any) -> None:
    keyed = ask.sending(idempotency_key="k-3")
    assert keyed.error(UPDATE, {"url": "http://h2"}, **IT).status == 404
    ask(CREATE, {"type": "Https", "name": "it", "url": "http://h1"})
    assert keyed(UPDATE, {"url": "http://h2"}, **IT)["url"] == "http://h2"


@pytest.mark.parametrize("key", ["", "a b", "\u00e9", "k" * 256])
def test_keys_that_are_none(ask: Any, key: str) -> None:
    error = ask.sending(idempotency_key=key).error(
        CREATE, {"type": "Https", "name": "it", "url": "http://h1"}
    )
    assert (error.code, error.status) == ("VALIDATION_ERROR", 400)
