"""The official description as an oracle: random requests, no 5xx, no answer that it does not allow.

The description is not part of the project (its licence forbids that): the tests are skipped where it is not
at hand. ``BROOKMILL_TEST_SPEC`` names another place, ``BROOKMILL_TEST_EXAMPLES`` the number of requests each.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from networks import LINK
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import Bearer, Served

from brookmill.domain.names import new_id
from brookmill.domain.processor import Processor, State
from brookmill.operations import OPERATIONS

SPEC = Path(
    os.environ.get(
        "BROOKMILL_TEST_SPEC", Path(__file__).parents[3] / "shared" / "spec" / "atlas-streams.openapi.yaml"
    )
)
#: A pipeline that fits the samples of connections.
PIPELINE = [
    {"$source": {"connectionName": "sample_stream_solar"}},
    {"$emit": {"connectionName": "kafka", "topic": "t"}},
]
EXAMPLES = int(os.environ.get("BROOKMILL_TEST_EXAMPLES", "10"))

pytestmark = pytest.mark.skipif(not SPEC.exists(), reason="the official description is not at hand")

#: Statuses that the description does not list for an operation, and why they are right all the same.
#: Every place is a section of the Admin API contract.
UNLISTED: Mapping[int, str] = {
    400: "INVALID_ATTRIBUTE and its kin may come from any operation (c.6)",
    404: "names in a path that do not exist (a, notes)",
    409: "a name that is taken; upstream's code is not known (c.6)",
}


@pytest.fixture(scope="session")
def spec() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return schemathesis.openapi.from_path(SPEC)


@pytest.fixture(scope="session")
def described(spec: Any) -> dict[str, Any]:
    """Operations of the description by their id."""
    operations = (result.ok() for result in spec.get_all_operations())
    return {operation.definition.raw["operationId"]: operation for operation in operations}


@pytest.fixture(scope="session")
def members(spec: Any) -> frozenset[str]:
    """Every member name of the description: others lead to one and the same refusal."""
    return frozenset(_members(spec.raw_schema))


def _members(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("properties"), dict):
            yield from value["properties"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _members(item)


def pruned(body: Any, members: frozenset[str], level: int = 0) -> Any:
    """The body without most of what no schema knows."""
    if isinstance(body, dict):
        return {n: pruned(v, members, level + 1) for n, v in body.items() if n in members}
    return [pruned(item, members, level + 1) for item in body] if isinstance(body, list) else body


def some(body: Any, data: st.DataObject) -> dict[str, Any]:
    """A few members of the body: all of them are hardly ever right together."""
    return {name: body[name] for name in body if not data.draw(st.integers(0, 3))}


def new_name() -> str:
    return f"new-{new_id(0)}"


@pytest.fixture(scope="module")
def bearer(served: Served) -> Bearer:
    return served.bearer()


@pytest.fixture
def names(served: Served, samples: dict[str, Any]) -> dict[str, list[str]]:
    """What path parameters may be called: things that are there."""
    workspace = served.workspace()
    client = served.client(served.bearer())
    streams = f"/groups/{served.own.id}/streams/{workspace.name}"
    for body in samples.values():
        assert client.post(f"{streams}/connections", json=body).is_success
    with served.store.write() as session:
        session.add_processor(
            Processor(
                id=new_id(0),
                workspace_id=workspace.id,
                name="processor",
                pipeline=json.dumps(PIPELINE),
                effective_tier="SP10",
                state=State.STOPPED,
                state_changed=1.0,
                created=1.0,
            )
        )
    failover = {"type": "Kafka", "bootstrapServers": "a:1", "region": "OHIO_USA"}
    version = {"Accept": "application/vnd.atlas.2025-03-12+json"}
    made = client.post(
        f"{streams}/connections/{samples['Kafka']['name']}/failoverConnections",
        json=failover,
        headers=version,
    )
    return {
        "connectionId": [LINK],
        "failoverConnectionId": [made.json()["id"]],
        "id": ["pcx-00000000000000005"],
        "groupId": [served.own.id],
        "orgId": [served.a.id],
        "tenantName": [workspace.name],
        "connectionName": [body["name"] for body in samples.values()],
        "processorName": ["processor"],
    }


@pytest.mark.parametrize("id", sorted(OPERATIONS))
def test_operation(
    served: Served,
    bearer: Bearer,
    names: dict[str, list[str]],
    described: dict[str, Any],
    members: frozenset[str],
    samples: dict[str, Any],
    id: str,
) -> None:
    if id not in described:
        pytest.skip("not in the description")
    operation = described[id]
    status_codes = set(operation.definition.raw["responses"])
    by_name = {body["name"]: body for body in samples.values()}
    region = {"dataProcessRegion": {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}}
    whole: dict[str, Callable[[Any], dict[str, Any]]] = {
        "createGroupStreamConnection": lambda _: samples["Kafka"] | {"name": new_name()},
        "updateGroupStreamConnection": lambda path: by_name.get(path["connectionName"], {}),
        "createGroupStreamWorkspace": lambda _: region | {"name": new_name()},
        "withGroupStreamSampleConnections": lambda _: region | {"name": new_name()},
        "createGroupStreamProcessor": lambda _: {"name": new_name(), "pipeline": PIPELINE},
        "updateGroupStreamProcessor": lambda _: {"name": "processor", "pipeline": PIPELINE},
        "createGroupStreamConnectionFailoverConnection": lambda _: {
            "type": "Kafka",
            "bootstrapServers": "a:1",
            "region": new_name(),
        },
        "updateGroupStreamConnectionFailoverConnection": lambda _: {"bootstrapServers": "b:1"},
        "createGroupStreamPrivateLinkConnection": lambda _: {"provider": "AWS", "dnsDomain": new_name()},
        "updateGroupStreamPrivateLinkConnection": lambda _: {"dnsDomain": new_name()},
        "acceptGroupStreamVpcPeeringConnection": lambda _: {
            "requesterAccountId": "555555555555",
            "requesterVpcId": "vpc-00000000000000005",
        },
    }

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(operation.as_strategy(), st.data())
    def send(case: Any, data: st.DataObject) -> None:
        if data.draw(st.integers(0, 9)) != 9:
            for name in names.keys() & (case.path_parameters or {}).keys():
                case.path_parameters[name] = data.draw(st.sampled_from(names[name]))
        if isinstance(case.body, dict | list):
            case.body = pruned(case.body, members)
            if id in whole and data.draw(st.integers(0, 2)):
                case.body = {**whole[id](case.path_parameters), **some(case.body, data)}
        case.query.pop(
            "envelope", None
        )  # wraps every answer, which the description tells in words alone (d.4)
        version, media = OPERATIONS[id].since.isoformat(), OPERATIONS[id].media
        case.headers = {"Accept": f"application/vnd.atlas.{version}+{media}"}
        answer = case.call(
            base_url=served.url, headers={"Authorization": f"Bearer {bearer.token}"}, timeout=30
        )
        excluded = []
        if answer.status_code == 204:
            excluded.append(content_type_conformance)  # no body, so no type (section 0, fact 2, recorded)
        if str(answer.status_code) not in status_codes:
            assert answer.status_code in UNLISTED, answer.text
            excluded.append(status_code_conformance)
        case.validate_response(
            answer,
            checks=[
                not_a_server_error,
                content_type_conformance,
                response_schema_conformance,
                status_code_conformance,
            ],
            excluded_checks=excluded,
        )

    send()
