"""Bringing a database to the newest schema; Alembic is only loaded when an older one has to be upgraded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)

from brookmill.store.database import StoreError
from brookmill.store.schema import HEAD, metadata, revision

if TYPE_CHECKING:
    from alembic.config import Config

#: Alembic's own table, as Alembic makes it.
_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def version(connection: Connection) -> str | None:
    """The migration the database stands at, None for an empty one."""
    if not inspect(connection).has_table(_version.name):
        return None
    return connection.execute(select(_version.c.version_num)).scalar()


def bring_up(connection: Connection) -> bool:
    """Create or upgrade everything within the caller's writing transaction, so that a crash changes nothing.

    Answers whether there was an older schema. Raises StoreError for a database that a newer Brookmill wrote.
    """
    found = version(connection)
    if found == HEAD:
        return False
    if found is None:
        _create(connection)
        return False
    _upgrade(connection, found)
    return True


def _create(connection: Connection) -> None:
    """The newest schema at once; a test proves that the migrations lead to the same."""
    _version.create(connection)
    metadata.create_all(connection, checkfirst=False)  # a database of something else is not ours to fill
    connection.execute(insert(_version).values(version_num=HEAD))
    connection.execute(insert(revision).values(one=1, number=0))


def _upgrade(connection: Connection, found: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(alembic_config(connection), HEAD)
    except CommandError as e:
        raise StoreError(f"the database has schema {found}, this Brookmill knows up to {HEAD}") from e


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for running this package's migrations on ``connection``."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "brookmill.store:migrations")
    config.attributes["connection"] = connection
    return config
