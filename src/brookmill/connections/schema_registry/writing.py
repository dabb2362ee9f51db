"""Documents to Avro bodies. A document that does not fit its schema is refused, with the field that is wrong.

Members that the schema does not know are left out; one that it knows and the document lacks is its default,
or null where it may be. An int fits wherever a longer number does; dates fit date and timestamps, as numbers
of what these count; decimal fits where no digit is lost; an objectId fits a string.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brookmill.connections.schema_registry.avro import Avro, Schema, kind_of, logic
from brookmill.connections.schema_registry.scalars import (
    PRIMITIVE,
    UNITS,
    Unfit,
    Write,
    decimal_writer,
    enum_writer,
    fixed_writer,
    instant_writer,
    put_bytes,
    put_long,
    unfit,
    write_uuid,
)
from brookmill.errors import DocumentError
from brookmill.mql.values import Document

#: In place of a default that there is none of.
_ABSENT = object()


def writer(avro: Avro) -> Callable[[Document], bytes]:
    """The function that writes one document; it raises DocumentError."""
    write = _Writers(avro).writer(avro.top)

    def body(document: Document) -> bytes:
        out = bytearray()
        try:
            write(document, out)
        except Unfit as e:
            where = f"the field {'.'.join(reversed(e.path))}" if e.path else "the document"
            raise DocumentError(f"{where} does not fit the Avro schema: {e}") from None
        except RecursionError:
            raise DocumentError("the document is nested too deeply for Avro") from None
        except UnicodeEncodeError:
            raise DocumentError("a string is no valid UTF-8") from None
        return bytes(out)

    return body


class _Writers:
    """Functions by schema. One of a name is made once, and found later: types may hold themselves."""

    def __init__(self, avro: Avro) -> None:
        self._types = avro.types
        self._made: dict[str, Write] = {}

    def writer(self, schema: Schema) -> Write:
        kind, logical = kind_of(schema), logic(schema)
        if kind == "union":
            return _union([self.writer(branch) for branch in schema])
        if kind in ("int", "long") and logical in UNITS:
            return instant_writer(PRIMITIVE[kind], *UNITS[logical])
        if kind == "bytes" and logical == "decimal":
            return decimal_writer(put_bytes, schema, None)
        if kind == "string" and logical == "uuid":
            return write_uuid
        if kind in PRIMITIVE:
            return PRIMITIVE[kind]
        if kind == "array":
            return _array(self.writer(schema["items"]))
        if kind == "map":
            return _map(self.writer(schema["values"]))
        return self._named(schema["name"] if isinstance(schema, dict) else kind)

    def _named(self, name: str) -> Write:
        if name not in self._made:
            self._made[name] = lambda value, out: self._made[name](value, out)  # noqa: PLW0108 - made in a moment
            self._made[name] = self._fresh(self._types[name])
        return self._made[name]

    def _fresh(self, schema: Schema) -> Write:
        if schema["type"] == "enum":
            return enum_writer(schema["symbols"])
        if schema["type"] == "fixed":
            size = int(schema["size"])
            if logic(schema) == "decimal":
                return decimal_writer(lambda raw, out: out.extend(raw), schema, size)
            return fixed_writer(size)
        return _record([_Field(field, self.writer(field["type"])) for field in schema["fields"]])


class _Field:
    """A member of a record: ``missing`` stands for it where the document has none, _ABSENT: nothing does."""

    __slots__ = ("missing", "name", "write")

    def __init__(self, field: Schema, write: Write) -> None:
        self.name: str = field["name"]
        self.write = write
        self.missing: Any = None if _nullable(field["type"]) else _ABSENT
        if "default" in field:
            self.missing = _default(field["type"], field["default"])


def _nullable(schema: Schema) -> bool:
    return "null" in schema if isinstance(schema, list) else kind_of(schema) == "null"


def _default(schema: Schema, value: Any) -> Any:
    """Bytes are declared as text; a union's default is one of its first branch."""
    if isinstance(schema, list):
        schema = schema[0]
    binary = kind_of(schema) in ("bytes", "fixed")
    return value.encode("latin-1") if binary and isinstance(value, str) else value


def _record(fields: list[_Field]) -> Write:
    def record(value: Any, out: bytearray) -> None:
        if not isinstance(value, dict):
            raise unfit(value, "a record")
        for field in fields:
            member = value.get(field.name, field.missing)
            try:
                if member is _ABSENT:
                    raise Unfit("it is missing")
                field.write(member, out)
            except Unfit as e:
                e.path.append(field.name)
                raise

    return record


def _union(branches: list[Write]) -> Write:
    """The first branch that the value fits. Raises what the last one says when it fits none."""

    def union(value: Any, out: bytearray) -> None:
        unfit = Unfit("the union has no branches")
        for index, write in enumerate(branches):
            tried = bytearray()
            try:
                write(value, tried)
            except Unfit as e:
                unfit = e
            else:
                put_long(index, out)
                out += tried
                return
        raise unfit

    return union


def _array(write: Write) -> Write:
    def array(value: Any, out: bytearray) -> None:
        if not isinstance(value, (list, tuple)):
            raise unfit(value, "an array")
        if value:
            put_long(len(value), out)
        for i, item in enumerate(value):
            try:
                write(item, out)
            except Unfit as e:
                e.path.append(str(i))
                raise
        out.append(0)

    return array


def _map(write: Write) -> Write:
    def members(value: Any, out: bytearray) -> None:
        if not isinstance(value, dict):
            raise unfit(value, "a map")
        if value:
            put_long(len(value), out)
        for name, member in value.items():
            put_bytes(name.encode(), out)
            try:
                write(member, out)
            except Unfit as e:
                e.path.append(name)
                raise
        out.append(0)

    return members
