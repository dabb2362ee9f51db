"""Database users: their passwords are sealed, their names unique, and what is removed is gone at once."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from brookmill.domain.database_user import ACTIONS, DatabaseRole, DatabaseUser, user_problem
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Workspace
from brookmill.store import SealError, Store


def user(workspace: Workspace, name: str = "ann", id: str = "1") -> DatabaseUser:
    return DatabaseUser(id=id, group_id=workspace.group_id, name=name, created=1.0, workspaces=("brook",))


def test_users_come_back_as_they_were_and_their_passwords_are_sealed(
    store: Store, workspace: Workspace, rows: Callable[[str], list[tuple[bytes]]]
) -> None:
    with store.write() as session:
        session.database_users.add(user(workspace), Secret("kept of it"))
    with store.read() as session:
        assert session.database_users.all() == [user(workspace)]
        assert session.database_users.by_name("ann") == (user(workspace), Secret("kept of it"))
        assert session.database_users.by_id("1") == user(workspace)
        assert session.database_users.by_name("bob") is None
    [(sealed,)] = rows("SELECT sealed FROM database_users")
    assert b"kept" not in bytes(sealed)


def test_a_credential_does_not_open_under_another_name(
    store: Store, workspace: Workspace, rows: Callable[[str], object]
) -> None:
    with store.write() as session:
        session.database_users.add(user(workspace), Secret("kept"))
    rows("UPDATE database_users SET name = 'eve'")
    with store.read() as session, pytest.raises(SealError):
        session.database_users.by_name("eve")


def test_a_name_is_there_once_and_a_change_is_seen_at_once(store: Store, workspace: Workspace) -> None:
    with store.write() as session:
        session.database_users.add(user(workspace), Secret("a"))
    with pytest.raises(IntegrityError), store.write() as session:
        session.database_users.add(user(workspace, id="2"), Secret("b"))
    with store.read() as session:
        assert session.database_users.by_id("1") == user(workspace)
    fewer = msgspec.structs.replace(user(workspace), roles=(DatabaseRole.READ_ANY_DATABASE,))
    with store.write() as session:
        session.database_users.replace(fewer)
    with store.read() as session:
        assert session.database_users.by_id("1") == fewer
        assert session.database_users.by_name("ann") == (fewer, Secret("a"))
    with store.write() as session:
        assert session.database_users.remove("ann")
        assert not session.database_users.remove("ann")
    with store.read() as session:
        assert session.database_users.by_id("1") is None


def test_users_go_with_their_project(store: Store, workspace: Workspace) -> None:
    with store.write() as session:
        session.database_users.add(user(workspace), Secret("a"))
        session.remove_group(workspace.group_id)
    with store.read() as session:
        assert session.database_users.all() == []


def test_readers_may_look_and_nothing_else(workspace: Workspace) -> None:
    reader = msgspec.structs.replace(user(workspace), roles=(DatabaseRole.READ_ANY_DATABASE,))
    assert reader.may("listStreamProcessors")
    assert reader.may("sampleStreamProcessor")
    assert not reader.may("processStreamProcessor")
    assert not reader.may("dropStreamProcessor")
    assert ACTIONS[DatabaseRole.ATLAS_ADMIN] == ACTIONS[DatabaseRole.READ_WRITE_ANY_DATABASE]
    assert reader.reaches("brook")
    assert not reader.reaches("other")


@pytest.mark.parametrize("name", ["", " a", "a\n", "a\0", "x" * 257])
def test_names_that_nobody_can_have(name: str) -> None:
    assert user_problem(name)
