"""Commands that clients begin with: who this server is, and what it can."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Final

from bson import ObjectId

from brookmill import __version__
from brookmill.mql.values import Document
from brookmill.wire.commands import LOGIN, Call, command
from brookmill.wire.commands.login import begun
from brookmill.wire.connection import USERS_MESSAGE
from brookmill.wire.errors import CommandError
from brookmill.wire.scram import MECHANISM

#: The wire version of MongoDB 8.0; clients take what meets 9 to 29.
_WIRE_VERSION: Final = 25
_DOCUMENT: Final = 16 * 1024 * 1024
#: Tells drivers that reach the server through a load balancer which server that is: always this one.
_SERVICE: Final = ObjectId()
_TEXT: Final = (
    f"This is Brookmill {__version__}, a self-hosted implementation of Atlas Stream Processing. "
    "It is not MongoDB."
)


@command("hello", "ismaster", "isMaster", needs=None)
async def hello(call: Call) -> Document:
    """The identity of a mongos: drivers take one alone, among several hosts, and behind a load balancer."""
    command, services = call.command, call.door.services
    _note_client(call)
    reply: Document = {
        "helloOk": True,
        ("isWritablePrimary" if call.name == "hello" else "ismaster"): True,
        "msg": "isdbgrid",
        "maxBsonObjectSize": _DOCUMENT,
        "maxMessageSizeBytes": USERS_MESSAGE,
        "maxWriteBatchSize": 100_000,
        "localTime": dt.datetime.fromtimestamp(services.clock.now(), dt.UTC),
        "logicalSessionTimeoutMinutes": 30,
        "connectionId": call.peer.number,
        "minWireVersion": 0,
        "maxWireVersion": _WIRE_VERSION,
        "readOnly": False,
    }
    if command.get("loadBalanced") is True:
        reply["serviceId"] = _SERVICE
    if "saslSupportedMechs" in command:  # the same for users that do not exist
        reply["saslSupportedMechs"] = [MECHANISM]
    return reply | await _speculative(call)


def _note_client(call: Call) -> None:
    """What the client calls itself; only the first word counts."""
    client = call.command.get("client")
    application = client.get("application") if type(client) is dict else None
    name = application.get("name") if type(application) is dict else None
    if type(name) is str and not call.peer.application:
        call.peer.application = name[:128]


async def _speculative(call: Call) -> Document:
    start = call.command.get("speculativeAuthenticate")
    if type(start) is not dict or next(iter(start), "") != "saslStart" or call.peer.login.user is not None:
        return {}
    try:
        answer = await begun(call, start)
    except CommandError:
        return {}  # the client will try in earnest, and be told
    return {"speculativeAuthenticate": answer}


@command("ping", needs=None)
async def ping(call: Call) -> Document:
    return {}


@command("buildInfo", "buildinfo", needs=None)
async def build_info(call: Call) -> Document:
    return {
        "version": f"brookmill-{__version__}",
        "versionArray": [8, 0, 0, 0],
        "gitVersion": "",
        "modules": [],
        "bits": 64,
        "debug": False,
        "maxBsonObjectSize": _DOCUMENT,
    }


@command("getLog", needs=LOGIN)
async def get_log(call: Call) -> Document:
    """Of ``startupWarnings``, which the shell shows: a word about who this is."""
    if call.command["getLog"] != "startupWarnings":
        return {"totalLinesWritten": 0, "log": []}
    now = dt.datetime.fromtimestamp(call.door.services.clock.now(), dt.UTC)
    time = {"$date": now.isoformat(timespec="milliseconds")}
    line = {
        "t": time,
        "s": "I",
        "c": "CONTROL",
        "id": 1,
        "ctx": "main",
        "msg": _TEXT,
        "tags": ["startupWarnings"],
    }
    return {"totalLinesWritten": 1, "log": [json.dumps(line)]}


@command("connectionStatus", needs=None)
async def connection_status(call: Call) -> Document:
    user = call.peer.login.user
    users = [] if user is None else [{"user": user.name, "db": "admin"}]
    roles = [] if user is None else [{"role": role.value, "db": "admin"} for role in user.roles]
    return {"authInfo": {"authenticatedUsers": users, "authenticatedUserRoles": roles}}


@command("whatsmyuri", needs=LOGIN)
async def whats_my_uri(call: Call) -> Document:
    return {"you": call.peer.address}


@command("startSession", needs=LOGIN)
async def start_session(call: Call) -> Document:
    return {"id": {"id": uuid.uuid4()}, "timeoutMinutes": 30}


@command("endSessions", "killSessions", "refreshSessions", needs=None)
async def end_sessions(call: Call) -> Document:
    """Sessions hold nothing here."""
    return {}
