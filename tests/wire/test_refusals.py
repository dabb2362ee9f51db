"""Every refusal of every command, with a real driver: the number, its name, and what the text says."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from bson import Int64, Timestamp
from servers import endpoint
from wired import SAMPLE, Wire, refused, wired

from brookmill.connections.https import Https
from brookmill.domain.names import new_id
from brookmill.wire import arguments, commands, cursors, login, session
from brookmill.wire.commands import COMMANDS, LOGIN

WRONG_TYPE, MISSING, UNKNOWN = (14, "TypeMismatch"), (40414, "IDLFailedToParse"), (40415, "IDLUnknownField")
RANGE, OPTIONS, FAILED = (2, "BadValue"), (72, "InvalidOptions"), (125, "CommandFailed")
PIPELINE, NO_STAGE = (420, "StreamProcessorInvalidOptions"), (40324, "Location40324")
NO_CURSOR = (43, "CursorNotFound")

#: Processors: one that runs, one that never did, one whose sink nobody can find; and one that is none.
RUNS, RESTS, LOST, NOBODY = (f"{what}{uuid4().hex[:6]}" for what in ("runs", "rests", "lost", "nobody"))
SINK = {"$https": {"connectionName": "sink", "method": "POST"}}
OTHER = {"$source": {"documents": [{"a": 1}]}}
TIERS = "tier must be one of SP10, SP2, SP30, SP5, SP50"

Row = tuple[Any, dict[str, Any], tuple[int, str], str]


def named(command: str) -> list[Row]:
    """What every command refuses that is about a processor."""
    return [
        (NOBODY, {}, OPTIONS, f"Stream processor with name {NOBODY}"),
        ("a/../b", {}, OPTIONS, "a/../b"),
        ("a\0b", {}, OPTIONS, ""),
        ("", {}, OPTIONS, ""),
        (5, {}, WRONG_TYPE, f"'{command}.{command}' is the wrong type 'int', expected type 'string'"),
        ({"name": RESTS}, {}, WRONG_TYPE, "is the wrong type 'object', expected type 'string'"),
        (None, {}, MISSING, f"'{command}.{command}' is missing but a required field"),
        (RESTS, {"foo": 1}, UNKNOWN, f"BSON field '{command}.foo' is an unknown field."),
    ]


def settings(command: str, **usual: Any) -> list[Row]:
    """What commands refuse that set a processor's options, which may stand in two places."""

    def row(members: dict[str, Any], expected: tuple[int, str], text: str) -> Row:
        return (NOBODY if "pipeline" in usual else RESTS), usual | members, expected, text

    return [
        row(
            {"options": 1}, WRONG_TYPE, f"'{command}.options' is the wrong type 'int', expected type 'object'"
        ),
        row({"options": {"foo": 5}}, UNKNOWN, f"'{command}.options.foo' is an unknown field"),
        row({"options": {"tier": "SP1"}}, OPTIONS, TIERS),
        row({"tier": "SP1"}, OPTIONS, TIERS),
        row({"tier": 5}, WRONG_TYPE, "tier must be a string"),
        row({"failover": {}}, OPTIONS, "failover is not supported by this server"),
        row({"options": {"failover": {}}}, OPTIONS, "failover is not supported by this server"),
        row({"dlq": 1}, WRONG_TYPE, "dlq must be an object"),
        row({"options": {"dlq": {"db": 1}}}, WRONG_TYPE, "options.dlq.db must be a string"),
        row({"options": {"dlq": {"x": 1}}}, OPTIONS, "options.dlq.x is not known here"),
        row({"dlq": {"connectionName": "sink", "db": "d", "coll": "c"}}, FAILED, "sink"),
        row(
            {"dlq": {"connectionName": "nope", "db": "d", "coll": "c"}},
            FAILED,
            "connection named nope does not",
        ),
        row({"streamMetaFieldName": 1}, WRONG_TYPE, "streamMetaFieldName must be a string"),
        row({"pipeline": "x"}, WRONG_TYPE, f"'{command}.pipeline' is the wrong type 'string'"),
        row({"pipeline": [1]}, WRONG_TYPE, f"'{command}.pipeline.0' is the wrong type 'int'"),
        row({"pipeline": []}, PIPELINE, "the first stage of a pipeline must be $source"),
        row({"pipeline": [SAMPLE]}, PIPELINE, "the last stage of a pipeline must be a sink"),
        row({"pipeline": [SAMPLE, {"$foo": {}}]}, NO_STAGE, "$foo"),
        row({"pipeline": [{"$source": {"connectionName": "nope"}}, SINK]}, PIPELINE, "nope"),
    ]


ROWS: dict[str, list[Row]] = {
    "createStreamProcessor": [
        *settings("createStreamProcessor", pipeline=[SAMPLE, SINK]),
        (NOBODY, {}, MISSING, "'createStreamProcessor.pipeline' is missing but a required field"),
        (NOBODY, {"pipeline": [SAMPLE, SINK], "foo": 1}, UNKNOWN, "'createStreamProcessor.foo'"),
        (
            RESTS,
            {"pipeline": [SAMPLE, SINK]},
            OPTIONS,
            f"A Stream processor with the name {RESTS} already exists",
        ),
        ("a b", {"pipeline": [SAMPLE, SINK]}, OPTIONS, "name"),
        ("", {"pipeline": [SAMPLE, SINK]}, OPTIONS, "name"),
        (5, {"pipeline": [SAMPLE, SINK]}, WRONG_TYPE, "expected type 'string'"),
        (None, {"pipeline": [SAMPLE, SINK]}, MISSING, "is missing but a required field"),
    ],
    "modifyStreamProcessor": [
        *named("modifyStreamProcessor"),
        *settings("modifyStreamProcessor", resumeFromCheckpoint=False),
        (RESTS, {"pipeline": [OTHER, SINK]}, FAILED, "resumeFromCheckpoint must be false to modify"),
        (RUNS, {"tier": "SP10"}, FAILED, "stream processor must be stopped before it can be modified"),
        (RESTS, {"name": RUNS}, OPTIONS, f"A Stream processor with the name {RUNS} already exists"),
        (RESTS, {"name": 5}, WRONG_TYPE, "'modifyStreamProcessor.name' is the wrong type 'int'"),
        (RESTS, {"name": "a b"}, OPTIONS, "name"),
        (RESTS, {"resumeFromCheckpoint": "no"}, WRONG_TYPE, "expected type 'bool'"),
    ],
    "startStreamProcessor": [
        *named("startStreamProcessor"),
        (RUNS, {}, FAILED, "stream processor is already started"),
        (LOST, {}, PIPELINE, "the reference to a variable of the environment is not allowed"),
        (RESTS, {"options": 5}, WRONG_TYPE, "expected type 'object'"),
        (RESTS, {"options": {"foo": 5}}, UNKNOWN, "'startStreamProcessor.options.foo'"),
        (RESTS, {"tier": "SP3"}, OPTIONS, TIERS),
        (RESTS, {"tier": 5}, WRONG_TYPE, "tier must be a string"),
        (RESTS, {"workers": 2}, OPTIONS, "one worker"),
        (RESTS, {"workers": 0}, RANGE, "'startStreamProcessor.workers' must be between 1 and 1000"),
        (RESTS, {"workers": "x"}, WRONG_TYPE, "expected type 'int'"),
        (RESTS, {"failover": {"region": "x"}}, OPTIONS, "failover is not supported"),
        (RESTS, {"resumeFromCheckpoint": "no"}, WRONG_TYPE, "expected type 'bool'"),
        (RESTS, {"options": {"clearCheckpoints": "no"}}, WRONG_TYPE, "expected type 'bool'"),
        (RESTS, {"startAfter": 1}, WRONG_TYPE, "startAfter must be a resume token"),
        (RESTS, {"startAtOperationTime": "x"}, WRONG_TYPE, "must be a timestamp or a date"),
        (RESTS, {"startAtOperationTime": Timestamp(1, 1)}, OPTIONS, ""),
        (
            RESTS,
            {"startAtOperationTime": Timestamp(1, 1), "options": {"startAfter": {"_data": "x"}}},
            OPTIONS,
            "exclude each other",
        ),
        (RESTS, {"autoscaling": {"enabled": True, "minTier": "SP50", "maxTier": "SP2"}}, FAILED, "Tier"),
    ],
    "stopStreamProcessor": [
        *named("stopStreamProcessor"),
        (RESTS, {}, FAILED, "stream processor is not started"),
    ],
    "dropStreamProcessor": named("dropStreamProcessor"),
    "getStreamProcessor": named("getStreamProcessor"),
    "getStreamProcessorStats": [
        *named("getStreamProcessorStats"),
        (RESTS, {"options": 5}, WRONG_TYPE, "expected type 'object'"),
        (RESTS, {"options": {"foo": 5}}, UNKNOWN, "'getStreamProcessorStats.options.foo'"),
        (
            RESTS,
            {"options": {"scale": 0}},
            RANGE,
            "'getStreamProcessorStats.options.scale' must be between 1",
        ),
        (RESTS, {"scale": -1}, RANGE, "'getStreamProcessorStats.scale' must be between 1"),
        (RESTS, {"scale": 1.5}, WRONG_TYPE, "expected type 'int'"),
        (RESTS, {"verbose": "yes"}, WRONG_TYPE, "expected type 'bool'"),
    ],
    "listStreamProcessors": [
        (1, {"filter": 5}, WRONG_TYPE, "'listStreamProcessors.filter' is the wrong type 'int'"),
        (1, {"filter": {"name": {"$foo": 1}}}, RANGE, "unknown operator: $foo"),
        (1, {"foo": 1}, UNKNOWN, "'listStreamProcessors.foo'"),
    ],
    "listStreamConnections": [
        (1, {"filter": "x"}, WRONG_TYPE, "'listStreamConnections.filter' is the wrong type 'string'"),
        (1, {"filter": {"name": {"$foo": 1}}}, RANGE, "unknown operator: $foo"),
        (1, {"foo": 1}, UNKNOWN, "'listStreamConnections.foo'"),
    ],
    "listWorkspaceDefaults": [(1, {"foo": 1}, UNKNOWN, "'listWorkspaceDefaults.foo'")],
    "processStreamProcessor": [
        ([], {}, PIPELINE, "the first stage of a pipeline must be $source"),
        ("x", {}, WRONG_TYPE, "is the wrong type 'string', expected type 'array'"),
        ([1], {}, WRONG_TYPE, "'processStreamProcessor.processStreamProcessor.0' is the wrong type 'int'"),
        (None, {}, MISSING, "is missing but a required field"),
        ([SAMPLE, {"$foo": {}}], {}, NO_STAGE, "$foo"),
        ([{"$source": {"connectionName": "nope"}}], {}, PIPELINE, "nope"),
        ([SAMPLE], {"foo": 1}, UNKNOWN, "'processStreamProcessor.foo'"),
        ([SAMPLE], {"options": 1}, WRONG_TYPE, "expected type 'object'"),
        ([SAMPLE], {"options": {"foo": 1}}, OPTIONS, "foo is not known here"),
        ([SAMPLE], {"options": {"tier": "SP99"}}, OPTIONS, TIERS),
        ([SAMPLE], {"options": {"tier": 5}}, WRONG_TYPE, "tier must be a string"),
        ([SAMPLE], {"options": {"dlq": {"connectionName": "x"}}}, FAILED, ""),
        ([SAMPLE, {"$https": {"connectionName": "secret"}}], {}, PIPELINE, "is not allowed"),
    ],
    "startSampleStreamProcessor": [
        *named("startSampleStreamProcessor"),
        (RESTS, {}, FAILED, "stream processor is not started, so there is nothing to sample"),
        (RUNS, {"limit": -1}, RANGE, "'startSampleStreamProcessor.limit' must be between 0"),
        (RUNS, {"limit": "x"}, WRONG_TYPE, "expected type 'int'"),
    ],
    "getMoreSampleStreamProcessor": [
        (RUNS, {"cursorId": Int64(5)}, NO_CURSOR, "cursor id 5 not found"),
        (RUNS, {}, NO_CURSOR, "cursor id 0 not found"),
        (RUNS, {"cursorId": "x"}, WRONG_TYPE, "expected type 'int'"),
        (RUNS, {"cursorId": Int64(5), "batchSize": -1}, RANGE, "batchSize' must be between 0"),
        (RUNS, {"cursorId": Int64(5), "batchSize": "x"}, WRONG_TYPE, "expected type 'int'"),
        (RUNS, {"cursorId": Int64(5), "foo": 1}, UNKNOWN, "'getMoreSampleStreamProcessor.foo'"),
        (5, {"cursorId": Int64(5)}, WRONG_TYPE, "expected type 'string'"),
        (None, {"cursorId": Int64(5)}, MISSING, "is missing but a required field"),
    ],
    "getMore": [(Int64(5), {"collection": "x"}, NO_CURSOR, "cursor id 5 not found")],
    "authenticate": [(1, {"mechanism": "MONGODB-X509"}, (334, "MechanismUnavailable"), "only SCRAM-SHA-256")],
    "saslStart": [
        (
            1,
            {"mechanism": "PLAIN", "payload": b""},
            (334, "MechanismUnavailable"),
            "other than SCRAM-SHA-256",
        ),
        (1, {"mechanism": "SCRAM-SHA-256", "payload": b""}, (17, "ProtocolError"), "logged in already"),
    ],
    "saslContinue": [(1, {"payload": b""}, (17, "ProtocolError"), "No SASL session state found")],
    "insert": [("x", {"documents": [{}]}, (59, "CommandNotFound"), "no such command: 'insert'")],
}
#: Refusals that need more than a command: what they are tested in.
ELSEWHERE = {
    1: "test_hostile",  # our own bugs
    13: "test_commands",  # no login, no privilege, another database
    18: "test_login",
    352: "test_message",  # no driver sends what it is about
}


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """One of its own, where connections may name variables of the environment."""
    with wired(tmp_path_factory.mktemp("refusals"), references_env="ALLOWED_") as running:
        yield running


@pytest.fixture(scope="module")
def admin(wire: Wire) -> Any:
    return wire.client().admin


@pytest.fixture(scope="module", autouse=True)
def processors(wire: Wire, admin: Any) -> Iterator[None]:
    """Those that the rows are about."""
    with endpoint() as there:
        with wire.served.store.write() as session:
            for made in (
                Https(id=new_id(0), name="sink", url=there.url, state="READY"),
                Https(id=new_id(0), name="secret", url="http://${env:OTHER}/", state="READY"),
            ):
                session.add_connection(wire.workspace, made)
        sinks = {RUNS: "sink", RESTS: "sink", LOST: "secret"}
        for name, sink in sinks.items():
            pipeline = [SAMPLE, {"$https": {"connectionName": sink}}]
            admin.command("createStreamProcessor", name, pipeline=pipeline)
        admin.command("startStreamProcessor", RUNS)
        yield
        for name in sinks:
            admin.command("dropStreamProcessor", name)


@pytest.mark.parametrize("command", ROWS)
def test_what_a_command_refuses(wire: Wire, admin: Any, command: str) -> None:
    before = admin.command("listStreamProcessors", 1)["streamProcessors"]
    for value, members, expected, text in ROWS[command]:
        code, name, told = refused(admin, {command: value, **members})
        assert ((code, name), text in told) == (expected, True), f"{value} {members}: {code} {name} {told}"
    assert len(wire.launcher.workers) <= 3, "nothing was run that cannot run"
    after = admin.command("listStreamProcessors", 1)["streamProcessors"]
    assert list(map(_kept, after)) == list(map(_kept, before)), "nothing has changed"


def _kept(processor: Any) -> Any:
    """What no refusal changes; but it is told of one that could not be started."""
    state = None if processor["name"] == LOST else processor["state"]
    return processor["name"], processor["pipeline"], processor["tier"], state


def test_every_command_has_its_refusals_here() -> None:
    asked = {name for name, command in COMMANDS.items() if command.needs not in (None, LOGIN)}
    assert asked <= ROWS.keys()


def test_every_number_that_the_door_may_say_is_seen() -> None:
    """Those that its source raises; what pipelines and options are refused with has tables of its own."""
    names = [f"{commands.__name__}.{one.name}" for one in pkgutil.iter_modules(commands.__path__)]
    modules = [arguments, cursors, login, session, *map(import_module, names)]
    said = {code for module in modules for code in _codes(inspect.getsource(module))}
    seen = {expected[0] for rows in ROWS.values() for _, _, expected, _ in rows}
    assert {43, 125} <= said, "the source is understood"
    assert said <= seen | ELSEWHERE.keys()


def _codes(source: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "CommandError":
            code = node.args[1]
            if isinstance(code, ast.Constant):
                yield int(str(code.value))
