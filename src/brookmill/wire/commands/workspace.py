"""Commands about the workspace: its connections and its tiers."""

from __future__ import annotations

from brookmill.mql.values import Document
from brookmill.operations import Call as Asked
from brookmill.operations import shell_documents
from brookmill.wire.commands import Call, command


@command("listStreamConnections", needs="listStreamConnections")
def list_connections(call: Call, asked: Asked) -> Document:
    arguments = call.arguments
    arguments.value(call.name)
    filter = arguments.document("filter")
    arguments.end()
    return {"connections": shell_documents.connections(asked, filter)}


@command("listWorkspaceDefaults", needs="listWorkspaceDefaults")
def list_defaults(call: Call, asked: Asked) -> Document:
    arguments = call.arguments
    arguments.value(call.name)
    arguments.end()
    return shell_documents.defaults(asked)
