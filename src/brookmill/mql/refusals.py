"""What to say of a name that MongoDB knows, but not as an expression of a stream processor."""

from __future__ import annotations

from typing import Final

from brookmill import upstream

#: Operators of ``$setWindowFields``, a stage that stream processors do not have.
_WINDOW_OPERATORS: Final = frozenset(
    {
        *(
            "$covariancePop",
            "$covarianceSamp",
            "$denseRank",
            "$derivative",
            "$documentNumber",
            "$expMovingAvg",
        ),
        *("$integral", "$linearFill", "$locf", "$minMaxScaler", "$rank", "$shift"),
    }
)
_FAMILIES: Final = (
    (upstream.EXPRESSIONS, "is not available yet"),
    (upstream.ACCUMULATORS, "is an accumulator of $group, not an expression"),
    (upstream.STAGES | upstream.FOREIGN_STAGES, "is a stage, not an expression"),
    (_WINDOW_OPERATORS, "belongs to $setWindowFields, which stream processors do not have"),
    (upstream.QUERY_OPERATORS, "is a query operator of $match, not an expression"),
)


def unrecognized(name: str) -> str:
    """Why there is no expression operator of this name."""
    for names, why in _FAMILIES:
        if name in names:
            return f"Unrecognized expression '{name}': it {why}"
    return f"Unrecognized expression '{name[:50]}'"
