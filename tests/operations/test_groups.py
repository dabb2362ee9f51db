"""Projects and organizations: who sees them, what may be sent, what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from brookmill.domain.access import ApiKey
from brookmill.domain.principal import Role
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Group, Organization

ORG, GROUP, OTHER_ORG, OTHER_GROUP = "a" * 24, "b" * 24, "e" * 24, "f" * 24

Ask = Any  # the fixture of conftest.py


@pytest.fixture(scope="module")
def mill(services: Ask) -> Ask:
    """With a second organization that has a project of the same name."""
    with services.store.write() as session:
        session.add_organization(Organization(id=OTHER_ORG, name="Other", created=1.0))
        session.add_group(Group(id=OTHER_GROUP, org_id=OTHER_ORG, name="Wheel", created=1.0))
    return services


def made(mill: Ask, name: str, **members: Any) -> dict[str, Any]:
    answer: dict[str, Any] = mill("createGroup", {"name": name, "orgId": ORG} | members)["value"]
    return answer


def test_a_project_comes_back_as_it_was_sent(mill: Ask) -> None:
    tags = [{"key": "b", "value": "2"}, {"key": "a", "value": "1"}]
    answer = mill("createGroup", {"name": "Ünï (1), x:&@+'-_.", "orgId": ORG, "tags": tags, "links": []})
    group = answer["value"]
    assert answer["path"] == f"/groups/{group['id']}"
    assert group == {
        "clusterCount": 0,
        "created": "2023-11-14T22:13:20Z",
        "id": group["id"],
        "links": [{"href": f"http://localhost/api/atlas/v2/groups/{group['id']}", "rel": "self"}],
        "name": "Ünï (1), x:&@+'-_.",
        "orgId": ORG,
        "tags": sorted(tags, key=lambda tag: tag["key"]),
        "withDefaultAlertsSettings": True,
    }
    assert mill("getGroup", groupId=group["id"]) == group
    assert mill("getGroupByName", groupName=group["name"]) == group


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "n"}, "MISSING_ATTRIBUTE"),
        ({}, "MISSING_ATTRIBUTES"),
        ({"name": "", "orgId": ORG}, "INVALID_ATTRIBUTE"),
        ({"name": "n" * 65, "orgId": ORG}, "INVALID_ATTRIBUTE"),
        ({"name": "n\n", "orgId": ORG}, "INVALID_ATTRIBUTE"),
        ({"name": "a/b", "orgId": ORG}, "INVALID_ATTRIBUTE"),
        ({"name": "a\0", "orgId": ORG}, "INVALID_ATTRIBUTE"),
        ({"name": 1, "orgId": ORG}, "INVALID_JSON_ATTRIBUTE"),
        ({"name": "n", "orgId": ORG, "color": 1}, "INVALID_ATTRIBUTE"),
        ({"name": "n", "orgId": ORG, "regionUsageRestrictions": "MOON"}, "INVALID_ENUM_VALUE"),
        ({"name": "n", "orgId": ORG, "tags": [{"key": "k"}]}, "MISSING_ATTRIBUTE"),
        ({"name": "n", "orgId": ORG, "tags": [{"key": "k", "value": "1"}] * 2}, "INVALID_ATTRIBUTE"),
        ({"name": "n", "orgId": OTHER_ORG}, "USER_CANNOT_ACCESS_ORG"),
        ({"name": "n", "orgId": "nowhere"}, "USER_CANNOT_ACCESS_ORG"),
        ({"name": "Wheel", "orgId": ORG}, "GROUP_ALREADY_EXISTS"),
        (b"{", "MALFORMED_JSON"),
        (b"[]", "INVALID_JSON"),
    ],
)
def test_what_cannot_be_a_project_is_refused(mill: Ask, body: Any, code: str) -> None:
    before = mill("listGroups")["totalCount"]
    assert mill.error("createGroup", body).code == code
    assert mill("listGroups")["totalCount"] == before


def test_an_update_changes_what_is_sent(mill: Ask) -> None:
    group = made(
        mill, "before", tags=[{"key": "k", "value": "v"}], regionUsageRestrictions="GOV_REGIONS_ONLY"
    )
    named = mill("updateGroup", {"name": "after"}, groupId=group["id"])
    assert named == group | {"name": "after"}
    assert mill("updateGroup", {"tags": []}, groupId=group["id"]) == named | {"tags": []}
    assert mill("updateGroup", groupId=group["id"]) == named | {"tags": []}
    assert mill("updateGroup", {"name": "after"}, groupId=group["id"])["name"] == "after"
    assert mill.error("updateGroup", {"name": "Wheel"}, groupId=group["id"]).code == "GROUP_ALREADY_EXISTS"
    assert mill.error("updateGroup", {"orgId": ORG}, groupId=group["id"]).code == "INVALID_ATTRIBUTE"


def test_a_project_with_workspaces_is_not_deleted(ask: Ask) -> None:
    refused = ask.error("deleteGroup", groupId=GROUP)
    assert (refused.code, refused.status) == ("CANNOT_CLOSE_GROUP_ACTIVE_STREAMS_RESOURCE", 409)
    group = made(ask, "to be deleted")
    assert ask("deleteGroup", groupId=group["id"]) is None
    assert ask.error("getGroup", groupId=group["id"]).code == "GROUP_NOT_FOUND"
    assert made(ask, "to be deleted")["id"] != group["id"], "its name is free again"


def test_another_organization_stays_out_of_sight(mill: Ask) -> None:
    assert OTHER_GROUP not in [g["id"] for g in mill("listGroups")["results"]]
    assert mill("getGroupByName", groupName="Wheel")["id"] == GROUP
    assert mill.error("getGroup", groupId=OTHER_GROUP).code == "NOT_IN_GROUP"
    assert [o["id"] for o in mill("listOrgs")["results"]] == [ORG]
    assert mill.error("getOrg", orgId=OTHER_ORG).code == "USER_CANNOT_ACCESS_ORG"
    assert mill("getOrg", orgId=ORG)["name"] == "Mill"


@pytest.mark.parametrize(("name", "found"), [("mil", 1), ("Mill", 1), ("ill", 0), ("", 1)])
def test_organizations_are_filtered_by_the_beginning_of_their_name(mill: Ask, name: str, found: int) -> None:
    assert mill("listOrgs", query={"name": name})["totalCount"] == found


def test_projects_of_an_organization_are_filtered_and_paged(mill: Ask) -> None:
    for n in range(3):
        made(mill, f"Paged {n}")
    page = mill("getOrgGroups", query={"name": "paged", "itemsPerPage": "2", "pageNum": "2"}, orgId=ORG)
    assert ([g["name"] for g in page["results"]], page["totalCount"]) == (["Paged 2"], 3)


@pytest.mark.parametrize("name", ["nope", "wheel", "x" * 10_000, "\ud800"])
def test_an_unknown_name_is_not_found(mill: Ask, name: str) -> None:
    assert mill.error("getGroupByName", groupName=name).code == "GROUP_NAME_NOT_FOUND"


def test_who_has_roles_in_one_project_sees_one(mill: Ask) -> None:
    group = made(mill, "Visible")
    roles = {group["id"]: frozenset({Role.GROUP_READ_ONLY})}
    reader = mill.by(org_roles=frozenset(), group_roles=roles)
    assert [g["name"] for g in reader("listGroups")["results"]] == ["Visible"]
    assert reader.error("getGroupByName", groupName="Wheel").code == "GROUP_NAME_NOT_FOUND"
    assert reader.error("createGroup", {"name": "n", "orgId": ORG}).code == "USER_UNAUTHORIZED"


def test_who_makes_a_project_owns_it(mill: Ask) -> None:
    role = frozenset({Role.ORG_GROUP_CREATOR})
    key = ApiKey(id="9" * 24, org_id=ORG, public_key="abcdefgh", description="", created=1.0, org_roles=role)
    with mill.store.write() as session:
        session.access.add_api_key(key, Secret("0" * 32))
    group = made(mill.by(id=key.id, org_roles=role), "Mine")
    with mill.store.read() as session:
        kept = session.access.api_key(key.id)
        assert kept is not None
        assert kept.group_roles == {group["id"]: {Role.GROUP_OWNER}}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("listGroupLimits", []),
        ("listGroupTeams", {"results": [], "totalCount": 0}),
        ("listGroupUsers", {"results": [], "totalCount": 0}),
        ("getGroupIpAddresses", {"groupId": GROUP, "services": {"clusters": []}}),
    ],
)
def test_what_terraform_reads_besides_is_empty(mill: Ask, operation: str, expected: Any) -> None:
    assert mill(operation, groupId=GROUP) == expected
    assert set(mill("getGroupSettings", groupId=GROUP).values()) == {False}
