"""Answers to writes that may be repeated: the same principal and key get the same answer for a day."""

from __future__ import annotations

from sqlalchemy import Connection as Transaction
from sqlalchemy import bindparam, delete

from brookmill.store import schema
from brookmill.store.tables import Tables
from brookmill.store.vault import REPLIES, Vault

#: Seconds that an answer is kept.
KEPT = 86_400.0

_T = schema.replies
_OLD = delete(_T).where(_T.c.created <= bindparam("last"))


class Replies:
    """The part of a ``Session`` that keeps answers, sealed: they tell all that a connection shows."""

    def __init__(self, transaction: Transaction, vault: Vault) -> None:
        self._transaction = transaction
        self._tables = Tables(transaction)
        self._vault = vault

    def one(self, principal_id: str, key: str, now: float) -> tuple[str, bytes] | None:
        """The request (a fingerprint of it) and its answer; None: there was none in the last day."""
        row = self._tables.one(_T, principal_id=principal_id, key=key)
        if row is None or row["created"] <= now - KEPT:
            return None
        return row["request"], self._vault.open(REPLIES, row)

    def add(self, principal_id: str, key: str, request: str, reply: bytes, now: float) -> None:
        """Whatever is older than a day goes at the same time."""
        self._transaction.execute(_OLD, {"last": now - KEPT})
        row = {"principal_id": principal_id, "key": key, "request": request, "created": now}
        self._tables.add(_T, row | self._vault.seal(REPLIES, row, reply))
