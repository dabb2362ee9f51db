"""A fresh database and an upgraded one have the same schema; starting on a current one needs no Alembic."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from brookmill.clock import SystemClock
from brookmill.config import Settings
from brookmill.store import Store, StoreError
from brookmill.store.database import connect, make_directory, url_of, writing
from brookmill.store.migration import alembic_config
from brookmill.store.schema import HEAD, metadata


@pytest.fixture
def engine(settings: Settings) -> Iterator[sa.Engine]:
    """The database itself, empty."""
    make_directory(settings)
    engine = connect(url_of(settings))
    yield engine
    engine.dispose()


def described(connection: sa.Connection) -> dict[str, object]:
    """Everything the database says about its tables."""
    inspector = sa.inspect(connection)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)],
            inspector.get_pk_constraint(table),
            sorted(map(str, inspector.get_foreign_keys(table))),
            sorted(map(str, inspector.get_unique_constraints(table))),
            sorted(map(str, inspector.get_indexes(table))),
        )
        for table in sorted(inspector.get_table_names())
    }


def test_migrations_lead_to_the_schema_that_is_made_at_once(settings: Settings, engine: sa.Engine) -> None:
    with writing(engine) as connection:
        command.upgrade(alembic_config(connection), "head")
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        migrated = described(connection)
        connection.rollback()
    Store.open(settings, SystemClock()).close()
    with engine.connect() as connection:
        assert described(connection) == migrated


def test_head_is_the_newest_migration(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == HEAD


def test_a_newer_database_is_refused(settings: Settings, rows: Callable[[str], object]) -> None:
    Store.open(settings, SystemClock()).close()
    rows("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"9999.*up to"):
        Store.open(settings, SystemClock())


def test_an_upgrade_that_fails_changes_nothing(settings: Settings, engine: sa.Engine) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE processors (a INTEGER)")
        connection.commit()
    with pytest.raises(StoreError):
        Store.open(settings, SystemClock())
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["processors"]


START = """
import sys
import msgspec
from brookmill.clock import SystemClock
from brookmill.config import Settings
from brookmill.store import Store

Store.open(msgspec.json.decode(sys.argv[1], type=Settings), SystemClock()).close()
heavy = {"alembic", "mako", "psycopg", "confluent_kafka", "pymongo"} & set(sys.modules)
print(*sorted(heavy))
"""


def test_starting_loads_neither_alembic_nor_drivers_it_does_not_need(settings: Settings) -> None:
    command = [sys.executable, "-c", START, msgspec.json.encode(settings).decode()]
    for _ in ("empty", "current"):
        loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        assert loaded == (["psycopg"] if settings.database else [])


@pytest.mark.parametrize(
    ("database", "text"),
    [
        ("nonsense", "not a URL"),
        ("mysql://u:pa55@h/d", "are known"),
        ("postgresql://u:pa55@127.0.0.1:1/d", "cannot be used"),
        ("postgres://u:pa55@127.0.0.1:1/d", "cannot be used"),
        ("sqlite:////nowhere/at/all.db", "cannot be used"),
    ],
)
def test_what_cannot_be_opened_is_said_plainly(tmp_path: Path, database: str, text: str) -> None:
    with pytest.raises(StoreError, match=text) as caught:
        Store.open(Settings(data_dir=str(tmp_path), database=database), SystemClock())
    assert "pa55" not in str(caught.value)


def test_a_data_directory_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        Store.open(Settings(data_dir=str(tmp_path / "file" / "data")), SystemClock())


def test_a_broken_file_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "brookmill.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="cannot be used"):
        Store.open(Settings(data_dir=str(tmp_path)), SystemClock())


def test_closing_twice_is_harmless_and_ready_tells_the_truth(
    settings: Settings, rows: Callable[[str], object]
) -> None:
    store = Store.open(settings, SystemClock())
    assert store.ready()
    rows("DROP TABLE organizations CASCADE" if settings.database else "DROP TABLE organizations")
    assert not store.ready()
    store.close()
    store.close()
