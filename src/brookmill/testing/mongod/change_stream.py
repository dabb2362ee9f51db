"""``$changeStream``: a cursor over the log, from a place in it and for a part of the data.

Reference: MongoDB manual, Change Streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bson import Timestamp
from bson.raw_bson import RawBSONDocument

from brookmill.mql.compare import order_key
from brookmill.mql.values import Document
from brookmill.plan.bounded import run
from brookmill.testing.mongod.change_event import SHOWN, Images, event, invalidate
from brookmill.testing.mongod.cursor import written
from brookmill.testing.mongod.deployment import INTERNAL, Deployment
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.oplog import Entry, ordinal
from brookmill.testing.mongod.resume_token import ResumeToken
from brookmill.testing.mongod.update.path import same
from brookmill.testing.mongod.variables import bound_pipeline

_STAGES: Final = frozenset(
    {"$addFields", "$match", "$project", "$redact", "$replaceRoot", "$replaceWith", "$set", "$unset"}
)
_STARTS: Final = ("resumeAfter", "startAfter", "startAtOperationTime")
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "fullDocument": ("default", "updateLookup", "whenAvailable", "required"),
    "fullDocumentBeforeChange": ("off", "whenAvailable", "required"),
}
_MAX_REPLY: Final = 16 * 1024 * 1024


class ChangeStream:
    """``covers``: whether an entry is in its part of the data. ``ends``: whether it is the end of that."""

    awaits = True

    def __init__(
        self, deployment: Deployment, namespace: str, options: Document, stages: list[Document], at: int
    ) -> None:
        self.namespace = namespace
        self.everywhere = bool(options.get("allChangesForCluster"))
        self._deployment = deployment
        self._stages = stages
        self._expanded = bool(options.get("showExpandedEvents"))
        self._images = Images(
            options.get("fullDocument", "default"),
            options.get("fullDocumentBeforeChange", "off"),
            self._current,
        )
        self._at = at
        self._token = ResumeToken(at, 0)
        self._waiting: list[RawBSONDocument] = []
        self._over = False
        database, _, collection = namespace.partition(".")
        self._database, self._collection = database, None if collection == "$cmd.aggregate" else collection

    @classmethod
    def opened(
        cls, deployment: Deployment, database: str, target: str | None, stages: list[Document]
    ) -> ChangeStream:
        """The stream that a pipeline describes. Raises CommandError."""
        options = stages[0]["$changeStream"]
        _check(options, database, target)
        for stage in stages[1:]:
            if next(iter(stage)) not in _STAGES:
                raise CommandError(
                    f"{next(iter(stage))[:50]} is not permitted in a $changeStream pipeline", 20
                )
        now = {"NOW": deployment.oplog.now()}
        rest = bound_pipeline(stages[1:], now)
        run(rest, [], reference=True)  # what is wrong with it is to be said at once
        at = _start(deployment, options)
        return cls(deployment, f"{database}.{target or '$cmd.aggregate'}", options, rest, at)

    @property
    def finished(self) -> bool:
        return self._over and not self._waiting

    def tail(self) -> Document:
        return {"postBatchResumeToken": self._token.document}

    def batch(self, size: int | None) -> list[RawBSONDocument]:
        """Raises CommandError; then the stream stays where it is."""
        found: list[RawBSONDocument] = []
        room = _MAX_REPLY
        if self._at < self._deployment.oplog.lost:
            raise history_lost()
        for entry in [] if self._over else self._deployment.oplog.after(self._at):
            if room <= 0 or (size is not None and len(found) >= size):
                return found
            for one in self._events(entry):
                found.append(one)
                room -= len(one.raw)
            self._at = entry.at
            self._token = ResumeToken(entry.at, 2 if self._over else 1 if found else 0)
            if self._over:
                break
        return found

    def _events(self, entry: Entry) -> list[RawBSONDocument]:
        """What becomes of an entry: none, an event, or with the end of the stream two."""
        if not self._covers(entry):
            return []
        events = []
        if entry.operation in SHOWN or self._expanded:
            events.append(event(entry, self._images, expanded=self._expanded))
        if self._ends(entry):
            events.append(invalidate(entry))
        shown = [one for found in events for one in self._through(found)]
        self._over = self._ends(entry)
        return shown

    def _through(self, found: Document) -> list[RawBSONDocument]:
        made = run(self._stages, [found], reference=True) if self._stages else [found]
        for one in made:
            if not same(one.get("_id"), found["_id"]):
                text = "Encountered an event whose _id field, which contains the resume token, was modified"
                raise CommandError(f"{text} by the pipeline", 280, labels=("NonResumableChangeStreamError",))
        return [written(one) for one in made]

    def _covers(self, entry: Entry) -> bool:
        if self.everywhere:
            return entry.database not in INTERNAL
        if entry.database != self._database:
            return False
        if self._collection is None:
            return True
        if entry.operation == "rename" and entry.extra["to"]["coll"] == self._collection:
            return True
        return entry.operation == "dropDatabase" or entry.collection == self._collection

    def _ends(self, entry: Entry) -> bool:
        if self.everywhere:
            return False
        if self._collection is None:
            return entry.operation == "dropDatabase"
        return entry.operation in ("drop", "rename", "dropDatabase")

    def _current(self, entry: Entry) -> Document | None:
        collection = self._deployment.collection(entry.database, entry.collection or "")
        if collection is None or entry.key is None:
            return None
        return collection.documents.get(order_key(entry.key["_id"]))


def history_lost() -> CommandError:
    text = "Resume of change stream was not possible, as the resume point may no longer be in the oplog."
    return CommandError(text, 286, labels=("NonResumableChangeStreamError",))


def _check(options: Any, database: str, target: str | None) -> None:
    if type(options) is not dict:
        raise CommandError("$changeStream must take a nested object", 50808)
    known = {*_STARTS, *_CHOICES, "allChangesForCluster", "showExpandedEvents"}
    for name in options.keys() - known:
        raise CommandError(f"BSON field '$changeStream.{name[:50]}' is an unknown field.", 40415)
    for name, choices in _CHOICES.items():
        if options.get(name, choices[0]) not in choices:
            raise CommandError(f"Enumeration value for field '$changeStream.{name}' is not valid.", 2)
    if options.get("allChangesForCluster"):
        if database != "admin" or target is not None:
            raise CommandError("allChangesForCluster can only be used on the admin database", 72)
    elif database in INTERNAL:
        raise CommandError(f"$changeStream may not be opened on the internal {database} database", 73)
    if sum(name in options for name in _STARTS) > 1:
        raise CommandError("only one of resumeAfter, startAfter and startAtOperationTime is allowed", 40674)


def _start(deployment: Deployment, options: Document) -> int:
    """The entry after which the stream begins."""
    at = deployment.oplog.last
    if "startAtOperationTime" in options:
        time = options["startAtOperationTime"]
        if not isinstance(time, Timestamp):
            raise CommandError("BSON field '$changeStream.startAtOperationTime' is the wrong type", 14)
        at = ordinal(time) - 1
    for name in ("resumeAfter", "startAfter"):
        if name in options:
            token = ResumeToken.parse(options[name])
            if token.kind == 2 and name == "resumeAfter":
                text = "Attempting to resume a change stream using 'resumeAfter' is not allowed from an"
                raise CommandError(f"{text} invalidate notification.", 260)
            at = token.at
    if at < deployment.oplog.lost:
        raise history_lost()
    return at
