"""Commands of the handshake: ``hello``, ``ping``, ``buildInfo`` and what clients ask at their start."""

from __future__ import annotations

import uuid
from typing import Final

from bson import Int64

from brookmill import __version__
from brookmill.mql.values import Document
from brookmill.testing.mongod.commands import Call, command
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.member import member, objects
from brookmill.testing.mongod.oplog import timestamp

#: The wire version of MongoDB 8.0.
_WIRE_VERSION: Final = 25
_SET_NAME: Final = "rs0"


@command("hello", "ismaster", "isMaster", needs=None)
def hello(call: Call) -> Document:
    """The identity of a replica set of one: change streams and retryable writes need one."""
    deployment = call.deployment
    reply = {
        "helloOk": True,
        ("isWritablePrimary" if call.name == "hello" else "ismaster"): True,
        "secondary": False,
        "setName": _SET_NAME,
        "setVersion": 1,
        "hosts": [deployment.address],
        "primary": deployment.address,
        "me": deployment.address,
        "electionId": deployment.id,
        "lastWrite": {
            "opTime": {"ts": timestamp(deployment.oplog.last), "t": Int64(1)},
            "lastWriteDate": deployment.oplog.now(),
        },
        "maxBsonObjectSize": 16 * 1024 * 1024,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "localTime": deployment.oplog.now(),
        "logicalSessionTimeoutMinutes": 30,
        "connectionId": 1,
        "minWireVersion": 0,
        "maxWireVersion": _WIRE_VERSION,
        "readOnly": False,
    }
    if "saslSupportedMechs" in call.command:
        reply["saslSupportedMechs"] = call.login.mechanisms(call.command["saslSupportedMechs"])
    return reply | _speculative(call)


def _speculative(call: Call) -> Document:
    start = call.command.get("speculativeAuthenticate")
    if type(start) is dict and next(iter(start), "") == "saslStart":
        try:
            return {"speculativeAuthenticate": call.login.start(start)}
        except CommandError:
            pass  # the client will try in earnest and be told
    return {}


@command("ping", needs=None)
def ping(call: Call) -> Document:
    return {}


@command("buildInfo", "buildinfo", needs=None)
def build_info(call: Call) -> Document:
    return {
        "version": "8.0.0",
        "versionArray": [8, 0, 0, 0],
        "gitVersion": f"brookmill-{__version__}",
        "modules": [],
        "bits": 64,
        "debug": False,
        "maxBsonObjectSize": 16 * 1024 * 1024,
    }


@command("getParameter", needs="login")
def get_parameter(call: Call) -> Document:
    if call.command.get("featureCompatibilityVersion"):
        return {"featureCompatibilityVersion": {"version": "8.0"}}
    raise CommandError("no option found to get", 72)


@command("connectionStatus", needs=None)
def connection_status(call: Call) -> Document:
    user = call.login.user
    users = [] if user is None else [{"user": user.name, "db": "admin"}]
    roles = [] if user is None else [{"role": role, "db": "admin"} for role in user.roles]
    return {"authInfo": {"authenticatedUsers": users, "authenticatedUserRoles": roles}}


@command("saslStart", needs=None)
def sasl_start(call: Call) -> Document:
    return call.login.start(call.command)


@command("saslContinue", needs=None)
def sasl_continue(call: Call) -> Document:
    return call.login.go_on(call.command)


@command("logout", needs=None)
def logout(call: Call) -> Document:
    call.login.logout()
    return {}


@command("endSessions", "killSessions", "refreshSessions", needs=None)
def end_sessions(call: Call) -> Document:
    for session in objects(call.command, call.name) if call.name != "refreshSessions" else []:
        call.deployment.answered.pop(member(session, "id", uuid.UUID), None)
    return {}


@command("startSession", needs="login")
def start_session(call: Call) -> Document:

    return {"id": {"id": uuid.uuid4()}, "timeoutMinutes": 30}
