"""Geospatial query operators: ``$geoWithin`` and ``$geoIntersects``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from brookmill.mql import plane
from brookmill.mql.filter import PREDICATES, FilterParser, Predicate
from brookmill.mql.geometry import Geometry, geojson, on_globe, pair, stored
from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.sphere import Body, Cap, vector
from brookmill.mql.values import Value


@dataclass(frozen=True, slots=True)
class Where:
    """A geometry that stands so to the one asked for. An array may be a pair or hold geometries."""

    holds: Callable[[Geometry], bool]
    expands: ClassVar[bool] = True

    def test(self, value: Value) -> bool:
        geometry = stored(value)
        return geometry is not None and self.holds(geometry)


def _on_plane(shape: plane.Shape) -> Callable[[Geometry], bool]:
    def holds(geometry: Geometry) -> bool:
        # Lines and polygons have no meaning on a flat map.
        flat = not geometry.lines and not geometry.polygons
        return flat and all(shape.holds(point) for point in geometry.points)

    return holds


def _on_sphere(ask: Callable[[Body], bool]) -> Callable[[Geometry], bool]:
    def holds(geometry: Geometry) -> bool:
        try:
            for point in geometry.points:
                on_globe(point)
        except ValueError:
            return False
        return ask(Body(geometry))

    return holds


def _box(value: Value) -> Callable[[Geometry], bool]:
    corners = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(corners, list) or len(corners) != 2:
        raise ValueError("$box takes two corners")
    return _on_plane(plane.Box(pair(corners[0]), pair(corners[1])))


def _polygon(value: Value) -> Callable[[Geometry], bool]:
    corners = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(corners, list) or len(corners) < 3:
        raise ValueError("Polygon must have at least 3 points")
    return _on_plane(plane.Polygon(tuple(pair(corner) for corner in corners)))


def _center(value: Value) -> tuple[tuple[float, float], float]:
    parts = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(parts, list) or len(parts) != 2 or not is_number(parts[1]):
        raise ValueError("a circle takes a center and a radius")
    radius = to_float(parts[1])
    if not radius >= 0:
        raise ValueError("radius must be a non-negative number")
    return pair(parts[0]), radius


def _circle(value: Value) -> Callable[[Geometry], bool]:
    return _on_plane(plane.Circle(*_center(value)))


def _cap(value: Value) -> Callable[[Geometry], bool]:
    center, radius = _center(value)
    return Cap(vector(on_globe(center)), radius).contains


def _within(value: Value) -> Callable[[Geometry], bool]:
    geometry = geojson(value)
    if geometry.points or geometry.lines:
        raise ValueError(
            "$geoWithin not supported with provided geometry: it takes a Polygon or MultiPolygon"
        )
    body = Body(geometry)
    return _on_sphere(body.contains)


def _meeting(value: Value) -> Callable[[Geometry], bool]:
    body = Body(geojson(value))
    return _on_sphere(body.meets)


_SHAPES: dict[str, Callable[[Value], Callable[[Geometry], bool]]] = {
    "$geometry": _within,
    "$box": _box,
    "$polygon": _polygon,
    "$center": _circle,
    "$centerSphere": _cap,
}


@PREDICATES("$geoWithin", "$within")
def parse_geo_within(operand: Value, parser: FilterParser) -> Predicate:
    if type(operand) is not dict or len(operand) != 1:
        raise parser.wrong("$geoWithin takes an object with one shape")
    ((name, value),) = operand.items()
    read = _SHAPES.get(name)
    if read is None:
        raise parser.wrong(f"unknown geo specifier: {name[:50]}")
    return _parsed(read, value, parser.at(name))


@PREDICATES("$geoIntersects")
def parse_geo_intersects(operand: Value, parser: FilterParser) -> Predicate:
    if type(operand) is not dict or operand.keys() != {"$geometry"}:
        raise parser.wrong("$geoIntersects takes an object with the member $geometry")
    return _parsed(_meeting, operand["$geometry"], parser.at("$geometry"))


def _parsed(
    read: Callable[[Value], Callable[[Geometry], bool]], value: Value, parser: FilterParser
) -> Predicate:
    try:
        return Where(read(value))
    except (ValueError, AttributeError) as e:
        raise parser.wrong(str(e)) from None
