"""Events of change streams: entries of the log, in the shape and order of members that MongoDB documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from brookmill.mql.values import Document
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.oplog import Entry, timestamp
from brookmill.testing.mongod.resume_token import ResumeToken

#: Events that streams show without being asked for more.
SHOWN: Final = frozenset(
    {"insert", "update", "replace", "delete", "drop", "rename", "dropDatabase", "invalidate"}
)


@dataclass(frozen=True, slots=True)
class Images:
    """What a stream wants beside the change. ``current``: the document of an entry as it is now, or None."""

    full_document: str
    before: str
    current: Callable[[Entry], Document | None]


def event(entry: Entry, images: Images, *, expanded: bool) -> Document:
    """The event of an entry. ``expanded``: with the members of ``showExpandedEvents``.

    Raises CommandError when an image that is required was not kept.
    """
    found = _head(entry, ResumeToken(entry.at))
    if expanded and entry.collection_id is not None:
        found["collectionUUID"] = entry.collection_id
    if entry.operation in ("insert", "replace"):
        found["fullDocument"] = entry.document
    elif entry.operation == "update" and images.full_document != "default":
        found["fullDocument"] = _full_document(entry, images)
    if entry.operation in ("update", "replace", "delete") and images.before != "off":
        if entry.before is None and images.before == "required":
            raise _missing("pre-image")
        found["fullDocumentBeforeChange"] = entry.before
    found["ns"] = {"db": entry.database} | ({"coll": entry.collection} if entry.collection else {})
    if entry.key is not None:
        found["documentKey"] = entry.key
    if entry.description is not None:
        found["updateDescription"] = entry.description
    return found | entry.extra


def invalidate(entry: Entry) -> Document:
    """The event that says that a stream ends with ``entry``."""
    return _head(entry, ResumeToken(entry.at, 2)) | {"operationType": "invalidate"}


def _head(entry: Entry, token: ResumeToken) -> Document:
    return {
        "_id": token.document,
        "operationType": entry.operation,
        "clusterTime": timestamp(entry.at),
        "wallTime": entry.wall,
    }


def _full_document(entry: Entry, images: Images) -> Document | None:
    if images.full_document == "updateLookup":
        return images.current(entry)
    if entry.after is None and images.full_document == "required":
        raise _missing("post-image")
    return entry.after


def _missing(image: str) -> CommandError:
    text = f"Change stream was configured to require a {image} for all events, but the {image} was not found"
    return CommandError(text, 47, labels=("NonResumableChangeStreamError",))
