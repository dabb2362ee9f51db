"""The steps by which a connection is tested, each recorded as soon as it begins: one may hang."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.clock import Clock
from brookmill.errors import BrookmillError, ConnectionFailed, DocumentError, Fault

Step = Literal["settings", "resolve", "connect", "tls", "authenticate", "authorize", "read", "decode"]
#: OK: the step was taken. UNEXPECTED: a bug of ours.
Code = Literal["OK", "UNEXPECTED"] | Fault

#: What to look at, by what is wrong.
_HINTS: Mapping[Code, str] = {
    "CERTIFICATE_EXPIRED": "Renew the server's certificate; compare the clocks of both machines.",
    "CERTIFICATE_INVALID": "Look at the server's certificate chain.",
    "CERTIFICATE_NAME": "Use a host name that the certificate is for, or get a certificate for this one.",
    "CERTIFICATE_NOT_YET_VALID": "Compare the clocks of both machines.",
    "CERTIFICATE_UNTRUSTED": "Name the authority that signed it: security.brokerPublicCertificate of a Kafka "
    "connection, tlsCAFile in a cluster's URI, else the server's variable SSL_CERT_FILE.",
    "CLIENT_CERTIFICATE": "Set authentication.sslCertificate and sslKey to a pair that the broker believes.",
    "CREDENTIALS": "Check user and password, key or token of the connection or of Brookmill's settings.",
    "DENIED": "The login is right, but lacks a right on what was tried: grant it.",
    "FORBIDDEN_ADDRESS": "Connections may not lead there; private addresses need the setting allow_private.",
    "MECHANISM": "Choose an authentication.mechanism that the brokers offer.",
    "NOT_FOUND": "Check the name, and whether it is in this region, project or database.",
    "NO_ADDRESS": "Check the spelling of the host, and the name server of Brookmill's machine.",
    "NO_ANSWER": "Nothing came back in time: look at firewalls, security groups and the server's load.",
    "PROTOCOL": "Something else answers there, or with TLS on one side only: check port and protocol.",
    "REDIRECTED": "Redirects are not followed: use the URL that the answer leads to, if you trust it.",
    "REFUSED": "Nobody listens there: check host and port, and whether the server runs.",
    "ROLE": "Check the role's ARN, its trust policy and the external ID.",
    "SERVER_ERROR": "The system itself is in trouble: look at its logs.",
    "SETTINGS": "Correct the connection, or Brookmill's settings where the message names one.",
    "THROTTLED": "Too much is asked of the system at the moment: try again later.",
    "UNDECODABLE": "Processors would put such messages into the dead letter queue.",
    "UNEXPECTED": "This is a bug of Brookmill: the server's log has the place.",
    "UNKNOWN_SCHEMA": "Check that messages and schemas are those of this registry.",
}
#: Where nobody knew better.
_TIMED_OUT = "this step had not come to an end when the time was up"


class Rung(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A step taken. ``seen``: what there was, never a secret and nothing of a server's banner."""

    step: Step
    code: Code
    duration_ms: int
    seen: dict[str, Any] = {}
    message: str | UnsetType = UNSET
    hint: str | UnsetType = UNSET


class Ladder:
    """Filled by the thread that climbs, read by the one that waits; once it is read nothing is added."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rungs: list[Rung] = []
        self._current: tuple[Step, float] | None = None
        self._over = False
        self._lock = threading.Lock()

    @contextmanager
    def step(self, step: Step) -> Iterator[dict[str, Any]]:
        """Take a step; what is put into the mapping is what was seen. What is raised in here ends the climb:
        ``hint`` in the mapping is for success alone.
        """
        seen: dict[str, Any] = {}
        self._current = (step, self._clock.monotonic())
        try:
            yield seen
        except (ConnectionFailed, DocumentError) as e:
            self._end(_code(e), seen, str(e))
            raise
        except Exception:
            self._end("UNEXPECTED", {}, "the test itself failed")
            raise
        self._end("OK", seen)

    def rungs(self) -> list[Rung]:
        """All steps so far; one that has not come to an end counts as one without an answer."""
        with self._lock:
            self._over = True
            if self._current is None:
                return self._rungs
            step, begun = self._current
            return [*self._rungs, self._rung(step, "NO_ANSWER", begun, {}, _TIMED_OUT)]

    def _end(self, code: Code, seen: dict[str, Any], message: str | None = None) -> None:
        with self._lock:
            if self._over or self._current is None:
                return
            step, begun = self._current
            self._rungs.append(self._rung(step, code, begun, seen, message))
            self._current = None

    def _rung(self, step: Step, code: Code, begun: float, seen: dict[str, Any], message: str | None) -> Rung:
        hint = seen.pop("hint", None)
        return Rung(
            step=step,
            code=code,
            duration_ms=round((self._clock.monotonic() - begun) * 1000),
            seen=seen,
            message=UNSET if message is None else message,
            hint=_HINTS.get(code, UNSET) if code != "OK" else hint or UNSET,
        )


def _code(error: BrookmillError) -> Code:
    if isinstance(error, ConnectionFailed):
        return error.fault or "FAILED"
    return "UNDECODABLE"
