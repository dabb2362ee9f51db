"""The lowest steps of every test: names to judged addresses, TCP, TLS. Nothing that a server says is read."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from brookmill.config import Outside
from brookmill.connections import Opening, egress
from brookmill.connections.egress.authorities import tls_context
from brookmill.connections.egress.trouble import certificate_fault, certificate_problem
from brookmill.connections.ladder import Ladder
from brookmill.errors import ConnectionFailed

#: Seconds for all connections to be made, and for all handshakes.
_CONNECT, _HANDSHAKE = 3.0, 3.0
#: Most addresses of one host that are tried.
_TRIES = 4
#: Most names of a certificate that are shown.
_NAMES = 10
#: Days that a certificate should still be good for.
_SOON = 30
#: What a server says that ends the handshake for want of a certificate of ours (TLS alerts).
_WANTS = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE", "CERTIFICATE_UNKNOWN")


#: Numeric addresses of host and port, or ConnectionFailed.
Judge = Callable[[str, int, Outside], Sequence[str]]


class Place(NamedTuple):
    """Somewhere to connect to; ``host`` without brackets, ``secure``: over TLS."""

    host: str
    port: int
    secure: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place_of(url: str) -> Place:
    """Where an HTTP URL leads."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    return Place(parts.hostname or "", parts.port or (443 if secure else 80), secure)


def reach(
    places: Sequence[Place],
    opening: Opening,
    ladder: Ladder,
    tls: ssl.SSLContext | None = None,
    *,
    own_certificate: bool = False,
    judge: Judge = egress.judge,
) -> None:
    """Climb to where one of ``places`` can be spoken to. Raises ConnectionFailed.

    ``tls``: how to speak it where a place is secure; None: as HTTP does here. ``own_certificate``: ours is
    shown by the client alone, so a server that asks for it in vain is no failure here. ``judge``: as
    ``egress.judge``; the clusters of the server's own configuration are not judged (ADR 0011).
    """
    with ladder.step("resolve") as seen:
        addresses = _resolved(places, opening, judge)
        seen["addresses"] = {str(place): found for place, found in addresses.items()}
    with ExitStack() as stack:
        with ladder.step("connect") as seen:
            sockets = _connected(addresses, opening, stack)
            seen["connected"] = [str(place) for place in sockets]
        secure = {place: plain for place, plain in sockets.items() if place.secure}
        if secure:
            with ladder.step("tls") as seen:
                context = tls or tls_context()
                for place, plain in secure.items():
                    seen.update(_shaken(place, plain, context, opening, own_certificate))


def _resolved(places: Sequence[Place], opening: Opening, judge: Judge) -> dict[Place, list[str]]:
    """One that has no address is no harm where another has one; one that is forbidden always is."""
    found: dict[Place, list[str]] = {}
    unknown: ConnectionFailed | None = None
    for place in places:
        try:
            found[place] = [*judge(place.host, place.port, opening.outside)[:_TRIES]]
        except ConnectionFailed as e:
            if not e.retry:
                raise
            unknown = e
    if unknown is not None and not found:
        raise unknown
    return found


def _connected(
    addresses: dict[Place, list[str]], opening: Opening, stack: ExitStack
) -> dict[Place, socket.socket]:
    """Those that can be connected to; raises ConnectionFailed when none can."""
    each = opening.patience(_CONNECT) / sum(map(len, addresses.values()))
    made: dict[Place, socket.socket] = {}
    why: ConnectionFailed | None = None
    for place, numbers in addresses.items():
        for address in numbers:
            try:
                made[place] = stack.enter_context(socket.create_connection((address, place.port), each))
                break
            except OSError as e:
                why = _unconnected(place, e)
    if not made and why is not None:
        raise why
    return made


def _unconnected(place: Place, error: OSError) -> ConnectionFailed:
    if isinstance(error, ConnectionRefusedError):
        return ConnectionFailed(f"{place} refuses the connection", fault="REFUSED")
    if isinstance(error, TimeoutError):
        return ConnectionFailed(f"{place} does not answer", fault="NO_ANSWER")
    return ConnectionFailed(f"there is no way to {place}", fault="NO_ANSWER")


def _shaken(
    place: Place, plain: socket.socket, tls: ssl.SSLContext, opening: Opening, own_certificate: bool
) -> dict[str, Any]:
    """What was seen of the server's certificate. Raises ConnectionFailed."""
    plain.settimeout(opening.patience(_HANDSHAKE))
    try:
        with tls.wrap_socket(plain, server_hostname=place.host) as secure:
            certificate = secure.getpeercert(binary_form=True)
            seen: dict[str, Any] = {"version": secure.version()}
    except ssl.SSLCertVerificationError as e:
        text = f"{place}: {certificate_problem(e)}"
        raise ConnectionFailed(text, retry=False, fault=certificate_fault(e)) from e
    except TimeoutError as e:
        text = f"{place} does not answer the TLS handshake: perhaps it does not speak TLS"
        raise ConnectionFailed(text, fault="NO_ANSWER") from e
    except OSError as e:
        if isinstance(e, ssl.SSLError) and own_certificate and any(w in str(e.reason) for w in _WANTS):
            return {"clientCertificate": "wanted"}
        raise ConnectionFailed(f"{place} does not speak TLS", retry=False, fault="PROTOCOL") from e
    return seen | (_described(certificate, opening.clock.now()) if certificate else {})


def _described(certificate: bytes, now: float) -> dict[str, Any]:
    """``daysLeft``: whole days that it is still good for."""
    from cryptography import x509

    parsed = x509.load_der_x509_certificate(certificate)
    try:
        alternatives = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [ascii(str(name.value))[1:-1] for name in alternatives]
    except x509.ExtensionNotFound:
        names = []
    end = parsed.not_valid_after_utc
    left = (end - dt.datetime.fromtimestamp(now, dt.UTC)).days
    seen: dict[str, Any] = {"names": names[:_NAMES], "notAfter": end, "daysLeft": left}
    if left < _SOON:
        seen["hint"] = f"The server's certificate expires in {left} days."
    return seen
