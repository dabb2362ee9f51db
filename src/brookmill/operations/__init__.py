"""Everything a caller may ask: one file per resource, one function per operation.

Doors (HTTP, wire, CLI) only translate; an operation holds the order of checks and the answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brookmill.domain.principal import Principal, Role
from brookmill.registry import Registry

if TYPE_CHECKING:
    from brookmill.clock import Clock
    from brookmill.config import Settings
    from brookmill.runtime import Supervisor
    from brookmill.store import Store


@dataclass(frozen=True, slots=True)
class Operation:
    """One operationId of the Admin API.

    ``id``: upstream's operationId, ``aliases`` its short ids. ``method`` and ``route`` below ``/api/atlas/v2``;
    ``{name}`` segments become keyword arguments in snake_case. ``since``: its resource version.
    ``roles``: who may call, None for whoever is known. ``status``: of a success. ``media``: json, gzip or csv.
    ``query``: names of query parameters beyond ``envelope`` and ``pretty``, which every operation takes.
    ``paged``: takes itemsPerPage and pageNum and answers a ``Page``.
    ``evidence``: "known", or "guess" with ``note`` saying what upstream does not tell.
    """

    id: str
    method: str
    route: str
    since: dt.date
    roles: frozenset[Role] | None
    function: Callable[..., Any]
    aliases: tuple[str, ...] = ()
    status: int = 200
    media: str = "json"
    query: tuple[str, ...] = ()
    paged: bool = False
    evidence: str = "known"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, for what, and the services the answer may need.

    ``body`` is not looked at until an operation parses it: checks that come first must fail first (contract c.2).
    ``version`` is the resolved resource version, ``base_url`` scheme and host as the client wrote them.
    """

    principal: Principal
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    base_url: str
    remote: str
    request_id: str
    version: dt.date
    store: Store
    supervisor: Supervisor
    clock: Clock
    settings: Settings


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. ``total`` counts all that match, whatever the page."""

    results: list[Any]
    total: int


OPERATIONS: Registry[Operation] = Registry("operation", __name__)

Function = Callable[..., Any]


def operation(
    id: str,
    route: str,
    *,
    since: str,
    roles: frozenset[Role] | None,
    aliases: tuple[str, ...] = (),
    status: int = 200,
    media: str = "json",
    query: tuple[str, ...] = (),
    paged: bool = False,
    guess: str = "",
) -> Callable[[Function], Function]:
    """Register a function as the operation ``id``; ``route`` is ``METHOD /path`` below ``/api/atlas/v2``.

    The function takes the ``Call`` and the path parameters by name in snake_case. It answers a struct or dict
    (one object), a ``Page`` (a list), None (``{}``, or nothing with status 204) or bytes (``media`` gzip).
    """
    method, path = route.split(" ", 1)

    def register(function: Function) -> Function:
        OPERATIONS(id)(
            Operation(
                id=id,
                method=method,
                route=path,
                since=dt.date.fromisoformat(since),
                roles=roles,
                function=function,
                aliases=aliases,
                status=status,
                media=media,
                query=query,
                paged=paged,
                evidence="guess" if guess else "known",
                note=guess,
            )
        )
        return function

    return register
