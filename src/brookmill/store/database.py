"""The two databases: how each is opened, and how each keeps one writer behind the other."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, OperationalError

from brookmill.config import Settings
from brookmill.errors import BrookmillError

#: Any fixed number: every Brookmill on one PostgreSQL database locks the same one before it writes.
_WRITER_LOCK = 0x62726F6F6B6D696C
_BUSY_MILLISECONDS = 60_000
_READ = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


class StoreError(BrookmillError):
    """The store cannot be opened; the text says what an operator can do and holds no password."""


def url_of(settings: Settings) -> URL:
    """Where the data is. Raises StoreError."""
    if settings.database is None:
        return URL.create("sqlite", database=str(Path(settings.data_dir) / "brookmill.db"))
    try:
        url = make_url(settings.database)
    except ArgumentError as e:
        raise StoreError("the setting database is not a URL like postgresql+psycopg://user@host/name") from e
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise StoreError(
            f"the setting database names {url.drivername}; sqlite and postgresql+psycopg are known"
        )
    return url


def connect(url: URL) -> Engine:
    """An engine whose transactions are begun by ``reading`` and ``writing``. Connects to nothing yet."""
    try:
        engine = create_engine(url, pool_size=8, max_overflow=-1)
    except ModuleNotFoundError as e:
        raise StoreError("PostgreSQL needs the extra: pip install 'brookmill[postgres]'") from e
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """Every acknowledged commit survives a power cut (FULL); readers never wait for the writer (WAL)."""
    connection.isolation_level = None  # the module must not begin transactions behind our back
    for pragma in (
        f"busy_timeout={_BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    """Writers take the lock before they read, so that what they read stays true; readers cannot write."""
    writes = connection.get_execution_options().get("writes", False)
    raw: Any = connection.connection.dbapi_connection  # past SQLAlchemy: every call of the API comes here
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    try:
        raw.execute(f"PRAGMA query_only={'OFF' if writes else 'ON'}").close()
        raw.execute(begin).close()
    except sqlite3.Error as e:
        raise OperationalError(begin, None, e) from e


def reading(engine: Engine) -> Connection:
    """A connection whose transaction sees one snapshot of the data."""
    connection = engine.connect()
    return connection if engine.dialect.name == "sqlite" else connection.execution_options(**_READ)


def writing(engine: Engine) -> Connection:
    """A connection in a transaction that no other writer of this database runs beside."""
    connection = engine.connect().execution_options(writes=True)
    try:
        connection.begin()
        if engine.dialect.name != "sqlite":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITER_LOCK})
    except BaseException:
        connection.close()
        raise
    return connection


def make_private(url: URL) -> None:
    """A new SQLite file for its owner only, whoever may read its directory; SQLite's own files follow suit.

    Raises StoreError.
    """
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":", "file:")):
        return
    try:
        os.close(os.open(url.database, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as e:
        raise StoreError(f"the database {url.database} cannot be used: {os.strerror(e.errno or 0)}") from e


def make_directory(settings: Settings) -> None:
    """The data directory, readable by its owner only when it is made here. Raises StoreError."""
    try:
        Path(settings.data_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as e:
        raise StoreError(
            f"the data directory {settings.data_dir} cannot be made: {os.strerror(e.errno or 0)}"
        ) from e
