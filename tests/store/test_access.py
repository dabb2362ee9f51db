"""Keys, accounts, roles, access lists and tokens: who gets in, and until when."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import msgspec
import pytest

from brookmill.clock import VirtualClock
from brookmill.domain.access import AccessEntry, ApiKey, ClientSecret, ServiceAccount
from brookmill.domain.principal import Principal, Role
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Group
from brookmill.store import Store
from brookmill.store.credentials import (
    ha1,
    hashed,
    masked,
    new_client_id,
    new_client_secret,
    new_private_key,
    new_public_key,
    new_token,
)

replace = msgspec.structs.replace

ORG, PROJECT, OTHER = "0" * 23 + "a", "0" * 23 + "b", "0" * 23 + "e"
MANAGER = frozenset({Role.GROUP_STREAM_PROCESSING_OWNER, Role.GROUP_READ_ONLY})
KEY = ApiKey(
    id="1" * 24,
    org_id=ORG,
    public_key="abcdefgh",
    description="ci",
    created=1.0,
    org_roles=frozenset({Role.ORG_MEMBER}),
    group_roles={PROJECT: MANAGER},
)
ACCOUNT = ServiceAccount(
    id="mdb_sa_id_" + "2" * 24,
    org_id=ORG,
    name="robot",
    description="does it",
    created=1.0,
    org_roles=frozenset({Role.ORG_READ_ONLY}),
    group_roles={PROJECT: MANAGER},
)
HA1 = Secret("f" * 32)
TEXT = Secret("mdb_sa_sk_text")


def secret(id: str, expires: float = 100.0) -> ClientSecret:
    return ClientSecret(id=id, masked="mdb_sa_sk_...text", created=1.0, expires=expires)


@pytest.fixture
def filled(store: Store) -> Store:
    with store.write() as session:
        session.add_group(Group(id=OTHER, org_id=ORG, name="Other", created=1.0))
        session.access.add_api_key(KEY, HA1)
        session.access.add_service_account(ACCOUNT)
        session.access.add_client_secret(ACCOUNT.id, secret("1"), TEXT)
    return store


# --- forms


@pytest.mark.parametrize(
    ("made", "form"),
    [
        (new_public_key, r"[a-z]{8}"),
        (lambda: new_private_key().reveal(), r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        (new_client_id, r"mdb_sa_id_[0-9a-f]{24}"),
        (lambda: new_client_secret().reveal(), r"mdb_sa_sk_[A-Za-z0-9_-]{40}"),
        (lambda: new_token().reveal(), r"[A-Za-z0-9_-]{40,}"),
    ],
)
def test_credentials_have_the_forms_that_clients_know(made: Callable[[], str], form: str) -> None:
    assert re.fullmatch(form, made())
    assert made() != made()


def test_ha1_is_the_one_of_rfc_7616() -> None:
    expected = hashlib.md5(b"abcdefgh:MMS Public API:pass").hexdigest()
    assert ha1("abcdefgh", Secret("pass")) == Secret(expected)


def test_a_masked_secret_shows_its_end_only() -> None:
    assert masked(Secret("mdb_sa_sk_ABCDEFGHIJ")) == "mdb_sa_sk_...GHIJ"


def test_any_text_can_be_hashed() -> None:
    assert hashed(Secret("\ud800\0")) != hashed(Secret(""))


# --- keys and accounts


def test_keys_and_accounts_come_back_with_their_roles(filled: Store) -> None:
    with filled.read() as session:
        access = session.access
        assert access.api_keys(org_id=ORG) == access.api_keys(group_id=PROJECT) == access.api_keys() == [KEY]
        assert access.api_keys(group_id=OTHER) == access.api_keys(org_id="x") == []
        assert access.api_key(KEY.id) == KEY
        assert access.service_accounts(org_id=ORG) == access.service_accounts(group_id=PROJECT) == [ACCOUNT]
        assert access.service_account(ACCOUNT.id) == ACCOUNT
        assert access.service_account("nobody") is None


def test_replacing_changes_roles_but_not_the_key_pair(filled: Store) -> None:
    changed = replace(KEY, description="new", org_roles=frozenset(), group_roles={OTHER: MANAGER})
    account = replace(ACCOUNT, name="n", description="d", group_roles={})
    with filled.write() as session:
        session.access.replace_api_key(changed)
        session.access.replace_service_account(account)
    with filled.read() as session:
        assert session.access.api_key(KEY.id) == changed
        assert session.access.api_keys(group_id=PROJECT) == []
        assert session.access.service_account(ACCOUNT.id) == account
        found = session.access.principal_by_public_key(KEY.public_key)
        assert found is not None
        assert found[1] == HA1


def test_roles_go_with_the_project(filled: Store) -> None:
    with filled.write() as session:
        session.remove_group(PROJECT)
        assert session.access.api_key(KEY.id) == replace(KEY, group_roles={})


def test_a_project_that_is_gone_has_no_roles_to_give(filled: Store) -> None:
    with filled.write() as session:
        session.access.replace_api_key(replace(KEY, group_roles={"9" * 24: MANAGER, OTHER: MANAGER}))
        kept = session.access.api_key(KEY.id)
        assert kept is not None
        assert kept.group_roles == {OTHER: MANAGER}


# --- getting in


def test_a_public_key_leads_to_its_principal(filled: Store) -> None:
    with filled.read() as session:
        assert session.access.principal_by_public_key("ABCDEFGH") is None
        assert session.access.principal_by_public_key(KEY.public_key) == (
            Principal(
                kind="API_KEY",
                id=KEY.id,
                name="abcdefgh",
                org_id=ORG,
                org_roles=KEY.org_roles,
                group_roles={PROJECT: MANAGER},
            ),
            HA1,
        )


def test_a_token_leads_to_its_principal_until_it_expires(filled: Store) -> None:
    with filled.write() as session:
        token = session.access.issue_token(ACCOUNT.id, TEXT, 10.0, lifetime=5.0)
    assert token is not None
    with filled.read() as session:
        principal = session.access.principal_by_token(token, 14.9)
        assert principal is not None
        assert (principal.kind, principal.id, principal.name) == ("SERVICE_ACCOUNT", ACCOUNT.id, "robot")
        assert principal.roles_in(PROJECT) == MANAGER | {Role.ORG_READ_ONLY}
        assert session.access.principal_by_token(token, 15.0) is None
        assert session.access.principal_by_token(Secret(token.reveal() + "x"), 14.0) is None
        [used] = session.access.client_secrets(ACCOUNT.id)
        assert used.last_used == 10.0


@pytest.mark.parametrize(
    ("client", "text", "now"),
    [
        (ACCOUNT.id, "mdb_sa_sk_wrong", 10.0),
        (ACCOUNT.id, "", 10.0),
        ("mdb_sa_id_" + "3" * 24, TEXT.reveal(), 10.0),
        ("", TEXT.reveal(), 10.0),
        ("\0", "\ud800", 10.0),
        (ACCOUNT.id, TEXT.reveal(), 100.0),
    ],
)
def test_wrong_or_expired_credentials_get_no_token(filled: Store, client: str, text: str, now: float) -> None:
    with filled.write() as session:
        assert session.access.issue_token(client, Secret(text), now) is None
        assert not session.access.authenticates(client, Secret(text), now)
        assert session.access.authenticates(ACCOUNT.id, TEXT, 10.0)


def test_a_removed_secret_gets_no_token(filled: Store) -> None:
    with filled.write() as session:
        session.access.add_client_secret(ACCOUNT.id, secret("2"), Secret("second"))
        assert not session.access.remove_client_secret("another", "1")
        assert session.access.remove_client_secret(ACCOUNT.id, "1")
        assert session.access.issue_token(ACCOUNT.id, TEXT, 10.0) is None
        assert session.access.issue_token(ACCOUNT.id, Secret("second"), 10.0) is not None


def test_only_its_own_client_revokes_a_token(filled: Store) -> None:
    with filled.write() as session:
        token = session.access.issue_token(ACCOUNT.id, TEXT, 10.0)
        assert token is not None
        session.access.revoke_token("mdb_sa_id_" + "3" * 24, token)
        assert session.access.principal_by_token(token, 11.0) is not None
        session.access.revoke_token(ACCOUNT.id, Secret("unknown"))
        session.access.revoke_token(ACCOUNT.id, token)
        assert session.access.principal_by_token(token, 11.0) is None


def test_expired_tokens_are_forgotten(filled: Store, rows: Callable[[str], list[object]]) -> None:
    for now in (1.0, 2.0, 50.0):
        with filled.write() as session:
            session.access.issue_token(ACCOUNT.id, TEXT, now, lifetime=10.0)
    assert len(rows("SELECT * FROM tokens")) == 1


def test_a_removed_account_leaves_nothing_that_opens(
    filled: Store, rows: Callable[[str], list[object]]
) -> None:
    with filled.write() as session:
        token = session.access.issue_token(ACCOUNT.id, TEXT, 10.0)
        session.access.add_access_entry(ACCOUNT.id, AccessEntry(cidr="10.0.0.0/8", created=1.0))
        session.access.remove_service_account(ACCOUNT.id)
        session.access.remove_api_key(KEY.id)
        assert token is not None
        assert session.access.principal_by_token(token, 11.0) is None
        assert session.access.issue_token(ACCOUNT.id, TEXT, 10.0) is None
        assert session.access.principal_by_public_key(KEY.public_key) is None
    for table in ("roles", "access_entries", "tokens", "client_secrets"):
        assert rows(f"SELECT * FROM {table}") == []


# --- access lists


def test_access_lists_reach_the_principal(filled: Store) -> None:
    entry = AccessEntry(cidr="10.0.0.0/8", created=5.0)
    with filled.write() as session:
        session.access.add_access_entry(KEY.id, entry)
        session.access.add_access_entry(KEY.id, replace(entry, created=6.0))
        session.access.add_access_entry(KEY.id, AccessEntry(cidr="::1/128", created=7.0))
        assert session.access.access_list(KEY.id)[0] == entry, "an entry of the same addresses stays as it is"
        found = session.access.principal_by_public_key(KEY.public_key)
        assert found is not None
        assert found[0].access_list == ("10.0.0.0/8", "::1/128")
        assert session.access.remove_access_entry(KEY.id, "::1/128")
        assert not session.access.remove_access_entry(KEY.id, "::1/128")


def test_uses_are_gathered_and_written_once_a_minute(
    filled: Store, clock: VirtualClock, rows: Callable[[str], list[tuple[object, ...]]]
) -> None:
    def written() -> tuple[object, ...]:
        [row] = rows("SELECT requests, last_used, last_address FROM access_entries")
        return tuple(row)

    with filled.write() as session:
        session.access.add_access_entry(KEY.id, AccessEntry(cidr="10.0.0.0/8", created=5.0))
    for _ in range(3):
        filled.touch(KEY.id, "10.0.0.0/8", "10.1.1.1")
    assert written() == (0, None, None)
    clock.advance(60)
    filled.touch(KEY.id, "10.0.0.0/8", "10.2.2.2")
    assert written() == (4, 1060.0, "10.2.2.2")
    filled.touch(KEY.id, "10.0.0.0/8", "10.3.3.3")
    assert written() == (4, 1060.0, "10.2.2.2")
    filled.touch(KEY.id, "192.168.0.0/16", "192.168.0.1")
    filled.close()
    assert written() == (5, 1060.0, "10.3.3.3")
