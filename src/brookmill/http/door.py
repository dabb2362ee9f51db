"""The Admin API: from a request to an operation, and back to a reply.

Path, version and media type are judged on the event loop; then one hop into a worker thread authenticates,
asks the operation and encodes its answer. A long body is read only for those who may call the operation.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from brookmill.domain.principal import Principal
from brookmill.errors import UserError
from brookmill.http import reply
from brookmill.http.authentication import Authentication, Unauthenticated
from brookmill.http.exchange import Exchange, not_allowed
from brookmill.http.rate_limit import RateLimit
from brookmill.http.reply import Reply
from brookmill.http.routes import PREFIX, Found, Routes
from brookmill.http.versions import Resolved, accept_body, resolve
from brookmill.operations import OPERATIONS, Call, Operation, Services, execute
from brookmill.operations.admission import admit
from brookmill.operations.rate_limits import limited
from brookmill.operations.threads import Threads

#: Bodies up to this many bytes are read before their sender is known: cheaper than another hop.
_SHORT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, before anybody knows who asks."""

    operation: Operation
    found: Found
    resolved: Resolved


class Door:
    """Answers everything below ``PREFIX``."""

    def __init__(self, services: Services, threads: Threads) -> None:
        self._services = services
        self._threads = threads
        self._routes = Routes(OPERATIONS.values())
        self._authentication = Authentication(services)
        self._rate_limit = RateLimit(services.settings.rate_limit, services.clock)

    async def answer(self, exchange: Exchange) -> Reply:
        """The reply to any request; raises UserError, Disconnected, or whatever is our own bug."""
        asked = self._asked(exchange)
        if exchange.declared != 0:
            accept_body(exchange.headers.get("content-type"), exchange.headers.get("content-encoding"))
        try:
            return await self._admitted(exchange, asked)
        except Unauthenticated as e:
            return reply.unauthorized(self._authentication.nonces.issue(), stale=e.stale)

    def _asked(self, exchange: Exchange) -> Asked:
        found = self._routes.find(exchange.path.removeprefix(PREFIX))
        if found is None:
            raise UserError("RESOURCE_NOT_FOUND", exchange.path)
        operation = found.operations.get("GET" if exchange.method == "HEAD" else exchange.method)
        if operation is None:
            raise not_allowed(exchange, found.operations)
        exchange.operation = operation.id
        settings, accept = self._services.settings, exchange.headers.get("accept")
        today = dt.datetime.fromtimestamp(self._services.clock.now(), dt.UTC).date()
        return Asked(operation, found, resolve(accept, operation, today, lenient=settings.lenient_versions))

    async def _admitted(self, exchange: Exchange, asked: Asked) -> Reply:
        if "authorization" not in exchange.headers:
            raise Unauthenticated
        limit, declared = self._services.settings.max_body, exchange.declared
        waits = asked.operation.waits
        if declared is not None and declared <= _SHORT:
            body = await exchange.body(limit) if declared else b""
            return await self._threads.run(
                lambda: self._perform(exchange, asked, self._admit(exchange, asked, body)), waits=waits
            )
        call = await self._threads.run(lambda: self._admit(exchange, asked, b""))
        call = replace(call, body=await exchange.body(limit))
        return await self._threads.run(lambda: self._perform(exchange, asked, call), waits=waits)

    def _principal(self, exchange: Exchange) -> Principal:
        principal = self._authentication.principal(exchange)
        exchange.principal = principal.name
        return principal

    def _admit(self, exchange: Exchange, asked: Asked, body: bytes) -> Call:
        operation, services = asked.operation, self._services
        call = Call(
            principal=self._principal(exchange),
            path=asked.found.path(operation),
            query=exchange.parameters,
            body=body,
            base_url=exchange.base_url,
            remote=exchange.remote,
            request_id=exchange.id,
            version=asked.resolved.version,
            store=services.store,
            supervisor=services.supervisor,
            clock=services.clock,
            settings=services.settings,
            headers=exchange.headers,
        )
        admit(operation, call)
        if limited(operation):
            exchange.added += self._rate_limit.take(call.path["groupId"], exchange.path)
        return call

    def _perform(self, exchange: Exchange, asked: Asked, call: Call) -> Reply:
        return reply.success(exchange, asked.operation, asked.resolved, execute(asked.operation, call))
