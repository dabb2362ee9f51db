"""Geometry on the sphere, next to an oracle: seen from the middle, great circles are straight lines."""

from __future__ import annotations

import math
import random
import time

import pytest

from brookmill.mql import MQLError, matches, plane, sphere
from brookmill.mql.geometry import Position

#: What the oracle may decide by a hair, in the unit of the flat map (radians near its middle).
MARGIN = 1e-9


def flat(point: sphere.Vector, middle: Position) -> Position:
    """The point on the plane that touches the globe in ``middle``, projected from the globe's center."""
    longitude, latitude = map(math.radians, middle)
    x, y, z = point
    along = x * math.cos(longitude) + y * math.sin(longitude)
    east = y * math.cos(longitude) - x * math.sin(longitude)
    depth = along * math.cos(latitude) + z * math.sin(latitude)
    return east / depth, (z * math.cos(latitude) - along * math.sin(latitude)) / depth


def near(middle: Position, angle: float, distance: float) -> Position:
    """The position that lies ``distance`` degrees from ``middle`` in the direction ``angle``."""
    latitude, distance = math.radians(middle[1]), math.radians(distance)
    up = math.sin(latitude) * math.cos(distance) + math.cos(latitude) * math.sin(distance) * math.cos(angle)
    east = math.sin(angle) * math.sin(distance) * math.cos(latitude)
    longitude = math.radians(middle[0]) + math.atan2(east, math.cos(distance) - math.sin(latitude) * up)
    return (math.degrees(longitude) + 540) % 360 - 180, math.degrees(math.asin(max(-1.0, min(1.0, up))))


def star(draw: random.Random, middle: Position) -> tuple[Position, ...]:
    """A ring, mostly concave, with ``middle`` inside and all corners within 50 degrees of it."""
    corners = draw.randint(3, 12)
    steps = [(i + draw.uniform(-0.3, 0.3)) * 2 * math.pi / corners for i in range(corners)]
    ring = [near(middle, angle, draw.uniform(2, 50)) for angle in steps]
    return (*ring, ring[0])


@pytest.mark.parametrize("seed", range(60))
def test_inside_and_outside_are_what_they_are_on_the_flat_map(seed: int) -> None:
    draw = random.Random(seed)
    middle = (draw.uniform(-180, 180), draw.choice([draw.uniform(-90, 90), 89.0, -89.0]))
    ring = star(draw, middle)
    ours = sphere.Polygon((ring,))
    oracle = plane.Polygon(tuple(flat(sphere.vector(at), middle) for at in ring[:-1]))
    for _ in range(100):
        at = sphere.vector(near(middle, draw.uniform(0, 2 * math.pi), draw.uniform(0, 60)))
        x, y = flat(at, middle)
        nudged = {oracle.holds((x + dx, y + dy)) for dx in (-MARGIN, MARGIN) for dy in (-MARGIN, MARGIN)}
        if len(nudged) == 1:
            assert {ours.inside(at), ours.covers(at)} == nudged
            opposite = (-at[0], -at[1], -at[2])
            assert not ours.covers(opposite)


def side(a: Position, b: Position, c: Position) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


@pytest.mark.parametrize("seed", range(60))
def test_lines_cross_where_they_cross_on_the_flat_map(seed: int) -> None:
    draw = random.Random(seed)
    middle = (draw.uniform(-180, 180), draw.uniform(-90, 90))
    for _ in range(50):
        ends = [near(middle, draw.uniform(0, 2 * math.pi), draw.uniform(0, 60)) for _ in range(4)]
        a, b, c, d = (flat(sphere.vector(at), middle) for at in ends)
        sides = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)]
        if all(abs(one) > MARGIN for one in sides):
            crossing = sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0
            one, other = sphere.Chain(tuple(ends[:2])), sphere.Chain(tuple(ends[2:]))
            assert one.crosses(other) is other.crosses(one) is crossing


def test_geometries_with_too_many_edges_go_to_the_dead_letters() -> None:
    ring = [list(near((0, 0), i * math.pi / 1000, 10)) for i in range(2000)]
    polygon = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    start = time.process_time()
    with pytest.raises(MQLError, match="edges") as caught:
        matches({"a": {"$geoIntersects": {"$geometry": polygon}}}, {"a": polygon})
    assert caught.value.code == 146
    assert time.process_time() - start < 1
