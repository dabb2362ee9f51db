"""The fields of ``$lookup`` and ``$cachedLookup``, as pipelines write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType, field

from brookmill.connections.cluster.namespace import collection_problem, database_problem
from brookmill.connections.cluster.write_options import Column, Parallelism, Problem, variable_problems
from brookmill.domain.duration import Duration

FieldPath = Annotated[str, msgspec.Meta(min_length=1)]


def path_problem(path: str) -> str | None:
    """Why ``path`` cannot lead to a field; None when it can."""
    names = path.split(".")
    if any(not name or name[0] == "$" or "\0" in name for name in names):
        return f"{path!r} is not a path to a field"
    return None


class From(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The collection that is asked."""

    connection_name: str
    db: str
    coll: str

    def problems(self) -> Iterator[Problem]:
        if (text := database_problem(self.db)) is not None:
            yield ("from", "db"), text
        if (text := collection_problem(self.coll)) is not None:
            yield ("from", "coll"), text


class LookupOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``source`` UNSET: no collection, the pipeline begins with ``$documents``. Engine reference, 1.6."""

    operator: ClassVar[str] = "LookUpOperator"

    source: From | UnsetType = field(name="from", default=UNSET)
    local_field: FieldPath | UnsetType = UNSET
    foreign_field: FieldPath | UnsetType = UNSET
    let: dict[str, Any] | UnsetType = UNSET
    pipeline: list[dict[str, Any]] | UnsetType = UNSET
    as_: FieldPath = field(name="as")
    parallelism: Parallelism = 1
    partition_by: Any | UnsetType = UNSET

    @property
    def connection_name(self) -> str | None:
        """Of the connection that is asked, None: nobody is."""
        return None if self.source is UNSET else self.source.connection_name

    def expressions(self) -> Iterator[Column]:
        """Column, path of the member and spec of every expression; ``let`` is one column, an object."""
        if self.let:
            yield "let", ("let",), self.let
        if self.partition_by is not UNSET:
            yield "partitionBy", ("partitionBy",), self.partition_by

    def problems(self, constants: Mapping[str, Any]) -> Iterator[Problem]:  # noqa: ARG002 - none matters
        """Path and text of what is wrong."""
        yield from _path_problems({"localField": self.local_field, "foreignField": self.foreign_field})
        yield from _path_problems({"as": self.as_})
        yield from variable_problems(self.let)
        if (self.local_field is UNSET) != (self.foreign_field is UNSET):
            yield (), "localField and foreignField go together"
        if self.pipeline is UNSET and self.local_field is UNSET:
            yield (), "$lookup needs a pipeline, or localField and foreignField"
        if self.let and self.pipeline is UNSET:
            yield ("let",), "let needs a pipeline"
        if self.source is not UNSET:
            yield from self.source.problems()
            return
        if self.local_field is not UNSET or not self.pipeline or self.pipeline[0].keys() != {"$documents"}:
            yield ("from",), "$lookup without from needs a pipeline that begins with $documents, no fields"


class CachedLookupOptions(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """``max_mem_usage_bytes`` UNSET: a tenth of the worker's memory. Engine reference, section 1.6."""

    operator: ClassVar[str] = "CachedLookUpOperator"

    ttl: Duration
    source: From = field(name="from")
    local_field: FieldPath
    foreign_field: FieldPath
    as_: FieldPath = field(name="as")
    max_mem_usage_bytes: Annotated[int, msgspec.Meta(ge=1)] | UnsetType = UNSET

    @property
    def connection_name(self) -> str:
        """Of the connection that is asked."""
        return self.source.connection_name

    def expressions(self) -> Iterator[Column]:
        """There are none."""
        yield from ()

    def problems(self, constants: Mapping[str, Any]) -> Iterator[Problem]:  # noqa: ARG002 - none matters
        """Path and text of what is wrong."""
        fields = {"localField": self.local_field, "foreignField": self.foreign_field, "as": self.as_}
        yield from _path_problems(fields)
        yield from self.source.problems()


def _path_problems(fields: Mapping[str, str | UnsetType]) -> Iterator[Problem]:
    for name, path in fields.items():
        if path is not UNSET and (text := path_problem(path)) is not None:
            yield (name,), text
