"""The way out: HTTP to any address but those by which a machine tells its own secrets."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

#: Where clouds answer questions about the machine itself, beside all link-local addresses.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))


class ForbiddenAddressError(httpcore.ConnectError):
    """The host's name leads to an address that nobody may be sent to."""


def forbidden(address: str) -> bool:
    """Whether a numeric address is link-local, unspecified, or a cloud's metadata service."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_link_local or ip.is_unspecified or ip.is_multicast or ip in _METADATA


class GuardedNetwork(httpcore.SyncBackend):
    """Looks at the address itself at the moment of connecting, whatever the name meant a moment ago."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as e:
            raise httpcore.ConnectError(f"{host} has no address") from e
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if any(map(forbidden, addresses)):
            raise ForbiddenAddressError(f"{host} is at a forbidden address")
        for address in addresses[:-1]:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return super().connect_tcp(addresses[-1], port, timeout, local_address, socket_options)


class GuardedTransport(httpx.HTTPTransport):
    """httpx's own transport over a guarded network."""

    def __init__(self) -> None:
        super().__init__()
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(), keepalive_expiry=30.0, network_backend=GuardedNetwork()
        )


def client(connect_timeout: float, timeout: float) -> httpx.Client:
    """Follows no redirect, uses no proxy, keeps no cookies between requests of different documents."""
    return httpx.Client(
        transport=GuardedTransport(),
        timeout=httpx.Timeout(timeout, connect=connect_timeout),
        follow_redirects=False,
        trust_env=False,
    )
