"""Who may do what: every operation, every role, the own project, one beside it, one of another organization.

The table is written by hand from section (a) of the Admin API contract and must not be derived from the code.
"""

from __future__ import annotations

import httpx
import pytest
from served import Served

from brookmill.domain.principal import Role
from brookmill.operations import OPERATIONS, Operation

GROUP_ROLES = {role for role in Role if role.name.startswith("GROUP_")}
ORG_ROLES = set(Role) - GROUP_ROLES

OWNER = {Role.ORG_OWNER, Role.GROUP_OWNER}
M = OWNER | {Role.ORG_STREAM_PROCESSING_ADMIN, Role.GROUP_STREAM_PROCESSING_OWNER}
W = M | {Role.GROUP_DATA_ACCESS_ADMIN}
R = W | {Role.GROUP_DATA_ACCESS_READ_ONLY, Role.GROUP_DATA_ACCESS_READ_WRITE}
PRO = GROUP_ROLES | {Role.ORG_OWNER, Role.ORG_READ_ONLY, Role.ORG_STREAM_PROCESSING_ADMIN}
ORG = ORG_ROLES
ORG_OWNER = {Role.ORG_OWNER}
CREATOR = {Role.ORG_OWNER, Role.ORG_GROUP_CREATOR}
ANY = set(Role)

ALLOWED: dict[str, set[Role]] = {
    # workspaces
    "listGroupStreamWorkspaces": PRO,
    "createGroupStreamWorkspace": W,
    "withGroupStreamSampleConnections": W,
    "getGroupStreamWorkspace": R,
    "updateGroupStreamWorkspace": W,
    "deleteGroupStreamWorkspace": W,
    # connections
    "listGroupStreamConnections": R,
    "createGroupStreamConnection": M,
    "getGroupStreamConnection": PRO,
    "updateGroupStreamConnection": M,
    "deleteGroupStreamConnection": M,
    "testGroupStreamConnection": M,
    "testGroupStreamConnectionUnsaved": M,
    "listGroupStreamConnectionFailoverConnections": M,
    "createGroupStreamConnectionFailoverConnection": M,
    "getGroupStreamConnectionFailoverConnection": M,
    "updateGroupStreamConnectionFailoverConnection": M,
    "deleteGroupStreamConnectionFailoverConnection": M,
    # private networks; of private endpoints the contract does not tell who may
    "getGroupStreamAccountDetails": PRO,
    "listGroupStreamPrivateLinkConnections": PRO,
    "createGroupStreamPrivateLinkConnection": M,
    "getGroupStreamPrivateLinkConnection": PRO,
    "updateGroupStreamPrivateLinkConnection": M,
    "deleteGroupStreamPrivateLinkConnection": M,
    "listGroupStreamActiveVpcPeeringConnections": PRO,
    "listGroupStreamVpcPeeringConnections": PRO,
    "deleteGroupStreamVpcPeeringConnection": M,
    "acceptGroupStreamVpcPeeringConnection": M,
    "rejectGroupStreamVpcPeeringConnection": M,
    "listGroupStreamsWorkspacePrivateEndpoints": PRO,
    "createGroupStreamsWorkspacePrivateEndpoint": M,
    "getGroupStreamsWorkspacePrivateEndpoint": PRO,
    "deleteGroupStreamsWorkspacePrivateEndpoint": M,
    # our own
    "listGroupStreamConnectionRevisions": M,
    "getGroupStreamConnectionRevision": M,
    "diffGroupStreamConnectionRevision": M,
    "rollBackGroupStreamConnection": M,
    "getGroupStreamConnectionUsedBy": M,
    "planGroupStreamConnectionUpdate": M,
    "listGroupStreamRollouts": M,
    "getGroupStreamRollout": M,
    # logs
    "downloadGroupStreamAuditLogs": R,
    "downloadGroupStreamOperationalLogs": R,
    # processors
    "createGroupStreamProcessor": M,
    "getGroupStreamProcessors": M,
    "getGroupStreamProcessor": M,
    "explainGroupStreamProcessor": M,
    "sampleGroupStreamProcessor": M,
    "updateGroupStreamProcessor": M,
    "deleteGroupStreamProcessor": M,
    "startGroupStreamProcessor": M,
    "startGroupStreamProcessorWith": M,
    "stopGroupStreamProcessor": M,
    # projects
    "listGroups": ANY,
    "getGroupByName": ANY,
    "createGroup": CREATOR,
    "getGroup": PRO,
    "updateGroup": OWNER,
    "deleteGroup": OWNER,
    "getGroupSettings": PRO,
    "listGroupLimits": PRO,
    "getGroupIpAddresses": PRO,
    "listGroupTeams": PRO,
    "listGroupUsers": PRO,
    # organizations
    "listOrgs": ANY,
    "getOrg": ORG,
    "getOrgGroups": ORG,
    # clusters
    "listClusterDetails": ANY,
    "listGroupClusters": PRO,
    "getGroupCluster": PRO,
    # API keys
    "listOrgApiKeys": ORG,
    "getOrgApiKey": ORG,
    "createOrgApiKey": ORG_OWNER,
    "updateOrgApiKey": ORG_OWNER,
    "deleteOrgApiKey": ORG_OWNER,
    "listOrgApiKeyAccessListEntries": ORG,
    "getOrgApiKeyAccessListEntry": ORG,
    "createOrgApiKeyAccessListEntry": ORG_OWNER,
    "deleteOrgApiKeyAccessListEntry": ORG_OWNER,
    "listGroupApiKeys": PRO,
    "createGroupApiKey": OWNER,
    "addGroupApiKey": OWNER,
    "updateGroupApiKeyRoles": OWNER,
    "removeGroupApiKey": OWNER,
    # service accounts
    "listOrgServiceAccounts": ORG,
    "getOrgServiceAccount": ORG,
    "getOrgServiceAccountGroups": ORG,
    "createOrgServiceAccount": ORG_OWNER,
    "updateOrgServiceAccount": ORG_OWNER,
    "deleteOrgServiceAccount": ORG_OWNER,
    "createOrgServiceAccountSecret": ORG_OWNER,
    "deleteOrgServiceAccountSecret": ORG_OWNER,
    "listOrgServiceAccountAccessList": ORG,
    "createOrgServiceAccountAccessList": ORG_OWNER,
    "deleteOrgServiceAccountAccessListEntry": ORG_OWNER,
    "listGroupServiceAccounts": PRO,
    "getGroupServiceAccount": PRO,
    "createGroupServiceAccount": OWNER,
    "updateGroupServiceAccount": OWNER,
    "deleteGroupServiceAccount": OWNER,
    "inviteGroupServiceAccount": ORG_OWNER,
    "createGroupServiceAccountSecret": OWNER,
    "deleteGroupServiceAccountSecret": OWNER,
    "listGroupServiceAccountAccessList": PRO,
    "createGroupServiceAccountAccessList": OWNER,
    "deleteGroupServiceAccountAccessListEntry": OWNER,
    # the server
    "getSystemStatus": ANY,
    "listRateLimits": ANY,
    "getRateLimit": ANY,
}


def test_the_table_is_complete() -> None:
    assert ALLOWED.keys() == OPERATIONS.keys()


@pytest.fixture(scope="module")
def clients(served: Served) -> dict[Role, httpx.Client]:
    """A client for each role: in organization ``a``, or in the project ``own``."""
    for group in (served.own, served.foreign, served.other):
        served.workspace(group)  # so that nobody can delete the project
    return {
        role: served.client(
            served.bearer(frozenset(), {served.own.id: frozenset({role})})
            if role in GROUP_ROLES
            else served.bearer(frozenset({role})),
            "application/vnd.atlas.2025-03-12+json",
        )
        for role in Role
    }


def ask(client: httpx.Client, operation: Operation, **ids: str) -> tuple[int, str]:
    path = operation.route.format(**{name: ids.get(name, "nope") for name in operation.arguments})
    body: dict[str, str] | None = None if operation.method in ("GET", "DELETE") else {}
    version = {"Accept": f"application/vnd.atlas.2025-03-12+{operation.media}"}
    answer = client.request(operation.method, path, json=body, headers=version)
    return answer.status_code, answer.headers.get("x-error-code", "")


def check(result: tuple[int, str], refusal: str | None) -> None:
    if refusal is None:
        assert result[0] in (200, 201, 202, 204, 400, 404, 409)
        assert result[1] not in ("GROUP_NOT_FOUND", "ORG_NOT_FOUND", "INVALID_GROUP_ID")
    else:
        assert result == (401, refusal)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", ALLOWED)
def test_who_may(served: Served, clients: dict[Role, httpx.Client], name: str, role: Role) -> None:
    operation, client = OPERATIONS[name], clients[role]
    held = role in ALLOWED[name]
    organization_wide = role in ORG_ROLES
    missing = "USER_UNAUTHORIZED"
    if "groupId" in operation.arguments:
        check(ask(client, operation, groupId=served.own.id), None if held else missing)
        beside = ask(client, operation, groupId=served.foreign.id)
        check(beside, None if held and organization_wide else missing)
        outside = ask(client, operation, groupId=served.other.id)
        check(outside, "NOT_IN_GROUP" if held and organization_wide else missing)
    elif "orgId" in operation.arguments:
        check(ask(client, operation, orgId=served.a.id), None if held else missing)
        check(ask(client, operation, orgId=served.b.id), "USER_CANNOT_ACCESS_ORG" if held else missing)
    else:
        check(ask(client, operation), None if held else missing)
