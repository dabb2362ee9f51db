"""``$sort`` inside a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from brookmill.mql.code import Code
from brookmill.mql.sorting import Order, parse_order
from brookmill.mql.values import Value
from brookmill.stages import STAGES, WINDOW, Collector, Kind, Place, Placement, Results, Row
from brookmill.stages.buffer import Buffer, emit_row


class Sorted(Buffer):
    """The documents of one window, sorted when it closes."""

    def __init__(self, order: Order) -> None:
        super().__init__()
        self._order = order

    def add(self, row: Row) -> None:
        if len(self._order.keys) > 1:
            self._order.check(row.document)
        self.rows.append(row)

    def results(self) -> Results:
        self.rows = self._order.sorted(self.rows, lambda row: row.document)
        return super().results()


@STAGES("$sort")
@dataclass(frozen=True, slots=True)
class Sort:
    """Reference: MongoDB manual, ``$sort``. Stable."""

    order: Order

    name: ClassVar[str] = "$sort"
    kind: ClassVar[Kind] = "blocking"
    placements: ClassVar[frozenset[Placement]] = WINDOW
    operator: ClassVar[str] = "SortOperator"

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        return cls(parse_order(spec, place.path))

    def collector(self) -> Collector:
        return Sorted(self.order)

    def emit_add(self, code: Code, collector: str) -> None:
        emit_row(code, collector)
