"""What must survive: one transactional store over SQLAlchemy Core, on SQLite by default or PostgreSQL by URL.

::

    store = Store.open(settings, clock)      # creates or migrates; raises StoreError with a plain text
    with store.read() as session: ...        # one consistent snapshot
    with store.write() as session: ...       # alone among writers; leaving commits, an exception rolls back
    store.touch(principal_id, cidr, address) # notes the use of an access list entry, without writing at once
    with store.serving(): ...                # the only server on this database; raises StoreError
    store.ready() -> bool ; store.close()

``Session`` (``session.py``) has the getters and setters of organizations, projects, workspaces, connections,
processors, checkpoints and clusters; ``session.access`` (``access.py``) those of keys, accounts, roles,
access lists and tokens. All values are frozen structs of ``brookmill.domain``; secrets come as ``Secret``.

Connection settings, cluster URIs and API keys' Digest hashes are sealed (``seal.py``); a connection is
sealed as a whole, header values and URLs too: they often carry credentials although Atlas returns them.
Everything blocks; sessions belong to the thread that opened them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from brookmill.clock import Clock
from brookmill.config import Settings
from brookmill.store.audit import Trail
from brookmill.store.database import (
    StoreError,
    connect,
    make_directory,
    make_private,
    reading,
    url_of,
    writing,
)
from brookmill.store.known import Known
from brookmill.store.migration import bring_up
from brookmill.store.seal import Keyring, SealError
from brookmill.store.serving import serving
from brookmill.store.session import Session
from brookmill.store.usage import Usage
from brookmill.store.vault import Vault
from brookmill.store.writer import Writer

__all__ = ["SealError", "Session", "Store", "StoreError", "Trail"]

#: What the transactions of this thread are part of.
_TRAIL: ContextVar[Trail | None] = ContextVar("trail", default=None)


class Store:
    """An open database with the keys to its sealed values. Safe to use from many threads."""

    def __init__(self, engine: Engine, keyring: Keyring, clock: Clock) -> None:
        self.keyring = keyring
        self._engine = engine
        self._clock = clock
        self._usage = Usage(clock)
        self._known = Known()
        self._writer = Writer(engine)

    @classmethod
    def open(cls, settings: Settings, clock: Clock) -> Store:
        """Open the database that the settings name; create or migrate it first. Raises StoreError."""
        url = url_of(settings)
        make_directory(settings)
        make_private(url)
        engine = connect(url)
        try:
            store = cls(engine, Keyring.load(settings), clock)
            store._bring_up()
        except SQLAlchemyError as e:
            engine.dispose()
            reason = str(getattr(e, "orig", None) or e).strip().splitlines()[0]
            raise StoreError(f"the database {url.render_as_string()} cannot be used: {reason}") from e
        except SealError as e:
            engine.dispose()
            raise StoreError(str(e)) from e
        except BaseException:
            engine.dispose()
            raise
        return store

    def _bring_up(self) -> None:
        """Schema and sealing key are made by whichever process comes first."""
        with writing(self._engine) as connection:
            upgraded = bring_up(connection)
            vault = Vault(connection, self.keyring)
            current = vault.current()
            if current is None:
                vault.choose(self.keyring.ids[0])
            elif current not in self.keyring:
                raise StoreError(
                    f"the database is sealed with master key {current}; "
                    f"the keys given are {', '.join(self.keyring.ids)}"
                )
            if upgraded:
                Session(connection, self.keyring).revisions.begin()
            connection.commit()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent snapshot of everything committed before. Writing in it raises."""
        with reading(self._engine) as connection:
            yield Session(connection, self.keyring, self._known)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session alone among writers: what it reads stays true until it commits. Must not be nested.

        Leaving commits to disk, perhaps together with those queued behind; an exception undoes everything.
        """
        with self._writer.transaction() as connection:
            session = Session(connection, self.keyring)
            yield session
            trail = _TRAIL.get()
            if trail is not None and not trail.kept:
                session.audit.add(trail.record())
                trail.kept = True

    @contextmanager
    def recording(self, trail: Trail) -> Iterator[None]:
        """Keep the record of ``trail`` in the first transaction that this thread writes in the block.

        Without any, nothing is kept: ``trail.kept`` tells.
        """
        token = _TRAIL.set(trail)
        try:
            yield
        finally:
            _TRAIL.reset(token)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Be the only server on the database, which commands may use meanwhile. Raises StoreError."""
        with serving(self._engine):
            yield

    def touch(self, principal_id: str, cidr: str, address: str) -> None:
        """A call came through the access list entry ``cidr`` from ``address``; written once a minute."""
        if self._usage.add(principal_id, cidr, address):
            self._write_usage()

    def _write_usage(self) -> None:
        uses = self._usage.take()
        if uses:
            with self.write() as session:
                for (principal_id, cidr), use in uses.items():
                    session.access.note_use(principal_id, cidr, use.address, use.at, use.requests)

    def ready(self) -> bool:
        """Whether the database answers, and has our tables."""
        try:
            with self.read() as session:
                session.organization("")
        except SQLAlchemyError:
            return False
        return True

    def close(self) -> None:
        """Write what is still to be written and let go of the database. Closing twice is harmless."""
        try:
            self._write_usage()
        finally:
            self._engine.dispose()
