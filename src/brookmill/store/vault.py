"""Sealed values of one transaction: which key seals, and where each value belongs."""

from __future__ import annotations

from sqlalchemy import Connection as Transaction
from sqlalchemy import insert, select, update

from brookmill.store.schema import sealing
from brookmill.store.seal import Keyring

Place = tuple[str, ...]


class Vault:
    """Seals with the key that the database names at this moment, opens with whichever key a row names.

    Because writers are serialised, a row written after a rotation began is never sealed with the old key.
    """

    def __init__(self, transaction: Transaction, keyring: Keyring) -> None:
        self._transaction = transaction
        self._keyring = keyring
        self._current: str | None = None

    def current(self) -> str | None:
        """The id of the key that seals; None in a database that has none yet."""
        if self._current is None:
            self._current = self._transaction.execute(select(sealing.c.key_id)).scalar()
        return self._current

    def choose(self, id: str) -> None:
        """Seal with this key from now on, in every process."""
        change = insert(sealing).values(one=1) if self.current() is None else update(sealing)
        self._transaction.execute(change.values(key_id=id))
        self._current = id

    def seal(self, text: bytes, place: Place) -> dict[str, object]:
        """The columns ``key_id`` and ``sealed`` of ``text`` at ``place``."""
        id = self.current() or self._keyring.ids[0]
        return {"key_id": id, "sealed": self._keyring.seal(id, text, place)}

    def open(self, key_id: str, sealed: bytes, place: Place) -> bytes:
        """The text that was sealed at ``place``. Raises SealError."""
        return self._keyring.open(key_id, sealed, place)


def connection_place(group_id: str, workspace_id: str, id: str, name: str, type: str) -> Place:
    """Where a connection's settings belong."""
    return ("connections", "settings", group_id, workspace_id, id, name, type)


def cluster_place(id: str, name: str) -> Place:
    """Where a cluster's URI belongs."""
    return ("clusters", "uri", id, name)


def api_key_place(org_id: str, id: str, public_key: str) -> Place:
    """Where an API key's Digest hash belongs."""
    return ("api_keys", "ha1", org_id, id, public_key)
