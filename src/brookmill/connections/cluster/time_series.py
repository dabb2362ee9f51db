"""Writes measurements into time series collections: what ``$emit`` to a cluster does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
from bson.raw_bson import RawBSONDocument
from msgspec import UNSET
from pymongo.errors import CollectionInvalid, OperationFailure, PyMongoError

from brookmill.connections import DeadLetter, Form, Opening, Output
from brookmill.connections.cluster.bulk import Bulk, encoded
from brookmill.connections.cluster.client import connected, leave
from brookmill.connections.cluster.namespace import Namespace, Targets
from brookmill.connections.cluster.trouble import failed, of_connection, reason
from brookmill.connections.cluster.write_options import TimeSeriesOptions
from brookmill.errors import ConnectionFailed, DocumentError

if TYPE_CHECKING:
    from brookmill.connections.cluster import Cluster

#: What a server takes as one measurement.
MEASUREMENT_BYTES = 4 * 1024 * 1024
_EXISTS = 48

#: Places and raw documents that go out together.
Work = list[tuple[int, RawBSONDocument]]


class TimeSeriesSink:
    """A ``Sink``. Columns or constants: ``db``, ``coll``, ``meta``. ``write`` returns when all is written.

    Collections that are not there are made; those that are must be time series.
    """

    accepts: Form = "document"
    target = ("db", "coll")

    def __init__(self, connection: Cluster, options: TimeSeriesOptions, opening: Opening) -> None:
        """Raises ConnectionFailed; 420 when a collection named here is no time series and cannot become
        one.
        """
        self._options = options
        self.constants = opening.constants
        self._targets = Targets()
        self._checked: dict[Namespace, str | None] = {}
        self._client = connected(connection, opening)
        self._bulk = Bulk(self._client, opening.clock)
        self._pool = ThreadPoolExecutor(options.parallelism, "emit") if options.parallelism > 1 else None
        try:
            if {"db", "coll"} <= opening.constants.keys():
                problem = self._problem(Namespace(opening.constants["db"], opening.constants["coll"]))
                if problem is not None:
                    raise ConnectionFailed(problem, retry=False, code=420)
        except BaseException:
            self.close()
            raise

    def write(self, output: Output) -> list[DeadLetter]:
        refused: dict[int, str] = {}
        work: dict[tuple[Namespace, int], Work] = {}
        for place, document in enumerate(output.values):
            try:
                db, coll = (self._given(name, output, place) for name in ("db", "coll"))
                target = self._targets.find(db, coll)
                problem = self._problem(target)
                if problem is not None:
                    raise DocumentError(problem)
                lane = place % self._options.parallelism
                work.setdefault((target, lane), []).append((place, _measurement(document)))
            except DocumentError as e:
                refused[place] = str(e)
        for outcome in self._all(work):
            refused |= outcome
        metas = output.columns["meta"]
        return [
            DeadLetter(refused[place], TimeSeriesOptions.operator, output.values[place], metas[place])
            for place in sorted(refused)
        ]

    def flush(self) -> list[DeadLetter]:
        """Nothing waits."""
        return []

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        leave(self._client)

    def _given(self, name: str, output: Output, place: int) -> Any:
        return output.columns[name][place] if name in output.columns else self.constants[name]

    def _all(self, work: dict[tuple[Namespace, int], Work]) -> list[dict[int, str]]:
        if self._pool is None or len(work) < 2:
            return [self._insert(target, part) for (target, _), part in work.items()]
        futures = [self._pool.submit(self._insert, target, part) for (target, _), part in work.items()]
        return [future.result() for future in futures]

    def _insert(self, target: Namespace, work: Work) -> dict[int, str]:
        done = self._bulk.write("insert", target, [raw for _, raw in work])
        return {work[i][0]: text for i, text in done.refused.items()}

    def _problem(self, target: Namespace) -> str | None:
        """Why ``target`` takes no measurements, found out once; None when it does. Raises
        ConnectionFailed.
        """
        if target not in self._checked:
            try:
                self._checked[target] = self._prepare(target)
            except PyMongoError as e:
                if of_connection(e) or not isinstance(e, OperationFailure):
                    raise failed(f"Could not prepare {target}", e) from e
                self._checked[target] = reason(e)
        return self._checked[target]

    def _prepare(self, target: Namespace) -> str | None:
        database = self._client[target.db]
        found = next(iter(database.list_collections(filter={"name": target.coll})), None)
        if found is not None:
            return None if found.get("type") == "timeseries" else f"{target} is no time series collection"
        if self._options.time_series is UNSET:
            return f"timeseries is required: there is no collection {target}"
        try:
            database.create_collection(
                target.coll, timeseries=msgspec.to_builtins(self._options.time_series), check_exists=False
            )
        except CollectionInvalid:
            pass
        except OperationFailure as e:
            if e.code != _EXISTS:  # somebody else was quicker
                raise
        return None


def _measurement(document: dict[str, Any]) -> RawBSONDocument:
    raw = encoded(document)
    if len(raw.raw) > MEASUREMENT_BYTES:
        raise DocumentError(
            f"the document is too large: {len(raw.raw)} bytes, time series take {MEASUREMENT_BYTES} at most"
        )
    return raw
