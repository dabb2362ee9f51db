"""The connections of a test: as defined there, or as its pipeline uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brookmill.connections.presumed import defined, presumed, uses
from brookmill.domain.connection import Connection
from brookmill.testing.timeline import InvalidFlow


def connections(
    pipeline: Sequence[Mapping[str, Any]], given: Mapping[str, Mapping[str, Any]]
) -> dict[str, Connection]:
    """All connections of a pipeline by name. ``given``: definitions as in the Admin API, by name.

    Raises InvalidFlow.
    """
    try:
        made = {name: defined({"name": name, **spec}) for name, spec in given.items()}
    except ValueError as e:
        raise InvalidFlow(str(e)) from e
    for name, kind in uses(pipeline):
        if name not in made:
            made[name] = presumed(name, kind)
    return made
