"""An Avro declaration, checked: its types by name, and what ``reading`` and ``writing`` ask of it.

fastavro only checks it. Its reader in C ends the process on data nested deeply enough, so bodies are read and
written here, in BSON's own types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastavro
import orjson
from fastavro.schema import SchemaParseException, UnknownType

from brookmill.errors import DocumentError

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})

#: A checked declaration: ``str`` for a primitive or a name, ``list`` for a union, else a dict with ``type``.
Schema = Any


class Avro:
    """``top``: the declaration; ``types``: record, enum and fixed types by full name, other schemas' too."""

    def __init__(self, declaration: Any, references: Sequence[str] = ()) -> None:
        """``declaration``: as JSON has it, or the text of that. Raises DocumentError, in plain words."""
        self.types: dict[str, Schema] = {}
        try:
            for text in references:
                fastavro.parse_schema(orjson.loads(text), self.types)
            self.top: Schema = fastavro.parse_schema(_loaded(declaration), self.types)
        except (SchemaParseException, UnknownType, ValueError) as e:
            raise DocumentError(f"the Avro schema is not valid: {str(e)[:300]}") from e
        except (KeyError, TypeError, AttributeError, RecursionError) as e:
            raise DocumentError(f"the Avro schema is not valid: {type(e).__name__}") from e

    @property
    def name(self) -> str | None:
        """The full name of the type at the top; None where it has none."""
        return self.top.get("name") if isinstance(self.top, dict) else None


def kind_of(schema: Schema) -> str:
    """``union``, a primitive, a complex type, or the full name of a type that stands elsewhere."""
    if isinstance(schema, list):
        return "union"
    return str(schema["type"] if isinstance(schema, dict) else schema)


def logic(schema: Schema) -> str | None:
    """The logical type, None: it has none."""
    found = schema.get("logicalType") if isinstance(schema, dict) else None
    return found if isinstance(found, str) else None


def _loaded(declaration: Any) -> Any:
    """A string is the text of a declaration, or the name of a primitive."""
    if isinstance(declaration, str) and declaration not in PRIMITIVES:
        return orjson.loads(declaration)
    return declaration
