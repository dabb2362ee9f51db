"""Dead letters in a collection of a MongoDB cluster."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import bson
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, PyMongoError

from brookmill.connections import DeadLetter, Opening
from brookmill.connections.cluster.client import leave, unconnected
from brookmill.connections.cluster.namespace import Namespace
from brookmill.connections.cluster.trouble import failed
from brookmill.connections.letter import CODEC, shown, storable
from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from brookmill.connections.cluster import Cluster

#: Dead letters held back before they are written, and bytes of them; bounds memory when everything fails.
_BATCH, _BYTES = 500, 8 * 1024**2
#: Most bytes of a letter's document, of its stream metadata and of its reason: a server takes 16 MB in all.
_DOCUMENT, _META, _REASON = 14 * 1024**2, 1024**2, 16 * 1024
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
        self._pending: list[RawBSONDocument] = []
        self._held = 0

    def write(self, letters: Sequence[DeadLetter]) -> int:
        size = 0
        for letter in letters:
            raw = bson.encode(self._document(letter), codec_options=CODEC)
            size += len(raw)
            self._held += len(raw)
            self._pending.append(RawBSONDocument(raw))
            if len(self._pending) >= _BATCH or self._held >= _BYTES:
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
            errors += e.details["writeConcernErrors"]
            if errors:
                raise ConnectionFailed(f"Dead letters were refused: {errors[0]['errmsg']}") from e
        except PyMongoError as e:
            raise failed("Dead letters cannot be written", e) from e
        self._pending.clear()
        self._held = 0

    def close(self) -> None:
        leave(self._client)

    def _document(self, letter: DeadLetter) -> dict[str, Any]:
        return {
            "_id": ObjectId(),
            "_stream_meta": storable(letter.meta, _META),
            "errInfo": {"reason": letter.reason[:_REASON].encode(errors="replace").decode()},
            "doc": storable(shown(letter.document), _DOCUMENT),
            **self._origin,
            "dlqTime": dt.datetime.fromtimestamp(self._clock.now(), dt.UTC),
            "operatorName": letter.operator,
        }
