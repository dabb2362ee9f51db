"""Expressions of stream processors: metadata, the wall clock, random identifiers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from bson import Binary, ObjectId
from bson.binary import UUID_SUBTYPE

from brookmill.mql import paths
from brookmill.mql.code import Code, Val
from brookmill.mql.expression import EXPRESSIONS, Env, Expression, Parser
from brookmill.mql.shape import deeper
from brookmill.mql.values import Value, date_from_ms


@EXPRESSIONS("$meta")
@dataclass(frozen=True, slots=True)
class Meta:
    """Stream metadata at a path that starts with ``stream``. Reference: Atlas Stream Processing,
    ``$meta``.
    """

    names: tuple[str, ...]

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        names = tuple(operand.split(".")) if type(operand) is str else ()
        if not names or names[0] != "stream" or not all(names):
            raise parser.wrong("$meta takes a path that starts with 'stream'", 17308)
        return cls(names[1:])

    def evaluate(self, env: Env) -> Value:
        return paths.read(env["@meta"], self.names)

    def emit(self, code: Code) -> Val:
        return code.local(deeper(code, code.stream_meta(), self.names))


@EXPRESSIONS("$currentDate")
@dataclass(frozen=True, slots=True)
class CurrentDate:
    """The wall clock, asked anew at each occurrence."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        if operand != {}:
            raise parser.wrong("$currentDate takes an empty object")
        return cls()

    def evaluate(self, env: Env) -> Value:
        return date_from_ms(env["@now"]())

    def emit(self, code: Code) -> Val:
        return code.local(Val(code.call(date_from_ms, "NOW()"), "date", null=False, missing=False))


@EXPRESSIONS("$createObjectId")
@dataclass(frozen=True, slots=True)
class CreateObjectId:
    """A new ObjectId at each occurrence."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        if operand != {}:
            raise parser.wrong("$createObjectId does not accept arguments")
        return cls()

    def evaluate(self, env: Env) -> Value:  # noqa: ARG002
        return ObjectId()

    def emit(self, code: Code) -> Val:
        return code.local(Val(code.call(ObjectId), "objectId", null=False, missing=False))


def create_uuid() -> Binary:
    """A random UUID, version 4."""
    return Binary(uuid.uuid4().bytes, UUID_SUBTYPE)


@EXPRESSIONS("$createUUID")
@dataclass(frozen=True, slots=True)
class CreateUUID:
    """A new random UUID at each occurrence."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        if operand != {}:
            raise parser.wrong("$createUUID does not accept arguments")
        return cls()

    def evaluate(self, env: Env) -> Value:  # noqa: ARG002
        return create_uuid()

    def emit(self, code: Code) -> Val:
        return code.local(Val(code.call(create_uuid), "binData", null=False, missing=False))
