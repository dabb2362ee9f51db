"""One server at a time on a database: two would each run every processor and end the other's workers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from brookmill.store.database import StoreError

#: Any fixed number but that of writers: every server on one PostgreSQL database holds the same one.
_SERVER_LOCK = 0x6D696C6C73727672

_TAKEN = "the database is in use by another server; give this one a database of its own"


@contextmanager
def serving(engine: Engine) -> Iterator[None]:
    """Be the server of this database until the block ends. A crash lets go of it. Raises StoreError.

    On PostgreSQL it holds as long as one connection does: a restarted database does not know of it any more.
    """
    path = engine.url.database or ""
    if engine.dialect.name != "sqlite":
        with _postgresql(engine):
            yield
    elif not path or path.startswith((":", "file:")):
        yield  # nobody else can have it, or only its operator knows where it is
    else:
        with _sqlite(f"{path}.server"):
            yield


@contextmanager
def _postgresql(engine: Engine) -> Iterator[None]:
    lock = {"lock": _SERVER_LOCK}
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), lock).scalar_one():
            raise StoreError(_TAKEN)
        try:
            yield
        finally:
            with suppress(
                SQLAlchemyError
            ):  # a session takes a moment to end, and the next server may be waiting
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), lock)
    finally:
        connection.invalidate()  # the session ends, and with it the lock
        connection.close()


@contextmanager
def _sqlite(path: str) -> Iterator[None]:
    """A file beside the database: SQLite loses its own locks when anybody here closes the database itself."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as e:
        raise StoreError(f"the file {path} cannot be used: {os.strerror(e.errno or 0)}") from e
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(_TAKEN) from None
        yield
    finally:
        os.close(lock)
