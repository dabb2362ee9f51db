"""Dead letters in a collection of a MongoDB cluster."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo.errors import BulkWriteError, PyMongoError

from brookmill.connections import DeadLetter, Opening
from brookmill.connections.cluster.client import leave, unconnected
from brookmill.connections.cluster.namespace import Namespace
from brookmill.connections.cluster.trouble import failed
from brookmill.connections.letter import encoded, shown, storable
from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from brookmill.connections.cluster import Cluster

#: Dead letters held back before they are written; bounds memory when everything fails.
_BATCH = 500
_DUPLICATE_KEY = 11000


class ClusterDeadLetters:
    """Writes to a collection of a cluster, at least once (engine reference, section 4).

    A letter keeps its ``_id`` over retries, so that only a crash can write it twice.
    """

    def __init__(
        self,
        connection: Cluster,
        target: Namespace,
        opening: Opening,
        *,
        processor: str,
        instance: str | None,
    ) -> None:
        """``instance``: None in a project with one workspace. The cluster is not asked before the first
        write. Raises ConnectionFailed when there is none of that name, or its URI is wrong.
        """
        self._client = unconnected(connection, opening)
        self._collection = self._client[target.db][target.coll]
        self._origin = {"processorName": processor} | ({"instanceName": instance} if instance else {})
        self._clock = opening.clock
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
                raise ConnectionFailed(f"Dead letters were refused: {errors[0]['errmsg']}") from e
        except PyMongoError as e:
            raise failed("Dead letters cannot be written", e) from e
        self._pending.clear()

    def close(self) -> None:
        leave(self._client)

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
