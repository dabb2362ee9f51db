"""The audit log: a chain that shows whatever was changed, left out or moved in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from brookmill.clock import VirtualClock
from brookmill.config import Settings
from brookmill.domain.audit import AuditRecord
from brookmill.domain.workspace import Organization
from brookmill.store import Store, Trail
from brookmill.store.audit import AuditError, Head
from brookmill.store.rotation import rotate

Rows = Callable[[str], list[sa.Row[tuple[object]]]]


def record(at: float, processor: str | None = None) -> AuditRecord:
    event = {"time": int(at * 1000), "metadata": {"version": "1.1.0"}}
    return AuditRecord(at=at, event=event, group_id="g", workspace="w", processor=processor)


@pytest.fixture
def log(settings: Settings) -> Iterator[Store]:
    """A store whose audit log has five records."""
    store = Store.open(settings, VirtualClock())
    for n in range(5):
        with store.write() as session:
            session.audit.add(record(float(n), "p" if n % 2 else None))
    yield store
    store.close()


def test_a_log_that_was_left_alone(log: Store) -> None:
    with log.read() as session:
        head = session.audit.check()
        assert (head.number, head.hash) == (5, session.audit.hash_of(5))
        assert session.audit.head() == head
        texts = list(session.audit.of_workspace("g", "w", 1, 4))
        assert [t.count(f'"sequence":{n}') for n, t in zip((2, 3, 4), texts, strict=True)] == [1, 1, 1]
        assert len(list(session.audit.of_workspace("g", "w", 0, 9, "p"))) == 2
        assert list(session.audit.of_workspace("g", "other", 0, 9)) == []


def test_an_empty_log(settings: Settings) -> None:
    store = Store.open(settings, VirtualClock())
    with store.read() as session:
        assert session.audit.check() == Head(0, "")
    store.close()


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("UPDATE audit_records SET record = replace(record, '2000', '2001') WHERE number = 3", "at record 3"),
        ("UPDATE audit_records SET hash = 'f' WHERE number = 3", "at record 3"),
        ("DELETE FROM audit_records WHERE number = 3", "at record 3"),
        ("DELETE FROM audit_records WHERE number = 1", "at record 1"),
        ("DELETE FROM audit_records WHERE number > 3", "ends with record 3, .* must end with 5,"),
        ("DELETE FROM audit_records", "ends with record 0, none; it must end with 5"),
        ("UPDATE audit_records SET number = -number", "at record -5"),
        ("UPDATE audit_head SET number = 4", "the end of the audit log was changed"),
        ("DELETE FROM audit_head", "ends with record 5, .* must end with 0, none"),
    ],
)
def test_whatever_is_done_to_it_shows(log: Store, rows: Rows, statement: str, text: str) -> None:
    rows(statement)
    with log.read() as session, pytest.raises(AuditError, match=text):
        session.audit.check()


def test_who_makes_hashes_anew_cannot_make_the_end(log: Store, rows: Rows) -> None:
    with log.read() as session:
        texts = list(session.audit.of_workspace("g", "w", 0, 9))
    before = ""
    for number, text in enumerate([t.replace("2000", "2001") for t in texts], start=1):
        before = hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()
        rows(f"UPDATE audit_records SET record = '{text}', hash = '{before}' WHERE number = {number}")
    with log.read() as session, pytest.raises(AuditError, match=r"ends with record 5, .* must end with 5"):
        session.audit.check()


def test_another_key_seals_the_end_anew(log: Store) -> None:
    rotate(log)
    with log.write() as session:
        session.audit.add(record(6.0))
    with log.read() as session:
        assert session.audit.check().number == 6


def undone(log: Store) -> None:
    with log.write() as session:
        session.add_organization(Organization(id="a" * 24, name="Mill", created=1.0))
        raise ZeroDivisionError


def test_a_record_is_kept_with_what_it_tells_of_or_not_at_all(log: Store) -> None:
    trail = Trail(lambda: record(9.0))
    with pytest.raises(ZeroDivisionError), log.recording(trail):
        undone(log)
    with log.read() as session:
        assert (trail.kept, session.audit.head().number, session.organizations()) == (False, 5, [])
    with log.recording(trail):
        for _ in range(2):
            with log.write() as session:
                session.organizations()
    with log.write() as session:
        session.organizations()
    with log.read() as session:
        assert (trail.kept, session.audit.check().number) == (True, 6)
