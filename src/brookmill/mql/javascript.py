"""JavaScript functions of values: an embedded engine with bounds and without any way out of itself.

Values cross the border as JSON text. What JavaScript has a type for becomes that; other BSON types become
objects of the shell's classes (``NumberLong``, ``ObjectId``, …). JavaScript's numbers come back as doubles,
but a member that a function leaves as it was keeps its type, as in MongoDB.
"""

from __future__ import annotations

import base64
import functools
import json
import math
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.errors import BSONError

from brookmill.mql.binary import parts
from brookmill.mql.bounds import MAX_TEXT
from brookmill.mql.errors import MQLError
from brookmill.mql.values import INT64_MAX, INT64_MIN, Value, date_from_ms, ms_from_date, type_name

#: Seconds of CPU time and bytes of memory that one call may take, and bytes of stack.
TIME, MEMORY, STACK = 0.25, 64 * 1024 * 1024, 512 * 1024
#: Most engines that one thread keeps.
ENGINES = 64
#: Code of what goes wrong in a script: JSInterpreterFailure.
FAILURE: Final = 139

#: Runs once in every engine. ``$call`` takes the arguments as text and gives the result as text. A pair
#: ``[type, value]`` stands for every value but strings, bools, null and numbers, which stand for themselves.
_PRELUDE: Final = r"""
(() => {
  "use strict";
  const make = (name, members) => {
    const kind = {[name]: function (...values) {
      const self = Object.create(kind.prototype);
      members.forEach((member, i) => { self[member] = values[i]; });
      return self;
    }}[name];
    globalThis[name] = kind;
    return kind;
  };
  const Long = make("NumberLong", ["text"]), Int = make("NumberInt", ["text"]);
  const Decimal = make("NumberDecimal", ["text"]), Id = make("ObjectId", ["str"]);
  const Bytes = make("BinData", ["type", "data"]), Stamp = make("Timestamp", ["t", "i"]);
  const Least = make("MinKey", []), Most = make("MaxKey", []), Script = make("Code", ["code", "scope"]);
  globalThis.ISODate = (text) => text === undefined ? new Date() : new Date(text);
  globalThis.UUID = (text) => Bytes(4, text);
  for (const kind of [Long, Int, Decimal]) {
    kind.prototype.valueOf = kind.prototype.toNumber = function () { return Number(this.text); };
    kind.prototype.toString = function () { return String(this.text); };
  }
  Id.prototype.toString = Id.prototype.valueOf = function () { return this.str; };
  const kept = new WeakMap(), stringify = JSON.stringify, {parse} = JSON;
  const note = (holder, name, type, value) => {
    if (!kept.has(holder)) kept.set(holder, new Map());
    kept.get(holder).set(name, [type, value]);
  };
  const set = (holder, name, value) =>
    Object.defineProperty(holder, name, {value, writable: true, enumerable: true, configurable: true});
  const member = (holder, name, coded) => {
    const value = decode(coded);
    set(holder, name, value);
    if (Array.isArray(coded) && coded[0] === "i") note(holder, name, "i", value);
  };
  const decode = (coded) => {
    if (!Array.isArray(coded)) return coded;
    const [type, value] = coded;
    switch (type) {
      case "i": return value;
      case "f": return Number(value);
      case "u": return undefined;
      case "a": { const a = []; value.forEach((v, i) => member(a, i, v)); return a; }
      case "o": { const o = {}; value.forEach(([k, v]) => member(o, k, v)); return o; }
      case "t": return new Date(value);
      case "l": return Long(value);
      case "n": return Decimal(value);
      case "id": return Id(value);
      case "b": return Bytes(...value);
      case "ts": return Stamp(...value);
      case "r": {
        try { return new RegExp(...value); } catch { return {pattern: value[0], options: value[1]}; }
      }
      case "c": return Script(value);
      case "min": return Least();
      case "max": return Most();
    }
  };
  const encode = (value, depth) => {
    if (depth > 180) throw new RangeError("the result is nested too deeply");
    switch (typeof value) {
      case "string": case "boolean": return value;
      case "number": return Number.isFinite(value) && !Object.is(value, -0) ? value
        : ["f", Object.is(value, -0) ? "-0" : String(value)];
      case "bigint": return ["l", String(value)];
      case "undefined": return null;
      case "symbol": throw new TypeError("a symbol cannot be a result");
      case "function": return ["c", String(value)];
    }
    if (value === null) return null;
    if (value instanceof Date) return ["t", value.getTime()];
    if (value instanceof RegExp) return ["r", [value.source, value.flags]];
    if (value instanceof Long) return ["l", String(value.text)];
    if (value instanceof Int) return ["i", Number(value.text)];
    if (value instanceof Decimal) return ["n", String(value.text)];
    if (value instanceof Id) return ["id", String(value.str)];
    if (value instanceof Bytes) return ["b", [value.type, value.data]];
    if (value instanceof Stamp) return ["ts", [value.t, value.i]];
    if (value instanceof Script) return ["c", String(value.code)];
    if (value instanceof Least) return ["min", 1];
    if (value instanceof Most) return ["max", 1];
    const notes = kept.get(value);
    const item = (name) => {
      const note = notes && notes.get(name), inner = value[name];
      return note && note[1] === inner ? [note[0], inner] : encode(inner, depth + 1);
    };
    if (Array.isArray(value)) {
      const items = [];
      for (let i = 0; i < value.length; i++) items.push(item(i));
      return ["a", items];
    }
    return ["o", Object.keys(value).filter((k) => value[k] !== undefined).map((k) => [k, item(k)])];
  };
  let own;
  globalThis.$define = (body) => {
    let found;
    try { found = (0, eval)("(" + body + "\n)"); } catch (e) { if (!(e instanceof SyntaxError)) throw e; }
    own = typeof found === "function" ? found : new Function(body);
  };
  globalThis.$call = (text) => stringify(encode(own(...parse(text).map((coded) => decode(coded))), 0));
})();
"""


class Machine:
    """An engine with its function; for one thread.

    A function has its engine for itself: what it does to the built-in objects is nobody else's trouble.
    """

    def __init__(self, body: str) -> None:
        """Raises MQLError (code 139) for a body that is no function."""
        # The package's own ``quickjs`` starts a thread when it is imported.
        import _quickjs

        self._errors: tuple[type[Exception], ...] = (_quickjs.JSException, _quickjs.StackOverflow)
        self._context = _quickjs.Context()
        self._context.set_memory_limit(MEMORY)
        self._context.set_max_stack_size(STACK)
        self._context.eval(_PRELUDE)
        define, self._call = self._context.get("$define"), self._context.get("$call")
        self._context.eval("delete globalThis.$define; delete globalThis.$call;")
        self._context.set_time_limit(TIME)
        #: Whether it may have been left without memory: then another one must take its place.
        self.spent = False
        self._bounded(define, body)

    def call(self, arguments: str) -> str:
        """Apply the function to coded arguments; its coded result. Raises MQLError (code 139)."""
        result: str = self._bounded(self._call, arguments)
        return result

    def _bounded(self, function: Callable[[str], Any], argument: str) -> Any:
        try:
            return function(argument)
        except self._errors as e:
            text = str(e).partition("\n")[0][:500]
            self.spent = text in {"null", ""} or text.startswith("InternalError")
            raise MQLError(f"the JavaScript function failed: {text}", FAILURE) from None


class _Machines(threading.local):
    def __init__(self) -> None:
        self.by_body: dict[str, Machine] = {}


_machines = _Machines()


def _machine(body: str) -> Machine:
    known = _machines.by_body
    machine = known.get(body)
    if machine is None or machine.spent:
        if len(known) >= ENGINES:
            del known[next(iter(known))]
        machine = known[body] = Machine(body)
    return machine


def check(body: str) -> None:
    """Raise MQLError (code 139) for a body that is no function; nothing of it is run."""
    import _quickjs

    if not body.isascii():
        try:
            body.encode()
        except UnicodeEncodeError:
            raise MQLError("the JavaScript function is no valid UTF-8", FAILURE) from None
    context = _quickjs.Context()
    context.set_memory_limit(MEMORY)
    context.set_max_stack_size(STACK)
    compile_only = context.eval(
        "(body) => { try { new Function('return (' + body + '\\n)'); } catch { new Function(body); } }"
    )
    try:
        compile_only(body)
    except (_quickjs.JSException, _quickjs.StackOverflow) as e:
        text = str(e).partition("\n")[0][:500]
        raise MQLError(f"the JavaScript function is wrong: {text}", FAILURE) from None


def call(body: str, arguments: Sequence[Value]) -> Value:
    """The result of the JavaScript function. Raises MQLError (code 139)."""
    try:
        # Codes have four levels for each of an object: too many for orjson (see ``size.MAX_LEVELS``).
        text = json.dumps([_coded(argument) for argument in arguments], ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError) as e:
        raise MQLError(f"the JavaScript function cannot take its arguments: {e}", FAILURE) from None
    result = _machine(body).call(text)
    # A function may have spoilt its own engine: anything may come back.
    try:
        if len(result) > MAX_TEXT:
            raise ValueError("it is too large")
        return _decoded(orjson.loads(result))
    except (ValueError, TypeError, LookupError, ArithmeticError, BSONError) as e:
        text = f"the JavaScript function gave what is no value: {str(e)[:200]}"
        raise MQLError(text, FAILURE) from None


def _coded(value: Value) -> Any:
    kind = type_name(value)
    if kind in {"string", "bool", "null"}:
        return value
    if kind == "double" and math.isfinite(value) and value:
        return float(value)
    return _CODERS[kind](value)


def _float_text(value: float) -> str:
    return "NaN" if math.isnan(value) else str(value).replace("inf", "Infinity")


def _binary(value: Value) -> Any:
    data, subtype = parts(value)
    if subtype == 4 and len(data) == 16:
        return ["b", [4, str(uuid.UUID(bytes=data))]]
    return ["b", [subtype, base64.b64encode(data).decode()]]


def _regex(value: Regex[Any]) -> Any:
    pattern = value.pattern.decode("utf-8", "replace") if isinstance(value.pattern, bytes) else value.pattern
    letters = ((2, "i"), (8, "m"), (16, "s"))
    return ["r", [pattern, "".join(letter for flag, letter in letters if value.flags & flag)]]


_CODERS: dict[str, Callable[[Any], Any]] = {
    "missing": lambda _: ["u", 0],
    "undefined": lambda _: ["u", 0],
    "symbol": str,
    "dbPointer": lambda value: ["o", [["$ref", value.collection], ["$id", ["id", str(value.id)]]]],
    "int": lambda value: ["i", int(value)],
    "long": lambda value: ["l", str(int(value))],
    "double": lambda value: ["f", _float_text(float(value))],
    "decimal": lambda value: ["n", str(value)],
    "object": lambda value: ["o", [[name, _coded(member)] for name, member in value.items()]],
    "array": lambda value: ["a", [_coded(item) for item in value]],
    "date": lambda value: ["t", ms_from_date(value)],
    "objectId": lambda value: ["id", str(value)],
    "binData": _binary,
    "timestamp": lambda value: ["ts", [value.time, value.inc]],
    "regex": _regex,
    "javascript": lambda value: ["c", str(value)],
    "javascriptWithScope": lambda value: ["c", str(value)],
    "minKey": lambda _: ["min", 1],
    "maxKey": lambda _: ["max", 1],
}


def _decoded(coded: Any) -> Value:
    if isinstance(coded, list):
        kind, value = coded
        return _DECODERS[kind](value)
    return float(coded) if type(coded) is int else coded


def _from_date(ms: Any) -> Value:
    if ms is None:
        raise ValueError("an invalid date")
    return date_from_ms(int(ms))


def _from_long(text: Any) -> Value:
    number = int(text)
    if not INT64_MIN <= number <= INT64_MAX:
        raise ValueError("a long of more than 64 bits")
    return Int64(number)


def _from_bytes(value: Any) -> Value:
    subtype, data = value
    raw = uuid.UUID(data).bytes if subtype == 4 and "-" in data else base64.b64decode(data, validate=True)
    return Binary(raw, int(subtype))


_DECODERS: dict[str, Callable[[Any], Value]] = {
    "i": int,
    "f": lambda text: float(text.replace("Infinity", "inf")),
    "a": lambda items: [_decoded(item) for item in items],
    "o": lambda members: {name: _decoded(member) for name, member in members},
    "t": _from_date,
    "l": _from_long,
    "n": Decimal128,
    "id": ObjectId,
    "b": _from_bytes,
    "ts": lambda value: Timestamp(*map(int, value)),
    "r": lambda value: Regex(value[0], "".join(c for c in value[1] if c in "ims")),
    "c": Code,
    "min": lambda _: MinKey(),
    "max": lambda _: MaxKey(),
}


def function(body: str) -> Callable[[Value], Value]:
    """A JavaScript function of an array of arguments. Raises MQLError (code 139) when it is called."""
    return functools.partial(_apply, body)


def _apply(body: str, arguments: Value) -> Value:
    if not isinstance(arguments, list):
        text = "$function: the args field must evaluate to an array, found"
        raise MQLError(f"{text} {type_name(arguments)}", 31266)
    return call(body, arguments)
