"""Object expression operators."""

from __future__ import annotations

from dataclasses import dataclass

from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, Codes, Constant, Env, Expression, Form, Parser, operator
from brookmill.mql.values import MISSING, Document, Value, nullish, type_name


@operator("$mergeObjects", result="object")
def merge_objects(*documents: Value) -> Value:
    if len(documents) == 1 and isinstance(documents[0], list):
        documents = tuple(documents[0])
    merged: Document = {}
    for document in documents:
        if nullish(document):
            continue
        if not isinstance(document, dict):
            raise MQLError(
                f"$mergeObjects requires object inputs, but input is of type {type_name(document)}", 40400
            )
        merged.update(document)
    return merged


@operator("$objectToArray", result="array")
def object_to_array(document: Value) -> Value:
    if nullish(document):
        return None
    if not isinstance(document, dict):
        raise MQLError(f"$objectToArray requires a document input, found: {type_name(document)}", 40390)
    return [{"k": name, "v": value} for name, value in document.items()]


@operator("$arrayToObject", result="object")
def array_to_object(array: Value) -> Value:
    if nullish(array):
        return None
    if not isinstance(array, list):
        raise MQLError(f"$arrayToObject requires an array input, found: {type_name(array)}", 40386)
    if not array:
        return {}
    if isinstance(array[0], list):
        return dict(_from_pair(item) for item in array)
    if isinstance(array[0], dict):
        return dict(_from_object(item) for item in array)
    raise MQLError(f"Unrecognised input type format for $arrayToObject: {type_name(array[0])}", 40398)


def _from_object(item: Value) -> tuple[str, Value]:
    if not isinstance(item, dict):
        text = f"requires a consistent input format, of objects after an object, found: {type_name(item)}"
        raise MQLError(f"$arrayToObject {text}", 40391)
    if len(item) != 2:
        raise MQLError(f"$arrayToObject requires an object of 'k' and 'v', found {len(item)} fields", 40392)
    if item.keys() != {"k", "v"}:
        raise MQLError("$arrayToObject requires an object with keys 'k' and 'v'", 40393)
    return _key(item["k"], 40394, 4940401), item["v"]


def _from_pair(item: Value) -> tuple[str, Value]:
    if not isinstance(item, list):
        text = f"requires a consistent input format, of arrays after an array, found: {type_name(item)}"
        raise MQLError(f"$arrayToObject {text}", 40396)
    if len(item) != 2:
        text = f"requires an array of size 2 arrays, found array of size: {len(item)}"
        raise MQLError(f"$arrayToObject {text}", 40397)
    return _key(item[0], 40395, 4940400), item[1]


def _key(name: Value, no_string: int, null_byte: int) -> str:
    if type(name) is not str:
        text = f"requires keys of type string, found: {type_name(name)}"
        raise MQLError(f"$arrayToObject {text}", no_string)
    if "\0" in name:
        raise MQLError("Key field cannot contain an embedded null byte", null_byte)
    return name


_GET = Codes(unknown=3041701, missing={"field": 3041702, "input": 3041703})


@EXPRESSIONS("$getField")
@dataclass(frozen=True, slots=True)
class GetField:
    """``{field, input}``, or just the field's name: its value, whatever characters the name is made of."""

    field: Expression
    input: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        short = type(operand) is not dict or next(iter(operand), "")[:1] == "$"
        spec = {"field": operand, "input": "$$CURRENT"} if short else operand
        parser.members(spec, "$getField", ("field", "input"), (), _GET)
        at = parser if short else parser.at("field")
        field = at.expression(spec["field"])
        if isinstance(field, Constant) and type(field.value) is not str:
            kind = type_name(field.value)
            raise at.wrong(f"$getField requires 'field' to evaluate to a String, but got {kind}", 3041704)
        return cls(field, parser.at("input").expression(spec["input"]))

    def evaluate(self, env: Env) -> Value:
        return read_field(self.field.evaluate(env), self.input.evaluate(env))

    def emit(self, code: Code) -> Val:
        text = code.call(read_field, self.field.emit(code), self.input.emit(code))
        return code.local(Val(text))


def read_field(name: Value, value: Value) -> Value:
    """The member ``name`` of an object; null of null, and MISSING of anything else."""
    if type(name) is not str:
        text = f"$getField requires 'field' to evaluate to a String, but got {type_name(name)}"
        raise MQLError(text, 3041704)
    if isinstance(value, dict):
        return value.get(name, MISSING)
    return None if value is None else MISSING


_SET = Codes(4161100, 4161101, {"field": 4161102, "input": 4161109, "value": 4161103})


@EXPRESSIONS("$setField")
@dataclass(frozen=True, slots=True)
class SetField:
    """``{field, input, value}``: a copy of the object with the member set; MISSING takes it away."""

    field: str
    input: Expression
    value: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$setField", ("field", "input", "value"), (), _SET)
        field = _constant_name(spec["field"], parser.at("field"))
        return cls(field, *(parser.at(name).expression(spec[name]) for name in ("input", "value")))

    def evaluate(self, env: Env) -> Value:
        return with_field(self.field, self.input.evaluate(env), self.value.evaluate(env))

    def emit(self, code: Code) -> Val:
        text = code.call(with_field, code.bind(self.field), self.input.emit(code), self.value.emit(code))
        return code.local(Val(text, "object", missing=False))


@EXPRESSIONS("$unsetField")
class UnsetField(Form):
    """``{field, input}``: ``$setField`` with ``$$REMOVE``."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$unsetField", ("field", "input"), (), _SET)
        field = _constant_name(spec["field"], parser.at("field"))
        return SetField(field, parser.at("input").expression(spec["input"]), Constant(MISSING))


def _constant_name(spec: Value, parser: Parser) -> str:
    """The name that the spec of ``field`` always is. Raises PlanError where it depends on the document."""
    if type(spec) is str and spec[:1] == "$":
        raise parser.wrong("A field path reference is not allowed in this context; use $literal", 4161108)
    parsed = parser.expression(spec)
    if not isinstance(parsed, Constant):
        raise parser.wrong("$setField requires 'field' to evaluate to a constant", 4161106)
    if type(parsed.value) is not str:
        kind = type_name(parsed.value)
        raise parser.wrong(f"$setField requires 'field' to evaluate to type String, but got {kind}", 4161107)
    return parsed.value


def with_field(name: str, value: Value, new: Value) -> Value:
    """A copy of the object with another member; null without an object."""
    if nullish(value):
        return None
    if not isinstance(value, dict):
        text = f"$setField requires 'input' to evaluate to type Object, but got {type_name(value)}"
        raise MQLError(text, 4161105)
    copy = {**value, name: new}
    if new is MISSING:
        del copy[name]
    return copy
