"""The audit log: records that cannot be changed, left out or put in another order without its being seen.

Each record's hash is made of the record and of the hash before it; the last hash is sealed with the master
key. Who can write the database but has not the key may put back an older database as a whole, and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection as Transaction
from sqlalchemy import and_, bindparam, insert, select, update

from brookmill.domain.audit import AuditRecord
from brookmill.errors import BrookmillError
from brookmill.store import schema
from brookmill.store.rows import row_of
from brookmill.store.seal import SealError
from brookmill.store.vault import AUDIT_HEAD, Vault

_encode = msgspec.json.Encoder(order="sorted").encode

_T, _HEAD = schema.audit_records, schema.audit_head

_LAST = select(_HEAD)
_ADD = insert(_T)
_FIRST, _NEXT = insert(_HEAD), update(_HEAD)
_OF_WORKSPACE = (
    select(_T.c.record)
    .where(
        and_(
            _T.c.group_id == bindparam("of_group"),
            _T.c.workspace == bindparam("of_workspace"),
            _T.c.at >= bindparam("since"),
            _T.c.at < bindparam("until"),
        )
    )
    .order_by(_T.c.number)
)
_ALL = select(_T.c.number, _T.c.record, _T.c.hash).order_by(_T.c.number)


class AuditError(BrookmillError):
    """The audit log was tampered with; the text says from where on."""


class Head(NamedTuple):
    """The end of the chain: how many records there are, and the hash of the last one."""

    number: int
    hash: str


@dataclass(slots=True)
class Trail:
    """What somebody does now. ``record`` tells it, as soon as it is kept; ``kept``: it is in the log."""

    record: Callable[[], AuditRecord]
    kept: bool = False


class AuditLog:
    """The part of a ``Session`` that keeps the audit log."""

    def __init__(self, transaction: Transaction, vault: Vault) -> None:
        self._transaction = transaction
        self._vault = vault

    def add(self, record: AuditRecord) -> None:
        """Append a record. Raises SealError when the end of the chain was tampered with."""
        before = self.head()
        number = before.number + 1
        event = dict(record.event)
        event["metadata"] = {**event.get("metadata", {}), "sequence": number}
        row = row_of(msgspec.structs.replace(record, event={}))
        del row["event"]
        text = _encode(event).decode()
        head = Head(number, _next(before.hash, text))
        self._transaction.execute(_ADD, {**row, "number": number, "record": text, "hash": head.hash})
        self._end_with(before, head)

    def head(self) -> Head:
        """The end of the chain. Raises SealError when it was tampered with."""
        row = self._transaction.execute(_LAST).mappings().first()
        if row is None:
            return Head(0, "")
        return Head(row["number"], self._vault.open(AUDIT_HEAD, row).decode())

    def of_workspace(
        self, group_id: str, workspace: str, since: float, until: float, processor: str | None = None
    ) -> Iterator[str]:
        """The records about a workspace as JSON texts, oldest first; of one processor, if that is named.

        ``since`` is within, ``until`` no more.
        """
        found = _OF_WORKSPACE if processor is None else _OF_WORKSPACE.where(_T.c.processor == processor)
        where = {"of_group": group_id, "of_workspace": workspace, "since": since, "until": until}
        yield from self._transaction.execute(found, where).scalars()

    def check(self) -> Head:
        """Go through the whole chain; its end, for who wants to keep it elsewhere. Raises AuditError."""
        number, hash = 0, ""
        for row in self._transaction.execute(_ALL):
            number += 1
            hash = _next(hash, row.record)
            if row.number != number or row.hash != hash:
                raise AuditError(f"the audit log was changed at record {min(number, row.number)}")
        try:
            head = self.head()
        except SealError as e:
            raise AuditError("the end of the audit log was changed") from e
        if head != (number, hash):
            raise AuditError(
                f"the audit log ends with record {number}, {hash[:12] or 'none'}; "
                f"it must end with {head.number}, {head.hash[:12] or 'none'}"
            )
        return head

    def hash_of(self, number: int) -> str | None:
        """The hash of a record; None: there is no such record."""
        found = select(_T.c.hash).where(_T.c.number == number)
        return self._transaction.execute(found).scalar()

    def _end_with(self, before: Head, head: Head) -> None:
        row = {"number": head.number}
        row |= self._vault.seal(AUDIT_HEAD, row, head.hash.encode())
        self._transaction.execute(_NEXT if before.number else _FIRST, row)


def _next(before: str, record: str) -> str:
    return hashlib.sha256(f"{before}\n{record}".encode()).hexdigest()
