"""Custom expression operators: ``$function``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bson import Code as Script

from brookmill.mql import javascript
from brookmill.mql.code import Code, Val
from brookmill.mql.errors import MQLError
from brookmill.mql.expression import EXPRESSIONS, ArrayLiteral, Codes, Env, Expression, Parser
from brookmill.mql.values import Value

_CODES = Codes(shape=31260, unknown=31260, missing={"body": 31261, "args": 31263, "lang": 31418})


@dataclass(frozen=True, slots=True)
class Arguments:
    """The items of an array as they are: missing ones stay missing."""

    items: tuple[Expression, ...]

    def evaluate(self, env: Env) -> Value:
        return [item.evaluate(env) for item in self.items]

    def emit(self, code: Code) -> Val:
        text = ", ".join(item.emit(code).text for item in self.items)
        return code.local(Val(f"[{text}]", "array", null=False, missing=False))


@EXPRESSIONS("$function")
@dataclass(frozen=True, slots=True)
class Function:
    """``{body, args, lang}``: what a JavaScript function gives."""

    function: Callable[[Value], Value]
    arguments: Expression

    @classmethod
    def parse(cls, operand: Value, parser: Parser) -> Expression:
        spec = parser.members(operand, "$function", ("body", "args", "lang"), (), _CODES)
        if spec["lang"] != "js" or type(spec["lang"]) is not str:
            text = "Currently the only supported language specifier is 'js'"
            raise parser.at("lang").wrong(text, 31419)
        body = spec["body"]
        if not isinstance(body, str) or (isinstance(body, Script) and body.scope is not None):
            raise parser.at("body").wrong("The body function must be a string or code", 31262)
        try:
            javascript.check(str(body))
        except MQLError as e:
            raise parser.at("body").wrong(str(e), e.code) from e
        arguments = parser.at("args").expression(spec["args"])
        if isinstance(arguments, ArrayLiteral):
            return cls(javascript.function(str(body)), Arguments(arguments.items))
        return cls(javascript.function(str(body)), arguments)

    def evaluate(self, env: Env) -> Value:
        return self.function(self.arguments.evaluate(env))

    def emit(self, code: Code) -> Val:
        text = f"{code.bind(self.function, 'javascript')}({self.arguments.emit(code).text})"
        return code.local(Val(text, missing=False))
