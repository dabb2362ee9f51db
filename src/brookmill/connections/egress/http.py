"""HTTP to judged addresses: a client of httpx that resolves once and connects to what was judged."""

from __future__ import annotations

from collections.abc import Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from brookmill.config import Outside
from brookmill.connections import egress
from brookmill.connections.egress.authorities import tls_context
from brookmill.errors import ConnectionFailed

#: Most addresses of one host that are tried, each for the whole time-out.
_TRIES = 4


class JudgedNetwork(httpcore.SyncBackend):
    """Connects to the addresses that were judged, whatever the name means a moment later."""

    def __init__(self, outside: Outside, resolve: egress.Resolve = egress.resolve) -> None:
        self._outside = outside
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Raises ConnectionFailed for a forbidden address, else what httpcore raises."""
        try:
            addresses = egress.judge(host, port, self._outside, self._resolve)[:_TRIES]
        except ConnectionFailed as e:
            if e.retry:
                raise httpcore.ConnectError(str(e)) from e
            raise
        for address in addresses[:-1]:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return super().connect_tcp(addresses[-1], port, timeout, local_address, socket_options)


class JudgedTransport(httpx.HTTPTransport):
    """httpx's own transport over a judged network; ``connections``: how many are kept open."""

    def __init__(self, outside: Outside, connections: int, resolve: egress.Resolve = egress.resolve) -> None:
        super().__init__(verify=(context := tls_context()))
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30.0,
            network_backend=JudgedNetwork(outside, resolve),
        )


def client(
    outside: Outside,
    *,
    connect_timeout: float = 30.0,
    timeout: float = 60.0,
    connections: int = 10,
    resolve: egress.Resolve = egress.resolve,
) -> httpx.Client:
    """Follows no redirect, uses no proxy and keeps no cookies. Times in seconds.

    Raises ConnectionFailed (420) when the authorities to believe cannot be read. A request raises it, besides
    httpx's errors, when the host is forbidden.
    """
    return httpx.Client(
        transport=JudgedTransport(outside, connections, resolve),
        timeout=httpx.Timeout(timeout, connect=connect_timeout),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )
