"""Connections tested in threads of their own: a system that never answers holds up nobody but its test."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import msgspec
import structlog
from msgspec import UNSET

from brookmill.connections import Opening, Probeable
from brookmill.connections.ladder import Ladder, Rung
from brookmill.domain.connection import secrets
from brookmill.errors import BrookmillError, ConnectionFailed, DocumentError

#: Seconds that a test may take, and how many of them are left for those who wait to tell of it.
LIMIT = 9.5
_TELL = 0.5
#: Most tests at once. One whose system keeps it beyond its time counts until it has ended.
MOST = 8

_slots = threading.BoundedSemaphore(MOST)
log = structlog.get_logger(__name__)


class Busy(BrookmillError):
    """As many connections are being tested as may be."""


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``ok``: every step that was taken succeeded. The last of ``steps`` is the one that did not."""

    ok: bool
    duration_ms: int
    steps: list[Rung]


def probed(connection: Probeable, options: Any, opening: Opening, limit: float = LIMIT) -> Report:
    """What a test finds out in ``limit`` seconds, which it never takes longer than. Raises Busy."""
    clock = opening.clock
    if not _slots.acquire(blocking=False):
        raise Busy(f"{MOST} connections are being tested; try again in {limit:.0f} seconds")
    begun, over = clock.monotonic(), threading.Event()
    ladder = Ladder(clock)
    opening = replace(opening, deadline=begun + limit - _TELL)

    def climb() -> None:
        try:
            connection.probe(options, opening, ladder)
        except (ConnectionFailed, DocumentError):
            pass  # the ladder knows
        except Exception as e:
            # The words of others may quote what must not be told: only where it was.
            told = {"error": type(e).__name__, "place": _place(e)}
            log.error("a connection could not be tested", **told)  # noqa: TRY400
        finally:
            _slots.release()
            over.set()

    threading.Thread(target=climb, name="probe", daemon=True).start()
    clock.wait(over, limit)
    steps = [_silenced(rung, connection) for rung in ladder.rungs()]
    return Report(
        ok=all(rung.code == "OK" for rung in steps),
        duration_ms=round((clock.monotonic() - begun) * 1000),
        steps=steps,
    )


def _silenced(rung: Rung, connection: Probeable) -> Rung:
    """Without the connection's secrets: a server may answer with what it was sent."""
    message = rung.message
    if message is UNSET:
        return rung
    for _, secret in secrets(connection):
        if secret.reveal():
            message = message.replace(secret.reveal(), "…")
    return msgspec.structs.replace(rung, message=message)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
