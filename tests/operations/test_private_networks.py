"""Private links, VPC peerings and private endpoints: states by the clock, and what goes through them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from brookmill.domain.names import new_id
from brookmill.domain.private_link import VENDORS
from brookmill.domain.vpc_peering import PATIENCE, VpcPeering
from brookmill.domain.workspace import DataProcessRegion, Group, Workspace
from brookmill.errors import UserError

S3 = {"provider": "AWS", "vendor": "S3", "region": "us-east-1", "serviceEndpointId": "com.amazonaws.s3"}
LINKS = "listGroupStreamPrivateLinkConnections"
CREATE, GET = "createGroupStreamPrivateLinkConnection", "getGroupStreamPrivateLinkConnection"
UPDATE, DELETE = "updateGroupStreamPrivateLinkConnection", "deleteGroupStreamPrivateLinkConnection"
CONNECT = "createGroupStreamConnection"
PEERINGS, ACTIVE = "listGroupStreamVpcPeeringConnections", "listGroupStreamActiveVpcPeeringConnections"
ACCEPT, REJECT = "acceptGroupStreamVpcPeeringConnection", "rejectGroupStreamVpcPeeringConnection"
PART = "deleteGroupStreamVpcPeeringConnection"
REGISTER, ENDPOINT = "createGroupStreamsWorkspacePrivateEndpoint", "getGroupStreamsWorkspacePrivateEndpoint"
ENDPOINTS = "listGroupStreamsWorkspacePrivateEndpoints"
FORGET = "deleteGroupStreamsWorkspacePrivateEndpoint"
REQUESTER = {"requesterAccountId": "417601102659", "requesterVpcId": "vpc-0d13eb6a2f0377854"}
KAFKA = {"name": "k", "type": "Kafka", "bootstrapServers": "a:1"}


@pytest.fixture
def project(ask: Any) -> Any:
    """Asks about a project of the test's own, which has one workspace."""
    group = Group(id=new_id(ask.clock.now()), org_id="a" * 24, name=new_id(1.0), created=1.0)
    region = DataProcessRegion(cloud_provider="AWS", region="VIRGINIA_USA")
    workspace = Workspace(id=new_id(2.0), group_id=group.id, name="ws", region=region, created=1.0)
    with ask.store.write() as session:
        session.add_group(group)
        session.add_workspace(workspace)
    return replace(ask, path={"groupId": group.id, "tenantName": "ws"})


def request(project: Any, name: str | None = None, region: str = "VIRGINIA_USA") -> str:
    """What the other account does in its cloud; the name of the peering."""
    name = name or f"pcx-{new_id(0)[7:]}"
    with project.store.write() as session:
        session.networks.add_peering(
            VpcPeering(
                id=new_id(project.clock.now()),
                group_id=project.path["groupId"],
                name=name,
                region=region,
                requester_account_id=REQUESTER["requesterAccountId"],
                requester_vpc_id=REQUESTER["requesterVpcId"],
                requester_cidr="10.0.0.0/16",
                created=project.clock.now(),
            )
        )
    return name


def through(link: str) -> dict[str, Any]:
    return {"networking": {"access": {"type": "PRIVATE_LINK", "connectionId": link}}}


def test_a_private_link_as_terraform_waits_for_it(project: Any) -> None:
    made = project(CREATE, S3)
    id = made["_id"]
    assert made == S3 | {"_id": id}, "the answer repeats what was sent and has no state yet (recorded)"
    states = []
    for _ in range(4):
        read = project(GET, connectionId=id)
        states.append(read["state"])
        project.clock.advance(1)
    assert states == ["IDLE", "WORKING", "DONE", "DONE"]
    assert re.fullmatch(r"vpce-[0-9a-f]{17}", read["interfaceEndpointId"])
    assert set(read) - set(made) == {
        "interfaceEndpointId",
        "interfaceEndpointName",
        "providerAccountId",
        "state",
    }
    assert project(LINKS) == {"results": [read], "totalCount": 1}
    assert project(DELETE, connectionId=id) is None
    states = []
    for _ in range(2):
        states.append(project(GET, connectionId=id)["state"])
        assert project(DELETE, connectionId=id) is None, "once more changes nothing"
        project.clock.advance(1)
    assert states == ["DELETE_REQUESTED", "DELETING"]
    for operation in (GET, UPDATE, DELETE):
        error = project.error(operation, {}, connectionId=id)
        assert (error.code, error.status) == ("STREAM_PRIVATE_LINK_NOT_FOUND", 404)
    assert project(LINKS)["totalCount"] == 0
    assert project(CREATE, S3)["_id"] != id, "the same can be made again"


def test_a_provider_in_any_case_and_no_vendor(project: Any) -> None:
    made = project(CREATE, {"provider": "Azure", "dnsDomain": "d", "_id": "x", "state": "DONE", "links": []})
    assert made == {"_id": made["_id"], "dnsDomain": "d", "provider": "Azure", "vendor": "GENERIC"}
    read = project(GET, connectionId=made["_id"])
    assert (read["provider"], read["vendor"], read["state"]) == ("AZURE", "GENERIC", "IDLE")


FULL = {
    "arn": "arn:aws:kafka:us-east-1:1:cluster/a",
    "azureResourceIds": ["a"],
    "dnsDomain": "d",
    "gcpServiceAttachmentUris": ["u"],
    "region": "us-east-1",
    "serviceEndpointId": "s",
}


@pytest.mark.parametrize(
    ("provider", "vendor", "needed", "foreign"),
    [
        ("AWS", "CONFLUENT", {"region", "serviceEndpointId"}, None),
        ("AWS", "KINESIS", {"region", "serviceEndpointId"}, None),
        ("AWS", "LAMBDA", {"region", "serviceEndpointId"}, "arn"),
        ("AWS", "MSK", {"arn"}, "region"),
        ("AWS", "S3", {"region", "serviceEndpointId"}, None),
        ("AZURE", "AZURE_BLOB_STORAGE", {"dnsDomain"}, None),
        ("AZURE", "CONFLUENT", {"region", "dnsDomain", "azureResourceIds"}, "serviceEndpointId"),
        ("AZURE", "EVENTHUB", {"region", "dnsDomain", "serviceEndpointId"}, "azureResourceIds"),
        ("GCP", "CONFLUENT", {"region", "dnsDomain", "gcpServiceAttachmentUris"}, None),
        ("GCP", "PUBSUB", set(), None),
    ],
)
def test_what_each_vendor_needs(
    project: Any, provider: str, vendor: str, needed: set[str], foreign: str | None
) -> None:
    assert vendor in VENDORS[provider]
    body = {"provider": provider, "vendor": vendor} | {name: FULL[name] for name in needed}
    for name in needed:
        error = project.error(CREATE, {k: v for k, v in body.items() if k != name})
        assert error.code == "VALIDATION_ERROR"
        assert f"{name} is required" in error.detail
    if foreign is not None:
        error = project.error(CREATE, body | {foreign: FULL[foreign]})
        assert error.code == "VALIDATION_ERROR"
        assert f"{foreign} cannot be specified" in error.detail
    assert project(CREATE, body)["vendor"] == vendor
    again = project.error(CREATE, body | {"vendor": vendor.lower()})
    assert (again.code, again.status) == ("STREAM_PRIVATE_LINK_ALREADY_EXISTS", 400)


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        ({}, "MISSING_ATTRIBUTE", "provider"),
        ({"provider": "IBM"}, "VALIDATION_ERROR", "Invalid provider"),
        ({"provider": "AWS", "vendor": "EVENTHUB"}, "VALIDATION_ERROR", "Invalid vendor"),
        ({"provider": "AWS", "arn": "arn:aws:s3"}, "INVALID_ATTRIBUTE", "arn"),
        ({"provider": "AWS", "authenticationScheme": "x"}, "INVALID_ENUM_VALUE", "x"),
        ({"provider": "AWS", "dnsSubDomain": "x"}, "INVALID_JSON_ATTRIBUTE", "dnsSubDomain"),
        ({"provider": "AWS", "dnsDomain": "a.b", "dnsSubDomain": ["x.c"]}, "VALIDATION_ERROR", "dnsSub"),
        ({"provider": "GCP", "gcpConnectionIds": ["a", "a"]}, "VALIDATION_ERROR", "twice"),
        ({"provider": "GCP", "gcpConnectionIds": ["a", "b", "c", "d"]}, "INVALID_ATTRIBUTE", "gcpConn"),
        ({"provider": "AWS", "nonsense": 1}, "INVALID_ATTRIBUTE", "nonsense"),
    ],
)
def test_a_private_link_that_cannot_be(project: Any, body: Any, code: str, detail: str) -> None:
    error = project.error(CREATE, body)
    assert error.code == code
    assert detail in error.detail
    assert project(LINKS)["totalCount"] == 0


def test_a_dns_domain_comes_later_but_changes_only_at_first(project: Any) -> None:
    confluent = S3 | {"vendor": "CONFLUENT"}
    late = project(CREATE, confluent)["_id"]
    project.clock.advance(9)
    changed = project(UPDATE, {"dnsDomain": "a.com"}, connectionId=late)
    assert changed == project(GET, connectionId=late)
    assert (changed["dnsDomain"], changed["state"]) == ("a.com", "DONE")
    assert project(UPDATE, {"dnsDomain": "a.com"}, connectionId=late) == changed, "the same again is fine"
    assert project(UPDATE, {}, connectionId=late) == changed
    error = project.error(UPDATE, {"dnsDomain": "b.com"}, connectionId=late)
    assert (error.code, error.status) == ("STREAM_PRIVATE_LINK_CANNOT_BE_MODIFIED", 409)
    early = project(CREATE, confluent | {"dnsDomain": "c.com", "dnsSubDomain": ["x.c.com"]})["_id"]
    assert project.error(UPDATE, {"dnsDomain": "d.com"}, connectionId=early).code == "VALIDATION_ERROR"
    assert project(UPDATE, {"dnsDomain": ".com"}, connectionId=early)["dnsDomain"] == ".com"
    assert project.error(UPDATE, b"{no JSON", connectionId="nope").status == 404


@pytest.mark.parametrize("failover", [False, True])
def test_a_private_link_in_use_cannot_be_deleted(project: Any, failover: bool) -> None:
    link = project(CREATE, S3)["_id"]
    body = KAFKA if failover else KAFKA | through(link)
    project(CONNECT, body)
    if failover:
        alternative = {"type": "Kafka", "bootstrapServers": "b:1"} | through(link)
        made = project("createGroupStreamConnectionFailoverConnection", alternative, connectionName="k")
        assert made["state"] == "PENDING"
    error = project.error(DELETE, connectionId=link)
    assert (error.code, error.status) == ("STREAM_PRIVATE_LINK_IN_USE", 400)
    assert error.detail == f"Private Link with connection ID {link} is in use."
    project.clock.advance(2)
    project("deleteGroupStreamConnection", connectionName="k")
    assert project(DELETE, connectionId=link) is None


def test_a_connection_cannot_go_through_a_link_that_is_not_there(project: Any, ask: Any) -> None:
    deleted = project(CREATE, S3)["_id"]
    project(DELETE, connectionId=deleted)
    elsewhere = ask(CREATE, S3 | {"region": new_id(3.0)})["_id"]
    for link in (deleted, elsewhere, "f" * 24):
        error = project.error(CONNECT, KAFKA | through(link))
        assert error.code == "VALIDATION_ERROR"
        assert f"does not have a Private Link connection with ID {link}" in error.detail
    project(CONNECT, KAFKA)
    error = project.error("updateGroupStreamConnection", through("f" * 24), connectionName="k")
    assert error.code == "VALIDATION_ERROR", "what is wrong in itself comes before what cannot change"
    link = project(CREATE, S3)["_id"]
    error = project.error("updateGroupStreamConnection", through(link), connectionName="k")
    assert error.code == "STREAM_NETWORKING_CANNOT_BE_MODIFIED"


def test_vpc_needs_an_active_peering_in_the_region(project: Any) -> None:
    body = KAFKA | {"networking": {"access": {"type": "VPC"}}}
    other = request(project, region="OHIO_USA")
    project(ACCEPT, REQUESTER, id=other)
    name = request(project)
    for _ in range(2):
        error = project.error(CONNECT, body)
        group = project.path["groupId"]
        assert error.code == "VALIDATION_ERROR"
        assert error.parameters == (
            f"The project id {group} and region US_EAST_1 does not have a VPC Peering connection",
        )
        project(ACCEPT, REQUESTER, id=name)
    project.clock.advance(2)
    assert project(CONNECT, body)["state"] == "PENDING"
    assert project(PART, id=name) is None
    patch = {"config": {"a": "b"}, "networking": {"access": {"type": "VPC"}}}
    changed = project("updateGroupStreamConnection", patch, connectionName="k")
    assert changed["config"] == {"a": "b"}, "the same networking again is not looked for"


def statuses(project: Any, name: str, seconds: int) -> list[tuple[str, str]]:
    """What the list tells of a peering, second by second."""
    seen = []
    for _ in range(seconds):
        listed = project(PEERINGS, query={"requesterAccountId": REQUESTER["requesterAccountId"]})
        seen += [(p["localStatus"], p["cloudStatus"]) for p in listed["results"] if p["name"] == name]
        project.clock.advance(1)
    return seen


def test_a_peering_as_the_documentation_goes_through_it(project: Any) -> None:
    details = project(
        "getGroupStreamAccountDetails", query={"cloudProvider": "aws", "regionName": "US_EAST_1"}
    )
    name = request(project)
    listed = project(PEERINGS, query={"requesterAccountId": REQUESTER["requesterAccountId"]})
    assert listed["totalCount"] == 1
    assert listed["results"][0] == REQUESTER | {
        "_id": listed["results"][0]["_id"],
        "accepterAccountId": details["awsAccountId"],
        "accepterVpcId": details["vpcId"],
        "cloudStatus": "pending-acceptance",
        "expirationTime": listed["results"][0]["expirationTime"],
        "groupId": project.path["groupId"],
        "localStatus": "NONE",
        "name": name,
        "requesterCidr": "10.0.0.0/16",
    }
    assert project(PEERINGS, query={"requesterAccountId": "1"})["results"] == []
    assert project(ACTIVE)["results"] == []
    assert project(ACCEPT, REQUESTER, id=name) is None
    assert statuses(project, name, 3) == [
        ("REQUEST_ACCEPT", "pending-acceptance"),
        ("ACCEPT_REQUESTED", "provisioning"),
        ("ACTIVE", "active"),
    ]
    assert project(ACCEPT, REQUESTER, id=name) is None, "once more changes nothing"
    active = project(ACTIVE)["results"]
    assert [(p["name"], p["cloudStatus"]) for p in active] == [(name, "active")]
    assert "expirationTime" not in active[0]
    error = project.error(REJECT, id=name)
    assert error.code == "VALIDATION_ERROR"
    assert f"{name} is ACTIVE active and cannot be rejected" in error.detail
    assert project(PART, id=active[0]["_id"]) is None, "its own id is as good as its name"
    assert statuses(project, name, 3) == [("REQUEST_DELETE", "deleting"), ("DELETE_REQUESTED", "deleting")]
    for operation in (ACCEPT, REJECT, PART):
        error = project.error(operation, REQUESTER, id=name)
        assert (error.code, error.status) == ("STREAM_VPC_PEERING_CONNECTION_NOT_FOUND", 404)
    assert request(project, name) == name, "the name is free again"


def test_a_peering_that_is_rejected_or_comes_too_late(project: Any) -> None:
    name = request(project)
    assert project(REJECT, id=name) is None
    assert project(REJECT, id=name) is None
    assert statuses(project, name, 3) == [
        ("REQUEST_REJECT", "pending-acceptance"),
        ("REJECT_REQUESTED", "rejected"),
        ("REJECT_REQUESTED", "rejected"),
    ]
    assert "cannot be accepted" in project.error(ACCEPT, REQUESTER, id=name).detail
    late = request(project)
    project.clock.advance(PATIENCE)
    assert statuses(project, late, 1) == [("NONE", "expired")]
    for operation in (ACCEPT, REJECT):
        error = project.error(operation, REQUESTER, id=late)
        assert error.code == "VALIDATION_ERROR"
        assert "NONE expired" in error.detail


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "MISSING_ATTRIBUTES"),
        ({"requesterAccountId": "417601102659"}, "MISSING_ATTRIBUTE"),
        (REQUESTER | {"requesterAccountId": "1"}, "VALIDATION_ERROR"),
        (REQUESTER | {"requesterVpcId": "vpc-1"}, "VALIDATION_ERROR"),
        (b"", "MALFORMED_JSON"),
    ],
)
def test_who_accepts_must_know_who_asked(project: Any, body: Any, code: str) -> None:
    name = request(project)
    assert project.error(ACCEPT, body, id=name).code == code
    assert statuses(project, name, 1) == [("NONE", "pending-acceptance")]


def test_peerings_are_asked_for_by_account(project: Any) -> None:
    error = project.error(PEERINGS)
    assert (error.code, error.parameters) == ("MISSING_QUERY_PARAMETER", ("requesterAccountId",))


def test_account_details(project: Any, ask: Any) -> None:
    def details(provider: str, region: str, by: Any = project) -> Any:
        return by("getGroupStreamAccountDetails", query={"cloudProvider": provider, "regionName": region})

    aws = details("aws", "US_EAST_1")
    assert set(aws) == {"awsAccountId", "cidrBlock", "cloudProvider", "vpcId"}
    assert re.fullmatch(r"\d{12}", aws["awsAccountId"])
    assert re.fullmatch(r"vpc-[0-9a-f]{17}", aws["vpcId"])
    assert details("AWS", "VIRGINIA_USA") == aws == details("aws", "US_EAST_1"), "two names of one region"
    assert details("aws", "US_EAST_2")["vpcId"] != aws["vpcId"]
    assert details("aws", "US_EAST_1", ask)["awsAccountId"] != aws["awsAccountId"]
    azure = details("azure", "eastus")
    assert set(azure) == {"azureSubscriptionId", "cidrBlock", "cloudProvider", "virtualNetworkName"}
    gcp = details("gcp", "US_CENTRAL1")
    assert set(gcp) == {"gcpProjectId", "cidrBlock", "cloudProvider", "vpcNetworkName"}


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ({}, "MISSING_QUERY_PARAMETER", "cloudProvider"),
        ({"cloudProvider": "aws"}, "MISSING_QUERY_PARAMETER", "regionName"),
        ({"cloudProvider": "ibm", "regionName": "x"}, "INVALID_QUERY_PARAMETER", "cloudProvider"),
        ({"cloudProvider": "aws", "regionName": "../x"}, "INVALID_QUERY_PARAMETER", "regionName"),
    ],
)
def test_account_details_of_nothing(project: Any, query: Any, code: str, parameter: str) -> None:
    with pytest.raises(UserError, match=parameter) as caught:
        project("getGroupStreamAccountDetails", query=query)
    assert caught.value.code == code


def test_private_endpoints(project: Any, ask: Any) -> None:
    body = {"id": "vpce-0a1", "region": "VIRGINIA_USA", "customerDnsName": "vpce-0a1.example.com"}
    assert project(REGISTER, body) is None
    made = project(ENDPOINT, endpointId="vpce-0a1")
    assert made == body | {"provider": "AWS", "status": "PENDING"}
    error = project.error(REGISTER, body)
    assert (error.code, error.status) == ("STREAM_PRIVATE_ENDPOINT_ALREADY_EXISTS", 409)
    assert ask(REGISTER, body) is None, "another project may have the same"
    project.clock.advance(1)
    assert project(ENDPOINT, endpointId="vpce-0a1") == made | {"status": "OK"}
    assert project(ENDPOINTS) == {"results": [made | {"status": "OK"}], "totalCount": 1}
    assert project(FORGET, endpointId="vpce-0a1") is None
    assert project(FORGET, endpointId="vpce-0a1") is None
    assert project(ENDPOINT, endpointId="vpce-0a1")["status"] == "DELETING"
    project.clock.advance(1)
    for operation in (ENDPOINT, FORGET):
        error = project.error(operation, endpointId="vpce-0a1")
        assert (error.code, error.status) == ("STREAM_PRIVATE_ENDPOINT_NOT_FOUND", 404)
    assert project(REGISTER, body) is None, "the id is free again"
    assert project.error(REGISTER, body | {"id": "x", "region": "MARS"}).code == "INVALID_ATTRIBUTE"
    assert project.error(REGISTER, body | {"id": "x y"}).code == "INVALID_ATTRIBUTE"
    assert project.error(REGISTER, {}).code == "MISSING_ATTRIBUTES"


def test_a_project_with_private_networks_is_closed_after_them(project: Any) -> None:
    project("deleteGroupStreamWorkspace")
    link = project(CREATE, S3)["_id"]
    error = project.error("deleteGroup")
    assert error.code == "CANNOT_CLOSE_GROUP_ACTIVE_STREAMS_RESOURCE"
    project(DELETE, connectionId=link)
    assert project("deleteGroup") is None
