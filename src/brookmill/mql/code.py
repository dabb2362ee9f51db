"""Python source being written: a straight line of statements over local names, with bound constants.

User-given text never becomes source: names and constants are bound as objects (``K1``, ``K2``, …) and the
source only mentions those. ``Code`` knows nothing of pipelines; what a document looks like at the current
point is its ``shape``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from brookmill.clock import SystemClock
from brookmill.mql.bounds import MAX_OUTPUT, MAX_ROWS, TooManyRows
from brookmill.mql.values import MISSING, UNDEFINED, Value, type_name

if TYPE_CHECKING:
    from brookmill.mql.expression import Expression
    from brookmill.mql.shape import Shape

_UNKNOWN: Final = object()

#: Python refuses source that is nested deeper than a hundred blocks, or twenty loops.
MAX_NESTING = 12


@dataclass(frozen=True, slots=True)
class Val:
    """A value in the code being written.

    ``text``: a Python expression, free of side effects. ``type``: its BSON type where that is known
    beforehand, "number" for any numeric one. ``null``, ``missing``: whether it may be so. ``constant``: its
    value where that is known. ``clean``: it comes from JSON text as it is, so that it can be written as
    JSON unchecked. ``iso``: of a date, a local that holds its text with milliseconds in UTC, or None.
    """

    text: str
    type: str | None = None
    null: bool = True
    missing: bool = True
    constant: Value = field(default=_UNKNOWN)
    clean: bool = False
    iso: str | None = None

    @property
    def known(self) -> bool:
        """Whether ``constant`` holds its value."""
        return self.constant is not _UNKNOWN


TRUE = Val("True", "bool", null=False, missing=False, constant=True)
FALSE = Val("False", "bool", null=False, missing=False, constant=False)
ABSENT = Val("MISSING", "missing", null=False, constant=MISSING)


def system_now() -> int:
    """Milliseconds since the epoch, by the machine's clock; a program puts its own clock in its place."""
    return int(SystemClock().now() * 1000)


class Code:
    """Statements in the order they run. ``give_up`` is the statement that leaves the current document."""

    def __init__(self, shape: Shape, *, give_up: str = "continue", indent: int = 1) -> None:
        self.lines: list[str] = []
        self.bound: dict[str, Any] = {"MISSING": MISSING, "UNDEFINED": UNDEFINED, "NOW": system_now}
        self.shape = shape
        self.variables: dict[str, Val] = {}
        #: Text that gives ``{$meta: "stream"}`` of the current document, and whether it was used.
        self.meta = "{}"
        self.meta_used = False
        #: Statement that counts a document given up, if anybody counts; how often ``drop`` was asked to.
        self.count_drop: str | None = None
        self.drops = 0
        #: Operator position of the stage being written; None where nobody counts.
        self.position: int | None = None
        #: Line and indent of the first loop that makes rows of the document; whether those of others are
        #: counted.
        self._multiplying: tuple[int, int] | None = None
        self._counted = False
        #: Loops that last to the end: position of the stage, local with the items, local with their iterator.
        self.loops: list[tuple[int | None, str, str]] = []
        self.give_up = give_up
        self.indent = indent
        self._names: dict[Hashable, str] = {}
        self._known: dict[Hashable, Val] = {}
        self._locals = 0

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Statements under ``header``; what is computed in them is not known after them."""
        self.line(header)
        known, self._known = self._known, dict(self._known)
        self.indent += 1
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.line("pass")
        self.indent -= 1
        self._known = known

    @contextmanager
    def scope(self, variables: Mapping[str, Val]) -> Iterator[None]:
        """Expressions in it see ``variables`` too."""
        outer = self.variables
        self.variables = {**outer, **variables}
        yield
        self.variables = outer

    @property
    def deep(self) -> bool:
        """Whether nested blocks should be left to the reference evaluator."""
        return self.indent > MAX_NESTING

    def bind(self, thing: Any, hint: str = "K") -> str:
        """The name by which the source refers to the object ``thing``."""
        key: Hashable = thing if type(thing) is str else (id(thing),)
        name = self._names.get(key)
        if name is None:
            name = f"{hint}{len(self._names) + 1}"
            self._names[key] = name
            self.bound[name] = thing  # which also keeps its id from being given to another object
        return name

    def constant(self, value: Value) -> Val:
        """A value known beforehand. Only small integers and the three singletons are written as text."""
        if value is MISSING:
            return ABSENT
        if value is None:
            return Val("None", "null", missing=False, constant=None)
        if value is True or value is False:
            return TRUE if value else FALSE
        text = repr(value) if type(value) is int else self.bind(value)
        return Val(text, type_name(value), null=False, missing=False, constant=value)

    def fresh(self, hint: str = "v") -> str:
        """A local name not used before."""
        self._locals += 1
        return f"{hint}{self._locals}"

    def local(self, value: Val, hint: str = "v") -> Val:
        """``value`` under a name (or literal) that may be repeated at no cost."""
        if value.text.isidentifier() or value.known:
            return value
        name = self.fresh(hint)
        self.line(f"{name} = {value.text}")
        return replace(value, text=name)

    def once(self, key: Hashable, compute: Callable[[], Val]) -> Val:
        """The value of ``compute``, computed at most once on the way to here."""
        value = self._known.get(key)
        if value is None:
            value = self._known[key] = self.local(compute())
        return value

    def call(self, function: Callable[..., Value], *arguments: Val | str, hint: str | None = None) -> str:
        """Text of a call. Long texts are broken up into locals by ``local`` at the caller's wish."""
        texts = [a if isinstance(a, str) else a.text for a in arguments]
        name = self.bind(function, hint or f"{function.__name__.strip('_<>')}_")
        return f"{name}({', '.join(texts)})"

    def drop(self, unless: str) -> None:
        """Leave the current document unless the condition ``unless`` holds."""
        self.drops += 1
        with self.block(f"if not ({unless}):"):
            if self.count_drop is not None:
                self.line(self.count_drop)
            self.line(self.give_up)

    def each(self, items: str, target: str, *, rows: bool = True) -> None:
        """All that follows is done for each of ``items``, a local with a list, as ``target``.

        An item that fails does not keep the others from going on. ``rows``: it makes more of the document;
        without, it is the same one in each of several windows.
        """
        rest = self.fresh("rest")
        if rows and self._multiplying is None:
            self._multiplying = (len(self.lines), self.indent)
        elif rows:
            self._count_rows()
            self.line(f"made += len({items})")
            self._cut(f"made > {MAX_ROWS}")
        if self.position is not None:
            self.line(f"drops[{self.position}] += 1 - len({items})")
        self.line(f"{rest} = iter({items})")
        self.line(f"for {target} in {rest}:")
        self.line("    try:")
        self.indent += 2
        self.loops.append((self.position, items, rest))

    def weighed(self, output: str) -> str:
        """``output``, which gives bytes; they are counted where loops make several of the document."""
        if self._multiplying is None:
            return output
        self._count_rows()
        output = self.local(Val(output)).text
        self.line(f"written += len({output})")
        self._cut(f"written > {MAX_OUTPUT}")
        return output

    def check(self, function: Callable[..., Any], part: Val) -> None:
        """Call ``function`` with ``part``, and with what it saw of the document before, where loops make
        several of it.
        """
        if self._multiplying is not None:
            self._count_rows()
        self.line(self.call(function, part, *(["seen"] if self._counted else [])))

    def _count_rows(self) -> None:
        """Begin to count what loops make, in front of the first of them."""
        if self._multiplying is not None and not self._counted:
            at, indent = self._multiplying
            self.lines.insert(at, "    " * indent + "made, written, mark, seen = 0, 0, len(out), {}")
            self._counted = True

    def _cut(self, too_much: str) -> None:
        with self.block(f"if {too_much}:"):
            self.line("out.cut(mark)")
            self.line(f"raise {self.bind(TooManyRows, 'TooManyRows')}")

    def close(self, rescue: Callable[[str], list[str]]) -> None:
        """End the loops. ``rescue``: statements for an item that failed, given the text of a dict that
        holds the positions of the items in hand, by operator position.
        """
        chosen = [
            f"{position}: len({items}) - {rest}.__length_hint__() - 1" for position, items, rest in self.loops
        ]
        for depth in range(len(self.loops), 0, -1):
            self.indent -= 2
            if self._counted:
                self.line(f"    except {self.bind(TooManyRows, 'TooManyRows')}:")
                self.line("        raise")
            self.line("    except Exception:")
            for text in rescue(f"{{{', '.join(chosen[:depth])}}}"):
                self.line(f"        {text}")
        self.loops = []

    def stream_meta(self) -> Val:
        """The current document's stream metadata, built at most once."""
        self.meta_used = True
        return self.once(("meta", self.meta), lambda: Val(self.meta, "object", null=False, missing=False))

    def evaluate(self, expression: Expression) -> Val:
        """``expression`` as the reference evaluator computes it at run time."""
        document = self.shape.whole(self)
        members = {"ROOT": document, "CURRENT": document, "@meta": self.stream_meta().text}
        members["@now"] = "NOW"
        members |= {name: value.text for name, value in self.variables.items()}
        env = "{" + ", ".join(f"{self.bind(name)}: {text}" for name, text in members.items()) + "}"
        return Val(f"{self.bind(expression, 'reference')}.evaluate({env})")
