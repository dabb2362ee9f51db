"""Windows without a blocking stage: their documents wait as they are."""

from __future__ import annotations

from typing import Any

from brookmill.mql.code import Code
from brookmill.mql.size import bson_size
from brookmill.mql.values import Value
from brookmill.stages import Results, Row


class Buffer:
    """The documents of one window, in the order they arrived."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        self.rows.append(row)

    def results(self) -> Results:
        return Results([row.document for row in self.rows], [row.meta for row in self.rows])

    def merge(self, other: Buffer) -> None:
        self.rows += other.rows

    def snapshot(self) -> Value:
        return [[row.document, row.meta] for row in self.rows]

    def restore(self, snapshot: Any) -> None:
        self.rows = [Row(document, meta) for document, meta in snapshot]

    @property
    def size(self) -> int:
        if not self.rows:
            return 0
        sample = self.rows[:: max(1, len(self.rows) // 16)]
        return len(self.rows) * sum(bson_size(row.document) for row in sample) // len(sample)


def emit_row(code: Code, collector: str) -> None:
    """Write code that adds the current document, as it is, to the local ``collector``."""
    meta = code.stream_meta().text
    code.line(f"{collector}.add({code.bind(Row)}({code.shape.whole(code)}, {meta}))")
