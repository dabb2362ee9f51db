"""Everything a caller may ask: one file per resource, one function per operation.

Doors (HTTP, wire, CLI) only translate; an operation holds the order of checks and the answer.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from brookmill.domain.principal import Principal, Role
from brookmill.domain.revision import Author
from brookmill.errors import UserError
from brookmill.operations.admission import admit
from brookmill.operations.audit import recorded
from brookmill.registry import Registry

if TYPE_CHECKING:
    from brookmill.clock import Clock
    from brookmill.config import Settings
    from brookmill.runtime import Supervisor
    from brookmill.store import Store


@dataclass(frozen=True, slots=True)
class Deprecated:
    """An older resource version that still answers: deprecated ``since``, 410 from ``sunset`` on."""

    version: dt.date
    since: dt.date
    sunset: dt.date


@dataclass(frozen=True, slots=True)
class Operation:
    """One operationId of the Admin API.

    ``id``: upstream's operationId, ``aliases`` its short ids. ``method`` and ``route`` are below
    ``/api/atlas/v2``; ``{name}`` segments become keyword arguments in snake_case (``arguments``: both names).
    ``since``: its resource version; ``deprecated``: older ones, oldest first. ``roles``: who may call, None
    for whoever is known. ``status``: of a success. ``media``: json, gzip or csv.
    ``query``: names of query parameters beyond ``envelope`` and ``pretty``, which every operation takes.
    ``paged``: takes itemsPerPage and pageNum and answers a ``Page``. ``waits``: for workers, so that it may
    hold its thread for many seconds.
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
    waits: bool = False
    evidence: str = "known"
    note: str = ""
    deprecated: tuple[Deprecated, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Services:
    """What the doors are given at start and hand on with every call; they do not look into the store."""

    store: Store
    supervisor: Supervisor
    clock: Clock
    settings: Settings


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, for what, and the services the answer may need.

    ``path``: parameters as the route names them (``groupId``), percent-decoded. ``query``: of equal names the
    first. ``body`` is not looked at until an operation parses it: checks that come first must fail first
    (contract c.2). ``version`` is the resolved resource version, ``base_url`` scheme and host as the client
    wrote them, ``remote`` the caller's address as text, ``""`` where there is none. ``headers``: of the
    request, names in lower case; a door that has none hands on none.
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
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def author(self) -> Author:
        """Who writes, now, for what keeps account of it."""
        return Author(
            at=self.clock.now(),
            kind=self.principal.kind,
            id=self.principal.id,
            name=self.principal.name,
            address=self.remote,
            client=self.headers.get("user-agent", "")[:_LONGEST_CLIENT],
        )

    def flag(self, name: str, default: bool = False) -> bool:
        """A query parameter ``true`` or ``false``; raises INVALID_QUERY_PARAMETER for anything else."""
        text = self.query.get(name)
        if text is None:
            return default
        if text.lower() not in {"true", "false"}:
            raise UserError("INVALID_QUERY_PARAMETER", name)
        return text.lower() == "true"

    def number(self, name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
        """A query parameter that is a whole number in range; raises INVALID_QUERY_PARAMETER otherwise."""
        text = self.query.get(name)
        if text is None:
            return default
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise UserError("INVALID_QUERY_PARAMETER", name)
        return int(text)

    def page(self, items: Sequence[Any]) -> Page:
        """The part of ``items`` that itemsPerPage (1 to 500, default 100) and pageNum (from 1) ask for."""
        size = self.number("itemsPerPage", 100, least=1, most=500)
        start = (self.number("pageNum", 1, least=1) - 1) * size
        return Page(list(items[start : start + size]), len(items))


#: Characters kept of what a client calls itself.
_LONGEST_CLIENT = 256

_NUMBER = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. ``total`` counts all that match, whatever the page."""

    results: list[Any]
    total: int


@dataclass(frozen=True, slots=True)
class Located:
    """A created thing and its path below ``/api/atlas/v2``, which becomes the Location header."""

    value: Any
    path: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A value and what a door that has headers tells beside it. ``tag``: the ETag, without its quotes.

    ``status``: instead of the operation's own. ``path``: as in ``Located``.
    """

    value: Any
    tag: str | None = None
    status: int | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """Something to be downloaded under a ``name``; ``content`` is of the operation's media."""

    content: bytes
    name: str


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
    waits: bool = False,
    deprecated: tuple[Deprecated, ...] = (),
    guess: str = "",
) -> Callable[[Function], Function]:
    """Register a function as the operation ``id``; ``route`` is ``METHOD /path`` below ``/api/atlas/v2``.

    The function takes the ``Call`` and the path parameters by name in snake_case. It answers a struct or
    dict (one object), ``Located`` (one with its path), ``Answered``, a ``Page`` (a list), None (``{}``, or
    nothing with status 204) or a ``File`` (``media`` gzip). The doors write members in alphabetical order at
    every depth; what the user wrote and must keep its order (pipelines) is a ``msgspec.Raw`` of JSON text.
    ``UNSET`` members are left out; a ``Secret`` is an error.
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
                waits=waits,
                evidence="guess" if guess else "known",
                note=guess,
                deprecated=deprecated,
                arguments={name: _snake(name) for name in _PARAMETER.findall(path)},
            )
        )
        return function

    return register


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PARAMETER = re.compile(r"\{(\w+)\}")


def _snake(camel: str) -> str:
    return re.sub(r"[A-Z]", r"_\g<0>", camel).lower()


def perform(operation: Operation, call: Call) -> Any:
    """Check whether the caller may, then do it; raises UserError."""
    admit(operation, call)
    return execute(operation, call)


def execute(operation: Operation, call: Call) -> Any:
    """The answer of an operation to a caller who was admitted, of which account is kept; raises UserError."""
    return recorded(operation, call, lambda: _answer(operation, call))


def _answer(operation: Operation, call: Call) -> Any:
    arguments = {argument: call.path[name] for name, argument in operation.arguments.items()}
    for name, value in call.path.items():
        if _CONTROL.search(value):
            raise UserError("INVALID_PATH_PARAMETER", name)
    for name in ("envelope", "pretty", "includeCount"):
        call.flag(name)
    if operation.paged:
        call.page(())
    return operation.function(call, **arguments)
