"""Commands about stream processors. The shell spreads options over the command, drivers send them in one."""

from __future__ import annotations

from typing import Any

from bson import Timestamp

from brookmill.mql.values import Document
from brookmill.operations import Call as Asked
from brookmill.operations import shell, shell_documents
from brookmill.wire.arguments import Arguments
from brookmill.wire.commands import Call, command
from brookmill.wire.errors import CommandError

#: Members of the Admin API's requests that stand beside its ``options``.
_BESIDE = ("tier", "failoverEnabled")
#: Options that mean the same there as here.
_WITHIN = ("dlq", "streamMetaFieldName", "autoscaling")


@command("createStreamProcessor", needs="createStreamProcessor", waits=True)
def create(call: Call, asked: Asked) -> Document:
    arguments = call.arguments
    body = {"name": arguments.text(call.name), "pipeline": arguments.required_pipeline("pipeline")}
    options = arguments.nested("options")
    shell.create(asked, body | _settings(arguments, options))
    return {}


@command("startStreamProcessor", needs="startStreamProcessor", waits=True)
def start(call: Call, asked: Asked) -> Document:
    """``clearCheckpoints`` is what drivers say for ``resumeFromCheckpoint: false``."""
    arguments = call.arguments
    name = arguments.text(call.name)
    options = arguments.nested("options")
    _no_failover(arguments, options)
    if arguments.number("workers", 1, least=1, most=1000) > 1:
        raise CommandError("a stream processor has one worker in this server", 72)
    body = {"resumeFromCheckpoint": _resume(arguments, options), **_scaling(arguments, options)}
    at = _start_at(arguments, options)
    _end(arguments, options)
    shell.start(asked, name, body, at)
    return {}


@command("stopStreamProcessor", needs="stopStreamProcessor", waits=True)
def stop(call: Call, asked: Asked) -> Document:
    """``force`` changes nothing: a worker that does not end in time is killed anyway."""
    name = _only_name(call, "force")
    shell.stop(asked, name)
    return {}


@command("dropStreamProcessor", needs="dropStreamProcessor", waits=True)
def drop(call: Call, asked: Asked) -> Document:
    """``force`` and ``ttl`` change nothing: what is dropped is gone at once."""
    name = _only_name(call, "force", "ttl")
    shell.drop(asked, name)
    return {}


@command("modifyStreamProcessor", needs="modifyStreamProcessor", waits=True)
def modify(call: Call, asked: Asked) -> Document:
    arguments = call.arguments
    name = arguments.text(call.name)
    options = arguments.nested("options")
    body: Document = {"name": arguments.optional_text("name"), "pipeline": arguments.pipeline("pipeline")}
    body = {member: value for member, value in body.items() if value is not None}
    resume = _resume(arguments, options)
    body |= _settings(arguments, options)
    body["options"] = {**body.get("options", {}), "resumeFromCheckpoint": resume}
    shell.modify(asked, name, body)
    return {}


@command("listStreamProcessors", needs="listStreamProcessors")
def list_processors(call: Call, asked: Asked) -> Document:
    filter = _filter(call)
    return {"streamProcessors": shell_documents.processors(asked, filter)}


@command("getStreamProcessor", needs="getStreamProcessor")
def get(call: Call, asked: Asked) -> Document:
    """Flat, as drivers' drafts say, and as ``result`` too, as some of them read it."""
    document = shell_documents.processor(asked, _only_name(call))
    return {**document, "result": document}


@command("getStreamProcessorStats", needs="getStreamProcessorStats")
def stats(call: Call, asked: Asked) -> Document:
    arguments = call.arguments
    name = arguments.text(call.name)
    options = arguments.nested("options")
    scale = options.number("scale", 0, least=1, most=2**31 - 1)
    scale = scale or arguments.number("scale", 1, least=1, most=2**31 - 1)
    verbose = options.flag("verbose", False) | arguments.flag("verbose", False)
    _end(arguments, options)
    return shell_documents.statistics(asked, name, scale=scale, verbose=verbose)


def _filter(call: Call) -> Document | None:
    arguments = call.arguments
    arguments.value(call.name)
    filter = arguments.document("filter")
    arguments.end()
    return filter


def _only_name(call: Call, *ignored: str) -> str:
    arguments = call.arguments
    name = arguments.text(call.name)
    for option in ignored:
        arguments.value(option)
    arguments.end()
    return name


def _settings(arguments: Arguments, options: Arguments) -> Document:
    """Everything but name and pipeline, as the Admin API wants it; the last to take members out."""
    _no_failover(arguments, options)
    body = {name: value for name in _BESIDE if (value := _either(arguments, options, name)) is not None}
    within = {name: value for name in _WITHIN if (value := _either(arguments, options, name)) is not None}
    _end(arguments, options)
    return body | ({"options": within} if within else {})


def _scaling(arguments: Arguments, options: Arguments) -> Document:
    body = {
        name: value
        for name in ("tier", "autoscaling")
        if (value := _either(arguments, options, name)) is not None
    }
    automatic = _either(arguments, options, "enableAutoScaling")
    if automatic is not None and "autoscaling" not in body:
        body["autoscaling"] = {"enabled": automatic}
    return body


def _either(arguments: Arguments, options: Arguments, name: str) -> Any:
    value, other = options.value(name), arguments.value(name)
    return other if value is None else value


def _resume(arguments: Arguments, options: Arguments) -> bool:
    clear = options.flag("clearCheckpoints", False) | arguments.flag("clearCheckpoints", False)
    resume = options.flag("resumeFromCheckpoint", True) & arguments.flag("resumeFromCheckpoint", True)
    return resume and not clear


def _start_at(arguments: Arguments, options: Arguments) -> Document | None:
    """Where a change stream is to begin: a resume token, or a time. Raises CommandError."""
    found = {
        name: value
        for name in ("startAfter", "startAtOperationTime")
        if (value := _either(arguments, options, name)) is not None
    }
    if len(found) > 1:
        raise CommandError("startAfter and startAtOperationTime exclude each other", 72)
    if type(found.get("startAfter", {})) is not dict:
        raise CommandError("startAfter must be a resume token, which is an object", 14)
    time = found.get("startAtOperationTime")
    if time is not None and not isinstance(time, Timestamp) and not hasattr(time, "tzinfo"):
        raise CommandError("startAtOperationTime must be a timestamp or a date", 14)
    return found or None


def _no_failover(arguments: Arguments, options: Arguments) -> None:
    if _either(arguments, options, "failover") is not None:
        raise CommandError("failover is not supported by this server: there is one region", 72)


def _end(arguments: Arguments, options: Arguments) -> None:
    options.end()
    arguments.end()
