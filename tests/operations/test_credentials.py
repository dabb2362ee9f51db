"""API keys, service accounts, their secrets and access lists: shown once, and only to their organization."""

from __future__ import annotations

import re
from typing import Any

import pytest

from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Group, Organization
from brookmill.store.credentials import ha1

ORG, GROUP, OTHER_ORG, SECOND = "a" * 24, "b" * 24, "e" * 24, "d" * 24
NOW = 1_700_000_000.0

Ask = Any  # the fixture of conftest.py


@pytest.fixture(scope="module")
def mill(services: Ask) -> Ask:
    """With a second project, and an organization that has nothing to say here."""
    with services.store.write() as session:
        session.add_group(Group(id=SECOND, org_id=ORG, name="Second", created=1.0))
        session.add_organization(Organization(id=OTHER_ORG, name="Other", created=1.0))
    return services


@pytest.fixture
def stranger(mill: Ask) -> Ask:
    """An owner of the other organization."""
    return mill.by(org_id=OTHER_ORG)


@pytest.fixture
def key(mill: Ask) -> dict[str, Any]:
    """An API key just made."""
    body = {"desc": "ci", "roles": ["ORG_MEMBER"]}
    answer: dict[str, Any] = mill("createOrgApiKey", body, orgId=ORG)
    return answer


@pytest.fixture
def account(mill: Ask) -> dict[str, Any]:
    """A service account just made."""
    body = {"name": "n", "description": "d", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": 8}
    answer: dict[str, Any] = mill("createOrgServiceAccount", body, orgId=ORG)
    return answer


# --- API keys


def test_a_new_key_shows_its_private_key_once_and_works(mill: Ask, key: dict[str, Any]) -> None:
    private = key.pop("privateKey")
    assert re.fullmatch(r"[0-9a-f-]{36}", private)
    assert key == {
        "desc": "ci",
        "id": key["id"],
        "publicKey": key["publicKey"],
        "roles": [{"orgId": ORG, "roleName": "ORG_MEMBER"}],
    }
    assert mill("getOrgApiKey", orgId=ORG, apiUserId=key["id"]) == key
    assert key in mill("listOrgApiKeys", orgId=ORG)["results"]
    with mill.store.read() as session:
        found = session.access.principal_by_public_key(key["publicKey"])
        assert found is not None
        assert found[1] == ha1(key["publicKey"], Secret(private))


def test_a_key_gets_and_loses_roles_in_projects(mill: Ask, key: dict[str, Any]) -> None:
    in_second = {"groupId": SECOND, "apiUserId": key["id"]}
    assert mill("addGroupApiKey", [{"roles": ["GROUP_READ_ONLY"]}], **in_second) is None
    assert mill("addGroupApiKey", [{"roles": ["GROUP_OWNER"]}], **in_second) is None
    roles = mill("getOrgApiKey", orgId=ORG, apiUserId=key["id"])["roles"]
    assert [r["roleName"] for r in roles] == ["ORG_MEMBER", "GROUP_OWNER", "GROUP_READ_ONLY"]
    assert {r.get("groupId") for r in roles} == {None, SECOND}
    updated = mill("updateGroupApiKeyRoles", {"roles": ["GROUP_DATA_ACCESS_ADMIN"], "desc": "x"}, **in_second)
    assert [r["roleName"] for r in updated["roles"]] == ["ORG_MEMBER", "GROUP_DATA_ACCESS_ADMIN"]
    assert [k["id"] for k in mill("listGroupApiKeys", groupId=SECOND)["results"]] == [key["id"]]
    assert mill("removeGroupApiKey", **in_second) is None
    assert mill("listGroupApiKeys", groupId=SECOND)["totalCount"] == 0
    assert mill.error("removeGroupApiKey", **in_second).code == "API_KEY_NOT_FOUND"
    assert mill("getOrgApiKey", orgId=ORG, apiUserId=key["id"])["desc"] == "x"


def test_a_key_made_in_a_project_is_a_member_of_the_organization(mill: Ask) -> None:
    made = mill("createGroupApiKey", {"desc": "d", "roles": ["GROUP_OWNER"]}, groupId=GROUP)
    assert made["roles"] == [
        {"orgId": ORG, "roleName": "ORG_MEMBER"},
        {"groupId": GROUP, "roleName": "GROUP_OWNER"},
    ]
    assert made["privateKey"]


def test_a_key_is_updated_and_deleted(mill: Ask, key: dict[str, Any]) -> None:
    one = {"orgId": ORG, "apiUserId": key["id"]}
    assert mill("updateOrgApiKey", {"desc": "new"}, **one)["desc"] == "new"
    assert mill("updateOrgApiKey", {"roles": ["ORG_OWNER"]}, **one)["roles"][0]["roleName"] == "ORG_OWNER"
    assert "privateKey" not in mill("updateOrgApiKey", **one)
    assert mill("deleteOrgApiKey", **one) is None
    assert mill.error("deleteOrgApiKey", **one).code == "API_KEY_NOT_FOUND"
    with mill.store.read() as session:
        assert session.access.principal_by_public_key(key["publicKey"]) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"desc": "d"}, "MISSING_ATTRIBUTE"),
        ({"desc": "d", "roles": []}, "INVALID_ATTRIBUTE"),
        ({"desc": "d", "roles": ["GROUP_OWNER"]}, "INVALID_ENUM_VALUE"),
        ({"desc": "d", "roles": ["ORG_KING"]}, "INVALID_ENUM_VALUE"),
        ({"desc": "d", "roles": [None]}, "INVALID_JSON_ATTRIBUTE"),
        ({"desc": "", "roles": ["ORG_MEMBER"]}, "INVALID_ATTRIBUTE"),
        ({"desc": "d\0", "roles": ["ORG_MEMBER"]}, "INVALID_ATTRIBUTE"),
        ({"desc": "d" * 251, "roles": ["ORG_MEMBER"]}, "INVALID_ATTRIBUTE"),
        ({"desc": "d", "roles": ["ORG_MEMBER"], "privateKey": "mine"}, "INVALID_ATTRIBUTE"),
    ],
)
def test_what_cannot_be_a_key_is_refused(mill: Ask, body: Any, code: str) -> None:
    assert mill.error("createOrgApiKey", body, orgId=ORG).code == code


@pytest.mark.parametrize("body", [[{"roles": ["ORG_OWNER"]}], [{"roles": []}], [], {}, [1], b""])
def test_only_project_roles_are_given_in_a_project(mill: Ask, key: dict[str, Any], body: Any) -> None:
    assert mill.error("addGroupApiKey", body, groupId=SECOND, apiUserId=key["id"]).status == 400
    assert mill("listGroupApiKeys", groupId=SECOND)["totalCount"] == 0


# --- service accounts


def test_a_new_account_shows_its_secret_once_and_works(mill: Ask, account: dict[str, Any]) -> None:
    [secret] = account["secrets"]
    text = Secret(secret.pop("secret"))
    assert secret == {
        "createdAt": "2023-11-14T22:13:20Z",
        "expiresAt": "2023-11-15T06:13:20Z",
        "id": secret["id"],
    }
    shown = mill("getOrgServiceAccount", orgId=ORG, clientId=account["clientId"])
    masked = shown["secrets"][0].pop("maskedSecretValue")
    assert masked == f"mdb_sa_sk_...{text.reveal()[-4:]}"
    assert shown == account
    assert re.fullmatch(r"mdb_sa_id_[0-9a-f]{24}", account["clientId"])
    with mill.store.write() as session:
        assert session.access.issue_token(account["clientId"], text, NOW) is not None
    used = mill("getOrgServiceAccount", orgId=ORG, clientId=account["clientId"])["secrets"][0]
    assert used["lastUsedAt"] == "2023-11-14T22:13:20Z"


def test_an_account_is_updated_and_deleted(mill: Ask, account: dict[str, Any]) -> None:
    one = {"orgId": ORG, "clientId": account["clientId"]}
    body = {"name": "m", "description": None, "roles": ["ORG_READ_ONLY", "ORG_MEMBER"]}
    updated = mill("updateOrgServiceAccount", body, **one)
    assert (updated["name"], updated["description"]) == ("m", "d")
    assert updated["roles"] == ["ORG_MEMBER", "ORG_READ_ONLY"]
    assert mill("deleteOrgServiceAccount", **one) is None
    assert mill.error("getOrgServiceAccount", **one).code == "SERVICE_ACCOUNT_NOT_FOUND"


def test_secrets_are_rotated_by_adding_one_and_removing_the_old(mill: Ask, account: dict[str, Any]) -> None:
    one = {"orgId": ORG, "clientId": account["clientId"]}
    old, old_text = account["secrets"][0]["id"], Secret(account["secrets"][0]["secret"])
    new = mill("createOrgServiceAccountSecret", {"secretExpiresAfterHours": 24}, **one)
    assert [s["id"] for s in mill("getOrgServiceAccount", **one)["secrets"]] == [old, new["id"]]
    assert mill("deleteOrgServiceAccountSecret", secretId=old, **one) is None
    gone = mill.error("deleteOrgServiceAccountSecret", secretId=old, **one)
    assert gone.code == "SERVICE_ACCOUNT_SECRET_NOT_FOUND"
    with mill.store.read() as session:
        assert not session.access.authenticates(account["clientId"], old_text, NOW)
        assert session.access.authenticates(account["clientId"], Secret(new["secret"]), NOW)


def test_an_account_is_invited_into_a_project_and_leaves_it(mill: Ask, account: dict[str, Any]) -> None:
    one = {"groupId": SECOND, "clientId": account["clientId"]}
    assert mill.error("getGroupServiceAccount", **one).code == "SERVICE_ACCOUNT_NOT_FOUND"
    invited = mill("inviteGroupServiceAccount", {"roles": ["GROUP_READ_ONLY"]}, **one)
    assert invited["roles"] == ["GROUP_READ_ONLY"]
    assert "secret" not in invited["secrets"][0]
    assert mill("getGroupServiceAccount", **one) == invited
    groups = mill("getOrgServiceAccountGroups", orgId=ORG, clientId=account["clientId"])
    assert groups == {"results": [{"groupId": SECOND, "roles": ["GROUP_READ_ONLY"]}], "totalCount": 1}
    assert mill("updateGroupServiceAccount", {"roles": ["GROUP_OWNER"]}, **one)["roles"] == ["GROUP_OWNER"]
    assert [a["clientId"] for a in mill("listGroupServiceAccounts", groupId=SECOND)["results"]]
    assert mill("deleteGroupServiceAccount", **one) is None
    assert mill("listGroupServiceAccounts", groupId=SECOND)["totalCount"] == 0
    assert mill("getOrgServiceAccount", orgId=ORG, clientId=account["clientId"])["roles"] == ["ORG_MEMBER"]


def test_an_account_made_in_a_project_shows_its_roles_there(mill: Ask) -> None:
    body = {"name": "n", "description": "d", "roles": ["GROUP_OWNER"], "secretExpiresAfterHours": 1}
    made = mill("createGroupServiceAccount", body, groupId=GROUP)
    assert made["roles"] == ["GROUP_OWNER"]
    one = {"groupId": GROUP, "clientId": made["clientId"]}
    added = mill("createGroupServiceAccountSecret", {"secretExpiresAfterHours": 1}, **one)
    assert added["secret"].startswith("mdb_sa_sk_")
    assert mill("deleteGroupServiceAccountSecret", secretId=added["id"], **one) is None
    assert mill("getOrgServiceAccount", orgId=ORG, clientId=made["clientId"])["roles"] == ["ORG_MEMBER"]


def test_an_account_may_begin_without_a_secret(mill: Ask) -> None:
    body = {"name": "n", "description": "d", "roles": ["ORG_MEMBER"]}
    assert mill.error("createOrgServiceAccount", body, orgId=ORG).code == "MISSING_ATTRIBUTE"
    made = mill("createOrgServiceAccount", body | {"withoutInitialSecret": True}, orgId=ORG)
    assert made["secrets"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": ""}, "INVALID_ATTRIBUTE"),
        ({"name": "n" * 65}, "INVALID_ATTRIBUTE"),
        ({"name": "<b>"}, "INVALID_ATTRIBUTE"),
        ({"description": "d" * 251}, "INVALID_ATTRIBUTE"),
        ({"roles": []}, "INVALID_ATTRIBUTE"),
        ({"roles": ["GROUP_OWNER"]}, "INVALID_ENUM_VALUE"),
        ({"secretExpiresAfterHours": 0}, "INVALID_ATTRIBUTE"),
        ({"secretExpiresAfterHours": 87_601}, "INVALID_ATTRIBUTE"),
        ({"secretExpiresAfterHours": 2**31}, "INVALID_ATTRIBUTE"),
        ({"secretExpiresAfterHours": "8"}, "INVALID_JSON_ATTRIBUTE"),
        ({"secretExpiresAfterHours": 1.5}, "INVALID_JSON_ATTRIBUTE"),
        ({"clientId": "mine"}, "INVALID_ATTRIBUTE"),
    ],
)
def test_what_cannot_be_an_account_is_refused(mill: Ask, change: dict[str, Any], code: str) -> None:
    body = {"name": "n", "description": "d", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": 8}
    before = mill("listOrgServiceAccounts", orgId=ORG)["totalCount"]
    assert mill.error("createOrgServiceAccount", body | change, orgId=ORG).code == code
    assert mill("listOrgServiceAccounts", orgId=ORG)["totalCount"] == before


# --- access lists


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"ipAddress": "203.0.113.10"}, ("203.0.113.10/32", "203.0.113.10")),
        ({"ipAddress": "203.0.113.11", "cidrBlock": "203.0.113.11/32"}, ("203.0.113.11/32", "203.0.113.11")),
        ({"cidrBlock": "203.0.113.77/24", "ipAddress": None}, ("203.0.113.0/24", None)),
        ({"cidrBlock": "0.0.0.0/0"}, ("0.0.0.0/0", None)),
        ({"cidrBlock": "2001:DB8::/32"}, ("2001:db8::/32", None)),
        ({"ipAddress": "2001:db8::1"}, ("2001:db8::1/128", "2001:0db8:0000:0000:0000:0000:0000:0001")),
    ],
)
def test_an_entry_is_kept_in_its_canonical_form(
    mill: Ask, key: dict[str, Any], sent: dict[str, Any], kept: tuple[str, str | None]
) -> None:
    one = {"orgId": ORG, "apiUserId": key["id"]}
    cidr, address = kept
    [entry] = mill("createOrgApiKeyAccessListEntry", [sent, sent], **one)["results"]
    assert (entry["cidrBlock"], entry.get("ipAddress")) == kept
    assert (entry["count"], entry["created"]) == (0, "2023-11-14T22:13:20Z")
    assert mill("listOrgApiKeyAccessListEntries", **one) == {"results": [entry], "totalCount": 1}
    assert mill("getOrgApiKeyAccessListEntry", ipAddress=cidr, **one) == entry
    with mill.store.read() as session:
        found = session.access.principal_by_public_key(key["publicKey"])
        assert found is not None
        assert found[0].access_list == (cidr,)
    assert mill("deleteOrgApiKeyAccessListEntry", ipAddress=address or cidr, **one) is None
    gone = mill.error("getOrgApiKeyAccessListEntry", ipAddress=cidr, **one)
    assert gone.code == "ACCESS_LIST_ENTRY_NOT_FOUND"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, "MISSING_ATTRIBUTE"),
        ({"ipAddress": None, "cidrBlock": None}, "MISSING_ATTRIBUTE"),
        ({"ipAddress": "203.0.113.256"}, "INVALID_ATTRIBUTE"),
        ({"ipAddress": "fe80::1%eth0"}, "INVALID_ATTRIBUTE"),
        ({"ipAddress": ""}, "INVALID_ATTRIBUTE"),
        ({"cidrBlock": "203.0.113.0/33"}, "INVALID_ATTRIBUTE"),
        ({"cidrBlock": "203.0.113.0"}, "INVALID_ATTRIBUTE"),
        ({"cidrBlock": "10.0.0.0/8", "ipAddress": "203.0.113.1"}, "INVALID_ATTRIBUTE"),
        ({"ipAddress": 1}, "INVALID_JSON_ATTRIBUTE"),
        ({"ipAdress": "203.0.113.1"}, "INVALID_ATTRIBUTE"),
    ],
)
def test_what_is_no_address_is_refused_with_all_the_rest(
    mill: Ask, account: dict[str, Any], sent: Any, code: str
) -> None:
    one = {"orgId": ORG, "clientId": account["clientId"]}
    body = [{"ipAddress": "203.0.113.1"}, sent]
    assert mill.error("createOrgServiceAccountAccessList", body, **one).code == code
    assert mill("listOrgServiceAccountAccessList", **one)["totalCount"] == 0


def test_at_most_two_hundred_entries_come_at_once(mill: Ask, account: dict[str, Any]) -> None:
    one = {"orgId": ORG, "clientId": account["clientId"]}
    body = [{"ipAddress": f"10.0.{n // 256}.{n % 256}"} for n in range(201)]
    assert mill.error("createOrgServiceAccountAccessList", body, **one).code == "INVALID_JSON"
    page = mill("createOrgServiceAccountAccessList", body[:200], query={"itemsPerPage": "3"}, **one)
    assert (len(page["results"]), page["totalCount"]) == (3, 200)


def test_an_accounts_list_has_its_own_words(mill: Ask, account: dict[str, Any]) -> None:
    one = {"groupId": SECOND, "clientId": account["clientId"]}
    mill("inviteGroupServiceAccount", {"roles": ["GROUP_READ_ONLY"]}, **one)
    mill("createGroupServiceAccountAccessList", [{"cidrBlock": "10.0.0.0/8"}], **one)
    with mill.store.write() as session:
        session.access.note_use(account["clientId"], "10.0.0.0/8", "10.1.2.3", NOW, 7)
    assert mill("listGroupServiceAccountAccessList", **one)["results"] == [
        {
            "cidrBlock": "10.0.0.0/8",
            "createdAt": "2023-11-14T22:13:20Z",
            "lastUsedAddress": "10.1.2.3",
            "lastUsedAt": "2023-11-14T22:13:20Z",
            "requestCount": 7,
        }
    ]
    assert mill("deleteGroupServiceAccountAccessListEntry", ipAddress="10.0.0.0/8", **one) is None
    refused = mill.error("deleteGroupServiceAccountAccessListEntry", ipAddress="nonsense", **one)
    assert refused.code == "INVALID_PATH_PARAMETER"
    mill("deleteGroupServiceAccount", **one)
    assert mill.error("listGroupServiceAccountAccessList", **one).code == "SERVICE_ACCOUNT_NOT_FOUND"


# --- other organizations


@pytest.mark.parametrize(
    "operation",
    [
        "getOrgApiKey",
        "updateOrgApiKey",
        "deleteOrgApiKey",
        "listOrgApiKeyAccessListEntries",
        "getOrgServiceAccount",
        "updateOrgServiceAccount",
        "deleteOrgServiceAccount",
        "getOrgServiceAccountGroups",
        "listOrgServiceAccountAccessList",
    ],
)
def test_credentials_of_another_organization_do_not_exist(
    stranger: Ask, key: dict[str, Any], account: dict[str, Any], operation: str
) -> None:
    parameter = {"apiUserId": key["id"]} if "ApiKey" in operation else {"clientId": account["clientId"]}
    refused = stranger.error(operation, orgId=OTHER_ORG, **parameter)
    assert refused.status == 404
    assert refused.code in {"API_KEY_NOT_FOUND", "SERVICE_ACCOUNT_NOT_FOUND"}
    assert stranger.error(operation, orgId=ORG, **parameter).code == "USER_CANNOT_ACCESS_ORG"


def test_keys_and_accounts_of_another_organization_get_no_role_here(mill: Ask, stranger: Ask) -> None:
    foreign = stranger("createOrgApiKey", {"desc": "d", "roles": ["ORG_OWNER"]}, orgId=OTHER_ORG)
    refused = mill.error(
        "addGroupApiKey", [{"roles": ["GROUP_OWNER"]}], groupId=GROUP, apiUserId=foreign["id"]
    )
    assert refused.code == "API_KEY_NOT_FOUND"
    assert stranger.error("listGroupApiKeys", groupId=GROUP).code == "NOT_IN_GROUP"
