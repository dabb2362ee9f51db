"""Where documents go that could not go on: a collection, or nowhere but the statistics."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Protocol

import bson
from bson import ObjectId
from pymongo import MongoClient
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    DocumentTooLarge,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)

from brookmill.clock import Clock
from brookmill.connections import DeadLetter
from brookmill.errors import ConnectionFailed, DocumentError
from brookmill.mql import parse_json

#: Dead letters held back before they are written; bounds memory when everything fails.
_BATCH = 500
#: Seconds until a cluster that does not answer counts as failed; trying again is the supervisor's.
_PATIENCE = 10
_DUPLICATE_KEY = 11000
_REFUSED = frozenset({8, 13, 18, 8000})  # user, authorization and authentication errors
_TEXT_LIMIT = 1 << 20


class DeadLetters(Protocol):
    """Takes dead letters and counts them."""

    def write(self, letters: Sequence[DeadLetter]) -> int:
        """Take ``letters``; answer their size in bytes."""
        ...

    def flush(self) -> None:
        """Return when all that were taken are safe. Raises ConnectionFailed."""
        ...

    def close(self) -> None: ...


class Dropped:
    """For processors without a dead letter queue."""

    def write(self, letters: Sequence[DeadLetter]) -> int:
        return sum(len(_encoded(_shown(letter.document))) for letter in letters)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


class Collected:
    """Writes to ``database.collection`` of a cluster, at least once (engine reference, section 4).

    A letter keeps its ``_id`` over retries, so that only a crash can write it twice. ``instance``: None in a
    project with one workspace.
    """

    def __init__(
        self, uri: str, database: str, collection: str, *, processor: str, instance: str | None, clock: Clock
    ) -> None:
        """Raises ConnectionFailed when the URI is wrong; the cluster is not asked before the first write."""
        try:
            self._client: MongoClient[dict[str, Any]] = MongoClient(
                uri, serverSelectionTimeoutMS=_PATIENCE * 1000, appname="brookmill"
            )
        except (InvalidURI, ConfigurationError, ValueError) as e:
            raise ConnectionFailed("the dead letter cluster's URI is not valid", retry=False, code=420) from e
        self._collection = self._client[database][collection]
        self._origin = {"processorName": processor} | ({"instanceName": instance} if instance else {})
        self._clock = clock
        self._pending: list[dict[str, Any]] = []

    def write(self, letters: Sequence[DeadLetter]) -> int:
        size = 0
        for letter in letters:
            document = self._document(letter)
            size += len(_encoded(document))
            self._pending.append(document)
            if len(self._pending) >= _BATCH:
                self.flush()
        return size

    def flush(self) -> None:
        if not self._pending:
            return
        try:
            self._collection.insert_many(self._pending, ordered=False)
        except BulkWriteError as e:
            # Those already there came with an earlier try.
            errors = [x for x in e.details["writeErrors"] if x["code"] != _DUPLICATE_KEY]
            if errors:
                raise ConnectionFailed(f"dead letters were refused: {errors[0]['errmsg']}") from e
        except OperationFailure as e:
            raise ConnectionFailed(
                f"dead letters cannot be written: {e.details and e.details.get('errmsg')}",
                retry=e.code not in _REFUSED,
                code=e.code,
            ) from e
        except PyMongoError as e:
            raise ConnectionFailed(f"dead letters cannot be written: {type(e).__name__}: {e}") from e
        self._pending.clear()

    def close(self) -> None:
        self._client.close()

    def _document(self, letter: DeadLetter) -> dict[str, Any]:
        return {
            "_id": ObjectId(),
            "_stream_meta": letter.meta,
            "errInfo": {"reason": letter.reason},
            "doc": _storable(_shown(letter.document)),
            **self._origin,
            "dlqTime": dt.datetime.fromtimestamp(self._clock.now(), dt.UTC),
            "operatorName": letter.operator,
        }


def _shown(document: Any) -> Any:
    """Undecoded input as a document if it is one, else as text, else as bytes."""
    if not isinstance(document, bytes):
        return document
    try:
        return parse_json(document)
    except DocumentError:
        pass
    try:
        return document.decode()
    except UnicodeDecodeError:
        return document


def _storable(document: Any) -> Any:
    """``document``, or its text where BSON cannot hold it (integers beyond 64 bits, more than 16 MB)."""
    try:
        fits = len(bson.encode({"doc": document})) < 16 * 1024 * 1024 - (1 << 16)
    except (bson.errors.BSONError, OverflowError, ValueError, TypeError, DocumentTooLarge):
        fits = False
    return document if fits else repr(document)[:_TEXT_LIMIT]


def _encoded(document: Any) -> bytes:
    return bson.encode({"doc": _storable(document)})
