"""Sealed values open in their own row only, and nothing secret lies in the database in clear."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from brookmill.clock import VirtualClock
from brookmill.config import Settings
from brookmill.connections.aws import AWSConfig
from brookmill.connections.https import Https
from brookmill.connections.kafka import Authentication, Kafka
from brookmill.connections.s3 import S3
from brookmill.domain.access import ApiKey, ClientSecret, ServiceAccount
from brookmill.domain.cluster import Cluster
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Workspace
from brookmill.store import Store, StoreError, schema
from brookmill.store.credentials import ha1, masked, new_client_secret
from brookmill.store.seal import KEY_FILE, Keyring, SealError

SQL = Callable[[str], list[sa.Row[tuple[object, ...]]]]

ONE, TWO = b"1" * 32, b"2" * 32
ORG_ID = "0" * 23 + "a"
CLIENT = "mdb_sa_id_" + "7" * 24


def text(*keys: bytes) -> str:
    return ",".join(base64.b64encode(key).decode() for key in keys)


# --- the ring


def test_opening_is_the_inverse_of_sealing() -> None:
    ring = Keyring([ONE])
    sealed = ring.seal(ring.ids[0], b"water", ("a", "b"))
    assert ring.open(ring.ids[0], sealed, ("a", "b")) == b"water"
    assert ring.seal(ring.ids[0], b"water", ("a", "b")) != sealed, "every sealing has its own nonce"


@pytest.mark.parametrize("place", [("a", "bc"), ("ab", "c", ""), ("ab",), ("c", "ab"), ()])
def test_another_place_does_not_open(place: tuple[str, ...]) -> None:
    ring = Keyring([ONE])
    sealed = ring.seal(ring.ids[0], b"water", ("ab", "c"))
    with pytest.raises(SealError) as caught:
        ring.open(ring.ids[0], sealed, place)
    assert "water" not in str(caught.value)


@pytest.mark.parametrize("at", [0, 11, 12, 16, -1])
def test_one_changed_bit_does_not_open(at: int) -> None:
    ring = Keyring([ONE])
    sealed = bytearray(ring.seal(ring.ids[0], b"water", ("a",)))
    sealed[at] ^= 1
    with pytest.raises(SealError):
        ring.open(ring.ids[0], bytes(sealed), ("a",))


@pytest.mark.parametrize("sealed", [b"", b"short", b"x" * 12])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    ring = Keyring([ONE])
    with pytest.raises(SealError):
        ring.open(ring.ids[0], sealed, ("a",))


def test_both_keys_of_a_ring_open() -> None:
    old, both = Keyring([ONE]), Keyring([TWO, ONE])
    sealed = old.seal(old.ids[0], b"water", ("a",))
    assert both.open(old.ids[0], sealed, ("a",)) == b"water"
    with pytest.raises(SealError, match="not among"):
        Keyring([TWO]).open(old.ids[0], sealed, ("a",))


# --- where keys come from


def test_a_key_is_made_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    ring = Keyring.load(settings)
    path = tmp_path / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [len(key) for key in ring.texts] == [32]
    assert Keyring.load(settings).ids == ring.ids, "the second start finds it again"
    assert os.listdir(tmp_path) == [KEY_FILE]


def test_keys_come_from_the_setting_or_the_file_it_names(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(text(TWO) + "\n" + text(ONE) + "\n")
    assert Keyring.load(Settings(master_key=text(ONE))).texts == [ONE]
    assert Keyring.load(Settings(master_key=text(TWO, ONE))).texts == [TWO, ONE]
    assert Keyring.load(Settings(master_key_file=str(file))).texts == [TWO, ONE]


@pytest.mark.parametrize("given", ["", "short", "!" * 44, base64.b64encode(b"x" * 16).decode(), "é"])
def test_a_malformed_key_is_refused_without_being_shown(given: str, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(given)
    for settings in (Settings(master_key=given), Settings(master_key_file=str(file))):
        with pytest.raises(SealError) as caught:
            Keyring.load(settings)
        assert not given or given not in str(caught.value)


def test_a_database_of_another_key_is_not_opened(
    settings: Settings, store: Store, clock: VirtualClock
) -> None:
    store.close()
    other = Settings(data_dir=settings.data_dir, database=settings.database, master_key=text(ONE))
    with pytest.raises(StoreError, match="sealed with master key"):
        Store.open(other, clock)


# --- rows


def kafka(id: str, name: str, password: str) -> Kafka:
    login = Authentication(mechanism="PLAIN", username="u", password=Secret(password))
    return Kafka(id=id, name=name, bootstrap_servers="a:9092", authentication=login)


def test_swapped_connections_do_not_open(store: Store, workspace: Workspace, rows: SQL) -> None:
    with store.write() as session:
        session.add_connection(workspace, kafka("1", "a", "p1"))
        session.add_connection(workspace, kafka("2", "b", "p2"))
    rows("UPDATE connections SET sealed = (SELECT sealed FROM connections WHERE id = '2') WHERE id = '1'")
    with store.read() as session:
        with pytest.raises(SealError, match="changed or moved"):
            session.connection(workspace, "a")
        assert session.connection(workspace, "b") == kafka("2", "b", "p2")


@pytest.mark.parametrize("column", ["id", "name", "type", "workspace_id"])
def test_a_connection_is_bound_to_what_it_is_found_by(
    store: Store, workspace: Workspace, rows: SQL, column: str
) -> None:
    other = msgspec.structs.replace(workspace, id="d" * 24, name="w")
    with store.write() as session:
        session.add_workspace(other)
        session.add_connection(workspace, kafka("1", "a", "p1"))
    value = {"id": "2", "name": "b", "type": "Https", "workspace_id": other.id}[column]
    rows(f"UPDATE connections SET {column} = '{value}'")
    with store.read() as session, pytest.raises(SealError):
        session.connections(other if column == "workspace_id" else workspace)


def test_a_workspace_moved_to_another_project_does_not_open(
    store: Store, workspace: Workspace, rows: SQL
) -> None:
    with store.write() as session:
        session.add_connection(workspace, kafka("1", "a", "p1"))
    rows("INSERT INTO groups (id, org_id, name, created, tags, with_default_alerts_settings) "
         "SELECT 'thief', org_id, 'thief', 1, '{}', with_default_alerts_settings FROM groups")  # fmt: skip
    rows("UPDATE workspaces SET group_id = 'thief'")
    with store.read() as session:
        moved = session.workspace("thief", workspace.name)
        assert moved is not None
        with pytest.raises(SealError):
            session.connections(moved)


def test_swapped_keys_and_clusters_do_not_open(store: Store, rows: SQL) -> None:
    with store.write() as session:
        [org] = session.organizations()
        for name in ("aaaaaaaa", "bbbbbbbb"):
            key = ApiKey(id=name, org_id=org.id, public_key=name, description="", created=1.0)
            session.access.add_api_key(key, ha1(name, Secret("p")))
            session.put_cluster(Cluster(id=name, name=name, uri=Secret(name), created=1.0))
    for table in ("api_keys", "clusters"):
        rows(f"UPDATE {table} SET sealed = (SELECT sealed FROM {table} WHERE id = 'bbbbbbbb')")
    with store.read() as session:
        assert session.cluster("bbbbbbbb")
        assert session.access.principal_by_public_key("bbbbbbbb")
        with pytest.raises(SealError):
            session.cluster("aaaaaaaa")
        with pytest.raises(SealError):
            session.access.principal_by_public_key("aaaaaaaa")


# --- nothing in clear


def spellings(secret: str) -> set[bytes]:
    """How a secret could look in a file: as it is, in hex, in base64 at any of its three offsets."""
    raw = secret.encode()
    coded = {base64.b64encode(b"x" * shift + raw + b"y" * 3)[4:-8] for shift in range(3)}
    return {raw, raw.hex().encode(), raw.hex().upper().encode(), raw[::-1], *coded}


CANARIES = {name: f"canary-{name}-7Q4xW9bT2kLm" for name in ("password", "key", "header", "uri", "arn")}


def fill(store: Store, workspace: Workspace) -> list[str]:
    """Put something secret wherever something secret can go; answers all of it."""
    private, secret = Secret("0d4b9c1e-77aa-4c1d-9a55-canary000001"), new_client_secret()
    login = Authentication(
        username="plain-username", password=Secret(CANARIES["password"]), ssl_key=Secret(CANARIES["key"])
    )
    account = ServiceAccount(id=CLIENT, org_id=ORG_ID, name="n", description="d", created=1.0)
    kept = ClientSecret(id="1", masked=masked(secret), created=1.0, expires=2.0)
    key = ApiKey(id="1", org_id=ORG_ID, public_key="abcdefgh", description="", created=1.0)
    with store.write() as session:
        session.add_connection(workspace, Kafka(id="1", name="k", authentication=login))
        session.add_connection(workspace, Https(id="2", name="h", headers={"k": CANARIES["header"]}))
        session.add_connection(workspace, S3(id="3", name="s", aws=AWSConfig(role_arn=CANARIES["arn"])))
        session.put_cluster(Cluster(id="1", name="c", uri=Secret(CANARIES["uri"]), created=1.0))
        session.access.add_api_key(key, ha1(key.public_key, private))
        session.access.add_service_account(account)
        session.access.add_client_secret(CLIENT, kept, secret)
        token = session.access.issue_token(CLIENT, secret, 1.5)
    assert token is not None
    texts = [private, secret, token, ha1(key.public_key, private)]
    return [*CANARIES.values(), "plain-username", *(text.reveal() for text in texts)]


def contents(settings: Settings, rows: SQL) -> dict[str, bytes]:
    """Everything the database holds: files as they lie there, or every column of every table."""
    if settings.database is None:
        return {path.name: path.read_bytes() for path in Path(settings.data_dir).glob("brookmill.db*")}
    return {name: repr(rows(f"SELECT * FROM {name}")).encode() for name in schema.metadata.tables}


def test_nothing_secret_lies_in_the_database(
    settings: Settings, store: Store, workspace: Workspace, rows: SQL
) -> None:
    hidden = fill(store, workspace)
    key = store.keyring.texts[0]
    running = contents(settings, rows)
    store.close()
    closed = contents(settings, rows)
    assert settings.database or set(running) == {"brookmill.db", "brookmill.db-wal", "brookmill.db-shm"}
    for files in (running, closed):
        assert CLIENT.encode() in b"".join(files.values()), "the search finds what is there"
        for name, content in files.items():
            assert not [s for s in hidden for spelling in spellings(s) if spelling in content], name
            assert key not in content
