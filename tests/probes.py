"""Tests of connections, tested: faults on purpose, and where they must be seen."""

from __future__ import annotations

import base64
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import servers
import trustme

from brookmill.clock import SystemClock
from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.operations.answer import answer
from brookmill.runtime.probing import LIMIT, Report, probed

#: Every password that a test of this kind sends; no report may hold it.
CANARY = "c4nary-Zq8wTr"


@dataclass(frozen=True)
class Fault:
    """A connection with something wrong. ``make`` gets the test's servers and a stack for what it starts; it
    answers the connection, what is tried and what else the opening holds. ``limit``: seconds that the test
    may take, less than usual where it is about waiting.
    """

    step: str
    code: str
    make: Callable[[Any, ExitStack], tuple[Any, dict[str, Any], dict[str, Any]]]
    limit: float = LIMIT


def rows(faults: dict[str, Fault], seen_elsewhere: Collection[str] = ()) -> list[Any]:
    """Names for ``parametrize``. ``seen_elsewhere``: waiting that another type's tests do by default."""
    return [pytest.param(n, marks=[pytest.mark.slow] if n in seen_elsewhere else []) for n in faults]


def found(fault: Fault, world: Any) -> Report:
    """What the test of a faulty connection says, checked: it ends at the right step, by the right word."""
    with ExitStack() as stack:
        connection, tried, told = fault.make(world, stack)
        report = climbed(connection, tried, limit=fault.limit, **told)
    last = report.steps[-1]
    assert (last.step, last.code) == (fault.step, fault.code), report
    assert all(rung.code == "OK" for rung in report.steps[:-1])
    assert not report.ok
    assert last.message
    assert last.hint
    return report


def climbed(connection: Any, tried: dict[str, Any], *, limit: float = LIMIT, **told: Any) -> Report:
    """The report on a connection; ``told``: what its opening holds."""
    told.setdefault("outside", Outside(allow_private=True))
    opening = Opening("p" * 24, SystemClock(), **told)
    report = probed(connection, msgspec.convert(tried, connection.probe_options), opening, limit)
    shown = msgspec.json.encode(answer(report)).decode()
    for form in (CANARY, base64.b64encode(CANARY.encode()).decode().rstrip("=")[:-2], CANARY.encode().hex()):
        assert form not in shown
    assert report.duration_ms < limit * 1000 + 400
    return report


def steps(report: Report) -> list[str]:
    """The steps that were taken, all of them well."""
    assert report.ok, report
    return [rung.step for rung in report.steps]


@contextmanager
def black_hole() -> Iterator[int]:
    """A port where connections are neither taken nor refused: its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextmanager
def mute() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def dripping(head: bytes) -> Iterator[int]:
    """A port where every request is answered by ``head``, and then by a byte now and then."""
    over = threading.Event()
    kept: list[threading.Thread] = []

    def drip(taken: socket.socket) -> None:
        with taken:
            taken.recv(65536)
            try:
                taken.sendall(head)
                while not over.wait(0.1):
                    taken.sendall(b" ")
            except OSError:
                pass  # the client has had enough

    def accept() -> None:
        while not over.is_set():
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            kept.append(threading.Thread(target=drip, args=[taken]))
            kept[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
    for one in [thread, *kept]:
        one.join()


#: What is wrong with a certificate -> where it must be seen.
CERTIFICATES = {
    "expired": "CERTIFICATE_EXPIRED",
    "not yet valid": "CERTIFICATE_NOT_YET_VALID",
    "other name": "CERTIFICATE_NAME",
    "self-signed": "CERTIFICATE_UNTRUSTED",
}


def context(ca: trustme.CA, wrong: str = "") -> ssl.SSLContext:
    """A server's context with a certificate of ``ca`` for 127.0.0.1; ``wrong``: one of ``CERTIFICATES``."""
    now = dt.datetime.now(dt.UTC)
    days = dt.timedelta(days=9)
    times: dict[str, dict[str, Any]] = {
        "expired": {"not_before": now - 2 * days, "not_after": now - days},
        "not yet valid": {"not_before": now + days, "not_after": now + 2 * days},
    }
    issuer = trustme.CA() if wrong == "self-signed" else ca
    name = "elsewhere.example" if wrong == "other name" else "127.0.0.1"
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(name, **times.get(wrong, {})).configure_cert(made)
    return made


def authority(directory: Path) -> tuple[trustme.CA, str]:
    """A new one, and a file with its certificate."""
    ca, file = trustme.CA(), str(directory / "ca.pem")
    ca.cert_pem.write_to_path(file)
    return ca, file


def closed() -> int:
    return servers.free_port()
