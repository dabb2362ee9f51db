"""Commands of a login: nobody learns from the time of an answer who exists. A wrong password takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from brookmill.mql.values import Document
from brookmill.wire.commands import Call, command
from brookmill.wire.errors import CommandError

#: Seconds from a wrong password, or a wrong name, to the answer.
PAUSE: Final = 1.0
#: Seconds until the answer to somebody who says who he is: more than looking for him takes.
GLANCE: Final = 0.02
#: Failed attempts after which a connection ends.
_ATTEMPTS: Final = 3
_AUTHENTICATION_FAILED: Final = 18


@command("saslStart", needs=None)
async def sasl_start(call: Call) -> Document:
    return await begun(call, call.command)


async def begun(call: Call, start: Document) -> Document:
    """The answer to ``start``, at a fixed time too. Raises CommandError."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + GLANCE
    try:
        return await _tried(call, lambda: call.peer.login.start(start))
    finally:
        await asyncio.sleep(max(0.0, ends - loop.time()))


@command("saslContinue", needs=None)
async def sasl_continue(call: Call) -> Document:
    return await _tried(call, lambda: call.peer.login.go_on(call.command))


async def _tried(call: Call, step: Callable[[], Document]) -> Document:
    """The pause ends at a fixed time, whatever the store took: it tells nothing about who exists."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + PAUSE
    try:
        return await call.door.threads.run(step)
    except CommandError as e:
        if e.code == _AUTHENTICATION_FAILED:
            call.peer.doomed = call.peer.login.attempts >= _ATTEMPTS
            await asyncio.sleep(max(0.0, ends - loop.time()))
        raise


@command("authenticate", needs=None)
async def authenticate(call: Call) -> Document:
    """X.509 and what is older."""
    raise CommandError("only SCRAM-SHA-256 is supported", 334)


@command("logout", needs=None)
async def logout(call: Call) -> Document:
    call.peer.login.logout()
    return {}
