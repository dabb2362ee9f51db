"""Unique indexes: what makes sure that a key is stored once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import OperationFailure, PyMongoError

from brookmill.connections.cluster.client import Client
from brookmill.connections.cluster.namespace import Namespace
from brookmill.connections.cluster.trouble import failed

_NO_COLLECTION = 26


def check_unique(client: Client, target: Namespace, keys: tuple[str, ...]) -> str | None:
    """Why ``keys`` may be stored twice in ``target``; None when they cannot. Raises ConnectionFailed."""
    try:
        indexes = list(client[target.db][target.coll].list_indexes())
    except OperationFailure as e:
        if e.code != _NO_COLLECTION:
            raise failed(f"Could not look at the indexes of {target}", e) from e
        indexes = []
    except PyMongoError as e:
        raise failed(f"Could not look at the indexes of {target}", e) from e
    for index in indexes:
        covers = set(index["key"]) == set(keys) and all(way in {1, -1} for way in index["key"].values())
        if covers and (index.get("unique") or index["key"] == {"_id": 1}) and not _partial(index):
            return None
    return f"Cannot find index to verify that join fields will be unique: {', '.join(keys)} in {target}"


def _partial(index: Mapping[str, Any]) -> bool:
    return "partialFilterExpression" in index or "collation" in index
