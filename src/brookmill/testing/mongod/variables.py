"""Variables from outside of a pipeline (``let``, ``$$NOW``): put into it as the values they have.

To the query language a variable is what an expression defines itself. Those of a command or of ``$lookup``
have one value while the pipeline runs, so the value takes the place of the name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from brookmill.mql import paths
from brookmill.mql.code import system_now
from brookmill.mql.expression import parse_expression
from brookmill.mql.values import MISSING, Document, Value

Variables = Mapping[str, Value]

#: Operators that define variables: in which members they are seen, and which names unless told.
_SCOPES: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Document], set[str]]]]] = {
    "$let": (("in",), lambda spec: set(spec.get("vars") or ())),
    "$map": (("in",), lambda spec: {spec.get("as", "this")}),
    "$filter": (("cond",), lambda spec: {spec.get("as", "this")}),
    "$reduce": (("in",), lambda _: {"this", "value"}),
}
#: Stages that hold pipelines, in which a ``let`` beside them hides names.
_NESTING: Final = frozenset({"$lookup", "$unionWith", "$facet", "$merge"})


def bound(spec: Value, variables: Variables) -> Value:
    """An expression, or any part of one, with the variables' values."""
    if type(spec) is str and spec[:2] == "$$":
        return _value(spec, variables)
    if type(spec) is list:
        return [bound(item, variables) for item in spec]
    if type(spec) is not dict or "$literal" in spec:
        return spec
    return {name: _operand(name, operand, variables) for name, operand in spec.items()}


def _operand(name: str, operand: Value, variables: Variables) -> Value:
    if name not in _SCOPES or type(operand) is not dict:
        return bound(operand, variables)
    members, names = _SCOPES[name]
    inner = _hidden(variables, names(operand))
    return {
        member: bound(value, inner if member in members else variables) for member, value in operand.items()
    }


def _value(text: str, variables: Variables) -> Value:
    name, *rest = text[2:].split(".")
    if name not in variables:
        return text
    value = paths.read(variables[name], tuple(rest))
    return "$$REMOVE" if value is MISSING else {"$literal": value}


def _hidden(variables: Variables, names: set[str]) -> Variables:
    return {name: value for name, value in variables.items() if name not in names}


def bound_query(spec: Value, variables: Variables) -> Value:
    """A query with the variables' values in its ``$expr``; elsewhere ``$$x`` is a string like any other."""
    if type(spec) is list:
        return [bound_query(part, variables) for part in spec]
    if type(spec) is not dict:
        return spec
    return {
        name: bound(value, variables)
        if name == "$expr"
        else bound_query(value, variables)
        if name in ("$and", "$or", "$nor")
        else value
        for name, value in spec.items()
    }


def bound_pipeline(stages: Value, variables: Variables) -> Value:
    """The stages with the variables' values. What is no stage stays, to be refused by whoever parses it."""
    if type(stages) is not list:
        return stages
    return [
        {name: _bound_stage(name, spec, variables) for name, spec in stage.items()}
        if type(stage) is dict
        else stage
        for stage in stages
    ]


def _bound_stage(name: str, spec: Value, variables: Variables) -> Value:
    if name == "$match":
        return bound_query(spec, variables)
    if name not in _NESTING or type(spec) is not dict:
        return bound(spec, variables)
    let = spec.get("let")
    inner = _hidden(variables, set(let) if type(let) is dict else set())
    nested = name == "$facet"
    return {
        member: bound_pipeline(value, inner)
        if nested or member in ("pipeline", "whenMatched")
        else bound(value, variables)
        for member, value in spec.items()
    }


def value_of(expression: Value, document: Document) -> Value:
    """What an expression gives for a document; MISSING for nothing. Raises MQLError, PlanError."""
    env = {"ROOT": document, "CURRENT": document, "@meta": {}, "@now": system_now}
    return parse_expression(expression).evaluate(env)
