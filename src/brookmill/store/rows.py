"""Rows and structs: a column has the name of the field it keeps, nested values are JSON."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
from sqlalchemy import RowMapping

S = TypeVar("S", bound=msgspec.Struct)

#: Columns by name: read from a table, or on the way into one.
Row = RowMapping | Mapping[str, Any]


def row_of(struct: msgspec.Struct) -> dict[str, Any]:
    """The columns of ``struct``, by field name."""
    return {f.name: msgspec.to_builtins(getattr(struct, f.name)) for f in _fields(type(struct))}


def struct_of(type: type[S], row: Row) -> S:
    """The ``type`` that a row keeps; columns that are no fields of it are left out."""
    return msgspec.convert({f.encode_name: row[f.name] for f in _fields(type)}, type)


@cache
def _fields(type: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(type)  # evaluates annotations anew each time


def storable(text: str) -> bool:
    """Whether a database can hold ``text`` at all: PostgreSQL takes no NUL, neither takes a lone surrogate.

    A look-up by such a text finds nothing, whatever the database would say to it.
    """
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
