"""The client of a cluster, and how values look on the way to it and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pymongo
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError

from brookmill.connections import Opening
from brookmill.connections.cluster.trouble import told
from brookmill.errors import ConnectionFailed
from brookmill.mql.values import Document

if TYPE_CHECKING:
    from brookmill.connections.cluster import Cluster

Client = MongoClient[Document]

#: Values come back as the query language holds them: dates of any year, text in whatever state.
_DECODING: dict[str, Any] = {
    "tz_aware": True,
    "tzinfo": dt.UTC,
    "datetime_conversion": DatetimeConversion.DATETIME_AUTO,
    "unicode_decode_error_handler": "replace",
}
CODEC: CodecOptions[Document] = CodecOptions(**_DECODING)

#: Milliseconds, where the URI says nothing else: until a server is found, a connection made, an answer there.
_PATIENCE = {"serverSelectionTimeoutMS": 10_000, "connectTimeoutMS": 10_000, "socketTimeoutMS": 60_000}
#: Seconds for telling a server that a client leaves; it finds out by itself too.
_FAREWELL = 1.0


def connected(connection: Cluster, opening: Opening, **more: Any) -> Client:
    """A client of a cluster that answers and lets the user in. ``more``: its options, over the URI's. Raises
    ConnectionFailed.
    """
    client = unconnected(connection, opening, **more)
    try:
        with told(f"The cluster {connection.cluster_name} cannot be used"):
            client.admin.command("ping")
    except BaseException:
        leave(client)
        raise
    return client


def unconnected(connection: Cluster, opening: Opening, **more: Any) -> Client:
    """A client that asks nothing before it is used. Raises ConnectionFailed (420) when the server knows no
    cluster of that name, or its URI is none.
    """
    uri = uri_of(connection, opening)
    patience: dict[str, Any] = {
        name: round(opening.patience(value / 1000) * 1000)
        for name, value in _PATIENCE.items()
        if opening.deadline is not None or name.lower() not in uri.lower()
    }
    try:
        return MongoClient(uri, appname="brookmill", **patience, **more, **_DECODING)
    except (InvalidURI, ConfigurationError, ValueError, TypeError):
        # The client's own words may repeat the URI, password and all.
        raise invalid(f"the URI of the cluster {connection.cluster_name} is not valid") from None


def uri_of(connection: Cluster, opening: Opening) -> str:
    """With user and password in it. Raises ConnectionFailed (420) when the server knows no such cluster."""
    uri = opening.clusters.get(str(connection.cluster_name))
    if uri is None:
        failure = invalid(f"No cluster named {connection.cluster_name}")
        failure.fault = "NOT_FOUND"
        raise failure
    return uri


def leave(client: Client, *before: Callable[[], None]) -> None:
    """Close a client, and what it opened ``before``, without waiting for servers that do not answer."""
    with pymongo.timeout(_FAREWELL):
        for close in before:
            with suppress(PyMongoError):
                close()
        client.close()


def invalid(text: str) -> ConnectionFailed:
    """The failure of settings that cannot be right whatever the servers say."""
    return ConnectionFailed(text, retry=False, code=420, name="StreamProcessorInvalidOptions")
