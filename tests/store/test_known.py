"""What a server remembers is dead with the change that another process makes, and of one snapshot only."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import msgspec
import pytest

from brookmill.domain.access import AccessEntry, ClientSecret, ServiceAccount
from brookmill.domain.principal import Principal, Role
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Group
from brookmill.store import Session, Store

ORG, PROJECT, NOW = "0" * 23 + "a", "0" * 23 + "b", 10.0
ENTRY = AccessEntry(cidr="10.0.0.0/8", created=1.0)
TEXT = Secret("mdb_sa_sk_text")
ACCOUNT = ServiceAccount(
    id="mdb_sa_id_" + "2" * 24,
    org_id=ORG,
    name="robot",
    description="",
    created=1.0,
    org_roles=frozenset({Role.ORG_MEMBER}),
    group_roles={PROJECT: frozenset({Role.GROUP_OWNER})},
)

replace = msgspec.structs.replace


@pytest.fixture
def token(store: Store) -> Secret:
    with store.write() as session:
        session.access.add_service_account(ACCOUNT)
        secret = ClientSecret(id="1", masked="…", created=1.0, expires=100.0)
        session.access.add_client_secret(ACCOUNT.id, secret, TEXT)
        session.access.add_access_entry(ACCOUNT.id, replace(ENTRY, cidr="127.0.0.0/8"))
        token = session.access.issue_token(ACCOUNT.id, TEXT, NOW)
    assert token is not None
    return token


def asked(store: Store, token: Secret) -> tuple[Principal | None, Group | None]:
    with store.read() as session:
        return session.access.principal_by_token(token, NOW), session.group(PROJECT)


def group(session: Session) -> Group:
    found = session.group(PROJECT)
    assert found is not None
    return found


CHANGES: dict[str, Callable[[Session, Secret], object]] = {
    "token revoked": lambda s, token: s.access.revoke_token(ACCOUNT.id, token),
    "account removed": lambda s, _: s.access.remove_service_account(ACCOUNT.id),
    "account renamed": lambda s, _: s.access.replace_service_account(replace(ACCOUNT, name="other")),
    "role taken": lambda s, _: s.access.replace_service_account(replace(ACCOUNT, org_roles=frozenset())),
    "address added": lambda s, _: s.access.add_access_entry(ACCOUNT.id, ENTRY),
    "address removed": lambda s, _: s.access.remove_access_entry(ACCOUNT.id, "127.0.0.0/8"),
    "project changed": lambda s, _: s.replace_group(replace(group(s), name="other")),
    "project removed": lambda s, _: s.remove_group(PROJECT),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_by_another_process_counts_at_once(
    store: Store, token: Secret, reopen: Callable[[], Store], change: Callable[[Session, Secret], object]
) -> None:
    other = reopen()
    before = asked(store, token)
    assert None not in before
    with other.write() as session:
        change(session, token)
    assert asked(store, token) == asked(other, token) == asked(reopen(), token) != before


def test_what_is_unchanged_is_not_asked_for_again(
    store: Store, token: Secret, rows: Callable[[str], object]
) -> None:
    """Past the store, nobody raises the revision."""
    before = asked(store, token)
    rows("DELETE FROM roles")
    assert asked(store, token) == before


def test_a_remembered_token_expires(store: Store, token: Secret) -> None:
    assert asked(store, token)[0] is not None
    with store.read() as session:
        assert session.access.principal_by_token(token, NOW + 3600) is None


def test_an_older_snapshot_neither_learns_nor_teaches(
    store: Store, token: Secret, reopen: Callable[[], Store]
) -> None:
    with store.read() as old:
        before = group(old)
        with reopen().write() as session:
            session.replace_group(replace(before, name="other"))
        now = asked(store, token)[1]
        assert now is not None
        assert now.name == "other"
        assert group(old) == before
    assert asked(store, token)[1] == now


def test_a_writer_sees_its_own_changes_and_leaves_nothing_when_it_fails(store: Store, token: Secret) -> None:
    before = asked(store, token)
    with contextlib.suppress(ZeroDivisionError), store.write() as session:
        session.access.remove_service_account(ACCOUNT.id)
        assert session.access.principal_by_token(token, NOW) is None
        raise ZeroDivisionError
    assert asked(store, token) == before
