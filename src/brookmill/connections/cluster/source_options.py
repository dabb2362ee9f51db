"""The fields of ``$source`` for change streams, as pipelines write them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from bson import DatetimeMS, Timestamp
from msgspec import UNSET, UnsetType, field

from brookmill.connections.cluster.namespace import collection_problem, database_problem
from brookmill.mql.values import ms_from_date

#: Stages that a server takes behind ``$changeStream``.
_STAGES = frozenset(
    {"$addFields", "$match", "$project", "$redact", "$replaceRoot", "$replaceWith", "$set", "$unset"}
)

ReadPreference = Literal["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"]


def operation_time(value: Any) -> Timestamp:
    """``startAtOperationTime``, a timestamp or a date, as the server takes it. Raises ValueError."""
    if isinstance(value, Timestamp):
        return value
    if isinstance(value, (dt.datetime, DatetimeMS)) and 0 <= ms_from_date(value) < 2**32 * 1000:
        return Timestamp(ms_from_date(value) // 1000, 0)
    raise ValueError("startAtOperationTime must be a timestamp or a date")


class InitialSync(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``parallelism`` counts against the tier's limit; one cursor copies, which the language keeps busy."""

    enable: bool
    parallelism: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1


class ChangeStreamConfig(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """``start_after``: a resume token. ``full_document`` UNSET: the server's default."""

    start_after: dict[str, Any] | UnsetType = UNSET
    start_at_operation_time: Any | UnsetType = UNSET
    full_document: Literal["default", "updateLookup", "required", "whenAvailable"] | UnsetType = UNSET
    full_document_only: bool = False
    full_document_before_change: Literal["off", "required", "whenAvailable"] | UnsetType = UNSET
    pipeline: list[dict[str, Any]] = []
    max_await_time_ms: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] = field(
        name="maxAwaitTimeMS", default=1000
    )

    def __post_init__(self) -> None:
        if self.start_at_operation_time is not UNSET:
            operation_time(self.start_at_operation_time)
            if self.start_after is not UNSET:
                raise ValueError("startAfter and startAtOperationTime exclude each other")
        for stage in self.pipeline:
            if len(stage) != 1 or not stage.keys() <= _STAGES:
                name = next(iter(stage), "an empty stage")
                raise ValueError(f"{name} is not permitted in the pipeline of a change stream")


class ChangeStreamOptions(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """``coll`` UNSET: the whole database; ``db`` too: the whole cluster. Engine reference, section 1.2.

    ``time_field`` is an expression and the planner's. ``read_preference`` UNSET: that of the cluster's URI,
    which is "primary" where it has none.
    """

    operator: ClassVar[str] = "ChangeStreamConsumerOperator"
    #: Fields that some write a level too high, and where they belong.
    misplaced: ClassVar[Mapping[str, str]] = {
        name: f"config.{name}" for name in ChangeStreamConfig.__struct_encode_fields__
    }

    connection_name: str
    db: str | UnsetType = UNSET
    coll: str | Annotated[list[str], msgspec.Meta(min_length=1)] | UnsetType = UNSET
    time_field: Any | UnsetType = UNSET
    ts_field_name: str | UnsetType = UNSET
    initial_sync: InitialSync | UnsetType = UNSET
    read_preference: ReadPreference | UnsetType = UNSET
    read_preference_tags: list[dict[str, str]] = []
    config: ChangeStreamConfig = ChangeStreamConfig()

    def __post_init__(self) -> None:
        names = [database_problem(self.db)] if self.db is not UNSET else []
        for problem in [*names, *map(collection_problem, self.collections)]:
            if problem is not None:
                raise ValueError(problem)
        if self.coll is not UNSET and self.db is UNSET:
            raise ValueError("coll needs a db")
        if self.syncs and not self.collections:
            raise ValueError("initialSync needs a db and a coll")
        if self.read_preference_tags and self.read_preference in (UNSET, "primary"):
            raise ValueError("readPreferenceTags need a readPreference other than primary")

    @property
    def collections(self) -> tuple[str, ...]:
        """Each collection once, in the order written; empty for wider scopes."""
        if self.coll is UNSET:
            return ()
        return (self.coll,) if isinstance(self.coll, str) else tuple(dict.fromkeys(self.coll))

    @property
    def reading(self) -> dict[str, Any]:
        """Which servers are read from, in the client's words."""
        if self.read_preference is UNSET:
            return {}
        tags = [
            ",".join(f"{name}:{value}" for name, value in one.items()) for one in self.read_preference_tags
        ]
        return {"readPreference": self.read_preference} | ({"readPreferenceTags": tags} if tags else {})

    @property
    def syncs(self) -> bool:
        """Whether documents that are there already come first."""
        return self.initial_sync is not UNSET and self.initial_sync.enable

    @property
    def windowless(self) -> str | None:
        """Why no window can follow; None when one can."""
        return "initialSync cannot be used together with a window" if self.syncs else None
