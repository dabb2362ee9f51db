"""Certificates that connections carry: whose they are, and when they end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import msgspec

from brookmill.domain.connection import Connection, at

DAY = 86_400.0

#: Days before its end that a certificate is warned of.
SOON = 30

Standing = Literal["VALID", "NOT_YET_VALID", "EXPIRES_SOON", "EXPIRED"]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The one of a member that ends first: a chain is worth no more. Times in seconds since the epoch."""

    member: str
    subject: str
    not_before: float
    not_after: float

    def standing(self, now: float) -> Standing:
        """Whether it serves at ``now``."""
        if now < self.not_before:
            return "NOT_YET_VALID"
        if now >= self.not_after:
            return "EXPIRED"
        return "EXPIRES_SOON" if self.not_after - now < SOON * DAY else "VALID"


def certificates(connection: Connection) -> Iterator[Certificate]:
    """Those that can be read, by member; a reference to a certificate elsewhere is none."""
    for member in connection.certificates:
        text = at(connection, member)
        read = _read(text) if isinstance(text, str) else None
        if read is not None:
            yield Certificate(member=member, subject=read[0], not_before=read[1], not_after=read[2])


@lru_cache(maxsize=1024)
def _read(pem: str) -> tuple[str, float, float] | None:
    """Subject, first and last second; None for what is no PEM. Monitoring asks for the same ones often."""
    from cryptography import x509

    try:
        chain = x509.load_pem_x509_certificates(pem.encode())
        first = min(chain, key=lambda one: one.not_valid_after_utc)
        subject = first.subject.rfc4514_string()
    except ValueError:
        return None
    return subject, first.not_valid_before_utc.timestamp(), first.not_valid_after_utc.timestamp()
