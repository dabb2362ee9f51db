"""The way out: to which addresses a connection may lead, whoever dials.

Every dialler resolves a name once, has each address judged, and connects to the judged addresses alone;
TLS and the Host header keep the name. ``judge`` is the rule; ``egress.http`` is an httpx client that obeys
it, ``egress.pools`` makes clients built on urllib3 (boto3, requests) obey. librdkafka lets nobody between
name and address: its hosts are judged before it starts, and each broker that the cluster advertises.
"""

from __future__ import annotations

import ipaddress
import socket
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from brookmill.config import Outside
from brookmill.errors import ConnectionFailed

#: Numeric addresses of a host name, in the order in which to try them. Raises OSError.
Resolve = Callable[[str, int], Sequence[str]]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Where clouds answer questions about the machine itself, beside all link-local addresses: AWS, GCP, Alibaba,
#: Azure, Oracle.
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
            *("100.100.100.200", "168.63.129.16", "192.0.0.192"),
        ),
    )
)
#: Their names, which machines outside of the cloud may resolve to anything.
_METADATA_NAMES = frozenset(
    {
        *(
            "metadata",
            "metadata.google.internal",
            "metadata.goog",
            "instance-data",
            "metadata.azure.internal",
        ),
        *("instance-data.ec2.internal", "metadata.tencentyun.com", "metadata.oraclecloud.com"),
    }
)
#: IPv6 prefixes, as the upper 96 bits, whose last 32 bits are an IPv4 address: compatible, translated, NAT64
#: and its local form.
_PREFIXES = frozenset({0, 0xFFFF0000, 0x0064FF9B << 64, 0x0064FF9B0001 << 48})
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
_NOWHERE = ipaddress.ip_network("0.0.0.0/8")


def resolve(host: str, port: int) -> list[str]:
    """What the machine's resolver says; it knows decimal, octal and hexadecimal spellings, too."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def judge(host: str, port: int, outside: Outside, resolve: Resolve = resolve) -> list[str]:
    """The numeric addresses of ``host`` (a name, or an address without brackets), all of them allowed.

    Raises ConnectionFailed: 420, not to be tried again, when one of them is forbidden; else when there is
    none.
    """
    if _plain(host) in _METADATA_NAMES:
        raise _refused(host, "is a cloud's metadata service")
    try:
        addresses = resolve(host, port)
    except OSError as e:
        raise ConnectionFailed(f"the host {_shown(host)} has no address", fault="NO_ADDRESS") from e
    except ValueError as e:  # a label too long, a NUL
        raise _refused(host, "is not a valid name") from e
    for address in addresses:
        if why := forbidden(address, outside):
            raise _refused(host, why)
    return list(addresses)


def forbidden(address: str, outside: Outside) -> str | None:
    """Why nobody may connect to a numeric address; None: everybody may."""
    kinds = {kind for ip in _meant(ipaddress.ip_address(address.partition("%")[0])) if (kind := _kind(ip))}
    for kind in sorted(kinds - {"loopback", "private"}):
        return f"is at a {kind} address, where no connection may lead"
    for kind in sorted(kinds if not outside.allow_private else ()):
        return f"is at a {kind} address, where connections may lead only with the setting allow_private"
    return None


def _kind(ip: _Address) -> str | None:
    """What is special about an address, in one word; None: it is an ordinary public one."""
    if ip in _METADATA:
        return "metadata"
    if ip.is_link_local:
        return "link-local"
    if ip.is_unspecified or (isinstance(ip, ipaddress.IPv4Address) and ip in _NOWHERE):
        return "wildcard"
    if ip.is_multicast:
        return "multicast"
    if isinstance(ip, ipaddress.IPv4Address) and ip.is_reserved:
        return "reserved"
    if ip.is_loopback:
        return "loopback"
    site_local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    return "private" if site_local or not ip.is_global else None


def _meant(ip: _Address) -> Iterator[_Address]:
    """The address and every IPv4 address that a gateway could read out of it."""
    if isinstance(ip, ipaddress.IPv4Address):
        yield ip
        return
    if ip.ipv4_mapped is not None:  # the very same host
        yield ip.ipv4_mapped
        return
    yield ip
    number = int(ip)
    last = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if (number >> 32 in _PREFIXES and number > 0xFFFF) or (number >> 32) & 0xFFFFFFFF in _ISATAP:
        yield last
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo


def _plain(host: str) -> str:
    """The name as resolvers see it."""
    return unicodedata.normalize("NFKC", host).replace("\u3002", ".").rstrip(".").lower()


def _refused(host: str, why: str) -> ConnectionFailed:
    return ConnectionFailed(
        f"the host {_shown(host)} {why}",
        retry=False,
        code=420,
        name="StreamProcessorInvalidOptions",
        fault="FORBIDDEN_ADDRESS",
    )


def _shown(host: str) -> str:
    return ascii(host)[1:254].removesuffix("'")
