"""Workspaces: create, list, get, update, delete."""

from __future__ import annotations

import re
from typing import Any

import pytest

from brookmill.domain.names import new_id
from brookmill.domain.processor import Processor, State

CREATE, GET, LIST = "createGroupStreamWorkspace", "getGroupStreamWorkspace", "listGroupStreamWorkspaces"
UPDATE, DELETE = "updateGroupStreamWorkspace", "deleteGroupStreamWorkspace"
VIRGINIA = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
OHIO = {"cloudProvider": "AWS", "region": "OHIO_USA"}


@pytest.fixture
def name() -> str:
    return f"w{new_id(0)}"


def test_a_workspace_as_terraform_makes_it(services: Any, name: str) -> None:
    body: dict[str, Any] = {
        "name": name,
        "groupId": "b" * 24,
        "dataProcessRegion": VIRGINIA,
        "links": [],
        "connections": None,
    }
    made = services(CREATE, body)
    assert set(made) == {
        "_id",
        "dataProcessRegion",
        "failoverRegions",
        "groupId",
        "hostnames",
        "name",
        "streamConfig",
    }
    assert made["dataProcessRegion"] == VIRGINIA
    assert made["streamConfig"] == {"tier": "SP10"}
    assert made["failoverRegions"] == []
    host = rf"atlas-stream-{made['_id']}-[0-9a-f]{{6}}\.virginia-usa\.a\.query\."
    assert re.match(host, made["hostnames"][0])
    assert services(GET, tenantName=name) == made
    assert made in services(LIST)["results"]
    assert services(DELETE, tenantName=name) is None
    assert services.error(GET, tenantName=name).code == "STREAM_TENANT_NOT_FOUND_FOR_NAME"


@pytest.mark.parametrize(
    ("change", "code", "detail"),
    [
        ({"name": None}, "MISSING_ATTRIBUTE", "name"),
        ({"dataProcessRegion": None}, "MISSING_ATTRIBUTE", "dataProcessRegion"),
        ({"dataProcessRegion": {}}, "MISSING_ATTRIBUTES", "dataProcessRegion.cloudProvider"),
        (
            {"dataProcessRegion": {"cloudProvider": "AWS", "region": "x"}},
            "INVALID_ATTRIBUTE",
            "dataProcessRegion",
        ),
        (
            {"dataProcessRegion": {"cloudProvider": "GCP"} | {"region": "OHIO_USA"}},
            "INVALID_ATTRIBUTE",
            "region",
        ),
        (
            {"dataProcessRegion": {"cloudProvider": "aws"} | {"region": "OHIO_USA"}},
            "INVALID_ENUM_VALUE",
            "aws",
        ),
        ({"streamConfig": {"tier": "SP40"}}, "INVALID_ENUM_VALUE", "SP40"),
        ({"streamConfig": {"tier": "SP50", "maxTierSize": "SP30"}}, "VALIDATION_ERROR", "SP50"),
        ({"failoverRegions": [OHIO, OHIO, OHIO]}, "INVALID_ATTRIBUTE", "failoverRegions"),
        (
            {"failoverRegions": [{"cloudProvider": "AWS", "region": "x"}]},
            "INVALID_ATTRIBUTE",
            "failoverRegions[0]",
        ),
        ({"name": "vpcPeeringConnections"}, "VALIDATION_ERROR", "reserved"),
        ({"name": "a/b"}, "VALIDATION_ERROR", "Invalid workspace name"),
        ({"tier": "SP10"}, "INVALID_ATTRIBUTE", "tier"),
    ],
)
def test_refused(services: Any, name: str, change: dict[str, Any], code: str, detail: str) -> None:
    error = services.error(CREATE, {"name": name, "dataProcessRegion": VIRGINIA} | change)
    assert (error.code, error.status) == (code, 400)
    assert detail in error.detail


def test_a_name_is_taken_once(services: Any, name: str) -> None:
    services(CREATE, {"name": name, "dataProcessRegion": VIRGINIA})
    error = services.error(CREATE, {"name": name, "dataProcessRegion": VIRGINIA})
    assert (error.code, error.status) == ("STREAM_TENANT_NAME_ALREADY_EXISTS", 409)


@pytest.mark.parametrize(
    ("operation", "samples"),
    [
        (CREATE, None),
        (CREATE, {"solar": False}),
        (CREATE, {"solar": True}),
        ("withGroupStreamSampleConnections", None),
    ],
)
def test_sample_connections(services: Any, name: str, operation: str, samples: Any) -> None:
    services(operation, {"name": name, "dataProcessRegion": VIRGINIA, "sampleConnections": samples})
    whole = services(GET, query={"includeConnections": "true"}, tenantName=name)
    expected = operation != CREATE or (samples or {}).get("solar")
    assert [c["name"] for c in whole["connections"]] == (["sample_stream_solar"] if expected else [])
    assert services("listGroupStreamConnections", tenantName=name)["results"] == whole["connections"]
    assert "connections" not in services(GET, tenantName=name)


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        ([b""], {}),
        ([{}], {}),
        ([OHIO], {"dataProcessRegion": OHIO}),
        ([{"streamConfig": {"tier": "SP30"}}], {"streamConfig": {"tier": "SP30"}}),
        ([{"streamConfig": None}], {"streamConfig": {"tier": "SP10"}}),
        (
            [{"streamConfig": {"maxTierSize": "SP30"}}, {"streamConfig": {"tier": "SP2"}}],
            {"streamConfig": {"tier": "SP2", "maxTierSize": "SP30"}},
        ),
        ([{"failoverRegions": [OHIO]}, {"failoverRegions": [OHIO]}], {"failoverRegions": [OHIO]}),
    ],
)
def test_updates(services: Any, name: str, steps: list[Any], shown: dict[str, Any]) -> None:
    made = services(CREATE, {"name": name, "dataProcessRegion": VIRGINIA})
    for step in steps:
        answer = services(UPDATE, step, tenantName=name)
    assert answer == made | shown
    assert services(GET, tenantName=name) == answer


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([{"cloudProvider": "AWS"}], "MISSING_ATTRIBUTE"),
        ([{"region": "OHIO_USA"}], "MISSING_ATTRIBUTE"),
        ([{"cloudProvider": "GCP", "region": "OHIO_USA"}], "INVALID_ATTRIBUTE"),
        ([OHIO | {"failoverRegions": [OHIO]}], "VALIDATION_ERROR"),
        ([{"failoverRegions": [OHIO]}, {"failoverRegions": [VIRGINIA]}], "VALIDATION_ERROR"),
        ([{"failoverRegions": [OHIO]}, {"failoverRegions": []}], "VALIDATION_ERROR"),
        ([{"streamConfig": {"maxTierSize": "SP5"}}], "VALIDATION_ERROR"),
        ([{"processorStatus": {}}], "MISSING_ATTRIBUTE"),
        ([{"processorStatus": {"status": "PAUSED"}}], "INVALID_ENUM_VALUE"),
        ([OHIO | {"processorStatus": {"status": "FAILED_OVER", "region": "OHIO_USA"}}], "VALIDATION_ERROR"),
        ([{"dataProcessRegion": OHIO}], "INVALID_ATTRIBUTE"),
    ],
)
def test_refused_updates(services: Any, name: str, steps: list[Any], code: str) -> None:
    services(CREATE, {"name": name, "dataProcessRegion": VIRGINIA})
    for step in steps[:-1]:
        services(UPDATE, step, tenantName=name)
    before = services(GET, tenantName=name)
    assert services.error(UPDATE, steps[-1], tenantName=name).code == code
    assert services(GET, tenantName=name) == before


def add_processor(ask: Any, state: State) -> None:
    with ask.store.write() as session:
        workspace = session.workspace("b" * 24, ask.path["tenantName"])
        session.add_processor(
            Processor(
                id=new_id(1.0),
                workspace_id=workspace.id,
                name="p",
                pipeline="[]",
                effective_tier="SP10",
                state=state,
                state_changed=1.0,
                created=1.0,
            )
        )


def test_a_workspace_with_processors_stays(ask: Any) -> None:
    add_processor(ask, State.STOPPED)
    error = ask.error(DELETE)
    assert (error.code, error.status) == ("STREAM_TENANT_HAS_STREAM_PROCESSORS", 403)
    assert ask(UPDATE, OHIO)["dataProcessRegion"] == OHIO


def test_a_workspace_with_started_processors_stays_where_it_is(ask: Any) -> None:
    add_processor(ask, State.STARTED)
    error = ask.error(UPDATE, OHIO)
    assert (error.code, error.status) == ("STREAM_TENANT_HAS_STREAM_PROCESSORS", 403)
    assert ask(UPDATE, {"streamConfig": {"tier": "SP5"}})["streamConfig"] == {"tier": "SP5"}


def test_connections_die_with_their_workspace(ask: Any) -> None:
    ask("createGroupStreamConnection", {"name": "x", "type": "Https", "url": "http://a"})
    name = ask.path["tenantName"]
    ask(DELETE)
    ask(CREATE, {"name": name, "dataProcessRegion": VIRGINIA})
    assert ask("listGroupStreamConnections")["results"] == []
