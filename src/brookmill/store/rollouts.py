"""Rollouts: how far each is, so that none is left halfway whenever the server ends."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection as Transaction
from sqlalchemy import RowMapping, bindparam, select, update

from brookmill.domain.rollout import Rollout, Step
from brookmill.store import schema
from brookmill.store.rows import row_of, struct_of
from brookmill.store.tables import Tables

_T, _STEPS = schema.rollouts, schema.rollout_steps
_UNFINISHED = _T.c.state.in_(("RUNNING", "ROLLING_BACK"))

_ACTIVE = (
    select(_T.c.id)
    .where(_T.c.workspace_id == bindparam("of_workspace"), _T.c.connection == bindparam("of_name"))
    .where(_UNFINISHED)
    .limit(1)
)
_PINS = (
    select(_T.c.connection, _T.c.before)
    .join(_STEPS)
    .where(_STEPS.c.processor_id == bindparam("of_processor"))
    .where(_T.c.state == "RUNNING", _STEPS.c.state == "PENDING")
)


class Rollouts:
    """The part of a ``Session`` that keeps rollouts, in the order of creation."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._tables = Tables(transaction)

    def all(self, workspace_id: str) -> list[Rollout]:
        return [self._read(row) for row in self._tables.all(_T, workspace_id=workspace_id)]

    def one(self, id: str) -> Rollout | None:
        row = self._tables.one(_T, id=id)
        return None if row is None else self._read(row)

    def unfinished(self) -> list[Rollout]:
        """Of all workspaces."""
        found = select(_T).where(_UNFINISHED).order_by(_T.c.serial)
        return [self._read(row) for row in self._transaction.execute(found).mappings().all()]

    def active(self, workspace_id: str, connection: str) -> str | None:
        """The id of the rollout of a connection that has not ended."""
        where = {"of_workspace": workspace_id, "of_name": connection}
        return self._transaction.execute(_ACTIVE, where).scalar()

    def pins(self, processor_id: str) -> dict[str, int]:
        """The revisions with which a processor still runs, by name, while its turn has not come."""
        rows = self._transaction.execute(_PINS, {"of_processor": processor_id}).all()
        return {row.connection: row.before for row in rows}

    def add(self, rollout: Rollout) -> None:
        row = row_of(rollout)
        del row["steps"]
        self._tables.add(_T, row)
        for step in rollout.steps:
            self._tables.add(_STEPS, row_of(step) | {"rollout_id": rollout.id})

    def change(self, id: str, **members: Any) -> None:
        """Members of the rollout itself. When it has ended, the checkpoints that were set aside go."""
        self._tables.change(_T, members, id=id)
        if members.get("ended") is not None:
            self._transaction.execute(update(_STEPS).where(_STEPS.c.rollout_id == id).values(checkpoint=None))

    def change_step(self, id: str, processor_id: str, **members: Any) -> None:
        """Members of a step; and ``checkpoint``: what to go back to, None where there is none."""
        self._tables.change(_STEPS, members, rollout_id=id, processor_id=processor_id)

    def checkpoint(self, id: str, processor_id: str) -> bytes | None:
        """The one that was set aside when the processor was switched."""
        row = self._tables.one(_STEPS, rollout_id=id, processor_id=processor_id)
        return None if row is None else row["checkpoint"]

    def _read(self, row: RowMapping) -> Rollout:
        steps = tuple(struct_of(Step, step) for step in self._tables.all(_STEPS, rollout_id=row["id"]))
        return msgspec.structs.replace(struct_of(Rollout, {**row, "steps": []}), steps=steps)
