"""What a session is given it gives back, and a transaction is one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError

from brookmill.connections.https import Https
from brookmill.connections.kafka import Authentication, Kafka
from brookmill.connections.sample import Sample
from brookmill.domain.cluster import Cluster
from brookmill.domain.connection import Connection, secrets
from brookmill.domain.processor import Processor, State
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import DataProcessRegion, Group, StreamConfig, Workspace
from brookmill.store import Store, schema
from brookmill.store.rows import row_of

replace = msgspec.structs.replace


def kafka(id: str, name: str, password: str = "pass") -> Connection:
    return Kafka(
        id=id,
        name=name,
        state="READY",
        bootstrap_servers="a:9092",
        authentication=Authentication(mechanism="PLAIN", username="u", password=Secret(password)),
    )


def processor(id: str, name: str, workspace: Workspace) -> Processor:
    return Processor(
        id=id,
        workspace_id=workspace.id,
        name=name,
        pipeline='[{"$source":{"z":1.0,"a":1e3}}]',
        effective_tier="SP10",
        state_changed=1.5,
        created=1.25,
    )


# --- projects and workspaces


def test_what_was_added_comes_back_equal(store: Store, workspace: Workspace) -> None:
    full = Workspace(
        id="f" * 24,
        group_id=workspace.group_id,
        name="ünï·✓",
        region=DataProcessRegion(cloud_provider="AZURE", region="eastus"),
        config=StreamConfig(tier="SP30", max_tier_size="SP50"),
        failover_regions=(DataProcessRegion(cloud_provider="AWS", region="OHIO_USA"),),
        hostnames=("a.example:1", "b.example:2"),
        created=1_700_000_000.123456,
    )
    with store.write() as session:
        session.add_workspace(full)
    with store.read() as session:
        assert session.workspaces(workspace.group_id) == [workspace, full]
        assert session.workspace(full.group_id, full.name) == session.workspace_by_id(full.id) == full


def test_projects_are_found_by_organization_and_name(store: Store, workspace: Workspace) -> None:
    with store.write() as session:
        [org] = session.organizations()
        [group] = session.groups(org.id)
        second = Group(id="d" * 24, org_id=org.id, name="Sluice", created=9.0, tags={"k": "v"})
        session.add_group(second)
        session.replace_group(replace(group, name="Weir", with_default_alerts_settings=False))
    with store.read() as session:
        assert [g.name for g in session.groups()] == ["Weir", "Sluice"], "a replaced row keeps its place"
        assert session.group_by_name("Sluice", org.id) == session.group(second.id) == second
        assert session.group_by_name("Wheel") is None
        assert session.groups("e" * 24) == []
        assert session.organization(org.id) == org


def test_what_is_in_a_project_goes_with_it(store: Store, workspace: Workspace) -> None:
    with store.write() as session:
        session.add_connection(workspace, kafka("1", "k"))
        session.add_processor(processor("2", "p", workspace))
        assert session.save_checkpoint("2", 0, b"state")
        session.remove_group(workspace.group_id)
    with store.read() as session:
        assert session.workspace_by_id(workspace.id) is None
        assert session.connections(workspace) == []
        assert session.processors(workspace) == []
        assert session.checkpoint("2") is None


@pytest.mark.parametrize(
    "name", ["", "nope", "BROOK", "a\0b", "\ud800", "../brook", "x" * 10_000, "' OR 1=1 --"]
)
def test_a_hostile_name_finds_nothing(store: Store, workspace: Workspace, name: str) -> None:
    with store.read() as session:
        assert session.workspace(workspace.group_id, name) is None
        assert session.connection(workspace, name) is None
        assert session.processor(workspace, name) is None
        assert session.cluster(name) is None
        assert session.group(name) is None
        assert session.group_by_name(name) is None
        assert session.access.principal_by_public_key(name) is None


# --- transactions


def test_an_exception_undoes_everything(store: Store, workspace: Workspace) -> None:
    def fail() -> None:
        with store.write() as session:
            session.remove_workspace(workspace)
            session.put_cluster(Cluster(id="1", name="c", uri=Secret("u"), created=1.0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.read() as session:
        assert session.workspaces(workspace.group_id) == [workspace]
        assert session.clusters() == []


def test_a_reader_sees_one_snapshot(store: Store, workspace: Workspace) -> None:
    with store.read() as before:
        assert before.connections(workspace) == []
        with store.write() as session:
            session.add_connection(workspace, kafka("1", "k"))
        assert before.connections(workspace) == []
    with store.read() as after:
        assert len(after.connections(workspace)) == 1


def test_a_writer_inside_a_writer_is_refused_instead_of_waiting_for_ever(store: Store) -> None:
    with store.write(), pytest.raises(RuntimeError, match="open in this thread"), store.write():
        pass
    with store.write():
        pass


def test_names_are_taken_once(store: Store, workspace: Workspace) -> None:
    with pytest.raises(IntegrityError), store.write() as session:
        session.add_workspace(replace(workspace, id="9" * 24))


def test_replacing_what_is_not_there_is_our_bug(store: Store, workspace: Workspace) -> None:
    with pytest.raises(LookupError), store.write() as session:
        session.replace_workspace(replace(workspace, id="9" * 24))
    with pytest.raises(LookupError), store.write() as session:
        session.replace_connection(workspace, kafka("1", "k"))


@pytest.mark.parametrize("kind", [Group, Workspace, Processor])
def test_every_field_has_a_column(kind: type[msgspec.Struct]) -> None:
    table = schema.metadata.tables[f"{kind.__name__.lower()}s"]
    fields = {f.name for f in msgspec.structs.fields(kind)}
    assert fields | {"serial"} == set(table.columns.keys())


# --- connections


def test_connections_come_back_with_their_secrets_in_the_order_of_creation(
    reopen: Callable[[], Store], store: Store, workspace: Workspace
) -> None:
    first, second = kafka("2", "b"), kafka("1", "a")
    https = Https(id="3", name="h", url="https://x", headers={"Authorization": "Bearer s3"})
    with store.write() as session:
        for connection in (first, second, https):
            session.add_connection(workspace, connection)
        session.replace_connection(workspace, kafka("2", "b", "other"))
    with reopen().read() as session:
        found = session.connections(workspace)
        assert found == [kafka("2", "b", "other"), second, https]
        assert dict(secrets(found[0])) == {"authentication.password": Secret("other")}
        assert session.connection(workspace, "h") == https


def test_a_member_that_was_never_sent_stays_unset(store: Store, workspace: Workspace) -> None:
    with store.write() as session:
        session.add_connection(workspace, Kafka(id="1", name="k"))
        found = session.connection(workspace, "k")
    assert found is not None
    unset = [f.name for f in msgspec.structs.fields(found) if getattr(found, f.name) is msgspec.UNSET]
    assert {"region", "state", "authentication", "security", "config", "networking"} <= set(unset)


def test_a_removed_connection_frees_its_name(store: Store, workspace: Workspace) -> None:
    with store.write() as session:
        session.add_connection(workspace, kafka("1", "k"))
        session.remove_connection(workspace, "k")
        assert session.connection(workspace, "k") is None
        session.add_connection(workspace, kafka("2", "k"))


def test_a_connection_without_id_is_refused(store: Store, workspace: Workspace) -> None:
    with pytest.raises(TypeError), store.write() as session:
        session.add_connection(workspace, Sample(name="sample_stream_solar"))


# --- processors and checkpoints


def test_processors_keep_their_text_and_their_state(store: Store, workspace: Workspace) -> None:
    one = processor("1", "p", workspace)
    running = replace(
        one, id="2", name="q", state=State.STARTED, has_started=True, generation=2**40, error="é"
    )
    with store.write() as session:
        session.add_processor(one)
        session.add_processor(replace(running, state=State.CREATED))
        session.replace_processor(running)
    with store.read() as session:
        assert session.processors(workspace) == [one, running]
        assert session.processor(workspace, "q") == session.processor_by_id("2") == running
        assert session.started_processors() == [running]


def test_what_a_database_cannot_hold_does_not_keep_an_error_from_being_kept(
    store: Store, workspace: Workspace
) -> None:
    with store.write() as session:
        session.add_processor(replace(processor("1", "p", workspace), error="bad \0 and \ud800"))
        kept = session.processor_by_id("1")
    assert kept is not None
    assert kept.error == "bad \ufffd and \ufffd"


def test_a_worker_of_an_older_generation_has_no_say(store: Store, workspace: Workspace) -> None:
    one = replace(processor("1", "p", workspace), generation=2)
    with store.write() as session:
        session.add_processor(one)
        assert session.save_checkpoint("1", 2, b"two\0\xff")
        session.replace_processor(replace(one, generation=3))
        assert not session.save_checkpoint("1", 2, b"late")
        assert session.checkpoint("1") == b"two\0\xff"
        assert session.save_checkpoint("1", 3, b"three")
        assert session.checkpoint("1") == b"three"
        session.remove_checkpoint("1")
        assert session.checkpoint("1") is None
        session.remove_processor("1")
        assert not session.save_checkpoint("1", 4, b"gone")
        assert session.processor_by_id("1") is None


# --- clusters


def test_a_cluster_keeps_its_id_when_its_uri_changes(store: Store) -> None:
    with store.write() as session:
        session.put_cluster(Cluster(id="1", name="c", uri=Secret("mongodb://a"), created=1.0))
        session.put_cluster(Cluster(id="2", name="c", uri=Secret("mongodb://b"), created=2.0))
        assert session.clusters() == [Cluster(id="1", name="c", uri=Secret("mongodb://b"), created=1.0)]
        assert session.remove_cluster("c")
        assert not session.remove_cluster("c")
        assert session.cluster("c") is None


def test_a_reader_cannot_write(store: Store, workspace: Workspace) -> None:
    with pytest.raises((OperationalError, InternalError)), store.read() as session:
        session.add_processor(processor("1", "p", workspace))
    with store.read() as session:
        assert session.processors(workspace) == []


def test_rows_hold_plain_values(workspace: Workspace) -> None:
    assert row_of(workspace)["config"] == {}
    assert row_of(workspace)["region"] == {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
