"""Writers, one behind the other: those who queue while the disk is busy share the next commit.

Nobody is acknowledged before the commit that holds his changes is on disk. Within a shared transaction every
writer but the first has a savepoint, so that he alone is undone when he fails. Should the database undo more
than that by itself (SQLite does on a full disk), ending the savepoint fails, and then all of the batch fail.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from brookmill.store.database import StoreError, writing

#: Writers in one commit: the first of them waits for the last.
_MOST = 16


class Batch:
    """A transaction and how it ended. ``members``: writers whose changes are in it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.members = 0
        self.error: BaseException | None = None
        self._ended = threading.Event()

    def join(self) -> None:
        """Wait until what the caller has written is on disk; raises StoreError when it never will be."""
        self._ended.wait()
        if self.error is not None:
            raise StoreError("a commit failed; nothing of it was kept") from self.error

    def end(self) -> None:
        """Commit, if there is anything to be kept, and tell all members how it went."""
        try:
            if self.members and self.error is None:
                self.connection.commit()
        except BaseException as e:
            self.error = e
            raise
        finally:
            with suppress(SQLAlchemyError):
                if self.error is not None:
                    self.connection.invalidate()  # else it may go back to the pool within its transaction
                self.connection.close()
            self._ended.set()


class Writer:
    """The one at a time that may write to a database. Safe to use from many threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()  # SQLite's own queue polls, and PostgreSQL's holds a connection each
        self._counting = threading.Lock()
        self._queue = 0
        self._thread: int | None = None
        self._batch: Batch | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection for one writer; leaving commits, an exception undoes. Must not be nested."""
        if self._thread == threading.get_ident():
            raise RuntimeError("a writing session is open in this thread already")
        self._wait()
        try:
            self._thread = threading.get_ident()
            batch = self._batch = self._batch or Batch(writing(self._engine))
            try:
                with _member(batch):
                    yield batch.connection
            finally:
                if batch.error is not None or batch.members >= _MOST or not batch.members or not self._queue:
                    self._batch = None
                    batch.end()
        finally:
            self._thread = None
            self._turn.release()
        batch.join()

    def _wait(self) -> None:
        """Until it is our turn. Whoever is counted in the queue will come, and end the batch he finds."""
        with self._counting:
            self._queue += 1
        try:
            self._turn.acquire()
        finally:
            with self._counting:
                self._queue -= 1


@contextmanager
def _member(batch: Batch) -> Iterator[None]:
    """One writer's part of the batch, kept or undone by itself."""
    with _breaking(batch):
        savepoint = batch.connection.begin_nested() if batch.members else None
    try:
        yield
    except BaseException:
        if savepoint is not None:
            with _breaking(batch):
                savepoint.rollback()
        raise
    if savepoint is not None:
        with _breaking(batch):
            savepoint.commit()
    batch.members += 1


@contextmanager
def _breaking(batch: Batch) -> Iterator[None]:
    """A savepoint that does not end leaves in doubt what the transaction still holds: none of it is kept."""
    try:
        yield
    except BaseException as e:
        batch.error = e
        raise
