"""Guards of the quick ways: exact type checks in the generated code.

``type(x) is int`` and never ``isinstance``: a bool is an int in Python and an Int64 is one too, and both
mean something else.
"""

from __future__ import annotations

from brookmill.mql.code import Val
from brookmill.mql.values import INT32_MAX, INT32_MIN

#: Static types that rule the numeric lane out.
_OTHER = {"string", "bool", "date", "object", "array", "null", "missing", "objectId"}


def small(value: Val) -> str | None:
    """Condition: an int of 32 bits or a double. "" when that is sure; None when it cannot be.

    Python's arithmetic on two such is MongoDB's, as long as an int result is stored as a plain ``int``.
    """
    if value.type in _OTHER:
        return None
    if value.known:
        constant = value.constant
        fits = type(constant) is float or (type(constant) is int and INT32_MIN <= constant <= INT32_MAX)
        return "" if fits else None
    if value.type == "double" and not value.null and not value.missing:
        return f"type({value.text}) is float"
    text = value.text
    return f"(type({text}) is int and {INT32_MIN} <= {text} <= {INT32_MAX} or type({text}) is float)"


def ordered(left: Val, right: Val) -> str | None:
    """Condition under which Python's comparison operators say what the BSON order says; None: never sure.

    NaN is out (MongoDB sorts it first and equal to itself), and so are integers beyond 64 bits.
    """
    if left.known or right.known:
        constant, other = (left.constant, right) if left.known else (right.constant, left)
        if type(constant) is str:
            return text_is(other) or None
        if type(constant) in (int, float) and abs(constant) < 2**53 and other.type not in _OTHER:
            text = other.text
            return f"(type({text}) is int or type({text}) is float and {text} == {text})"
        return None
    return all_of(small_int(left), small_int(right))


def small_int(value: Val) -> str | None:
    """Condition: an int of 32 bits."""
    if value.type in _OTHER or value.type == "double":
        return None
    return f"type({value.text}) is int and {INT32_MIN} <= {value.text} <= {INT32_MAX}"


def all_of(*conditions: str | None) -> str | None:
    """The conjunction; None when one of them cannot hold, "True" when all are sure."""
    if None in conditions:
        return None
    return " and ".join(dict.fromkeys(c for c in conditions if c)) or "True"


def text_is(value: Val) -> str | None:
    """Condition: a string."""
    if value.type == "string" and not value.null and not value.missing:
        return ""
    if value.type not in (None, "string"):
        return None
    return f"type({value.text}) is str"


def guarded(condition: str, quick: str, slow: str) -> str:
    """``quick`` where the condition holds."""
    return quick if condition == "True" else f"({quick} if {condition} else {slow})"
