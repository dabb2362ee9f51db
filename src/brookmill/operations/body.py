"""Request bodies: strict JSON, then a struct; whatever is wrong is one of the contract's 400 errors."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NoReturn, TypeVar, cast

import msgspec
import orjson
from msgspec import inspect

from brookmill.domain.secret import Secret
from brookmill.errors import UserError

T = TypeVar("T", bound=msgspec.Struct)

#: Levels of objects and arrays that a body may have; a stored document may have as many.
DEEPEST = 180

#: Members that answers carry and requests may repeat, at any depth; they are ignored.
_IGNORED = frozenset({"links"})

#: Characters of a hostile member or value that an error repeats.
_SHOWN = 120


@dataclass(frozen=True, slots=True, repr=False)
class Body:
    """A request body that is one JSON object. ``text`` is what was sent, for members kept as written."""

    text: bytes
    members: Mapping[str, Any]

    @classmethod
    def parse(cls, text: bytes, *, optional: bool = False) -> Body:
        """Read ``text``; ``optional``: nothing at all counts as ``{}``.

        Raises UserError: MALFORMED_JSON (also for a member sent twice, a number beyond the range of a double,
        or more than ``DEEPEST`` levels), INVALID_JSON when it is no object.
        """
        if optional and not text.strip():
            return cls(b"{}", {})
        value = _json(text)
        if not isinstance(value, dict):
            raise UserError("INVALID_JSON")
        return cls(text, value)

    @classmethod
    def attempt(cls, text: bytes) -> Callable[[], Body]:
        """Read ``text`` now; what ``parse`` raises comes when the body is asked for, after other checks."""
        try:
            body = cls.parse(text)
        except UserError as e:
            return partial(_raise, e)
        return lambda: body

    @classmethod
    def parse_list(cls, text: bytes, *, most: int) -> list[Body]:
        """Read ``text``, an array of up to ``most`` objects; their members of type ``Raw`` cannot be read.

        Raises UserError: MALFORMED_JSON, INVALID_JSON.
        """
        value = _json(text)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise UserError("INVALID_JSON")
        if len(value) > most:
            raise UserError("INVALID_JSON", fields=[("", f"has more than {most} items")])
        return [cls(b"", item) for item in value]

    def into(
        self,
        shape: type[T],
        *,
        read_only: Collection[str] = (),
        foreign: Collection[str] = (),
        **known: Any,
    ) -> T:
        """The members as a ``shape``; ``known`` attributes are set as they are and taken from no member.

        Members of type ``msgspec.Raw`` keep their spelling, blanks removed; they must be arrays of objects.
        ``read_only`` members are ignored; ``foreign`` ones (of another type) are ignored when empty. A null
        where the type does not allow one counts as never sent.

        Raises UserError: INVALID_ATTRIBUTE, INVALID_JSON_ATTRIBUTE, INVALID_ENUM_VALUE, MISSING_ATTRIBUTE(S).
        """
        members = {
            name: value
            for name, value in self.members.items()
            if name not in read_only and not (name in foreign and value in _EMPTY)
        }
        struct = cast(inspect.StructType, _shape(shape))
        attributes = _attributes(struct, members, "", self.text, known)
        return shape(**attributes)


def _raise(error: UserError) -> NoReturn:
    raise error


def _json(text: bytes) -> Any:
    try:
        orjson.loads(text)  # is strict about UTF-8, surrogates, NaN and depth
        value = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        raise UserError("MALFORMED_JSON") from None
    if _depth_exceeds(value, DEEPEST):
        raise UserError("MALFORMED_JSON")
    return value


#: What a client may send for a member that it does not mean.
_EMPTY: tuple[Any, ...] = ({}, [], None, "")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            item
            for container in level
            if isinstance(container, dict | list)
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _shape(type_: Any) -> inspect.Type:
    return inspect.type_info(type_)


def _attributes(
    struct: inspect.StructType, members: Mapping[str, Any], path: str, text: bytes, known: Mapping[str, Any]
) -> dict[str, Any]:
    fields = {field.encode_name: field for field in struct.fields if field.name not in known}
    attributes = dict(known)
    for name, value in members.items():
        field = fields.get(name)
        if field is None:
            if name in _IGNORED or (name == struct.tag_field and value in (struct.tag, None)):
                continue
            _refuse("INVALID_ATTRIBUTE", path + name, f"is not known here{_nearest(name, fields)}")
        if value is None and not _nullable(field.type):
            continue
        attributes[field.name] = _value(field.type, value, path + name, text)
    absent = [
        path + field.encode_name
        for field in fields.values()
        if field.required and field.name not in attributes
    ]
    if absent:
        code = "MISSING_ATTRIBUTE" if len(absent) == 1 else "MISSING_ATTRIBUTES"
        raise UserError(code, ", ".join(absent), fields=[(name, "is required") for name in absent])
    return attributes


def _nearest(name: str, known: Collection[str]) -> str:
    """What may have been meant."""
    near = difflib.get_close_matches(name[:_SHOWN], known, 1)
    return f"; {near[0]} is" if near else ""


def _nullable(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.UnionType) and any(isinstance(t, inspect.NoneType) for t in kind.types)


def _value(kind: inspect.Type, value: Any, path: str, text: bytes) -> Any:  # one branch a JSON type
    match kind:
        case inspect.UnionType():
            inner = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
            return None if value is None else _value(inner[0], value, path, text)
        case inspect.StructType() if isinstance(value, dict):
            return kind.cls(**_attributes(kind, value, path + ".", text, {}))
        case inspect.ListType() | inspect.VarTupleType() if isinstance(value, list):
            if kind.max_length is not None and len(value) > kind.max_length:
                _refuse("INVALID_ATTRIBUTE", path, f"has more than {kind.max_length} items")
            items = [_value(kind.item_type, item, f"{path}[{i}]", text) for i, item in enumerate(value)]
            return tuple(items) if isinstance(kind, inspect.VarTupleType) else items
        case inspect.DictType() if isinstance(value, dict):
            return {
                name: _value(kind.value_type, item, f"{path}.{name}", text) for name, item in value.items()
            }
        case inspect.RawType() if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return msgspec.Raw(_spelled(text, path))
        case inspect.AnyType():
            return value
        case _:
            return _scalar(kind, value, path)


def _scalar(kind: inspect.Type, value: Any, path: str) -> Any:
    match kind:
        case inspect.StrType() if isinstance(value, str):
            return _fitting(kind, value, path)
        case inspect.CustomType() if kind.cls is Secret and isinstance(value, str):
            return Secret(value)
        case inspect.BoolType() if isinstance(value, bool):
            return value
        case inspect.IntType() if type(value) is int:
            if (kind.ge is not None and value < kind.ge) or (kind.le is not None and value > kind.le):
                _refuse("INVALID_ATTRIBUTE", path, "is out of range")
            return value
        case inspect.LiteralType() if isinstance(value, str):
            if value not in kind.values:
                _refuse_enum(path, value, kind.values)
            return value
        case inspect.EnumType() if isinstance(value, str):
            allowed = [member.value for member in kind.cls]
            if value not in allowed:
                _refuse_enum(path, value, allowed)
            return kind.cls(value)
        case _:
            raise UserError(
                "INVALID_JSON_ATTRIBUTE", path[:_SHOWN], fields=[(path[:_SHOWN], f"must be {_word(kind)}")]
            )


def _fitting(kind: inspect.StrType, value: str, path: str) -> str:
    if kind.min_length is not None and len(value) < kind.min_length:
        _refuse("INVALID_ATTRIBUTE", path, f"must have at least {kind.min_length} characters")
    if kind.max_length is not None and len(value) > kind.max_length:
        _refuse("INVALID_ATTRIBUTE", path, f"must have at most {kind.max_length} characters")
    if kind.pattern is not None and not _pattern(kind.pattern).search(value):
        _refuse("INVALID_ATTRIBUTE", path, "has characters or a form that are not allowed")
    return value


def _spelled(text: bytes, member: str) -> bytes:
    """The top-level ``member`` as the user spelled it, blanks between tokens removed."""
    raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])[member]
    return msgspec.json.format(bytes(raw), indent=-1)


_WORDS = {
    inspect.StrType: "a string",
    inspect.CustomType: "a string",
    inspect.LiteralType: "a string",
    inspect.EnumType: "a string",
    inspect.BoolType: "true or false",
    inspect.IntType: "an integer",
    inspect.StructType: "an object",
    inspect.DictType: "an object",
    inspect.ListType: "an array",
    inspect.VarTupleType: "an array",
    inspect.RawType: "an array of objects",
}


def _word(kind: inspect.Type) -> str:
    return _WORDS[type(kind)]


def _refuse(code: str, path: str, description: str) -> NoReturn:
    raise UserError(code, path[:_SHOWN], fields=[(path[:_SHOWN], description)])


def _refuse_enum(path: str, value: str, allowed: Collection[Any]) -> NoReturn:
    raise UserError(
        "INVALID_ENUM_VALUE",
        value[:_SHOWN],
        fields=[(path, f"must be one of {', '.join(map(str, allowed))}")],
    )
