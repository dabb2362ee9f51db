"""What a benchmark answers: figures, some with a promise that they keep or break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """``promise``: a side and a bound, None where nothing is promised. ``note``: how it was got."""

    name: str
    value: float
    unit: str
    promise: tuple[Literal["<", ">="], float] | None = None
    note: str = ""

    @property
    def kept(self) -> bool:
        if self.promise is None:
            return True
        side, bound = self.promise
        return self.value < bound if side == "<" else self.value >= bound


def show(figures: Sequence[Figure]) -> bool:
    """Print the table; whether all promises are kept."""
    table = Table("figure", "value", "promise", "", "how", box=None, pad_edge=False, header_style="bold")
    for f in figures:
        promise = f"{f.promise[0]} {f.promise[1]:g} {f.unit}".strip() if f.promise else ""
        kept = ("[green]kept" if f.kept else "[red]broken") if f.promise else ""
        table.add_row(f.name, f"{f.value:.4g} {f.unit}".strip(), promise, kept, f"[dim]{f.note}")
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table)
    return all(f.kept for f in figures)
