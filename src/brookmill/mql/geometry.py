"""Geometries as documents hold them: GeoJSON, and the older pairs of coordinates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from brookmill.mql.numbers import is_number, to_float
from brookmill.mql.values import Value

#: Longitude and latitude in degrees, or x and y.
Position: TypeAlias = tuple[float, float]
Path: TypeAlias = tuple[Position, ...]

#: Coordinate systems by name; the last makes the left side of a ring its inside, however large that is.
_STRICT: Final = "urn:x-mongodb:crs:strictwinding:EPSG:4326"
_SYSTEMS: Final = {"urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", _STRICT}


@dataclass(frozen=True, slots=True)
class Geometry:
    """Everything a GeoJSON object is made of. ``polygons``: rings, the first of each the outer one.

    ``flat``: a pair without GeoJSON around it. ``strict``: the inside of rings is on their left.
    """

    points: tuple[Position, ...] = ()
    lines: tuple[Path, ...] = ()
    polygons: tuple[tuple[Path, ...], ...] = ()
    flat: bool = False
    strict: bool = False

    def positions(self) -> Iterator[Position]:
        """Every point and every corner."""
        yield from self.points
        for line in self.lines:
            yield from line
        for rings in self.polygons:
            for ring in rings:
                yield from ring


def pair(value: Value) -> Position:
    """Two numbers in an array, or the first two members of an object. Raises ValueError."""
    items = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(items, list) or len(items) < 2 or not all(is_number(item) for item in items[:2]):
        raise ValueError("a point must be an array or object of two numbers")
    x, y = to_float(items[0]), to_float(items[1])
    if not math.isfinite(x) or not math.isfinite(y):
        raise ValueError("coordinates must be finite")
    return x, y


def on_globe(position: Position) -> Position:
    """A position that must be longitude and latitude. Raises ValueError."""
    longitude, latitude = position
    if not -180 <= longitude <= 180 or not -90 <= latitude <= 90:
        raise ValueError(f"longitude and latitude are out of bounds: {longitude}, {latitude}")
    return position


def _items(value: Value) -> list[Value]:
    if type(value) is not list:
        raise ValueError("coordinates must be an array")
    return value


def _point(value: Value) -> Position:
    return on_globe(pair(_items(value)))


def _line(value: Value) -> Path:
    line = tuple(_point(item) for item in _items(value))
    if len(set(line)) < 2:
        raise ValueError("a LineString must have at least two different points")
    return line


def _ring(value: Value) -> Path:
    ring = tuple(_point(item) for item in _items(value))
    if not ring or ring[0] != ring[-1]:
        raise ValueError("the ring of a Polygon is not closed")
    if len(set(ring)) < 3:
        raise ValueError("the ring of a Polygon must have at least three different points")
    return ring


def _polygon(value: Value) -> tuple[Path, ...]:
    rings = tuple(_ring(item) for item in _items(value))
    if not rings:
        raise ValueError("a Polygon has no rings")
    return rings


def _several(value: Value) -> list[Value]:
    if not (items := _items(value)):
        raise ValueError("coordinates must not be empty")
    return items


_KINDS: dict[str, Callable[[Value], Geometry]] = {
    "Point": lambda value: Geometry(points=(_point(value),)),
    "LineString": lambda value: Geometry(lines=(_line(value),)),
    "Polygon": lambda value: Geometry(polygons=(_polygon(value),)),
    "MultiPoint": lambda value: Geometry(points=tuple(map(_point, _several(value)))),
    "MultiLineString": lambda value: Geometry(lines=tuple(map(_line, _several(value)))),
    "MultiPolygon": lambda value: Geometry(polygons=tuple(map(_polygon, _several(value)))),
}


def geojson(value: Value) -> Geometry:
    """A GeoJSON object. Raises ValueError."""
    kind = value.get("type") if isinstance(value, dict) else None
    if type(kind) is not str:
        raise ValueError("a GeoJSON object has a type")
    if kind == "GeometryCollection":
        return _collection([geojson(item) for item in _several(value.get("geometries"))])
    read = _KINDS.get(kind)
    if read is None:
        raise ValueError(f"unknown GeoJSON type: {kind[:50]}")
    found = read(value.get("coordinates"))
    if "crs" in value:
        return Geometry(found.points, found.lines, found.polygons, strict=_is_strict(value["crs"]))
    return found


def _is_strict(value: Value) -> bool:
    name = (value.get("properties") or {}).get("name") if isinstance(value, dict) else None
    if type(name) is not str or name not in _SYSTEMS:
        raise ValueError(f"unknown coordinate system: {str(name)[:50]}")
    return bool(name == _STRICT)


def _collection(parts: list[Geometry]) -> Geometry:
    return Geometry(
        tuple(point for part in parts for point in part.points),
        tuple(line for part in parts for line in part.lines),
        tuple(polygon for part in parts for polygon in part.polygons),
    )


def stored(value: Value) -> Geometry | None:
    """The geometry of a document's field; None when it is none."""
    try:
        if isinstance(value, dict) and type(value.get("type")) is str:
            return geojson(value)
        return Geometry(points=(pair(value),), flat=True)
    except (ValueError, AttributeError):
        return None
