"""What every call asks for and seldom changes, remembered for as long as the database says it is unchanged.

Whatever changes who may enter, or a project, raises the revision in the same transaction. A reader compares
the revision of its own snapshot: what another process has deleted is dead with the next call here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection as Transaction
from sqlalchemy import select, update

from brookmill.store import schema

T = TypeVar("T")

_MOST = 4096

_READ = select(schema.revision.c.number)
_RAISE = update(schema.revision).values(number=schema.revision.c.number + 1)


class Known:
    """Values by key, of one revision: the newest that anybody asked with. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revision = -1
        self._values: dict[object, object] = {}

    def get(self, revision: int, key: object, find: Callable[[], T | None]) -> T | None:
        """The value of ``key`` at ``revision``, which ``find`` finds; None is not remembered."""
        with self._lock:
            if revision > self._revision:
                self._revision = revision
                self._values.clear()
            value = self._values.get(key) if revision == self._revision else None
        if value is not None:
            return value  # type: ignore[return-value]  # a key belongs to one kind of value
        found = find()
        if found is not None:
            self._keep(revision, key, found)
        return found

    def _keep(self, revision: int, key: object, value: object) -> None:
        with self._lock:
            if revision == self._revision:
                if len(self._values) >= _MOST:
                    self._values.clear()
                self._values[key] = value


class Recall:
    """``Known`` as one transaction sees it. ``known`` None, as for writers: nothing is remembered."""

    def __init__(self, transaction: Transaction, known: Known | None) -> None:
        self._transaction = transaction
        self._known = known
        self._revision: int | None = None

    def get(self, key: object, find: Callable[[], T | None]) -> T | None:
        """What ``find`` finds in this transaction, or has found in another one of the same revision."""
        if self._known is None:
            return find()
        if self._revision is None:
            self._revision = int(self._transaction.execute(_READ).scalar_one())
        return self._known.get(self._revision, key, find)

    def forget(self) -> None:
        """Raise the revision: with this transaction, what anybody remembers becomes void."""
        self._transaction.execute(_RAISE)
