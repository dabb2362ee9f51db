"""The operational log: what processors went through, for whoever runs them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection as Transaction
from sqlalchemy import and_, bindparam, delete, insert, select

from brookmill.domain.processor import Processor, State
from brookmill.store import schema
from brookmill.store.rows import row_of

#: Seconds that entries are kept.
KEPT = 30 * 24 * 3600.0

_encode = msgspec.json.Encoder(order="sorted").encode

_T = schema.operational_log
_ADD = insert(_T)
_FORGET = delete(_T).where(_T.c.workspace_id == bindparam("of_workspace"), _T.c.at < bindparam("before"))
_OF_WORKSPACE = (
    select(_T.c.entry)
    .where(
        and_(
            _T.c.workspace_id == bindparam("of_workspace"),
            _T.c.at >= bindparam("since"),
            _T.c.at < bindparam("until"),
        )
    )
    .order_by(_T.c.serial)
)


class OperationalLog:
    """The part of a ``Session`` that keeps the operational log."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def note(self, before: Processor | None, now: Processor) -> None:
        """Keep what became of a processor, if its state or its error has changed; ``before`` None: new."""
        if before is not None and (before.state, before.error) == (now.state, now.error):
            return
        entry = {
            "effectiveTier": now.effective_tier,
            "level": "ERROR" if now.state == State.FAILED else "INFO",
            "message": f"the processor is {now.state}",
            "processorId": now.id,
            "processorName": now.name,
            "state": now.state,
            "time": dt.datetime.fromtimestamp(now.state_changed, dt.UTC).isoformat(timespec="milliseconds"),
        }
        entry |= {} if before is None else {"previousState": before.state}
        entry |= {} if now.error is None else {"error": row_of(now)["error"]}
        row = {"workspace_id": now.workspace_id, "processor": now.name, "at": now.state_changed}
        self._transaction.execute(_ADD, {**row, "entry": _encode(entry).decode()})
        oldest = now.state_changed - KEPT
        self._transaction.execute(_FORGET, {"of_workspace": now.workspace_id, "before": oldest})

    def of_workspace(
        self, workspace_id: str, since: float, until: float, processor: str | None = None
    ) -> Iterator[str]:
        """The entries about a workspace as JSON texts, oldest first; of one processor, if that is named.

        ``since`` is within, ``until`` no more.
        """
        found = _OF_WORKSPACE if processor is None else _OF_WORKSPACE.where(_T.c.processor == processor)
        where = {"of_workspace": workspace_id, "since": since, "until": until}
        yield from self._transaction.execute(found, where).scalars()
