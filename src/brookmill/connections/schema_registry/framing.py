"""Messages in Confluent's framing: a zero byte, the schema's id in four bytes, the Avro body."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import orjson

from brookmill.connections.schema_registry.avro import PRIMITIVES, Avro
from brookmill.connections.schema_registry.options import ValueSchema
from brookmill.connections.schema_registry.reading import reader
from brookmill.connections.schema_registry.registry import Registry
from brookmill.connections.schema_registry.writing import writer
from brookmill.errors import ConnectionFailed, DocumentError
from brookmill.mql.values import Document

_HEAD = struct.Struct(">bI")


def schema_of(message: bytes) -> int:
    """The id of the schema that ``message`` names. Raises DocumentError when it names none."""
    if len(message) < _HEAD.size or message[0] != 0:
        raise DocumentError("the message does not begin with the id of an Avro schema")
    return int(_HEAD.unpack_from(message)[1])


class Unframing:
    """Reads messages; every schema is asked for once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._readers: dict[int, Callable[[bytes], Document]] = {}

    def __call__(self, message: bytes) -> Document:
        """The document in it. Raises DocumentError, and ConnectionFailed without the registry."""
        number = schema_of(message)
        read = self._readers.get(number)
        if read is None:
            text, references = self._registry.declaration(number)
            read = self._readers[number] = reader(Avro(text, references))
        return read(message[_HEAD.size :])


class Framing:
    """Writes documents by one schema, under a subject that may differ from topic to topic."""

    def __init__(self, registry: Registry, schema: ValueSchema) -> None:
        """Raises ConnectionFailed (420) for a schema that is none."""
        self._registry = registry
        self._register = schema.options.auto_register_schemas
        try:
            avro = Avro(schema.declaration)
            self._text = _text(schema.declaration)
            self._write = writer(avro)
        except (DocumentError, orjson.JSONEncodeError) as e:
            raise _invalid(str(e)) from e
        self._subject = _subjects(schema, avro)

    def __call__(self, topic: str, document: Document) -> bytes:
        """The message for ``document``. Raises DocumentError, and ConnectionFailed."""
        body = self._write(document)
        number = self._registry.id(self._subject(topic), self._text, register=self._register)
        return _HEAD.pack(0, number) + body


def _text(declaration: Any) -> str:
    if isinstance(declaration, str) and declaration not in PRIMITIVES:
        return declaration
    return orjson.dumps(declaration).decode()


def _subjects(schema: ValueSchema, avro: Avro) -> Callable[[str], str]:
    """The subject by topic."""
    match schema.options.subject_name_strategy:
        case "TopicNameStrategy":
            return lambda topic: f"{topic}-value"
        case strategy if avro.name is None:
            raise _invalid(f"{strategy} needs a schema with a name")
        case "RecordNameStrategy":
            return lambda _: str(avro.name)
        case _:
            return lambda topic: f"{topic}-{avro.name}"


def _invalid(message: str) -> ConnectionFailed:
    return ConnectionFailed(message, retry=False, code=420, name="StreamProcessorInvalidOptions")
