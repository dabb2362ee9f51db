"""Trigonometric functions of decimals, to 34 digits.

Everything is computed with digits to spare and rounded once, by whoever makes a Decimal128 of it. Arguments
are finite and in the domain; ``trigonometry.py`` sees to that.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

#: Enough to round 34 digits right, and enough to lose 34 by cancellation before that.
_CONTEXT: Final = Context(prec=60, Emin=-999_999, Emax=999_999, rounding=ROUND_HALF_EVEN, traps=[])
_WIDE: Final = Context(prec=100, Emin=-999_999, Emax=999_999, rounding=ROUND_HALF_EVEN, traps=[])
#: Below this x and its sine, tangent, … are the same in 34 digits but for the next term of the series.
_SMALL: Final = Decimal("1E-25")
#: Beyond it e^x has no place among the decimals.
_HUGE: Final = Decimal(15_000)


def _arctangent_of_inverse(n: int, scale: int) -> int:
    """``scale`` times the arctangent of 1/n."""
    term = scale // n
    total, divisor, sign = term, 1, 1
    while term:
        term //= n * n
        divisor += 2
        sign = -sign
        total += sign * (term // divisor)
    return total


@functools.lru_cache(maxsize=2)
def _pi(digits: int) -> Decimal:
    scale = 10 ** (digits + 10)
    scaled = 4 * (4 * _arctangent_of_inverse(5, scale) - _arctangent_of_inverse(239, scale))
    return Decimal(scaled).scaleb(-digits - 10, Context(prec=digits + 12))


#: The constant in as many digits as anything but the reduction of large angles needs.
PI: Final = _CONTEXT.create_decimal(_pi(100))


def _series(first: Decimal, factor: Callable[[int], Decimal]) -> Decimal:
    """The sum of a series whose n-th term is the one before times ``factor(n)``."""
    total = term = first
    n = 0
    while term and term.adjusted() > total.adjusted() - 62:
        n += 1
        term = _CONTEXT.multiply(term, factor(n))
        total = _CONTEXT.add(total, term)
    return total


def _reduced(x: Decimal) -> tuple[int, Decimal]:
    """The quadrant (0 to 3) and what remains of an angle, at most a quarter of pi either way."""
    digits = 200 if x.adjusted() < 80 else 6400
    wide = Context(prec=digits, Emin=-999_999, Emax=999_999, traps=[])
    right = wide.divide(_pi(digits), Decimal(2))
    quadrants = wide.divide(x, right).to_integral_value(ROUND_HALF_EVEN, wide)
    rest = wide.subtract(x, wide.multiply(quadrants, right))
    return int(quadrants) % 4, _CONTEXT.plus(rest)


def _sine(x: Decimal) -> Decimal:
    square = _CONTEXT.multiply(x, x).copy_negate()
    return _series(x, lambda n: _CONTEXT.divide(square, Decimal(2 * n * (2 * n + 1))))


def _cosine(x: Decimal) -> Decimal:
    square = _CONTEXT.multiply(x, x).copy_negate()
    return _series(Decimal(1), lambda n: _CONTEXT.divide(square, Decimal((2 * n - 1) * 2 * n)))


def sin(x: Decimal) -> Decimal:
    if not x:
        return x
    quadrant, rest = _reduced(x)
    value = _cosine(rest) if quadrant % 2 else _sine(rest)
    return value if quadrant < 2 else value.copy_negate()


def cos(x: Decimal) -> Decimal:
    quadrant, rest = _reduced(x)
    value = _sine(rest) if quadrant % 2 else _cosine(rest)
    return value.copy_negate() if quadrant in (1, 2) else value


def tan(x: Decimal) -> Decimal:
    return _CONTEXT.divide(sin(x), cos(x)) if x else x


def atan(x: Decimal) -> Decimal:
    if x.is_infinite() or abs(x) > 1:
        right = _CONTEXT.divide(PI, Decimal(2)).copy_sign(x)
        return right if x.is_infinite() else _CONTEXT.subtract(right, atan(_CONTEXT.divide(Decimal(1), x)))
    for _ in range(4):  # each halves the angle
        root = _CONTEXT.sqrt(_CONTEXT.fma(x, x, Decimal(1)))
        x = _CONTEXT.divide(x, _CONTEXT.add(1, root))
    square = _CONTEXT.multiply(x, x).copy_negate()
    total = power = x
    n = 1
    while power and power.adjusted() > total.adjusted() - 62:
        n += 2
        power = _CONTEXT.multiply(power, square)
        total = _CONTEXT.add(total, _CONTEXT.divide(power, Decimal(n)))
    return _CONTEXT.multiply(total, Decimal(16))


def atan2(y: Decimal, x: Decimal) -> Decimal:
    """The angle of the point (x, y); signs of zeros and infinities count as they do for doubles."""
    if y.is_infinite() and x.is_infinite():
        y, x = Decimal(1).copy_sign(y), Decimal(1).copy_sign(x)
    if not x or y.is_infinite():
        turn = x.is_signed() if not y else None
        angle = PI if turn else Decimal(0) if turn is False else _CONTEXT.divide(PI, Decimal(2))
        return angle.copy_sign(y)
    angle = atan(_CONTEXT.divide(y, x).copy_abs())
    return (_CONTEXT.subtract(PI, angle) if x.is_signed() else angle).copy_sign(y)


def _leg(x: Decimal) -> Decimal:
    """The root of 1 - x²."""
    return _CONTEXT.sqrt(_CONTEXT.multiply(_CONTEXT.subtract(1, x), _CONTEXT.add(1, x)))


def asin(x: Decimal) -> Decimal:
    return atan2(x, _leg(x)) if x else x


def acos(x: Decimal) -> Decimal:
    return atan2(_leg(x), x)


def _next_term(x: Decimal, part: int) -> Decimal:
    """x + x³/part, which is all there is to a small x."""
    cube = _WIDE.multiply(x, _WIDE.multiply(x, x))
    return _WIDE.add(x, _WIDE.divide(cube, Decimal(part)))


def sinh(x: Decimal) -> Decimal:
    if abs(x) < _SMALL:
        return _next_term(x, 6)
    if abs(x) > _HUGE:
        return Decimal("Infinity").copy_sign(x)
    return _WIDE.divide(_WIDE.subtract(_WIDE.exp(x), _WIDE.exp(-x)), Decimal(2))


def cosh(x: Decimal) -> Decimal:
    if abs(x) > _HUGE:
        return Decimal("Infinity")
    return _WIDE.divide(_WIDE.add(_WIDE.exp(x), _WIDE.exp(-x)), Decimal(2))


def tanh(x: Decimal) -> Decimal:
    if abs(x) > 200:
        return Decimal(1).copy_sign(x)
    return _next_term(x, -3) if abs(x) < _SMALL else _WIDE.divide(sinh(x), cosh(x))


def asinh(x: Decimal) -> Decimal:
    if abs(x) < _SMALL:
        return _next_term(x, -6)
    root = _WIDE.sqrt(_WIDE.fma(x, x, Decimal(1)))
    return _WIDE.ln(_WIDE.add(abs(x), root)).copy_sign(x)


def acosh(x: Decimal) -> Decimal:
    root = _WIDE.sqrt(_WIDE.multiply(_WIDE.subtract(x, 1), _WIDE.add(x, 1)))
    return _WIDE.ln(_WIDE.add(x, root))


def atanh(x: Decimal) -> Decimal:
    if abs(x) == 1:
        return Decimal("Infinity").copy_sign(x)
    if abs(x) < _SMALL:
        return _next_term(x, 3)
    return _WIDE.divide(_WIDE.ln(_WIDE.divide(_WIDE.add(1, x), _WIDE.subtract(1, x))), Decimal(2))


def radians(x: Decimal) -> Decimal:
    return _CONTEXT.divide(_CONTEXT.multiply(x, PI), Decimal(180))


def degrees(x: Decimal) -> Decimal:
    return _CONTEXT.divide(_CONTEXT.multiply(x, Decimal(180)), PI)
