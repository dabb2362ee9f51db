"""Paths: every row is a raw path, and which operation it stands for with which parameters."""

from __future__ import annotations

import datetime as dt

import pytest

from brookmill.errors import UserError
from brookmill.http.routes import Routes
from brookmill.operations import OPERATIONS, Operation

G = "/groups/{groupId}/streams"


def routes(*given: str) -> Routes:
    made = []
    for text in given:
        method, route = text.split(" ")
        names = [s[1:].partition("}")[0] for s in route.split("/") if s.startswith("{")]
        arguments = {name: name for name in names}
        made.append(Operation(text, method, route, dt.date(2023, 2, 1), None, print, arguments=arguments))
    return Routes(made)


ROUTES = routes(
    "GET /",
    f"GET {G}",
    f"POST {G}",
    f"POST {G}:withSampleConnections",
    f"GET {G}/accountDetails",
    f"GET {G}/{{tenantName}}",
    f"GET {G}/{{tenantName}}:downloadOperationalLogs",
    f"GET {G}/{{tenantName}}/connections/{{connectionName}}",
    f"GET {G}/{{tenantName}}/processor/{{processorName}}",
    f"POST {G}/{{tenantName}}/processor/{{processorName}}:start",
    f"POST {G}/{{tenantName}}/processor/{{processorName}}:startWith",
)
ONE = f"{G}/{{tenantName}}"
CONNECTION = f"{ONE}/connections/{{connectionName}}"
PROCESSOR = f"{ONE}/processor/{{processorName}}"

ROWS: list[tuple[str, str | None, list[str]]] = [
    ("", "/", []),
    ("/", "/", []),
    ("/groups/g/streams", G, ["g"]),
    ("/groups/g/streams:withSampleConnections", f"{G}:withSampleConnections", ["g"]),
    ("/groups/g/streams/accountDetails", f"{G}/accountDetails", ["g"]),
    ("/groups/g/streams/ws", ONE, ["g", "ws"]),
    ("/groups/g/streams/ws:downloadOperationalLogs", f"{ONE}:downloadOperationalLogs", ["g", "ws"]),
    # a literal that leads nowhere gives way to the parameter
    ("/groups/g/streams/accountDetails/connections/c", CONNECTION, ["g", "accountDetails", "c"]),
    # verbs, and names with colons
    ("/groups/g/streams/ws/processor/p:start", f"{PROCESSOR}:start", ["g", "ws", "p"]),
    ("/groups/g/streams/ws/processor/p:startWith", f"{PROCESSOR}:startWith", ["g", "ws", "p"]),
    ("/groups/g/streams/ws/processor/p%3Astart", PROCESSOR, ["g", "ws", "p:start"]),
    ("/groups/g/streams/ws/processor/p%3Astart:start", f"{PROCESSOR}:start", ["g", "ws", "p:start"]),
    ("/groups/g/streams/ws/processor/a:b:start", f"{PROCESSOR}:start", ["g", "ws", "a:b"]),
    ("/groups/g/streams/ws/processor/:start", PROCESSOR, ["g", "ws", ":start"]),
    ("/groups/g/streams/ws/processor/p:STOP", PROCESSOR, ["g", "ws", "p:STOP"]),
    # decoding, segment by segment and once
    ("/groups/g/streams/ws/connections/a%2Fb", CONNECTION, ["g", "ws", "a/b"]),
    ("/groups/g/streams/ws/connections/a%252Fb", CONNECTION, ["g", "ws", "a%2Fb"]),
    ("/groups/g/streams/ws/connections/%C3%A4", CONNECTION, ["g", "ws", "ä"]),
    ("/groups/g/streams/ws/connections/a+b", CONNECTION, ["g", "ws", "a+b"]),
    ("/groups/g/streams/ws/connections/%zz", CONNECTION, ["g", "ws", "%zz"]),
    ("/groups/g/streams/ws/connections/%2e%2e", CONNECTION, ["g", "ws", ".."]),
    ("/groups/g/streams/../connections/c", CONNECTION, ["g", "..", "c"]),
    # nothing there
    ("/nope", None, []),
    ("/groups", None, []),
    ("/groups//streams", None, []),
    ("/groups/g/streams/", None, []),
    ("/groups/g/Streams", None, []),
    ("//groups/g/streams", None, []),
    ("/groups/g/streams/ws/connections/a/b", None, []),
    ("/groups/g%2Fstreams", None, []),
    ("/" * 10_000, None, []),
    ("/a" * 10_000, None, []),
]


@pytest.mark.parametrize(("path", "route", "values"), ROWS, ids=[row[0][:60] for row in ROWS])
def test_paths(path: str, route: str | None, values: list[str]) -> None:
    found = ROUTES.find(path)
    if route is None:
        assert found is None
        return
    assert found is not None
    operation = next(iter(found.operations.values()))
    assert operation.route == route
    assert list(found.path(operation).values()) == values


def test_methods_of_a_path() -> None:
    found = ROUTES.find("/groups/g/streams")
    assert found is not None
    assert found.operations.keys() == {"GET", "POST"}


@pytest.mark.parametrize("raw", ["%ff", "a%ED%A0%80", "%C3"])
def test_what_is_not_utf8_is_refused(raw: str) -> None:
    found = ROUTES.find(f"/groups/g/streams/{raw}")
    assert found is not None
    with pytest.raises(UserError) as caught:
        found.path(found.operations["GET"])
    assert (caught.value.code, caught.value.parameters) == ("INVALID_PATH_PARAMETER", ("tenantName",))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda o: o.id)
def test_every_operation_is_reached_by_its_own_path(operation: Operation) -> None:
    path = operation.route
    for name in operation.arguments:
        path = path.replace("{" + name + "}", "x" + name)
    found = Routes(OPERATIONS.values()).find(path)
    assert found is not None
    assert found.operations[operation.method] is operation
    assert found.path(operation) == {name: "x" + name for name in operation.arguments}
