"""Connections: create, list, get, delete; what is filled in and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brookmill.connections import CONNECTIONS
from brookmill.errors import UserError

CREATE, GET, LIST = "createGroupStreamConnection", "getGroupStreamConnection", "listGroupStreamConnections"
UPDATE, DELETE = "updateGroupStreamConnection", "deleteGroupStreamConnection"
TYPES = sorted(CONNECTIONS)


def hidden(body: Any) -> Any:
    """A sample body as it comes back: all that starts with "canary" is a secret."""
    if not isinstance(body, dict):
        return body
    return {name: hidden(value) for name, value in body.items() if not str(value).startswith("canary")}


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_round_trips(ask: Any, samples: dict[str, Any], type_: str) -> None:
    body = samples[type_]
    name = body["name"]
    made = ask(CREATE, body)
    assert len(made["id"]) == 24
    private = "PRIVATE_LINK" in str(body)
    filled = {"id": made["id"], "region": "VIRGINIA_USA", "state": "PENDING" if private else "READY"}
    assert made == hidden(body) | filled
    if private:
        assert ask(GET, connectionName=name) == made
        ask.clock.advance(2)
        filled["state"] = "READY"
    assert ask(GET, connectionName=name) == hidden(body) | filled
    del filled["state"]
    assert ask(UPDATE, body, connectionName=name) == hidden(body) | filled
    assert ask(UPDATE, body, connectionName=name) == hidden(body) | filled, "the same again changes nothing"
    assert ask(LIST) == {"results": [ask(GET, connectionName=name)], "totalCount": 1}
    assert ask(DELETE, connectionName=name) is None
    assert ask.error(GET, connectionName=name).code == "STREAM_CONNECTION_NOT_FOUND_FOR_NAME"
    assert ask(CREATE, body)["id"] != made["id"], "a deleted name can be used at once"


def test_nothing_comes_back_that_was_not_sent_or_documented(ask: Any) -> None:
    least: dict[str, dict[str, Any]] = {
        "Cluster": {"clusterName": "c"},
        "Kafka": {"bootstrapServers": "a:1"},
        "Https": {"url": "http://a"},
        "SchemaRegistry": {
            "provider": "CONFLUENT",
            "schemaRegistryAuthentication": {"type": "SASL_INHERIT"},
            "schemaRegistryUrls": ["http://a"],
        },
    }
    for type_ in TYPES:
        sent = {"name": type_, "type": type_} | least.get(type_, {})
        made = ask(CREATE, sent)
        filled: dict[str, Any] = {"networking": {"access": {"type": "PUBLIC"}}} if type_ == "Kafka" else {}
        assert made == sent | filled | {"id": made["id"], "region": "VIRGINIA_USA", "state": "READY"}


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        ({}, "MISSING_ATTRIBUTES", "name, type"),
        ({"type": "Https", "url": "http://a"}, "MISSING_ATTRIBUTE", "name"),
        ({"name": "x", "url": "http://a"}, "MISSING_ATTRIBUTE", "type"),
        ({"name": "x", "type": "WebAPI"}, "INVALID_ENUM_VALUE", "WebAPI"),
        ({"name": "x", "type": ["Https"]}, "INVALID_JSON_ATTRIBUTE", "type"),
        ({"name": "x", "type": "Https"}, "MISSING_ATTRIBUTE", "url"),
        ({"name": "x", "type": "Kafka"}, "MISSING_ATTRIBUTE", "bootstrapServers"),
        ({"name": "x", "type": "Cluster"}, "MISSING_ATTRIBUTE", "clusterName"),
        (
            {"name": "x", "type": "SchemaRegistry", "provider": "CONFLUENT"},
            "MISSING_ATTRIBUTE",
            "schemaRegistryA",
        ),
        ({"name": "x", "type": "Https", "url": "x"}, "VALIDATION_ERROR", "Invalid url"),
        ({"name": "x", "type": "Https", "url": "http://a", "uri": "x"}, "INVALID_ATTRIBUTE", "uri"),
        ({"name": "../x", "type": "Https", "url": "http://a"}, "VALIDATION_ERROR", "Invalid connection name"),
        (
            {"name": "a\u0000", "type": "Https", "url": "http://a"},
            "VALIDATION_ERROR",
            "Invalid connection name",
        ),
        ({"name": "ｋ", "type": "Https", "url": "http://a"}, "VALIDATION_ERROR", "Invalid connection name"),
        ({"name": "k" * 10_000, "type": "Https", "url": "http://a"}, "VALIDATION_ERROR", "connection name"),
        ({"name": "", "type": "Https", "url": "http://a"}, "VALIDATION_ERROR", "Invalid connection name"),
    ],
)
def test_refused(ask: Any, body: dict[str, Any], code: str, detail: str) -> None:
    error = ask.error(CREATE, body)
    assert error.code == code
    assert detail in error.detail
    assert ask(LIST)["totalCount"] == 0


def test_a_name_is_taken_once(ask: Any) -> None:
    ask(CREATE, {"name": "x", "type": "Https", "url": "http://a"})
    error = ask.error(CREATE, {"name": "x", "type": "Sample"})
    assert (error.code, error.status) == ("STREAM_CONNECTION_NAME_ALREADY_EXISTS", 409)
    assert ask.error(CREATE, {"name": "x", "type": "nope"}).code == "INVALID_ENUM_VALUE"


def test_a_kafka_connection_that_is_deployed_cannot_be_deleted(ask: Any) -> None:
    body = {
        "name": "k",
        "type": "Kafka",
        "bootstrapServers": "a:1",
        "networking": {"access": {"type": "VPC"}},
    }
    assert ask(CREATE, body)["state"] == "PENDING"
    error = ask.error(DELETE, connectionName="k")
    assert (error.code, error.status) == ("STREAM_KAFKA_CONNECTION_IS_DEPLOYING", 409)
    ask.clock.advance(2)
    assert ask(DELETE, connectionName="k") is None


def test_lists_keep_the_order_of_creation_and_have_pages(ask: Any) -> None:
    names = ["c", "a", "b", "d"]
    for name in names:
        ask(CREATE, {"name": name, "type": "Https", "url": "http://a"})
    ask(UPDATE, {"url": "http://b"}, connectionName="a")
    assert [c["name"] for c in ask(LIST)["results"]] == names
    page = ask(LIST, query={"itemsPerPage": "3", "pageNum": "2"})
    assert ([c["name"] for c in page["results"]], page["totalCount"]) == (["d"], 4)


@pytest.mark.parametrize("operation", [LIST, CREATE, GET, UPDATE, DELETE])
def test_an_unknown_workspace(ask: Any, operation: str) -> None:
    error = ask.error(operation, b"no JSON", tenantName="nope", connectionName="x")
    assert (error.code, error.status) == ("STREAM_TENANT_NOT_FOUND_FOR_NAME", 404)


def test_parallel_patches_of_different_connections_are_all_kept(ask: Any) -> None:
    for i in range(16):
        ask(CREATE, {"name": f"c{i}", "type": "Https", "url": "http://a"})
    wrong: list[BaseException] = []

    def patch(i: int) -> None:
        try:
            ask(UPDATE, {"url": f"http://host-{i}"}, connectionName=f"c{i}")
        except BaseException as e:
            wrong.append(e)

    threads = [threading.Thread(target=patch, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert [c["url"] for c in ask(LIST)["results"]] == [f"http://host-{i}" for i in range(16)]


def test_members_patched_in_parallel_do_not_overwrite_each_other(ask: Any) -> None:
    ask(CREATE, {"name": "x", "type": "Https", "url": "http://a", "headers": {"x": "1"}})
    for _ in range(5):
        patches = [{"url": "http://b"}, {"headers": {"y": "2"}}, {"region": "OHIO_USA"}]
        threads = [
            threading.Thread(target=ask, args=(UPDATE, p), kwargs={"connectionName": "x"}) for p in patches
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        now = ask(GET, connectionName="x")
        assert (now["url"], now["headers"], now["region"]) == ("http://b", {"y": "2"}, "OHIO_USA")
        ask(UPDATE, {"url": "http://a", "headers": {"x": "1"}, "region": "PARIS_FRA"}, connectionName="x")


TEXT = st.text(max_size=6) | st.sampled_from(
    ["PLAIN", "OAUTHBEARER", "http://a", "a:1", "PUBLIC", "VPC", "OIDC"]
)
VALUE = st.recursive(
    TEXT | st.none() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


def names(sample: Any) -> st.SearchStrategy[Any]:
    """Bodies that look like the sample: its members, now and then with other values or more members."""
    if isinstance(sample, dict):
        own = {name: names(value) | VALUE for name, value in sample.items() if name not in {"type", "name"}}
        return st.fixed_dictionaries({}, optional=own | {"surprise": VALUE, "links": VALUE})
    return st.just(sample) | VALUE


@pytest.mark.parametrize("type_", TYPES)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_patch_is_answered_and_tells_no_secret(
    services: Any,
    ask: Any,
    samples: dict[str, Any],
    secrets_of: Callable[[str], dict[str, str]],
    type_: str,
    data: st.DataObject,
) -> None:
    name = samples[type_]["name"]
    ask.attempt(CREATE, samples[type_])  # the first of many examples makes it
    before = ask(GET, connectionName=name)
    kept, patch = secrets_of(name), data.draw(names(samples[type_]))
    answer = ask.attempt(UPDATE, patch, connectionName=name)
    if isinstance(answer, UserError):
        assert answer.status == 400, answer.detail
        assert "canary" not in answer.detail + str(answer.fields)
        assert ask(GET, connectionName=name) == before
        assert secrets_of(name) == kept
        return
    after = ask(GET, connectionName=name)
    assert after | {"state": "?"} == answer | {"state": "?"}
    assert "canary" not in str(after) + str(answer)
    assert ask(UPDATE, patch, connectionName=name) == answer, "the same patch again changes nothing"
    for value in secrets_of(name).values():
        assert len(value) < 8 or value not in str(after)
