"""The fields of ``$externalFunction``, as pipelines write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

#: A name or an ARN, both with or without a version or an alias.
FunctionName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(arn:aws[a-z-]*:lambda:[a-z0-9-]{1,40}:[a-z0-9-]{1,20}:function:)?[a-zA-Z0-9_-]{1,140}"
        r"(:(\$LATEST|[a-zA-Z0-9_-]{1,128}))?$"
    ),
]


class ExternalFunctionOptions(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """``payload`` is a pipeline, UNSET: the whole document is sent. ``as_``: path of the field that takes the
    reply. ``partition_by`` is an expression: equal values are sent one after the other.

    Reference: engine reference, section 1.5.
    """

    operator: ClassVar[str] = "ExternalFunctionOperator"

    connection_name: str
    function_name: FunctionName
    execution: Literal["sync", "async"] = "sync"
    as_: Annotated[str, msgspec.Meta(min_length=1)] | UnsetType = field(name="as", default=UNSET)
    on_error: Literal["dlq", "ignore", "fail"] = "dlq"
    payload: list[dict[str, Any]] | UnsetType = UNSET
    parallelism: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    partition_by: Any | UnsetType = UNSET

    def expressions(self) -> Iterator[tuple[str, tuple[str, ...], Any]]:
        """Column, path of the member and spec of every expression."""
        if self.partition_by is not UNSET:
            yield "partitionBy", ("partitionBy",), self.partition_by

    def problems(self, constants: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:  # noqa: ARG002
        """Path and text of what does not go together."""
        if self.execution == "async" and self.as_ is not UNSET:
            yield ("as",), "an async $externalFunction has no reply that 'as' could name"
        if self.execution == "async" and self.parallelism > 1:
            yield ("parallelism",), "parallelism needs the execution sync"
        if self.partition_by is not UNSET and self.parallelism == 1:
            yield ("partitionBy",), "partitionBy needs a parallelism greater than 1"


class LambdaProbe(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a test tries: a function that would be called, but is not."""

    function_name: FunctionName | UnsetType = UNSET
