"""Rows by the values of their columns. Statements are built once: building one costs more than its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    RowMapping,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy import Connection as Transaction

from brookmill.store.rows import storable


class Tables:
    """What one transaction reads and writes; keyword arguments are columns that must have these values."""

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction

    def all(self, table: Table, **values: str) -> Sequence[RowMapping]:
        """The rows in the order of creation."""
        return self.transaction.execute(_rows(table, *values), _where(values)).mappings().all()

    def one(self, table: Table, **values: str) -> RowMapping | None:
        """The first of the rows."""
        return self.transaction.execute(_rows(table, *values), _where(values)).mappings().first()

    def add(self, table: Table, row: Mapping[str, Any]) -> None:
        self.transaction.execute(_addition(table), row)

    def change(self, table: Table, row: Mapping[str, Any], **values: str) -> int:
        """Give the rows the values of ``row``; how many there were."""
        return self.transaction.execute(_change(table, *values), {**row, **_where(values)}).rowcount

    def remove(self, table: Table, **values: str) -> int:
        """How many rows there were."""
        return self.transaction.execute(_removal(table, *values), _where(values)).rowcount


@cache
def _rows(table: Table, *columns: str) -> Select[Any]:
    rows = select(table).where(*_equal(table, columns))
    return rows.order_by(table.c.serial) if "serial" in table.c else rows


@cache
def _addition(table: Table) -> Insert:
    return insert(table)


@cache
def _change(table: Table, *columns: str) -> Update:
    return update(table).where(*_equal(table, columns))


@cache
def _removal(table: Table, *columns: str) -> Delete:
    return delete(table).where(*_equal(table, columns))


def _equal(table: Table, columns: Sequence[str]) -> list[ColumnElement[bool]]:
    return [table.c[column] == bindparam(f"where_{column}") for column in columns]


def _where(values: Mapping[str, str]) -> dict[str, str | None]:
    """The parameters of ``_equal``; a text that no database can hold equals nothing."""
    return {f"where_{column}": value if storable(value) else None for column, value in values.items()}
