"""Why is there no output? Told from a processor's pipeline, state and statistics; nobody is asked.

A cause is a function in a file of this package that is registered under its code::

    @cause("IDLE_PARTITION", "Let silent partitions be left out: partitionIdleTimeout in $source.")
    def idle_partition(evidence: Evidence) -> Held | None:
        \"\"\"When this is so.\"\"\"

It looks at the ``Evidence`` and tells which stage holds the documents, with the numbers that show it; None:
it is not so. What is upstream comes first: the first cause explains the silence, others may join it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from brookmill.diagnosis.evidence import Evidence
from brookmill.registry import Registry


class Held(NamedTuple):
    """``position``: of the operator in the statistics that holds the documents; the source is 0. ``text``:
    what shows it, with numbers. ``remedy`` None: that of the cause.
    """

    position: int
    text: str
    remedy: str | None = None


@dataclass(frozen=True)
class Cause:
    """``remedy``: what to do about it. ``rank``: causes of the same operator are told in this order."""

    code: str
    remedy: str
    rank: int
    look: Callable[[Evidence], Held | None]


@dataclass(frozen=True)
class Explanation:
    """One reason. ``operator``: its name in the statistics. ``path``: to its stage in the pipeline."""

    code: str
    operator: str | None
    path: str | None
    text: str
    remedy: str


#: Causes by code.
CAUSES: Registry[Cause] = Registry("cause", __name__)


def cause(code: str, remedy: str) -> Callable[[Callable[[Evidence], Held | None]], object]:
    """Register a function as the cause ``code``."""

    def claim(look: Callable[[Evidence], Held | None]) -> object:
        CAUSES(code)(Cause(code, remedy, look.__code__.co_firstlineno, look))
        return look

    return claim


def explained(evidence: Evidence) -> list[Explanation]:
    """The causes that hold, those further up the stream first; none: nothing holds anything."""
    found = [(one, held) for one in CAUSES.values() if (held := one.look(evidence)) is not None]
    found.sort(key=lambda pair: (pair[1].position, pair[0].rank))
    return [_told(evidence, one, held) for one, held in found]


def _told(evidence: Evidence, one: Cause, held: Held) -> Explanation:
    operator = evidence.operator(held.position)
    return Explanation(
        one.code,
        None if operator is None else operator.name,
        None if operator is None else operator.path,
        held.text,
        held.remedy or one.remedy,
    )
