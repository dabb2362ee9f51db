"""What clients and operators ask for outside of the Admin API: probes, versions, metrics, telemetry sinks.

None of it needs credentials and none of it tells what anybody has stored; metrics tell ids of running
processors and, only where that is set, names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from brookmill import __version__
from brookmill.http import metrics, oauth
from brookmill.http.exchange import Exchange
from brookmill.http.metrics import Metrics
from brookmill.http.reply import Reply
from brookmill.operations import Services, identity
from brookmill.operations.threads import Threads

Endpoint = Callable[[Exchange], Awaitable[Reply]]

_TEXT = "text/plain; charset=utf-8"


class Surroundings:
    """Fixed paths: ``endpoints`` by path and method, each under the name it has in logs and metrics."""

    def __init__(self, services: Services, threads: Threads, measured: Metrics) -> None:
        self._services = services
        self._threads = threads
        self._metrics = measured
        self.endpoints: dict[str, dict[str, Endpoint]] = {
            "/livez": {"GET": self.livez},
            "/readyz": {"GET": self.readyz},
            "/version": {"GET": self.version},
            "/metrics": {"GET": self.metrics},
            "/api/oauth/token": {"POST": self.token},
            "/api/oauth/revoke": {"POST": self.revoke},
            "/api/private/ipinfo": {"GET": self.ipinfo},
            "/api/private/unauth/nds/defaultMongoDBMajorVersion": {"GET": self.mongodb_version},
            "/api/private/v1.0/telemetry/events": {"POST": self.telemetry},
            "/api/private/unauth/telemetry/events": {"POST": self.telemetry},
        }

    async def livez(self, _: Exchange) -> Reply:
        """The process answers."""
        return Reply(200, b"ok\n", _TEXT)

    async def readyz(self, _: Exchange) -> Reply:
        """Calls can be answered: the store is reachable; 503 if not."""
        if await self._threads.run(lambda: identity.ready(self._services)):
            return Reply(200, b"ok\n", _TEXT)
        return Reply(503, b"the store is not reachable\n", _TEXT)

    async def version(self, _: Exchange) -> Reply:
        return Reply(200, msgspec.json.encode({"name": "brookmill", "version": __version__}))

    async def metrics(self, _: Exchange) -> Reply:
        return Reply(200, await self._threads.run(self._metrics.text), metrics.MEDIA)

    async def token(self, exchange: Exchange) -> Reply:
        body = await exchange.body(oauth.LONGEST_FORM)
        return await self._threads.run(lambda: oauth.token(self._services, exchange, body))

    async def revoke(self, exchange: Exchange) -> Reply:
        body = await exchange.body(oauth.LONGEST_FORM)
        return await self._threads.run(lambda: oauth.revoke(self._services, exchange, body))

    async def ipinfo(self, exchange: Exchange) -> Reply:
        """The address the caller is seen under, for its access list."""
        return Reply(200, msgspec.json.encode({"currentIpv4Address": exchange.remote}))

    async def mongodb_version(self, _: Exchange) -> Reply:
        """What the CLI proposes for a new cluster."""
        return Reply(200, b"8.0", _TEXT)

    async def telemetry(self, _: Exchange) -> Reply:
        """Clients report what their users do. Here nobody wants to know: the body is not even read."""
        return Reply(200, b"{}")
