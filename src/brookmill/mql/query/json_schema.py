"""``$jsonSchema``: draft 4 of JSON Schema as the MongoDB manual restricts and extends it."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import ClassVar

from brookmill.mql.compare import order_key
from brookmill.mql.filter import DOCUMENT_PREDICATES, FilterParser
from brookmill.mql.numbers import CONTEXT, is_number, to_decimal, to_float, whole
from brookmill.mql.query.element import parse_type
from brookmill.mql.query.evaluation import Matches, checked_pattern
from brookmill.mql.values import Document, Value, type_name

#: What a value must satisfy; values of other types than it is about satisfy it.
Check = Callable[[Value], bool]

_MISMATCH, _FAILED = 14, 9
_TYPES = {
    "string": {"string"},
    "number": {"int", "long", "double", "decimal"},
    "boolean": {"bool"},
    "null": {"null"},
    "object": {"object"},
    "array": {"array"},
}


@dataclass(frozen=True, slots=True)
class Schema:
    """All checks of one schema."""

    checks: tuple[Check, ...]
    expands: ClassVar[bool] = False

    def test(self, value: Value) -> bool:
        return all(check(value) for check in self.checks)


@DOCUMENT_PREDICATES("$jsonSchema")
def parse_schema(operand: Value, parser: FilterParser) -> Schema:
    """Raises PlanError: code 14 for a keyword's value of the wrong type, 9 for a wrong one."""
    if type(operand) is not dict:
        raise parser.wrong("$jsonSchema must be an object", _MISMATCH)
    if parser.depth > 100:
        raise parser.wrong("the schema is nested too deeply")
    if "type" in operand and "bsonType" in operand:
        raise parser.wrong("Cannot specify both $jsonSchema keywords 'type' and 'bsonType'", _FAILED)
    checks = []
    for keyword, value in operand.items():
        parse = _KEYWORDS.get(keyword)
        if parse is None:
            raise parser.at(keyword).wrong(f"Unknown $jsonSchema keyword: {keyword[:50]}", _FAILED)
        check = parse(value, parser.at(keyword), operand)
        if check is not None:
            checks.append(check)
    return Schema(tuple(checks))


def _names(value: Value, parser: FilterParser) -> list[str]:
    """A list of different names, at least one."""
    if type(value) is not list or not all(type(name) is str for name in value):
        raise parser.wrong("must be an array of strings", _MISMATCH)
    if not value or len(set(value)) != len(value):
        raise parser.wrong("must hold at least one name, and none of them twice", _FAILED)
    return value


def _object(value: Value, parser: FilterParser) -> Document:
    if type(value) is not dict:
        raise parser.wrong("must be an object", _MISMATCH)
    return value


def _number(value: Value, parser: FilterParser) -> Value:
    if not is_number(value):
        raise parser.wrong("must be a number", _MISMATCH)
    return value


def _bool(value: Value, parser: FilterParser) -> bool:
    if type(value) is not bool:
        raise parser.wrong("must be a boolean", _MISMATCH)
    return value


def _text(value: Value, parser: FilterParser) -> str:
    if type(value) is not str:
        raise parser.wrong("must be a string", _MISMATCH)
    return value


def _ignored(value: Value, parser: FilterParser, _: Document) -> None:
    _text(value, parser)


def _type(value: Value, parser: FilterParser, _: Document) -> Check:
    names = value if type(value) is list and value else [value]
    found: set[str] = set()
    for name in names:
        if _text(name, parser) not in _TYPES:
            raise parser.wrong(f"Unknown type name alias: {name[:50]}", _FAILED if name == "integer" else 2)
        found |= _TYPES[name]
    return lambda value: type_name(value) in found


def _bson_type(value: Value, parser: FilterParser, _: Document) -> Check:
    for name in value if type(value) is list else [value]:
        _text(name, parser)
    return parse_type(value, parser).test


def _enum(value: Value, parser: FilterParser, _: Document) -> Check:
    if type(value) is not list:
        raise parser.wrong("must be an array", _MISMATCH)
    keys = {_unordered_key(item) for item in value}
    if not keys or len(keys) != len(value):
        raise parser.wrong("must hold at least one value, and none of them twice", _FAILED)
    return lambda value: _unordered_key(value) in keys


def _unordered_key(value: Value) -> tuple[object, ...]:
    """As ``order_key``, but the members of an object may come in any order, as in all of JSON Schema."""
    return order_key(_sorted(value))


def _sorted(value: Value) -> Value:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _required(value: Value, parser: FilterParser, _: Document) -> Check:
    names = frozenset(_names(value, parser))
    return lambda value: not isinstance(value, dict) or names <= value.keys()


def _properties(value: Value, parser: FilterParser, _: Document) -> Check:
    members = _object(value, parser).items()
    schemas = {name: parse_schema(schema, parser.at(name)) for name, schema in members}

    def check(value: Value) -> bool:
        if not isinstance(value, dict):
            return True
        return all(schema.test(value[name]) for name, schema in schemas.items() if name in value)

    return check


def _patterns(value: Value, parser: FilterParser) -> dict[str, Matches]:
    return {pattern: checked_pattern(pattern, "", parser) for pattern in _object(value, parser)}


def _pattern_properties(value: Value, parser: FilterParser, _: Document) -> Check:
    patterns = _patterns(value, parser)
    schemas = [(patterns[p], parse_schema(schema, parser.at(p))) for p, schema in value.items()]

    def check(value: Value) -> bool:
        if not isinstance(value, dict):
            return True
        return all(
            schema.test(member)
            for name, member in value.items()
            for pattern, schema in schemas
            if pattern.test(name)
        )

    return check


def _rest(value: Value, parser: FilterParser) -> Check:
    """``additionalProperties`` and ``additionalItems``: a schema, or whether there may be any."""
    if type(value) is bool:
        return lambda _: value
    return parse_schema(_object(value, parser), parser).test


def _additional_properties(value: Value, parser: FilterParser, siblings: Document) -> Check:
    allowed = _rest(value, parser)
    known = frozenset(_object(siblings.get("properties", {}), parser))
    patterns = _patterns(siblings.get("patternProperties", {}), parser).values()

    def check(value: Value) -> bool:
        if not isinstance(value, dict):
            return True
        return all(
            allowed(member)
            for name, member in value.items()
            if name not in known and not any(pattern.test(name) for pattern in patterns)
        )

    return check


def _dependencies(value: Value, parser: FilterParser, siblings: Document) -> Check:
    checks: dict[str, Check] = {}
    for name, needed in _object(value, parser).items():
        at = parser.at(name)
        is_list = type(needed) is list
        checks[name] = _required(needed, at, siblings) if is_list else parse_schema(needed, at).test

    def check(value: Value) -> bool:
        if not isinstance(value, dict):
            return True
        return all(check(value) for name, check in checks.items() if name in value)

    return check


def _count(kind: type[Sized], *, most: bool) -> Callable[[Value, FilterParser, Document], Check]:
    """The bounds of lengths: ``minItems`` and the like."""

    def parse(value: Value, parser: FilterParser, _: Document) -> Check:
        bound = whole(_number(value, parser))
        if bound is None or bound < 0:
            raise parser.wrong("must be an integer, 0 or more", _FAILED)
        if most:
            return lambda value: not isinstance(value, kind) or len(value) <= bound
        return lambda value: not isinstance(value, kind) or len(value) >= bound

    return parse


def _bound(exclusive: str, sense: int) -> Callable[[Value, FilterParser, Document], Check]:
    """``minimum`` and ``maximum``: numbers must lie beyond in the direction of ``sense``, or be equal."""

    def parse(value: Value, parser: FilterParser, siblings: Document) -> Check:
        limit = order_key(_number(value, parser))
        wanted = (sense,) if _bool(siblings.get(exclusive, False), parser) else (sense, 0)

        def check(value: Value) -> bool:
            key = order_key(value)
            return not is_number(value) or (key > limit) - (key < limit) in wanted

        return check

    return parse


def _exclusive(bound: str) -> Callable[[Value, FilterParser, Document], None]:
    def parse(value: Value, parser: FilterParser, siblings: Document) -> None:
        _bool(value, parser)
        if bound not in siblings:
            raise parser.wrong(f"$jsonSchema keyword {bound} must be a number beside it", _FAILED)

    return parse


def _multiple_of(value: Value, parser: FilterParser, _: Document) -> Check:
    if not to_float(_number(value, parser)) > 0:
        raise parser.wrong("must be more than 0", _FAILED)
    divisor = to_decimal(value)
    return lambda value: not is_number(value) or CONTEXT.remainder(to_decimal(value), divisor) == 0


def _pattern(value: Value, parser: FilterParser, _: Document) -> Check:
    pattern = checked_pattern(_text(value, parser), "", parser)
    return lambda value: type(value) is not str or pattern.test(value)


def _items(value: Value, parser: FilterParser, _: Document) -> Check:
    if type(value) is not list:
        one = parse_schema(value, parser)
        return lambda value: not isinstance(value, list) or all(map(one.test, value))
    each = [parse_schema(schema, parser.at(i)) for i, schema in enumerate(value)]

    def check(value: Value) -> bool:
        if not isinstance(value, list):
            return True
        return all(schema.test(item) for schema, item in zip(each, value, strict=False))

    return check


def _additional_items(value: Value, parser: FilterParser, siblings: Document) -> Check:
    allowed, items = _rest(value, parser), siblings.get("items")
    start = len(items) if type(items) is list else None
    if start is None:  # without a list of items all of them are spoken for
        return lambda _: True
    return lambda value: not isinstance(value, list) or all(map(allowed, value[start:]))


def _unique(value: Value, parser: FilterParser, _: Document) -> Check:
    if not _bool(value, parser):
        return lambda _: True
    return lambda value: not isinstance(value, list) or len(set(map(_unordered_key, value))) == len(value)


def _joined(value: Value, parser: FilterParser) -> tuple[Schema, ...]:
    if type(value) is not list:
        raise parser.wrong("must be an array", _MISMATCH)
    if not value:
        raise parser.wrong("must hold at least one schema", 2)
    return tuple(parse_schema(schema, parser.at(i)) for i, schema in enumerate(value))


def _all_of(value: Value, parser: FilterParser, _: Document) -> Check:
    schemas = _joined(value, parser)
    return lambda value: all(schema.test(value) for schema in schemas)


def _any_of(value: Value, parser: FilterParser, _: Document) -> Check:
    schemas = _joined(value, parser)
    return lambda value: any(schema.test(value) for schema in schemas)


def _one_of(value: Value, parser: FilterParser, _: Document) -> Check:
    schemas = _joined(value, parser)
    return lambda value: sum(schema.test(value) for schema in schemas) == 1


def _not(value: Value, parser: FilterParser, _: Document) -> Check:
    schema = parse_schema(value, parser)
    return lambda value: not schema.test(value)


_KEYWORDS: dict[str, Callable[[Value, FilterParser, Document], Check | None]] = {
    "title": _ignored,
    "description": _ignored,
    "type": _type,
    "bsonType": _bson_type,
    "enum": _enum,
    "required": _required,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "minProperties": _count(dict, most=False),
    "maxProperties": _count(dict, most=True),
    "dependencies": _dependencies,
    "minimum": _bound("exclusiveMinimum", 1),
    "exclusiveMinimum": _exclusive("minimum"),
    "maximum": _bound("exclusiveMaximum", -1),
    "exclusiveMaximum": _exclusive("maximum"),
    "multipleOf": _multiple_of,
    "minLength": _count(str, most=False),
    "maxLength": _count(str, most=True),
    "pattern": _pattern,
    "items": _items,
    "additionalItems": _additional_items,
    "minItems": _count(list, most=False),
    "maxItems": _count(list, most=True),
    "uniqueItems": _unique,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
}
