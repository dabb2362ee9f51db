"""Expressions of very many operators, whose work counts as a loop's does.

Each operator alone is bounded by its document; a thousand of them over one document of some size are a loop
that somebody has written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from brookmill.mql.bounds import GROWTH, close_growth, open_growth
from brookmill.mql.code import Code, Val
from brookmill.mql.values import Value

if TYPE_CHECKING:
    from brookmill.mql.expression import Env, Expression

#: Parts of a spec from which on its work is counted.
_MANY: Final = 1000


def size(spec: Value) -> int:
    """How many parts a spec has."""
    parts = spec.values() if type(spec) is dict else spec if type(spec) is list else ()
    return 1 + sum(map(size, parts))


def is_large(spec: Value) -> bool:
    """Whether an expression of this spec has to be a ``Large`` one."""
    return size(spec) > _MANY


@dataclass(frozen=True, slots=True)
class Large:
    """An expression that counts what all of its operators go through, as long as no loop around it does."""

    inner: Expression

    def evaluate(self, env: Env) -> Value:
        if GROWTH in env:
            return self.inner.evaluate(env)
        try:
            return self.inner.evaluate({**env, GROWTH: open_growth()})
        finally:
            close_growth()

    def emit(self, code: Code) -> Val:
        if GROWTH in code.variables:
            return self.inner.emit(code)
        growth = code.local(Val(code.call(open_growth)), "g")
        with code.block("try:"), code.scope({GROWTH: growth}):
            value = code.local(self.inner.emit(code))
        with code.block("finally:"):
            code.line(code.call(close_growth))
        return value
