"""pyatlassdk and what lies around connections: private networks, failover connections, account details."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from networks import LINK, peering
from served import Served

sdk = pytest.importorskip("pyatlassdk.admin")
models = pytest.importorskip("pyatlassdk.admin.models")
pydantic = pytest.importorskip("pydantic")


@pytest.fixture
def streams(served: Served) -> Iterator[Any]:
    public, private = served.api_key()
    where = {"base_url": f"{served.url}/api/atlas/v2", "oauth_token_url": f"{served.url}/api/oauth/token"}
    with sdk.AtlasAdminClient(**where, public_key=public, private_key=private) as client:
        yield client.streams


def test_private_links(streams: Any, served: Served) -> None:
    group = served.own.id
    body = {"provider": "Aws", "vendor": "S3", "region": "us-east-1", "serviceEndpointId": f"s{group}"}
    wanted = models.StreamsPrivateLinkConnection.model_validate(body)
    made = streams.create_group_stream_private_link_connection(group, wanted)
    assert (made.provider.upper(), made.state) == ("AWS", None)
    one = {"group_id": group, "connection_id": made.id}
    change = models.StreamsPrivateLinkConnectionRequest.model_validate({"dnsDomain": "a.com"})
    assert streams.update_group_stream_private_link_connection(**one, body=change).dns_domain == "a.com"
    assert streams.get_group_stream_private_link_connection(**one).state in {"IDLE", "WORKING"}
    served.clock.shift += 2
    assert streams.get_group_stream_private_link_connection(**one).state == "DONE"
    listed = streams.list_group_stream_private_link_connections(group)
    assert {LINK, made.id} <= {link.id for link in listed.results}
    assert streams.delete_group_stream_private_link_connection(**one) == {}
    served.clock.shift += 2
    with pytest.raises(sdk.AtlasApiError, match="STREAM_PRIVATE_LINK_NOT_FOUND"):
        streams.get_group_stream_private_link_connection(**one)


def test_peerings_and_account(streams: Any, served: Served) -> None:
    group = served.own.id
    with served.services.store.write() as session:  # one of this test's own: others delete the first
        session.networks.add_peering(peering(group, 7))
    active = streams.list_group_stream_active_vpc_peering_connections(group).results
    asked = streams.list_group_stream_vpc_peering_connections(group, requester_account_id="7" * 12).results
    assert [(p.name, p.local_status) for p in asked] == [("pcx-00000000000000007", "ACTIVE")]
    assert asked[0].name in {p.name for p in active}
    account = streams.get_group_stream_account_details(group, cloud_provider="aws", region_name="US_EAST_1")
    assert (account.aws_account_id, account.vpc_id) == (
        asked[0].accepter_account_id,
        asked[0].accepter_vpc_id,
    )


def test_private_endpoints(streams: Any, served: Served) -> None:
    group = served.own.id
    body = {"id": "vpce-1", "region": "VIRGINIA_USA", "customerDnsName": "a.example.com"}
    wanted = models.StreamsWorkspacePrivateEndpointRequest.model_validate(body)
    assert streams.create_group_streams_workspace_private_endpoint(group, wanted) == {}
    one = {"group_id": group, "endpoint_id": "vpce-1"}
    made = streams.get_group_streams_workspace_private_endpoint(**one)
    assert (made.provider, made.status) == ("AWS", "PENDING")
    served.clock.shift += 1
    assert streams.get_group_streams_workspace_private_endpoint(**one).status == "OK"
    assert [e.id for e in streams.list_group_streams_workspace_private_endpoints(group).results] == ["vpce-1"]
    assert streams.delete_group_streams_workspace_private_endpoint(**one) == {}


def test_failover_connections(streams: Any, served: Served) -> None:
    where = {"group_id": served.own.id, "tenant_name": served.workspace().name}
    adapter = pydantic.TypeAdapter(models.StreamsConnection)
    kafka = {"name": "k", "type": "Kafka", "bootstrapServers": "a:1"}
    streams.create_group_stream_connection(**where, body=adapter.validate_python(kafka))
    where["connection_name"] = "k"
    failover = pydantic.TypeAdapter(models.StreamsFailoverConnection)
    body = failover.validate_python({"type": "Kafka", "bootstrapServers": "b:1", "region": "OHIO_USA"})
    made = streams.create_group_stream_connection_failover_connection(**where, body=body)
    one = where | {"failover_connection_id": made.id}
    change = failover.validate_python({"type": "Kafka", "bootstrapServers": "c:1"})
    changed = streams.update_group_stream_connection_failover_connection(**one, body=change)
    read = streams.get_group_stream_connection_failover_connection(**one)
    listed = streams.list_group_stream_connection_failover_connections(**where)
    for answer in (changed, read, *listed.results):
        assert answer.model_dump(by_alias=True)["region"] == "OHIO_USA"
        assert answer.model_dump(by_alias=True)["state"] == "READY"
