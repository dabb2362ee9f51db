"""Shapes on a flat map, in the unit of the coordinates: ``$box``, ``$polygon`` and ``$center``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from brookmill.mql.geometry import Path, Position


class Shape(Protocol):
    def holds(self, position: Position) -> bool:
        """Whether the position lies in the shape or on its border."""
        ...


@dataclass(frozen=True, slots=True)
class Box:
    """Between two opposite corners."""

    one: Position
    other: Position

    def holds(self, position: Position) -> bool:
        return all(
            min(one, other) <= at <= max(one, other)
            for at, one, other in zip(position, self.one, self.other, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Circle:
    """At most ``radius`` from ``center``."""

    center: Position
    radius: float

    def holds(self, position: Position) -> bool:
        return math.dist(position, self.center) <= self.radius


@dataclass(frozen=True, slots=True)
class Polygon:
    """Inside of a ring, which closes by itself."""

    corners: Path

    def holds(self, position: Position) -> bool:
        x, y = position
        inside = False
        for (x1, y1), (x2, y2) in zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True):
            across = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
            if across == 0 and min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2):
                return True
            if (y1 > y) is not (y2 > y) and (across > 0) is (y2 > y1):
                inside = not inside
        return inside
