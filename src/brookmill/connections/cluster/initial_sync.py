"""Documents that are in collections already, as if they had just been inserted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import bson
from bson import Int64, Regex
from pymongo.errors import OperationFailure, PyMongoError

from brookmill.clock import Clock
from brookmill.connections.cluster.client import CODEC, Client
from brookmill.connections.cluster.trouble import failed
from brookmill.errors import ConnectionFailed
from brookmill.mql.values import Document, Value, date_from_ms

if TYPE_CHECKING:
    from pymongo.cursor import RawBatchCursor

_CURSOR_GONE = frozenset({43, 175, 237, 404})
_NO_COLLECTION = 26
#: Documents of one answer of the server; these stay in memory together.
_BATCH = 1000


class InitialSync:
    """Copies collections one after the other in the order of ``_id``, each document once.

    Documents that change meanwhile come again as changes: the stream of these begins where the copy did.
    ``position`` holds the number of collections that are done and the last ``_id`` of the next one.
    """

    def __init__(
        self, client: Client, db: str, collections: Sequence[str], clock: Clock, position: Any
    ) -> None:
        """``position``: of an earlier copy, None from the start. Raises ConnectionFailed."""
        self._client = client
        self._db = db
        self._collections = collections
        self._clock = clock
        self._cursor: RawBatchCursor[Any] | None = None
        self._fetched: list[Document] = []
        position = position or {}
        self._done = int(position.get("done", 0))
        self._last: list[Value] = list(position.get("last", ()))
        self._copied = [int(n) for n in position.get("copied", [0] * len(collections))]
        self._estimated = [
            max(self._estimate(name), n) for name, n in zip(collections, self._copied, strict=True)
        ]

    @property
    def over(self) -> bool:
        """Whether everything was handed out."""
        return self._done == len(self._collections)

    @property
    def position(self) -> Document:
        return {"done": self._done, "last": self._last, "copied": [Int64(n) for n in self._copied]}

    def read(self, limit: int) -> list[Document]:
        """Insert events of the next documents; none at the end of a collection. Raises ConnectionFailed."""
        name = self._collections[self._done]
        try:
            documents = self._documents(name, limit)
        except PyMongoError as e:
            self.close()
            if isinstance(e, OperationFailure) and e.code in _CURSOR_GONE:
                return []  # the next read asks anew, behind the last document
            raise failed(f"Could not copy {self._db}.{name}", e) from e
        if not documents:
            self.close()
            self._done, self._last = self._done + 1, []
            return []
        for document in documents:
            if isinstance(document["_id"], (list, Regex)):
                text = (
                    f"initialSync cannot copy {self._db}.{name}: the _id of a document is an array or a regex"
                )
                raise ConnectionFailed(text, retry=False)
        self._last = [documents[-1]["_id"]]
        self._copied[self._done] += len(documents)
        now = self._clock.now()
        return [self._event(name, document, now) for document in documents]

    @property
    def stats(self) -> Document:
        """Members of the source's entry in ``operatorStats`` (engine reference, section 1.2)."""
        targets = [
            {
                "db": self._db,
                "coll": name,
                "initialSync": {**self._counts(i, i + 1), "status": self._status(i)},
            }
            for i, name in enumerate(self._collections)
        ]
        return {"initialSync": self._counts(0, len(self._collections)), "targetStats": targets}

    def close(self) -> None:
        self._fetched = []
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None

    def _documents(self, name: str, limit: int) -> list[Document]:
        """The next ones of what the server's last answer holds: it is no larger than 16 MB."""
        if not self._fetched:
            batch: Any = next(self._opened(name), b"")
            self._fetched = bson.decode_all(batch, CODEC)
        documents, self._fetched = self._fetched[:limit], self._fetched[limit:]
        return documents

    def _opened(self, name: str) -> RawBatchCursor[Any]:
        if self._cursor is None:
            # As an expression the comparison reaches over types, which a plain $gt does not.
            query = {"$expr": {"$gt": ["$_id", {"$literal": self._last[0]}]}} if self._last else {}
            found = self._client[self._db][name].find_raw_batches(query, batch_size=_BATCH)
            self._cursor = found.sort("_id", 1)
        return self._cursor

    def _event(self, name: str, document: Document, now: float) -> Document:
        key = {"_id": document["_id"]}
        token = bson.encode({"ns": f"{self._db}.{name}", **key}, codec_options=CODEC).hex().upper()
        return {
            "_id": {"_data": token},
            "operationType": "insert",
            "clusterTime": bson.Timestamp(int(now), 1),
            "wallTime": date_from_ms(int(now * 1000)),
            "fullDocument": document,
            "ns": {"db": self._db, "coll": name},
            "documentKey": key,
        }

    def _estimate(self, name: str) -> int:
        try:
            return self._client[self._db][name].estimated_document_count()
        except OperationFailure as e:
            if e.code == _NO_COLLECTION:
                return 0
            raise failed(f"Could not count the documents of {self._db}.{name}", e) from e
        except PyMongoError as e:
            raise failed(f"Could not count the documents of {self._db}.{name}", e) from e

    def _counts(self, start: int, stop: int) -> Document:
        copied, estimated = sum(self._copied[start:stop]), sum(self._estimated[start:stop])
        return {"estimatedDocs": Int64(max(copied, estimated)), "copiedDocs": Int64(copied)}

    def _status(self, index: int) -> str:
        if index < self._done:
            return "completed"
        return "in_progress" if index == self._done else "pending"
