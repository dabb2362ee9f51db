"""A change stream that is opened again by itself, and always knows where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson import Timestamp
from msgspec import UNSET
from pymongo.errors import InvalidOperation, PyMongoError

from brookmill.connections.cluster.client import Client
from brookmill.connections.cluster.source_options import ChangeStreamOptions, operation_time
from brookmill.connections.cluster.trouble import failed
from brookmill.errors import ConnectionFailed
from brookmill.mql.values import Document

if TYPE_CHECKING:
    from pymongo.change_stream import ChangeStream as Stream
    from pymongo.client_session import ClientSession

#: Milliseconds of one wait for changes, whatever ``maxAwaitTimeMS`` allows: windows, checkpoints and stops
#: wait as long.
_LONGEST_WAIT = 50
_WHAT = "Could not read the change stream"

#: Where a stream begins, in the server's own words: one of ``resumeAfter``, ``startAfter``,
#: ``startAtOperationTime``. Empty: now.
Start = dict[str, Any]


def given_start(options: ChangeStreamOptions, start_at: Any) -> Start:
    """Where to begin without a checkpoint. ``start_at``: what the start command says, before the options."""
    config = options.config
    after = start_at.get("startAfter", config.start_after)
    time = start_at.get("startAtOperationTime", config.start_at_operation_time)
    if "startAtOperationTime" in start_at and "startAfter" not in start_at:
        after = UNSET
    try:
        if after is not UNSET:
            return {"startAfter": after}
        return {} if time is UNSET else {"startAtOperationTime": operation_time(time)}
    except ValueError as e:
        raise ConnectionFailed(str(e), retry=False, code=420, name="StreamProcessorInvalidOptions") from e


class ChangeStream:
    """Changes of a collection, several of a database, a database, or the whole cluster.

    The client resumes by itself after errors that may pass. A stream that ends because what it watches was
    dropped or renamed is opened again behind the event that says so.
    """

    def __init__(self, client: Client, options: ChangeStreamOptions, start: Start) -> None:
        """Raises ConnectionFailed."""
        self._client = client
        self._options = options
        self._time: Timestamp | None = None
        self._session: ClientSession = client.start_session()
        try:
            self._stream = self._opened(start)
        except BaseException:
            self._session.end_session()
            raise
        self._start = start or now(self._session)

    def read(self, limit: int) -> list[Document]:
        """What the last answer of the server still holds, else what the next one brings."""
        events: list[Document] = []
        try:
            while len(events) < limit:
                event = self._stream.try_next()
                if event is not None:
                    events.append(event)
                    self._time = event.get("clusterTime", self._time)
                if not self._stream.alive:
                    self._reopen()
                    break
                if event is None or not self._stream._cursor._has_next():  # there is no public way to tell
                    break
        except InvalidOperation as e:
            raise ConnectionFailed(f"{_WHAT}: config.pipeline must keep _id", retry=False, code=420) from e
        except PyMongoError as e:
            raise failed(_WHAT, e) from e
        return events

    @property
    def position(self) -> Start:
        """Where the next ``read`` goes on; on a quiet stream too it moves on with the server's time."""
        token = self.token
        return self._start if token is None else {"startAfter": token}

    @property
    def token(self) -> Document | None:
        """The resume token; None when the server gave none yet."""
        token = self._stream.resume_token
        return None if token is None else dict(token)

    @property
    def behind(self) -> int | None:
        """Seconds between the place reached and the newest change in the cluster; None if unknown."""
        newest, reached = self._session.operation_time, time_of(self.token) or self._time
        return None if newest is None or reached is None else max(0, newest.time - reached.time)

    def close(self) -> None:
        self._stream.close()
        self._session.end_session()

    def _reopen(self) -> None:
        self._start = self.position
        self._stream.close()
        self._stream = self._opened(self._start)

    def _opened(self, start: Start) -> Stream[Document]:
        config = self._options.config
        images: dict[str, Any] = {}
        if config.full_document is not UNSET:
            images["full_document"] = config.full_document
        if config.full_document_before_change is not UNSET:
            images["full_document_before_change"] = config.full_document_before_change
        try:
            return self._scope().watch(  # type: ignore[no-any-return]
                [*self._narrowing(), *config.pipeline],
                session=self._session,
                max_await_time_ms=min(config.max_await_time_ms, _LONGEST_WAIT),
                resume_after=start.get("resumeAfter"),
                start_after=start.get("startAfter"),
                start_at_operation_time=start.get("startAtOperationTime"),
                **images,
            )
        except PyMongoError as e:
            raise failed("Could not open the change stream", e) from e

    def _scope(self) -> Any:
        options = self._options
        if options.db is UNSET:
            return self._client
        database = self._client[options.db]
        return database[options.collections[0]] if len(options.collections) == 1 else database

    def _narrowing(self) -> list[Document]:
        """What picks several collections from the stream of their database."""
        if len(self._options.collections) < 2:
            return []
        return [{"$match": {"ns.coll": {"$in": list(self._options.collections)}}}]


def now(session: ClientSession) -> Start:
    """The cluster's time as of the session's last answer; empty where the server tells none."""
    time = session.operation_time
    return {} if time is None else {"startAtOperationTime": time}


def time_of(token: Document | None) -> Timestamp | None:
    """The cluster time at the head of a resume token; None where it is written in another way."""
    data = (token or {}).get("_data")
    if not isinstance(data, str) or len(data) < 18 or not data.startswith("82"):
        return None
    try:
        return Timestamp(int(data[2:10], 16), int(data[10:18], 16))
    except ValueError:
        return None
