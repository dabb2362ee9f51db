"""The fields of ``$emit`` for Pub/Sub, as pipelines write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

#: Names of topics. Reference: Pub/Sub, guidelines to name a topic.
TOPIC = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
Project = Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
#: It becomes part of a host's name.
Region = Annotated[str, msgspec.Meta(pattern="^[a-z]{2,20}-[a-z]{2,20}[0-9]{1,2}$")]


class PubSubConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How documents are written."""

    date_format: Literal["default", "ISO8601"] = "default"
    output_format: Literal["relaxedJson", "canonicalJson", "basicJson"] = "relaxedJson"


class PubSubSinkOptions(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """``topic``, ``ordering_key`` and the members of ``attributes`` are expressions. ``region``: whose
    endpoint takes the messages; those of one ordering key keep their order only within one region.

    Reference: engine reference, section 1.3.
    """

    operator: ClassVar[str] = "GCPPubSubEmitOperator"

    connection_name: str
    project_id: Project
    topic: Any
    region: Region
    ordering_key: Any | UnsetType = UNSET
    attributes: dict[str, Any] = {}
    config: PubSubConfig = PubSubConfig()

    def expressions(self) -> Iterator[tuple[str, tuple[str, ...], Any]]:
        """Column, path of the member and spec of every expression."""
        yield "topic", ("topic",), self.topic
        if self.ordering_key is not UNSET:
            yield "orderingKey", ("orderingKey",), self.ordering_key
        for name, spec in self.attributes.items():
            yield f"attributes.{name}", ("attributes", name), spec
        yield "meta", (), {"$meta": "stream"}  # for dead letters

    def problems(self, constants: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Path and text of what is wrong with constants and with the rest."""
        topic = constants.get("topic")
        if "topic" in constants and not (isinstance(topic, str) and TOPIC.fullmatch(topic)):
            yield ("topic",), "topic must be the name of a topic, or an expression that gives one"
        if not isinstance(constants.get("orderingKey") or "", str):
            yield ("orderingKey",), "orderingKey must be a string, or an expression that gives one"
        if len(self.attributes) > 100:
            yield ("attributes",), "a message has at most 100 attributes"
        for name in self.attributes:
            if not name or name.startswith("goog") or len(name.encode()) > 256:
                yield (
                    ("attributes",),
                    "the name of an attribute has 1 to 256 bytes and does not begin with goog",
                )
            if isinstance(constants.get(f"attributes.{name}"), (dict, list)):
                yield ("attributes", name), "an attribute must be a string, a number or a boolean"


class PubSubProbe(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a test tries. ``topic`` needs ``project_id``; without ``region`` it is the global endpoint."""

    project_id: Project | UnsetType = UNSET
    topic: Annotated[str, msgspec.Meta(pattern=f"^{TOPIC.pattern}$")] | UnsetType = UNSET
    region: Region | UnsetType = UNSET
