"""Hosts, ports and URLs as users write them; private and local ones are as good as any here."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\x9f\\]")

#: Longer URLs are refused: no server takes them.
LONGEST_URL = 8192


def is_host(text: str) -> bool:
    """A DNS name (underscores allowed, as in container names) or an IP address without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.removesuffix(".").split(".")
        return len(text) <= 253 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit()
    return True


def is_server(text: str) -> bool:
    """``host`` or ``host:port``; an IPv6 address stands in brackets."""
    host, bracket, rest = text.partition("]")
    if bracket:
        if not host.startswith("[") or ":" not in host:
            return False
        host = host[1:]
    else:
        host, colon, port = text.partition(":")
        rest = colon + port
    if not is_host(host):
        return False
    return not rest or (rest.startswith(":") and _is_port(rest[1:]))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


def is_http_url(text: str) -> bool:
    """An absolute ``http`` or ``https`` URL with a host that can exist; no blanks, no control characters."""
    if len(text) > LONGEST_URL or _UNSEEN.search(text):
        return False
    try:
        url: SplitResult = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and port != 0 and is_host(url.hostname or "")
