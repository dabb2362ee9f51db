"""The member ``schemaRegistry`` of ``$source`` and ``$emit``, as pipelines write it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

Strategy = Literal["TopicNameStrategy", "RecordNameStrategy", "TopicRecordNameStrategy"]


class SourceRegistry(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Where a source finds the schemas that its messages name. Engine reference, section 1.2."""

    connection_name: str


class SchemaOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Under which subject a schema is kept, and whether the registry is told of one that it does not know."""

    auto_register_schemas: bool = True
    subject_name_strategy: Strategy = "TopicNameStrategy"


class ValueSchema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``declaration``: of Avro, as JSON has it or as the text of that."""

    type: Literal["avro"]
    declaration: Any = field(name="schema")
    options: SchemaOptions = SchemaOptions()


class SinkRegistry(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """By which schema a sink writes its messages. Engine reference, section 1.3."""

    connection_name: str
    value_schema: ValueSchema


class RegistryProbe(msgspec.Struct, frozen=True, kw_only=True):
    """What a test tries. ``kafka``: the connection whose login SASL_INHERIT takes."""

    subject: str | UnsetType = UNSET
    kafka: str | UnsetType = UNSET
