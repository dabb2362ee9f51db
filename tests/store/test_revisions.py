"""Revisions: one for each write, in its transaction, never changed, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.exc import SQLAlchemyError

from brookmill.clock import SystemClock
from brookmill.config import Settings
from brookmill.connections.https import Https
from brookmill.connections.kafka import Authentication, Kafka
from brookmill.domain.revision import Author, Change, changes
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Workspace
from brookmill.store import SealError, Store
from brookmill.store.database import connect, url_of, writing
from brookmill.store.migration import alembic_config
from brookmill.store.session import Session

replace = msgspec.structs.replace
ME = Author(at=5.0, kind="API_KEY", id="k", name="me", address="127.0.0.1", client="curl/8")
HERE = Https(id="1", name="it", url="http://one")


def actions(session: Session, workspace: Workspace, name: str = "it") -> list[tuple[int, str, int | None]]:
    found = session.revisions.some(workspace, name, count=100)
    return [(r.number, r.action, r.restored) for r in found]


def test_every_write_makes_one(store: Store, workspace: Workspace) -> None:
    there = replace(HERE, url="http://two")
    with store.write() as session:
        assert session.add_connection(workspace, HERE, ME) == 1
    with store.write() as session:
        assert session.replace_connection(workspace, there, ME) == 2
        assert session.replace_connection(workspace, HERE, ME, restored=1) == 3
        session.remove_connection(workspace, "it", ME)
        assert session.add_connection(workspace, there, ME, restored=2) == 5
    with store.read() as session:
        expected = [(5, "ROLLBACK", 2), (4, "DELETE", None), (3, "ROLLBACK", 1), (2, "UPDATE", None)]
        assert actions(session, workspace) == [*expected, (1, "CREATE", None)]
        found = session.revisions.some(workspace, "it", count=100)
        assert [r.connection for r in found] == [there, None, HERE, there, HERE]
        assert {r.author for r in found} == {ME}
        assert session.revised_connection(workspace, "it") == (there, 5)
        assert session.revisions.count(workspace, "it") == 5
        assert [r.number for r in session.revisions.some(workspace, "it", count=2, skip=1)] == [4, 3]
        assert session.revisions.one(workspace, "it", 6) is None
        assert session.revisions.newest(workspace, "other") == 0
        assert session.revisions.newest(workspace, "i\0t") == 0


def test_a_write_that_is_undone_leaves_none(store: Store, workspace: Workspace) -> None:
    with store.write() as session:
        session.add_connection(workspace, HERE)
        taken = replace(HERE, url="http://two")
        session.replace_connection(workspace, replace(HERE, url="http://three"))
    with pytest.raises(SQLAlchemyError), store.write() as session:  # noqa: PT012 -- what came before counts
        session.replace_connection(workspace, taken)
        session.add_connection(workspace, taken)
    with store.read() as session:
        assert [number for number, _, _ in actions(session, workspace)] == [2, 1]


def test_one_of_another_number_or_workspace_does_not_open(
    store: Store, workspace: Workspace, rows: Callable[[str], object]
) -> None:
    with store.write() as session:
        session.add_connection(workspace, HERE)
        session.replace_connection(workspace, HERE)
    rows("UPDATE connection_revisions SET number = 3 WHERE number = 1")
    with store.read() as session, pytest.raises(SealError):
        session.revisions.one(workspace, "it", 3)


def test_of_very_many_the_oldest_go(
    store: Store, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brookmill.store.revisions._KEPT", 10)
    monkeypatch.setattr("brookmill.store.revisions._SPARE", 5)
    with store.write() as session:
        session.add_connection(workspace, HERE)
        for _ in range(24):
            session.replace_connection(workspace, HERE)
        assert [number for number, _, _ in actions(session, workspace)] == list(range(25, 15, -1))


def test_what_was_kept_before_there_were_revisions_gets_a_first_one(
    settings: Settings, store: Store, workspace: Workspace, rows: Callable[[str], list[sa.Row[tuple[object]]]]
) -> None:
    with store.write() as session:
        session.add_connection(workspace, HERE)
        session.add_connection(workspace, replace(HERE, id="2", name="torn"))
    store.close()
    engine = connect(url_of(settings))
    rows("UPDATE connections SET name = 'moved' WHERE name = 'torn'")
    later = ("rollout_steps", "rollouts", "operational_log", "audit_head", "audit_records", "replies")
    for table in (*later, "connection_revisions"):
        rows(f"DROP TABLE {table}")
    rows("ALTER TABLE connections DROP COLUMN revision")
    with writing(engine) as connection:
        command.stamp(alembic_config(connection), "0004", purge=True)
        connection.commit()
    engine.dispose()
    upgraded = Store.open(settings, SystemClock())
    try:
        with upgraded.write() as session:
            assert session.replace_connection(workspace, replace(HERE, url="http://two")) == 2
            assert session.revisions.one(workspace, "it", 1).connection == HERE  # type: ignore[union-attr]
            assert session.revisions.newest(workspace, "moved") == 0
    finally:
        upgraded.close()


def test_a_difference_tells_of_secrets_only_that_they_changed() -> None:
    login = Authentication(mechanism="PLAIN", username="u", password=Secret("one"))
    before = Kafka(id="1", name="it", authentication=login, config={"acks": "1"}, state="PENDING")
    after = replace(
        before,
        state="READY",
        authentication=replace(login, username="v", password=Secret("two")),
        config={"acks": "1", "retries": "3"},
    )
    assert changes(before, after) == [
        Change(path="authentication.password", secret=True),
        Change(path="authentication.username", before="u", after="v"),
        Change(path="config.retries", after="3"),
    ]
    assert "one" not in repr(changes(before, None))
    assert changes(before, before) == []
    assert Change(path="type", before="Kafka") in changes(before, None)


def test_an_answer_is_kept_for_a_day_for_its_principal_alone(
    store: Store, rows: Callable[[str], list[object]]
) -> None:
    with store.write() as session:
        session.replies.add("me", "k", "request", b"canary", 1000.0)
    with store.write() as session:
        assert session.replies.one("me", "k", 1000.0 + 86_399) == ("request", b"canary")
        assert session.replies.one("you", "k", 1000.0) is None
        assert session.replies.one("me", "k", 1000.0 + 86_400) is None
        session.replies.add("me", "k", "another", b"later", 1000.0 + 86_400)
        assert session.replies.one("me", "k", 1000.0 + 86_400) == ("another", b"later")
    assert len(rows("SELECT * FROM replies")) == 1
    assert "canary" not in repr(rows("SELECT * FROM replies"))
