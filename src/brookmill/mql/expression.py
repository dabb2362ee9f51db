"""Aggregation expressions: parsing, the tree they become, and its two evaluators.

Every node says the same twice: ``evaluate`` is the plain truth, ``emit`` writes the code that workers run.
Operators are plain functions of values and share one node, ``Call``; only special forms (``$cond``, ``$let``,
…) are nodes of their own.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from brookmill.mql.bounds import GROWTH, charge, weigh, weighed
from brookmill.mql.code import Code, Val
from brookmill.mql.errors import PlanError
from brookmill.mql.field_path import STREAM_NAMES, Path, StreamName
from brookmill.mql.large import Large, is_large
from brookmill.mql.refusals import unrecognized
from brookmill.mql.values import MISSING, Document, Value
from brookmill.registry import Registry

#: What an expression sees: ``ROOT``, ``CURRENT``, user variables, ``@meta`` with the stream metadata, and
#: ``@now``, a function that gives the wall clock in milliseconds since the epoch.
Env = Mapping[str, Value]

MAX_DEPTH = 150
#: What it costs the reference to make an object or array in a loop, in items copied.
_LITERAL = 320
#: Most names in a dotted path; MongoDB's limit is the depth of BSON, 200.
MAX_PATH = 200


class Expression(Protocol):
    """A parsed expression."""

    def evaluate(self, env: Env) -> Value:
        """Its value; MISSING for none. Raises MQLError."""
        ...

    def emit(self, code: Code) -> Val:
        """Write code that computes it."""
        ...


class Form(Expression, Protocol):
    """A special form: an expression that does not simply evaluate all its operands once."""

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression: ...


F = TypeVar("F", bound=Callable[..., Any])
#: Writes the quick way of an operator for the common types; None: there is none for these operands.
Inline = Callable[..., Val | None]


class Codes(NamedTuple):
    """MongoDB's numbers for operands of the wrong form, which differ by operator.

    ``shape``: not an object; ``unknown``: a member too much; ``missing``: a member too few, one number or one
    by member; ``arity``: too few or too many operands in a list.
    """

    shape: int = 9
    unknown: int = 9
    missing: int | Mapping[str, int] = 9
    arity: int | None = None

    def without(self, member: str) -> int:
        return self.missing if isinstance(self.missing, int) else self.missing.get(member, 9)


PLAIN = Codes()


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator by its function. ``defaults``: of the parameters that may be left out, in order."""

    name: str
    function: Callable[..., Value]
    parameters: tuple[str, ...]
    defaults: tuple[Value, ...]
    variadic: bool
    takes: Literal["list", "members", "either"]
    result: str | None
    missing: bool
    check: Callable[..., None] | None
    codes: Codes = PLAIN


#: Operators and special forms by name, e.g. ``EXPRESSIONS["$add"]``.
EXPRESSIONS: Registry[Operator | type[Form]] = Registry("expression", "brookmill.mql.expressions")
_INLINES: dict[str, Inline] = {}


def operator(
    *names: str,
    takes: Literal["list", "members", "either"] = "list",
    result: str | None = None,
    missing: bool = False,
    check: Callable[..., None] | None = None,
    codes: Codes = PLAIN,
) -> Callable[[F], F]:
    """Register a function of values as an operator. See ``brookmill.mql.expressions`` for the how-to."""

    def register(function: F) -> F:
        parameters = inspect.signature(function).parameters.values()
        variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        plain = [p for p in parameters if p.kind is not p.VAR_POSITIONAL]
        for name in names:
            EXPRESSIONS(name)(
                Operator(
                    name=name,
                    function=function,
                    parameters=tuple(_camel(p.name) for p in plain),
                    defaults=tuple(p.default for p in plain if p.default is not p.empty),
                    variadic=variadic,
                    takes=takes,
                    result=result,
                    missing=missing,
                    check=check,
                    codes=codes,
                )
            )
        return function

    return register


def inline(*names: str) -> Callable[[F], F]:
    """Register the quick way of the operators ``names``: a function of ``code`` and the operands' ``Val``."""

    def register(function: F) -> F:
        for name in names:
            _INLINES[name] = function
        return function

    return register


def _camel(name: str) -> str:
    head, *tail = name.strip("_").split("_")
    return head + "".join(word.title() for word in tail)


@dataclass(frozen=True, slots=True)
class Constant:
    """A value written in the pipeline."""

    value: Value

    def evaluate(self, env: Env) -> Value:  # noqa: ARG002
        return self.value

    def emit(self, code: Code) -> Val:
        return code.constant(self.value)


@dataclass(frozen=True, slots=True)
class ObjectLiteral:
    """``{a: expression, …}``; members that are missing are left out."""

    members: tuple[tuple[str, Expression], ...]

    def evaluate(self, env: Env) -> Value:
        if GROWTH in env:
            charge(_LITERAL, "an object")
        values = ((name, member.evaluate(env)) for name, member in self.members)
        return {name: value for name, value in values if value is not MISSING}

    def emit(self, code: Code) -> Val:
        values = [(name, member.emit(code)) for name, member in self.members]
        sure = ", ".join(f"{code.bind(name)}: {value.text}" for name, value in values)
        text = f"{{{sure}}}"
        if any(value.missing for _, value in values):
            text = f"{{k: x for k, x in {text}.items() if x is not MISSING}}"
        return code.local(Val(text, "object", null=False, missing=False))


@dataclass(frozen=True, slots=True)
class ArrayLiteral:
    """``[expression, …]``; items that are missing become null."""

    items: tuple[Expression, ...]

    def evaluate(self, env: Env) -> Value:
        if GROWTH in env:
            charge(_LITERAL, "an array")
        values = [item.evaluate(env) for item in self.items]
        return [None if value is MISSING else value for value in values]

    def emit(self, code: Code) -> Val:
        values = [item.emit(code) for item in self.items]
        text = f"[{', '.join(value.text for value in values)}]"
        if any(value.missing for value in values):
            text = f"[None if x is MISSING else x for x in {text}]"
        return code.local(Val(text, "array", null=False, missing=False))


@dataclass(frozen=True, slots=True)
class Call:
    """An operator applied to operands."""

    operator: Operator
    operands: tuple[Expression, ...]

    def evaluate(self, env: Env) -> Value:
        values = [operand.evaluate(env) for operand in self.operands]
        if GROWTH in env:
            weigh(values, self.operator.name)
        return self.operator.function(*values)

    def emit(self, code: Code) -> Val:
        values = [operand.emit(code) for operand in self.operands]
        quick = _INLINES.get(self.operator.name)
        if quick is not None:
            value = quick(code, *[code.local(value) for value in values])
            if value is not None:
                return code.local(value)
        function = self.operator.function
        if GROWTH in code.variables:
            function = weighed(function, self.operator.name)
        text = code.call(function, *values)
        return code.local(Val(text, self.operator.result, missing=self.operator.missing))


class Parser(NamedTuple):
    """Reads specs into expressions, knowing where it is and which variables are in sight."""

    path: tuple[str | int, ...] = ()
    variables: frozenset[str] = frozenset()
    depth: int = 0

    def at(self, *names: str | int) -> Parser:
        return self._replace(path=(*self.path, *names), depth=self.depth + 1)

    def seeing(self, *variables: str) -> Parser:
        """With more variables in sight. Raises PlanError for a name that users may not give."""
        for name in variables:
            if (
                not re.fullmatch(r"[a-z\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*", name)
                and name != "CURRENT"
            ):
                raise self.wrong(
                    f"'{name[:50]}' starts with an invalid character for a user variable name", 16867
                )
        return self._replace(variables=self.variables | set(variables))

    def wrong(self, message: str, code: int = 9) -> PlanError:
        return PlanError(message, code, self.path)

    def members(
        self,
        operand: Value,
        name: str,
        required: tuple[str, ...],
        optional: tuple[str, ...] = (),
        codes: Codes = PLAIN,
    ) -> Document:
        """``operand`` as an object with these members and no others."""
        if type(operand) is not dict:
            raise self.wrong(f"{name} only supports an object as its argument", codes.shape)
        for member in operand:
            if member not in required and member not in optional:
                raise self.at(member).wrong(f"Unrecognized argument to {name}: {member[:50]}", codes.unknown)
        for member in required:
            if member not in operand:
                raise self.wrong(f"Missing '{member}' parameter to {name}", codes.without(member))
        return operand

    def expression(self, spec: Value) -> Expression:
        """Raises PlanError."""
        if self.depth > MAX_DEPTH:
            raise self.wrong("the expression is nested too deeply", 15)
        if type(spec) is str and spec[:1] == "$":
            return self._path(spec)
        if type(spec) is dict:
            return self._object(spec)
        if type(spec) is list:
            return ArrayLiteral(tuple(self.at(i).expression(item) for i, item in enumerate(spec)))
        return Constant(spec)

    def _path(self, spec: str) -> Expression:
        if spec in {"$", "$$"}:
            raise self.wrong(f"'{spec}' by itself is not a valid field path", 16872)
        if spec[:2] != "$$":
            names = self.names(spec[1:])
            return StreamName(names) if names[0] in STREAM_NAMES else Path("CURRENT", names)
        variable, *rest = spec[2:].split(".")
        if rest:
            self.names(".".join(rest))
        if variable == "REMOVE":
            return Constant(MISSING)
        if variable in {"NOW", "CLUSTER_TIME", "USER_ROLES", "SEARCH_META"}:
            raise self.wrong(f"the variable $${variable} is not available in a stream processor", 17276)
        if variable not in self.variables and variable not in {"ROOT", "CURRENT"}:
            raise self.wrong(f"Use of undefined variable: {variable[:50]}", 17276)
        return Path(variable, tuple(rest))

    def names(self, path: str) -> tuple[str, ...]:
        """The names of a dotted path. Raises PlanError."""
        if path[-1:] == ".":
            raise self.wrong("FieldPath must not end with a '.'", 40353)
        names = tuple(path.split("."))
        for name in names:
            if not name:
                raise self.wrong("FieldPath field names may not be empty strings", 15998)
            if name[0] == "$":
                raise self.wrong(f"FieldPath field names may not start with '$': {name[:50]}", 16410)
            if "\0" in name:
                raise self.wrong("FieldPath field names may not contain null bytes", 16411)
        if len(names) > MAX_PATH:
            raise self.wrong(f"FieldPath is longer than {MAX_PATH} names", 5984700)
        return names

    def _object(self, spec: Document) -> Expression:
        first = next(iter(spec), "")
        if first[:1] == "$":
            if len(spec) != 1:
                raise self.wrong("an expression specification must contain exactly one field", 15983)
            return self.at(first)._operator(first, spec[first])
        members = []
        for name, member in spec.items():
            if name[:1] == "$" or "." in name or "\0" in name:
                raise self.at(name).wrong(
                    f"FieldPath field names may not start with '$' or contain '.': {name[:50]}", 16410
                )
            members.append((name, self.at(name).expression(member)))
        return ObjectLiteral(tuple(members))

    def _operator(self, name: str, operand: Value) -> Expression:
        member = EXPRESSIONS.get(name)
        if member is None:
            raise self.wrong(unrecognized(name), 168)
        if not isinstance(member, Operator):
            return member.parse(operand, self)
        if member.takes == "members" or (member.takes == "either" and _named(operand)):
            operands = self._by_name(operand, member)
        else:
            operands = self._by_position(operand, member)
        if member.check is not None:
            member.check(self, *operands)
        return Call(member, operands)

    def _by_name(self, operand: Value, member: Operator) -> tuple[Expression, ...]:
        first = len(member.parameters) - len(member.defaults)
        required, optional = member.parameters[:first], member.parameters[first:]
        spec = self.members(operand, member.name, required, optional, member.codes)
        defaults = dict(zip(member.parameters[first:], member.defaults, strict=True))
        return tuple(
            self.at(p).expression(spec[p]) if p in spec else Constant(defaults[p]) for p in member.parameters
        )

    def _by_position(self, operand: Value, member: Operator) -> tuple[Expression, ...]:
        items = operand if type(operand) is list else [operand]
        most, least = len(member.parameters), len(member.parameters) - len(member.defaults)
        if member.takes == "either":
            most = least
        if len(items) < least or (len(items) > most and not member.variadic):
            raise self._miscounted(member, least, most, len(items))
        return tuple(self.at(i).expression(item) for i, item in enumerate(items))

    def _miscounted(self, member: Operator, least: int, most: int, count: int) -> PlanError:
        if member.variadic:
            text, code = f"takes at least {least} arguments", 28667
        elif least == most:
            text, code = f"takes exactly {most} arguments", 16020
        else:
            text, code = f"takes at least {least} arguments, and at most {most}", 28667
        text = f"Expression {member.name} {text}. {count} were passed in."
        return self.wrong(text, member.codes.arity or code)


def _named(operand: Value) -> bool:
    """Whether the operand is an object of members, and no expression."""
    return type(operand) is dict and next(iter(operand), "")[:1] != "$"


def parse_expression(
    spec: Value, *, path: tuple[str | int, ...] = (), variables: frozenset[str] = frozenset()
) -> Expression:
    """The expression that ``spec`` means. ``variables``: user variables in sight. Raises PlanError."""
    expression = Parser(path, variables).expression(spec)
    return Large(expression) if is_large(spec) else expression
