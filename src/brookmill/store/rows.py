"""Rows and structs: a column has the name of the field it keeps, nested values are JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from sqlalchemy import RowMapping

S = TypeVar("S", bound=msgspec.Struct)

#: Columns by name: read from a table, or on the way into one.
Row = RowMapping | Mapping[str, Any]


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def row_of(struct: msgspec.Struct) -> dict[str, Any]:
    """The columns of ``struct``, by field name.

    What no database holds becomes U+FFFD: only free text, like the error of a processor, can have it, because
    names and the like are checked by the operations.
    """
    row = {name: msgspec.to_builtins(getattr(struct, name)) for name in struct.__struct_fields__}
    return {k: _UNSTORABLE.sub("\ufffd", v) if isinstance(v, str) else v for k, v in row.items()}


def struct_of(type: type[S], row: Row) -> S:
    """The ``type`` that a row keeps; columns that are no fields of it are left out."""
    names = zip(type.__struct_encode_fields__, type.__struct_fields__, strict=True)
    return msgspec.convert({wire: row[name] for wire, name in names}, type)


def storable(text: str) -> bool:
    """Whether a database can hold ``text`` at all: PostgreSQL takes no NUL, neither takes a lone surrogate.

    A look-up by such a text finds nothing, whatever the database would say to it.
    """
    return not _UNSTORABLE.search(text)
