"""Brookmill put together: settings, store, supervisor and doors, from start to clean stop."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from brookmill import config
from brookmill.errors import BrookmillError

if TYPE_CHECKING:
    import uvicorn

    from brookmill.clock import Clock
    from brookmill.config import Settings
    from brookmill.http.application import Application
    from brookmill.operations import Services


_LOCK, _TOLD = "server.lock", "server.json"

#: Somebody who only looks whether a server runs holds the lock for a moment: so often is it tried, and after
#: so many seconds again.
_TRIES, _PAUSE = 5, 0.05


class StartError(BrookmillError):
    """The server cannot start here: its data directory or its address is taken."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What ``server.json`` in the data directory tells: ``http`` is the base URL, ``wire`` a MongoDB URI."""

    pid: int
    http: str
    wire: str | None


def running(data: Path) -> Running | None:
    """The server that runs on this data directory; None when there is none, also after a crash."""
    try:
        return _told_by_another(data) if _held(data) else None
    except OSError:
        return None


def _held(data: Path) -> bool:
    """Whether a server holds the data directory. The pid it told proves nothing: another may have it now."""
    lock = os.open(data / _LOCK, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _told_by_another(data: Path) -> Running | None:
    try:
        return msgspec.json.decode((data / _TOLD).read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None


def serve(settings: Settings, announce: Callable[[Running], None]) -> None:
    """Serve until SIGTERM or SIGINT, then stop cleanly: requests end, workers take a checkpoint.

    ``announce`` is told where, as soon as clients may connect. Raises StartError, StoreError, ConfigError.
    """
    gc.disable()  # until all is loaded, which makes no garbage
    import structlog
    import uvicorn

    from brookmill import http
    from brookmill.clock import SystemClock
    from brookmill.http.certificates import ssl_parameters
    from brookmill.operations import Services
    from brookmill.runtime import Supervisor
    from brookmill.store import Store
    from brookmill.store.seed import seed
    from brookmill.wire.scram import Credential

    log = structlog.get_logger(__name__)
    clock, data = SystemClock(), Path(settings.data_dir)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_alone_in(data, clock))
        store = stack.enter_context(contextlib.closing(Store.open(settings, clock)))
        stack.enter_context(store.serving())
        if settings.dev:
            with _usable(data):
                seed(store, data, clock.now(), lambda password: Credential.of(password.reveal()).kept())
        listener = stack.enter_context(_listening(settings.http))
        supervisor = stack.enter_context(contextlib.closing(Supervisor(store, clock, settings)))
        services = Services(store, supervisor, clock, settings)
        with _usable(data):
            tls = ssl_parameters(settings, clock)
        server = uvicorn.Server(_uvicorn(http.application(services), tls))
        _stop_on_signals(server)
        with _usable(data):
            supervisor.recover()
        wire = stack.enter_context(_wire(settings, services, tls))
        told = stack.enter_context(_told(data, _base_url(settings, listener), wire))
        log.info("started", address=told.http, wire=told.wire, data_dir=str(data.resolve()), dev=settings.dev)
        announce(told)
        gc.freeze()  # what is loaded stays: no collection need look through it again
        gc.enable()
        server.run(sockets=[listener])
        log.info("stopping")


@contextlib.contextmanager
def _usable(data: Path) -> Iterator[None]:
    """Files or a database that cannot be written (a full disk) are a StartError and no bug."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except OSError as e:
        raise StartError(f"the data directory {data} cannot be used: {e.strerror}") from None
    except SQLAlchemyError as e:
        raise StartError(
            f"the database cannot be used: {getattr(e, 'orig', None) or type(e).__name__}"
        ) from None


@contextlib.contextmanager
def _alone_in(data: Path, clock: Clock) -> Iterator[None]:
    """Hold the data directory, which is made when missing. A crash lets go of it. Raises StartError."""
    with _usable(data):
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(data / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _taken(lock, clock):
            other = _told_by_another(data)
            who = f"the server with pid {other.pid} at {other.http}" if other else "another server"
            raise StartError(f"the data directory {data} is in use by {who}")
        yield
    finally:
        os.close(lock)


def _taken(lock: int, clock: Clock) -> bool:
    """Whether the lock could be had."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            clock.wait(threading.Event(), _PAUSE)
        else:
            return True
    return False


def _listening(address: str) -> socket.socket:
    host, port = config.address(address)
    try:
        family, _, _, _, found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(found[:2], family=family, backlog=2048)
    except OSError as e:
        raise StartError(f"cannot listen on {address}: {os.strerror(e.errno or 0)}") from None


@contextlib.contextmanager
def _wire(settings: Settings, services: Services, tls: Mapping[str, str]) -> Iterator[str | None]:
    """The door of the MongoDB protocol, if there is to be one, and the URI that leads to it."""
    if settings.wire == "off" or not (settings.wire or settings.dev):
        yield None
        return
    from brookmill.wire.server import serving, tls_context

    with contextlib.closing(_wire_listener(settings)) as listener:
        try:
            context = tls_context(tls)
        except OSError as e:
            raise StartError(f"TLS cannot be used: {e.strerror or e}") from None
        with serving(services, listener, context):
            yield f"mongodb://{_reached(listener)}/{'?tls=true' if tls else ''}"


def _wire_listener(settings: Settings) -> socket.socket:
    """Nobody asked for the usual port of a development server: where it is taken, another will do."""
    if settings.wire is not None:
        return _listening(settings.wire)
    try:
        return _listening(config.DEV_WIRE)
    except StartError:
        return _listening("127.0.0.1:0")


def _base_url(settings: Settings, listener: socket.socket) -> str:
    return f"{'http' if settings.tls == 'off' else 'https'}://{_reached(listener)}"


def _reached(listener: socket.socket) -> str:
    """Where clients on this machine reach it; an address that means "all" is told as loopback."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"{f'[{host}]' if ':' in host else host}:{port}"


def _uvicorn(application: Application, tls: Mapping[str, Any]) -> uvicorn.Config:
    """Logs, measurements and who is behind a proxy are the application's own business. Raises StartError."""
    import uvicorn

    from brookmill.http.connection import Connection

    config = uvicorn.Config(
        application,
        **tls,
        http=Connection,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
        ws="none",
    )
    try:
        config.load()
    except OSError as e:  # the TLS files: missing, unreadable, not PEM, key of another certificate
        raise StartError(f"TLS cannot be used: {e.strerror or e}") from None
    return config


def _stop_on_signals(server: uvicorn.Server) -> None:
    """Uvicorn takes signals only while it serves and raises them again afterwards: stop either way, once."""

    def stop(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


@contextlib.contextmanager
def _told(data: Path, http: str, wire: str | None) -> Iterator[Running]:
    """``server.json``, whole or not at all, for as long as the server runs."""
    path, server = data / _TOLD, Running(pid=os.getpid(), http=http, wire=wire)
    fresh = path.with_suffix(".new")
    with _usable(data):
        fresh.write_bytes(msgspec.json.encode(server))
        fresh.replace(path)
    try:
        yield server
    finally:
        path.unlink(missing_ok=True)
