"""Rotating the master key: nothing stops meanwhile, and it can be killed at any row and carried on."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from brookmill.clock import SystemClock
from brookmill.config import Settings
from brookmill.connections.kafka import Authentication, Kafka
from brookmill.domain.access import ApiKey
from brookmill.domain.cluster import Cluster
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Workspace
from brookmill.store import Store
from brookmill.store.credentials import ha1
from brookmill.store.rotation import rotate
from brookmill.store.seal import KEY_FILE, Keyring, SealError, write_keys
from brookmill.store.session import Session

ROWS = 8


def kafka(n: int) -> Kafka:
    login = Authentication(mechanism="PLAIN", username="u", password=Secret(f"p{n}"))
    return Kafka(id=str(n), name=f"k{n}", authentication=login)


@pytest.fixture
def filled(store: Store, workspace: Workspace) -> Store:
    """Three connections with a revision each, a cluster and a key: eight sealed rows."""
    with store.write() as session:
        for n in range(3):
            session.add_connection(workspace, kafka(n))
        session.put_cluster(Cluster(id="1", name="c", uri=Secret("u"), created=1.0))
        [org] = session.organizations()
        key = ApiKey(id="1", org_id=org.id, public_key="abcdefgh", description="", created=1.0)
        session.access.add_api_key(key, ha1("abcdefgh", Secret("p")))
    return store


def whole(session: Session, workspace: Workspace) -> bool:
    """Whether all of it can be read."""
    found = session.access.principal_by_public_key("abcdefgh")
    assert session.connections(workspace)[:3] == [kafka(n) for n in range(3)]
    for n in range(3):
        revision = session.revisions.one(workspace, f"k{n}", 1)
        assert revision is not None
        assert revision.connection == kafka(n)
    assert [c.uri for c in session.clusters()] == [Secret("u")]
    return found is not None and found[1] == ha1("abcdefgh", Secret("p"))


def ids_in_use(rows: Callable[[str], list[tuple[str]]]) -> set[str]:
    tables = ("connections", "connection_revisions", "clusters", "api_keys")
    return {row[0] for table in tables for row in rows(f"SELECT key_id FROM {table}")}


def test_everything_moves_to_a_new_key_and_the_old_one_is_gone(
    filled: Store,
    workspace: Workspace,
    settings: Settings,
    reopen: Callable[[], Store],
    rows: Callable[[str], list[tuple[str]]],
) -> None:
    [old] = filled.keyring.ids
    seen: list[tuple[int, int]] = []
    done = rotate(filled, lambda row, total: seen.append((row, total)))
    assert (done.rows, done.retired, done.resumed) == (ROWS, (old,), False)
    assert seen == [(n, ROWS) for n in range(1, ROWS + 1)]
    assert ids_in_use(rows) == {done.key_id} != {old}
    assert Keyring.load(settings).ids == [done.key_id]
    assert Path(settings.data_dir, KEY_FILE).stat().st_mode & 0o777 == 0o600
    with reopen().read() as session:
        assert whole(session, workspace)


def test_a_running_server_reads_and_writes_throughout(
    filled: Store,
    workspace: Workspace,
    reopen: Callable[[], Store],
    rows: Callable[[str], list[tuple[str]]],
) -> None:
    server = reopen()

    def work(row: int, _total: int) -> None:
        if row <= ROWS:
            with server.write() as session:
                assert whole(session, workspace)
                session.add_connection(workspace, kafka(10 + row))

    done = rotate(filled, work)
    with server.write() as session:
        session.replace_connection(workspace, kafka(0))
        assert whole(session, workspace)
    assert ids_in_use(rows) == {done.key_id}
    with reopen().read() as session:
        assert len(session.connections(workspace)) == 3 + ROWS


def test_a_snapshot_from_before_still_opens_afterwards(
    filled: Store, workspace: Workspace, reopen: Callable[[], Store]
) -> None:
    server = reopen()
    with server.read() as before:
        assert before.organizations()
        rotate(filled)
        with server.read() as after:
            assert whole(after, workspace)
        assert whole(before, workspace)


KILLED = """
import os, signal, sys
import msgspec
from brookmill.clock import SystemClock
from brookmill.config import Settings
from brookmill.store import Store
from brookmill.store.rotation import rotate

settings, row = msgspec.json.decode(sys.argv[1], type=Settings), int(sys.argv[2])
die = lambda done, total: os.kill(os.getpid(), signal.SIGKILL) if done == row else None
rotate(Store.open(settings, SystemClock()), die)
"""


@pytest.mark.parametrize("row", range(1, ROWS + 1))
def test_killed_at_any_row_it_carries_on(
    filled: Store,
    workspace: Workspace,
    settings: Settings,
    rows: Callable[[str], list[tuple[str]]],
    row: int,
) -> None:
    [old] = filled.keyring.ids
    arguments = [msgspec.json.encode(settings).decode(), str(row)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(ids_in_use(rows)) == (1 if row == ROWS else 2)
    with filled.write() as session:
        assert whole(session, workspace), "both keys open meanwhile"
    done = rotate(filled)
    assert (done.rows, done.resumed, done.retired) == (ROWS - row, True, (old,))
    assert ids_in_use(rows) == {done.key_id}
    with filled.read() as session:
        assert whole(session, workspace)


def test_killed_before_the_first_row_it_uses_the_key_already_made(filled: Store, settings: Settings) -> None:
    old = filled.keyring.texts
    write_keys(Path(settings.data_dir, KEY_FILE), [b"n" * 32, *old])
    assert rotate(filled).key_id == Keyring([b"n" * 32]).ids[0]


def test_an_operators_keys_are_left_to_him(filled: Store, workspace: Workspace, settings: Settings) -> None:
    old = filled.keyring.texts[0]
    filled.close()
    given = ",".join(base64.b64encode(key).decode() for key in (b"n" * 32, old))
    own = msgspec.structs.replace(settings, master_key=given)
    store = Store.open(own, SystemClock())
    try:
        with store.write() as session:
            session.add_connection(workspace, kafka(7))
        done = rotate(store)
        assert (done.rows, done.retired) == (ROWS + 2, ())
        assert rotate(store).rows == 0
    finally:
        store.close()
    alone = msgspec.structs.replace(own, master_key=given.split(",")[0])
    store = Store.open(alone, SystemClock())
    with store.read() as session:
        assert whole(session, workspace)
    store.close()


def test_a_row_that_does_not_open_stops_it_before_the_old_key_is_lost(
    filled: Store, settings: Settings, rows: Callable[[str], list[tuple[str]]]
) -> None:
    [old] = filled.keyring.ids
    rows("UPDATE connections SET name = 'other' WHERE name = 'k1'")
    with pytest.raises(SealError, match="changed or moved"):
        rotate(filled)
    assert old in Keyring.load(settings).ids
    assert os.listdir(settings.data_dir)
