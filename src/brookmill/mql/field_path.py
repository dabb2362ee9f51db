"""Field paths: ``$a.b``, ``$$variable.a.b``, and the names that stream metadata once had in documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from brookmill.mql import paths
from brookmill.mql.code import Code, Val
from brookmill.mql.values import Value

if TYPE_CHECKING:
    from brookmill.mql.expression import Env

#: Fields that documents of early stream processors had, and where in the stream metadata they are now.
STREAM_NAMES = {"_stream_meta": (), "_ts": ("source", "ts")}


@dataclass(frozen=True, slots=True)
class Path:
    """``$a.b`` or ``$$variable.a.b``."""

    variable: str
    names: tuple[str, ...]

    def evaluate(self, env: Env) -> Value:
        return paths.read(env[self.variable], self.names)

    def emit(self, code: Code) -> Val:
        from brookmill.mql.shape import deeper

        value = code.variables.get(self.variable)
        if value is not None:
            return code.local(deeper(code, value, self.names))
        if self.names:
            return code.shape.read(code, self.names)
        return Val(code.shape.whole(code), "object", null=False, missing=False)


@dataclass(frozen=True, slots=True)
class StreamName:
    """``$_ts`` or ``$_stream_meta.…``: the document's own field if it has one, else stream metadata.

    Pipelines written before ``$meta`` use them. Engine reference, section 1.9.
    """

    names: tuple[str, ...]

    def evaluate(self, env: Env) -> Value:
        if self.names[0] in env["CURRENT"]:
            return paths.read(env["CURRENT"], self.names)
        return paths.read(env.get("@meta", {}), (*STREAM_NAMES[self.names[0]], *self.names[1:]))

    def emit(self, code: Code) -> Val:
        from brookmill.mql.shape import deeper

        first, rest = self.names[0], self.names[1:]
        whole = code.local(Path("CURRENT", (first,)).emit(code))
        own = code.local(deeper(code, whole, rest))
        meta = code.local(deeper(code, code.stream_meta(), (*STREAM_NAMES[first], *rest)))
        return code.local(Val(f"({meta.text} if {whole.text} is MISSING else {own.text})"))
