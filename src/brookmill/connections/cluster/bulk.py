"""Write commands of many statements, sent until each is done or refused for good."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import bson
from bson.binary import UuidRepresentation
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.errors import DocumentTooLarge, OperationFailure, PyMongoError

from brookmill.clock import Clock
from brookmill.connections.cluster.client import CODEC, Client
from brookmill.connections.cluster.namespace import Namespace
from brookmill.connections.cluster.trouble import failed, of_connection, passes, passing, reason
from brookmill.errors import ConnectionFailed, DocumentError
from brookmill.mql.values import Document, storable

Command = Literal["insert", "update", "delete"]

_MEMBER: dict[Command, str] = {"insert": "documents", "update": "updates", "delete": "deletes"}

_CODEC = CODEC.with_options(uuid_representation=UuidRepresentation.STANDARD)

#: Bytes that one document can have, that a statement can have, and of all statements of a command; and how
#: many these are.
DOCUMENT_BYTES = 16 * 1024 * 1024
_STATEMENT_BYTES = DOCUMENT_BYTES + 8 * 1024
_COMMAND_BYTES = 12 * 1024 * 1024
_STATEMENTS = 10_000
#: Seconds between tries of what may pass; then the supervisor has to try.
_PAUSES = (0.2, 1.0, 3.0)
_NEVER = threading.Event()


class Done(NamedTuple):
    """What came of some statements, by their place: ``refused`` with the server's words, ``inserted``."""

    refused: dict[int, str]
    inserted: set[int]


def encoded(statement: Document) -> RawBSONDocument:
    """A statement as it goes over the wire. Raises DocumentError for what MongoDB cannot take."""
    try:
        try:
            raw = bson.encode(statement, codec_options=_CODEC)
        except OverflowError:  # integers beyond 64 bits
            raw = bson.encode(storable(statement), codec_options=_CODEC)
    except (BSONError, ValueError, TypeError, OverflowError, RecursionError) as e:
        raise DocumentError(f"the document cannot be stored: {e}") from e
    if len(raw) > _STATEMENT_BYTES:
        raise DocumentError(
            f"the document is too large: {len(raw)} bytes, MongoDB takes {DOCUMENT_BYTES} at most"
        )
    return RawBSONDocument(raw)


class _Order(NamedTuple):
    """What is to be written where, by which key, and what came of it so far."""

    command: Command
    target: Namespace
    statements: Sequence[RawBSONDocument]
    keys: Sequence[Hashable]
    done: Done


class Bulk:
    """Sends commands to one cluster; any number of threads may."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._concern: Document = {}
        if not client.write_concern.is_server_default:
            self._concern = {"writeConcern": client.write_concern.document}

    def write(
        self,
        command: Command,
        target: Namespace,
        statements: Sequence[RawBSONDocument],
        keys: Sequence[Hashable] = (),
    ) -> Done:
        """Send all statements, in their order, none holding up another but of its own key. ``keys``: of each
        statement; without them each stands for itself. Raises ConnectionFailed.
        """
        order = _Order(command, target, statements, keys or range(len(statements)), Done({}, set()))
        for places in chunks(statements, _COMMAND_BYTES, _STATEMENTS):
            self._send(order, places)
        return order.done

    def _send(self, order: _Order, places: Sequence[int]) -> None:
        what = f"Could not write to {order.target}"
        for pause in (*_PAUSES, None):
            try:
                places = self._try(order, places)
            except PyMongoError as e:
                if isinstance(e, OperationFailure) and not of_connection(e):
                    self._divide(order, places, reason(e))
                    return
                if not passing(e) or pause is None:
                    raise failed(what, e) from e
            except DocumentTooLarge as e:
                self._divide(order, places, str(e))
                return
            if not places:
                return
            if pause is not None:
                self._clock.wait(_NEVER, pause)
        raise ConnectionFailed(f"{what}: the cluster puts writes off again and again")

    def _try(self, order: _Order, places: Sequence[int]) -> Sequence[int]:
        """One command; the places of the statements to send again."""
        members = [order.statements[place] for place in places]
        reply: dict[str, Any] = self._client[order.target.db].command(
            {
                order.command: order.target.coll,
                _MEMBER[order.command]: members,
                "ordered": False,
                **self._concern,
            }
        )
        order.done.inserted.update(places[one["index"]] for one in reply.get("upserted", ()))
        put_off: set[int] = set()
        for error in reply.get("writeErrors", ()):
            place = places[error["index"]]
            if passes(error.get("code")):
                put_off.add(place)
            else:
                order.done.refused[place] = str(error.get("errmsg", "the write was refused"))
        trouble = reply.get("writeConcernError")
        if trouble is not None:
            raise ConnectionFailed(f"Writes to {order.target} are not safe yet: {trouble.get('errmsg')}")
        return list(_behind(order, places, put_off)) if put_off else ()

    def _divide(self, order: _Order, places: Sequence[int], words: str) -> None:
        """A command fails as a whole for one bad statement in it: find that one."""
        if len(places) == 1:
            order.done.refused[places[0]] = words
            return
        half = len(places) // 2
        for part in (places[:half], places[half:]):
            self._send(order, part)


def _behind(order: _Order, places: Sequence[int], put_off: set[int]) -> Iterator[int]:
    """What was put off, and all behind it of the same key: nothing may be overtaken by what came later."""
    keys = set()
    for place in places:
        if place in put_off:
            keys.add(order.keys[place])
        if order.keys[place] in keys:
            order.done.refused.pop(place, None)
            yield place


def chunks(raws: Sequence[RawBSONDocument], size: int, count: int) -> Iterator[list[int]]:
    """Places of what fits together into ``size`` bytes and is no more than ``count``; one always does."""
    places: list[int] = []
    taken = 0
    for place, raw in enumerate(raws):
        if places and (taken + len(raw.raw) > size or len(places) == count):
            yield places
            places, taken = [], 0
        places.append(place)
        taken += len(raw.raw)
    if places:
        yield places
