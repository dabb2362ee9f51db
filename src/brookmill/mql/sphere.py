"""Geometry on the sphere: what lies within what, and what meets what. Edges are the shortest ways.

Positions become unit vectors. Time grows with the product of the numbers of edges, which is bounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from brookmill.mql.errors import MQLError
from brookmill.mql.geometry import Geometry, Path, Position

Vector: TypeAlias = tuple[float, float, float]

#: Most pairs of edges that one document may have compared.
MAX_PAIRS = 100_000
#: What counts as touching, in radians: some micrometres on the ground.
_NEAR = 1e-12


def vector(position: Position) -> Vector:
    """The unit vector of a longitude and latitude in degrees."""
    longitude, latitude = map(math.radians, position)
    flat = math.cos(latitude)
    return flat * math.cos(longitude), flat * math.sin(longitude), math.sin(latitude)


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def angle(a: Vector, b: Vector) -> float:
    """The distance in radians."""
    return math.atan2(math.hypot(*_cross(a, b)), _dot(a, b))


class Edge(NamedTuple):
    """The shortest way from ``a`` to ``b``, with the normal of the plane that it lies in."""

    a: Vector
    b: Vector
    normal: Vector

    def touches(self, point: Vector) -> bool:
        length = math.hypot(*self.normal)
        if length == 0 or abs(_dot(self.normal, point)) > _NEAR * length:
            return angle(point, self.a) <= _NEAR
        return (
            _dot(_cross(self.a, point), self.normal) >= -_NEAR
            and _dot(_cross(point, self.b), self.normal) >= -_NEAR
        )

    def crosses(self, other: Edge) -> bool:
        """Whether there is a point inside of both."""
        start, end = -_dot(self.normal, other.a), _dot(self.normal, other.b)
        if start * end <= 0:
            return False
        return start * -_dot(other.normal, self.b) > 0 and start * _dot(other.normal, self.a) > 0


class Chain:
    """Points joined by edges."""

    def __init__(self, path: Path) -> None:
        self.points = [vector(position) for position in path]
        pairs = zip(self.points, self.points[1:], strict=False)
        self.edges = [Edge(a, b, _cross(a, b)) for a, b in pairs]

    def touches(self, point: Vector) -> bool:
        return any(edge.touches(point) for edge in self.edges)

    def crosses(self, other: Chain) -> bool:
        return any(one.crosses(two) for one in self.edges for two in other.edges)


class Ring(Chain):
    """A closed chain; its inside is the smaller part, or with ``strict`` the part on its left."""

    def __init__(self, path: Path, *, strict: bool = False) -> None:
        super().__init__(path)
        sums = [sum(point[axis] for point in self.points[1:]) for axis in range(3)]
        self.middle: Vector = (sums[0], sums[1], sums[2])
        turn = sum(_dot(edge.normal, self.middle) for edge in self.edges)
        self.inverted = strict and turn < 0

    def holds(self, point: Vector) -> bool:
        """Whether the point lies inside; not certain for points on the ring."""
        # The ring goes once around a point, or around its opposite, when it parts the two.
        inside = _dot(point, self.middle) > 0 and abs(self._turns(point)) > math.pi
        return inside is not self.inverted

    def _turns(self, point: Vector) -> float:
        """The angle by which the ring goes around the point."""
        total = 0.0
        for edge in self.edges:
            left, right = _cross(point, edge.a), _cross(point, edge.b)
            total += math.atan2(_dot(_cross(left, right), point), _dot(left, right))
        return total


class Polygon:
    """An outer ring without its holes."""

    def __init__(self, rings: tuple[Path, ...], *, strict: bool = False) -> None:
        outer, *holes = rings
        self.outer = Ring(outer, strict=strict)
        self.holes = [Ring(hole) for hole in holes]
        self.rings = [self.outer, *self.holes]

    @property
    def edges(self) -> int:
        return sum(len(ring.edges) for ring in self.rings)

    def inside(self, point: Vector) -> bool:
        """Whether the point lies inside, and on no ring."""
        return not any(ring.touches(point) for ring in self.rings) and self._holds(point)

    def covers(self, point: Vector) -> bool:
        """Whether the point lies inside or on a ring."""
        return any(ring.touches(point) for ring in self.rings) or self._holds(point)

    def _holds(self, point: Vector) -> bool:
        return self.outer.holds(point) and not any(hole.holds(point) for hole in self.holes)

    def contains(self, chain: Chain) -> bool:
        """Whether a whole chain lies inside or on rings."""
        if any(ring.crosses(chain) for ring in self.rings):
            return False
        return all(map(self.covers, (*chain.points, *map(_halfway, chain.edges))))

    def contains_polygon(self, other: Polygon) -> bool:
        if not self.contains(other.outer):
            return False
        # A hole of ours in what it covers would be a part that we do not have.
        return not any(other.inside(_unit(hole.middle)) for hole in self.holes)

    def meets(self, chain: Chain) -> bool:
        """Whether they have a point in common."""
        return any(map(self.covers, chain.points)) or any(ring.crosses(chain) for ring in self.rings)

    def meets_polygon(self, other: Polygon) -> bool:
        """Whether their insides have a point in common."""
        if any(one.crosses(two) for one in self.rings for two in other.rings):
            return True
        return any(map(other.inside, self._samples())) or any(map(self.inside, other._samples()))

    def _samples(self) -> Iterator[Vector]:
        yield from self.outer.points
        yield from map(_halfway, self.outer.edges)
        middle = _unit(self.outer.middle)
        if self.inside(middle):
            yield middle


def _unit(point: Vector) -> Vector:
    length = math.hypot(*point) or 1.0
    return point[0] / length, point[1] / length, point[2] / length


def _halfway(edge: Edge) -> Vector:
    (x, y, z), (u, v, w) = edge.a, edge.b
    return _unit((x + u, y + v, z + w))


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``radius`` radians from ``center``."""

    center: Vector
    radius: float

    def contains(self, geometry: Geometry) -> bool:
        """Whether every corner lies in it, which for the smaller half of the globe is enough."""
        return all(angle(self.center, vector(at)) <= self.radius for at in geometry.positions())


class Body:
    """A geometry laid on the sphere."""

    def __init__(self, geometry: Geometry) -> None:
        self.points = [vector(position) for position in geometry.points]
        self.lines = [Chain(line) for line in geometry.lines]
        self.polygons = [Polygon(rings, strict=geometry.strict) for rings in geometry.polygons]
        edges = sum(len(line.edges) for line in self.lines) + sum(one.edges for one in self.polygons)
        self._weight = len(self.points) + edges

    def _check(self, other: Body) -> None:
        if self._weight * other._weight > MAX_PAIRS:
            raise MQLError(f"the geometries have more than {MAX_PAIRS} pairs of edges to compare", 146)

    def contains(self, other: Body) -> bool:
        """Whether each part of ``other`` lies within one of our polygons. Raises MQLError."""
        self._check(other)
        return (
            all(any(one.covers(point) for one in self.polygons) for point in other.points)
            and all(any(one.contains(line) for one in self.polygons) for line in other.lines)
            and all(any(one.contains_polygon(part) for one in self.polygons) for part in other.polygons)
        )

    def meets(self, other: Body) -> bool:
        """Whether they have a point in common. Raises MQLError."""
        self._check(other)
        return self._meets(other) or other._meets(self)

    def _meets(self, other: Body) -> bool:
        return (
            any(angle(one, two) <= _NEAR for one in self.points for two in other.points)
            or any(line.touches(point) for line in self.lines for point in other.points)
            or any(one.covers(point) for one in self.polygons for point in other.points)
            or any(_lines_meet(one, two) for one in self.lines for two in other.lines)
            or any(one.meets(line) for one in self.polygons for line in other.lines)
            or any(one.meets_polygon(two) for one in self.polygons for two in other.polygons)
        )


def _lines_meet(one: Chain, other: Chain) -> bool:
    return one.crosses(other) or any(map(one.touches, other.points)) or any(map(other.touches, one.points))
