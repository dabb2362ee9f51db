"""Members of commands and stages, which must be of the types that their functions count on."""

from __future__ import annotations

from typing import Any, Final, TypeVar, overload

from brookmill.mql.numbers import whole
from brookmill.mql.values import Document
from brookmill.testing.mongod.errors import CommandError

T = TypeVar("T")

_NEEDED: Final[Any] = object()


@overload
def member(spec: Document, name: str, kind: type[T]) -> T: ...
@overload
def member(spec: Document, name: str, kind: type[T], default: None) -> T | None: ...
@overload
def member(spec: Document, name: str, kind: type[T], default: T) -> T: ...
def member(spec: Document, name: str, kind: type[T], default: Any = _NEEDED) -> T | None:
    """The member ``name``, or ``default`` where it is missing or null. Raises CommandError."""
    value = spec.get(name)
    if isinstance(value, kind):
        return value
    if value is not None:
        raise CommandError(f"BSON field '{name}' is of the wrong type", 14)
    if default is _NEEDED:
        raise CommandError(f"BSON field '{name}' is missing but a required field", 40414)
    return default  # type: ignore[no-any-return]


def number(spec: Document, name: str) -> int | None:
    """The member ``name``, which must be a whole number; None: it is missing or null. Raises CommandError."""
    value = spec.get(name)
    found = whole(value)
    if found is None and value is not None:
        raise CommandError(f"BSON field '{name}' must be a whole number", 14)
    return found


def objects(spec: Document, name: str) -> list[Document]:
    """The member ``name``, which must be an array of objects. Raises CommandError."""
    found: list[Any] = member(spec, name, list)
    if not all(type(one) is dict for one in found):
        raise CommandError(f"BSON field '{name}' must be an array of objects", 14)
    return found
