"""Dead letters in a collection of a MongoDB cluster."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from bson import ObjectId
from pymongo import MongoClient
from pymongo.errors import BulkWriteError, ConfigurationError, InvalidURI, OperationFailure, PyMongoError

from brookmill.clock import Clock
from brookmill.connections import DeadLetter
from brookmill.errors import ConnectionFailed
from brookmill.runtime.dead_letters import encoded, shown, storable

#: Dead letters held back before they are written; bounds memory when everything fails.
_BATCH = 500
#: Seconds until a cluster that does not answer counts as failed; trying again is the supervisor's.
_PATIENCE = 10
_DUPLICATE_KEY = 11000
_REFUSED = frozenset({8, 13, 18, 8000})  # user, authorization and authentication errors


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
            size += len(encoded(document))
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
            "doc": storable(shown(letter.document)),
            **self._origin,
            "dlqTime": dt.datetime.fromtimestamp(self._clock.now(), dt.UTC),
            "operatorName": letter.operator,
        }
