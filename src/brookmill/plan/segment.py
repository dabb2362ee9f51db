"""The generated function of one link: from the documents of a batch to windows, collectors or the output.

It is written in up to two ways. ``json`` takes JSON text and, where it can, decodes only the fields that
are read; whatever goes wrong there, and whatever is unusual, sends that one document to ``documents``, which
takes decoded ones; and whatever goes wrong there sends it to the reference evaluator, which has the last
word. So results never depend on the way that was taken.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from brookmill.connections import Form
from brookmill.mql.code import Code, Val
from brookmill.mql.dates import INSTANTS, event_time
from brookmill.mql.ejson import MAX_DEPTH, may_be_deep
from brookmill.mql.encoding import RELAXED, Encoding, encoder, quick_encoder, write_date
from brookmill.mql.expression import Call, Expression
from brookmill.mql.shape import Overlaid, Plain, Shape, Trie
from brookmill.mql.size import MAX_DOCUMENT, MAX_LEVELS, bounded_document
from brookmill.mql.values import DATETIME_MAX_MS, INT32_MAX, date_from_ms
from brookmill.plan.decoding import Detour, Projected, Recorder, projected_decoder
from brookmill.plan.links import Link, Step

Way = Literal["json", "documents"]

#: Types whose JSON text needs no second look.
_SAFE = {"string", "bool", "int", "date", "null", "missing", "objectId"}
_CONTAINERS = frozenset({dict, list, tuple})
MAX_DOUBLE = 1.7976931348623157e308
MAX_LOOPS, MAX_STEPS = 3, 200
#: Copies of a whole document that together need not be looked at for their size.
MAX_COPIES = 8


@dataclass(frozen=True, slots=True)
class Source:
    """Generated source text and the objects its names stand for."""

    text: str
    bound: dict[str, Any]


@dataclass(frozen=True)
class Segment:
    """How to write one link's function. ``accepts``: what the sink takes; ``encoding``: its JSON."""

    link: Link
    accepts: Form
    encoding: Encoding
    windows_by_clock: bool = False

    @property
    def encodes(self) -> bool:
        """Whether what comes out is JSON text; stages that ask take documents."""
        return self.accepts == "json" and self.link.ask is None

    def write(self, way: Way) -> Source:
        """The function ``run(values, times, partition, meta, out)``; ``values`` is a list.

        It is bound at run time to ``windows``, ``collect`` (gives the collector of a link without window),
        ``drops`` (counts by operator) and ``detour(index, value, times, partition, meta, out)``.
        """
        recorder = Recorder()
        trial = Code(recorder, indent=3)
        self._write_body(trial)
        if way == "json" and not recorder.exposed:
            shape: Shape = Projected("d", recorder.trie)
            decode: Any = projected_decoder(recorder.trie)
        else:
            shape = Plain("d", from_json=way == "json")
            decode = orjson.loads
        code = Code(shape, indent=3)
        self._write_body(code)
        return self._framed(code, way, decode, projected=isinstance(shape, Projected))

    @functools.cached_property
    def reads(self) -> Trie | None:
        """The fields of its documents that the code reads, where documents are JSON; None: the whole of
        each.
        """
        recorder = Recorder()
        self._write_body(Code(recorder, indent=3))
        return None if recorder.exposed else recorder.trie

    @functools.cached_property
    def derived(self) -> int | None:
        """Operator position of the last stage that drops documents before the output.

        Its drops need not be counted: they are what is missing there.
        """
        if self.link.blocking is not None or self.link.ask is not None or self.long:
            return None
        code, found = Code(Recorder(), indent=3), None
        for step in self.link.steps:
            before = code.drops
            step.stage.emit(code)
            found = step.position if code.drops > before else found
        return None if code.loops else found

    @property
    def long(self) -> bool:
        """Whether there are so many stages that writing code for them takes longer than it is worth."""
        return len(self.link.steps) + len(self.link.inner) > MAX_STEPS

    @functools.cached_property
    def nested(self) -> bool:
        """Whether there are more loops in each other than Python likes."""
        code = Code(Recorder(), indent=3)
        self._write_body(code)
        return len(code.loops) > MAX_LOOPS

    def _write_body(self, code: Code) -> None:
        link = self.link
        self._write_time(code)
        self._write_event_time(code)
        code.meta = "meta(i, t)"
        for step in link.steps:
            self._write_step(code, step)
        if link.window is not None:
            self._write_window(code)
        if link.blocking is not None:
            _bound_parts(code)
            link.blocking.emit_add(code, "into")
        else:
            self._write_output(code)

    def _write_step(self, code: Code, step: Step) -> None:
        code.count_drop = None if step.position == self.derived else f"drops[{step.position}] += 1"
        code.position = step.position
        code.line(f"# {step.stage.name}")
        step.stage.emit(code)

    def _write_time(self, code: Code) -> None:
        link = self.link
        if link.time_field is not None:
            self._write_time_field(code, link.time_field)
        if link.window is not None and not self.windows_by_clock:
            with code.block("if t > high:"):
                code.line("high = t")
                with code.block("if t >= trigger:"):
                    code.line("windows.mark(partition, high)")
                    code.line("trigger = windows.trigger(partition)")
                    code.line("lo = hi = 0")
        if link.timed:
            code.line("out.seen[i] = t")

    @staticmethod
    def _write_time_field(code: Code, field: Expression) -> None:
        """The event time into ``t``: text and longs that ``$toDate`` takes are read without making a date."""
        if not isinstance(field, Call) or field.operator.name != "$toDate":
            code.line(f"t = {code.call(event_time, code.local(field.emit(code)))}")
            return
        operand = code.local(field.operands[0].emit(code))
        text, heads, tails = (
            operand.text,
            code.bind(INSTANTS.heads, "heads"),
            code.bind(INSTANTS.tails, "tails"),
        )
        with code.block(f"if type({text}) is str:"):
            with code.block("try:"):
                code.line(f"t = {heads}[{text}[:19]] + {tails}[{text}[19:]]")
            with code.block("except KeyError:"):
                code.line(f"t = {code.call(INSTANTS.read, text)}")
        with code.block(f"elif type({text}) is int and {INT32_MAX} < {text} <= {DATETIME_MAX_MS}:"):
            code.line(f"t = {text}")
        with code.block("else:"):
            code.line(f"t = {code.call(event_time, code.call(field.operator.function, operand))}")

    def _write_event_time(self, code: Code) -> None:
        """The event time becomes a field of the document, where the source was asked for that."""
        if self.link.ts_field is not None:
            date = Val(code.call(date_from_ms, "t"), "date", null=False, missing=False)
            code.shape = Overlaid(code.shape, {self.link.ts_field: code.local(date)})

    def _write_window(self, code: Code) -> None:
        link = self.link
        assert link.window is not None
        code.position = link.window_position
        link.window.emit_find(code)
        for step in link.inner:
            self._write_step(code, step)

    def _write_output(self, code: Code) -> None:
        columns = [(name, e.emit(code)) for name, e in (self.link.columns or {}).items()]
        columns = [(name, code.local(value)) for name, value in columns]
        if self.encodes:
            code.shape = code.shape.mapped(functools.partial(self._for_json, code))
        if not self.encodes:
            _bound_parts(code)
        document = code.shape.whole(code)
        if self.encodes:
            document = code.weighed(self._encoded(code, document))
        meta = code.stream_meta().text if self.link.ask is not None else None
        code.line(f"append({document})")
        for position, (_, value) in enumerate(columns):
            text = f"None if {value.text} is MISSING else {value.text}" if value.missing else value.text
            code.line(f"append_{position}({text})")
        if meta is not None:
            code.line(f"out.note({meta}, i, t)")

    def _for_json(self, code: Code, value: Val) -> Val:
        """Dates are written here, where they are known to be such; the encoder would have to ask for each."""
        if value.type != "date" or value.missing:
            return value
        text = code.call(write_date(self.encoding), value, hint="write_date_")
        if value.iso is not None and self.encoding == RELAXED:
            # Read from text a moment ago: the text serves again, but for dates before 1970.
            iso, first = value.iso, code.bind("1970")
            quick = f"{{{code.bind('$date')}: {iso}[:23] + {code.bind('Z')}}}"
            text = f"({quick} if {iso} is not None and {iso} >= {first} else {text})"
        return Val(text, "null", missing=False)

    def _encoded(self, code: Code, document: str) -> str:
        """Text that encodes the document; what the quick encoder would write wrongly goes to the safe one."""
        quick = code.bind(quick_encoder(self.encoding), "encode")
        safe = code.bind(encoder(self.encoding), "safe_encode")
        doubts, texts, copies = [], 0, 0
        for part in code.shape.parts():
            if part is None or (part.type in ("array", "object") and not part.clean):
                return f"{safe}({document})"
            copies += part.clean
            if not part.clean and not part.known:
                texts += part.type in (None, "string")
                if part.type not in _SAFE:
                    doubts.append(_doubt(part))
        if texts > MAX_COPIES or _levels(document) > MAX_LEVELS - MAX_DEPTH:
            return f"{safe}({document})"
        if copies > MAX_COPIES:
            doubts.append(f"len(value) > {MAX_DOCUMENT // copies}")
        if not doubts:
            return f"{quick}({document})"
        return f"({safe} if {' or '.join(doubts)} else {quick})({document})"

    def _framed(self, code: Code, way: Way, decode: Callable[[Any], Any], *, projected: bool) -> Source:
        """The loop around the body."""
        link = self.link
        by_index = code.meta_used or link.ask is not None
        code.close(functools.partial(self._rescue, by_index))
        needed = link.window is not None or code.meta_used or link.ts_field is not None or link.timed
        timed = (link.first or link.timed or link.window is not None) and link.time_field is None and needed
        top = ["def run(values, times, partition, meta, out):"]
        top += ["    append = out.values.append"]
        top += [
            f"    append_{i} = out.columns[{code.bind(n)}].append" for i, n in enumerate(link.columns or {})
        ]
        if link.window is not None:
            top += [
                "    lo = hi = 0",
                "    high = windows.high(partition)",
                "    trigger = windows.trigger(partition)",
            ]
        elif link.blocking is not None:
            top += ["    into = collect()"]
        if link.time_field is None and not timed:
            top += ["    t = None"]
        items = ["value"] + (["t"] if timed else [])
        source = "zip(values, times)" if timed else "values"
        head = ", ".join(items)
        if self.windows_by_clock and link.window is not None:
            top += ["    t = windows.high(0)"]
            head, source = "value", "values"
        if by_index:
            head = f"i, ({head})" if "," in head else f"i, {head}"
            source = f"enumerate({source})"
        else:
            top += ["    rows = iter(values)"]
            source = source.replace("values", "rows", 1)
        top += [f"    for {head} in {source}:", "        try:"]
        return Source(
            "\n".join(
                [*top, *self._decoding(code, way, decode, projected), *code.lines, *self._end(by_index)]
            ),
            code.bound | {"CONTAINERS": _CONTAINERS},
        )

    @staticmethod
    def _decoding(code: Code, way: Way, decode: Callable[[Any], Any], projected: bool) -> list[str]:
        pad = " " * 12
        if way == "documents":
            return [pad + "d = value"]
        detour = code.bind(Detour, "Detour")
        deep = f"len(value) > {2 * MAX_DEPTH} and {code.bind(may_be_deep, 'may_be_deep')}(value)"
        lines = [pad + f"if 36 in value or {deep}:", pad + f"    raise {detour}"]
        if projected:
            # What is not read must be valid too, as it is for the other ways.
            lines += [pad + "if not value.isascii():", pad + "    value.decode()"]
        lines += [pad + f"d = {code.bind(decode, 'decode')}(value)"]
        if not projected:
            lines += [pad + f"if type(d) is not {code.bind(dict, 'dict_')}:", pad + f"    raise {detour}"]
        return lines

    def _end(self, by_index: bool) -> list[str]:
        pad = " " * 12
        lines = ["        except Exception:", *(pad + line for line in self._rescue(by_index, "{}"))]
        if self.link.window is not None and not self.windows_by_clock:
            lines += ["    windows.mark(partition, high)"]
        return lines

    def _rescue(self, by_index: bool, chosen: str) -> list[str]:
        """Statements that send the document, or the items of it that are ``chosen``, the slow way."""
        lines = [] if by_index else ["i = len(values) - rows.__length_hint__() - 1"]
        windowed = self.link.window is not None
        if windowed and not self.windows_by_clock:
            lines += ["windows.mark(partition, high)"]
        lines += [f"detour(i, value, times, partition, meta, out, {chosen})"]
        if windowed:
            lines += ["lo = hi = 0"]
            if not self.windows_by_clock:
                lines += ["high = windows.high(partition)", "trigger = windows.trigger(partition)"]
        return lines


def _bound_parts(code: Code) -> None:
    """Refuse a document that holds a computed part too large to be kept."""
    for part in code.shape.parts():
        if part is not None and not part.clean and not part.known and part.type in (None, "array", "object"):
            code.check(bounded_document, part)


def _levels(document: str) -> int:
    """How many levels the text of a document has around its parts."""
    deepest = level = 0
    for letter in document:
        level += (letter in "{[(") - (letter in "}])")
        deepest = max(deepest, level)
    return deepest


def _doubt(part: Val) -> str:
    """A condition that holds when the value may hold a double that JSON has no number for."""
    text = part.text
    number = f"type({text}) is float and not {-MAX_DOUBLE!r} <= {text} <= {MAX_DOUBLE!r}"
    return number if part.type in ("number", "double") else f"{number} or type({text}) in CONTAINERS"
