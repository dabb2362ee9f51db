"""The fields of ``$emit`` for Azure Blob Storage, as pipelines write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.connections.objects.names import is_plain, path_problem
from brookmill.connections.objects.options import ObjectConfig

#: Names of containers. Reference: Azure Storage, naming and referencing containers, blobs and metadata.
CONTAINER = re.compile(r"\$root|\$web|(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")


class AzureSinkOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``container``, ``path`` and ``partition_by`` are expressions. Engine reference, section 1.3."""

    operator: ClassVar[str] = "AzureBlobStorageEmitOperator"

    connection_name: str
    container: Any
    path: Any
    parallelism: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    partition_by: Any | UnsetType = UNSET
    config: ObjectConfig = ObjectConfig()

    def expressions(self) -> Iterator[tuple[str, tuple[str, ...], Any]]:
        """Column, path of the member and spec of every expression; ``bucket`` is what all stores call it."""
        yield "bucket", ("container",), self.container
        yield "path", ("path",), self.path
        if self.partition_by is not UNSET:
            yield "partitionBy", ("partitionBy",), self.partition_by
        if not (is_plain(self.container) and is_plain(self.path)):
            yield "meta", (), {"$meta": "stream"}  # for documents that name no container or path

    def problems(self, constants: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Path and text of what is wrong with constants and with the rest."""
        name = constants.get("bucket")
        if "bucket" in constants and not (isinstance(name, str) and CONTAINER.fullmatch(name)):
            yield (
                ("container",),
                "container must be the name of a container, or an expression that gives one",
            )
        if "path" in constants and (why := path_problem(constants["path"])):
            yield ("path",), f"path {why}"
        yield from self.config.problems()
        if self.partition_by is not UNSET and self.parallelism == 1:
            yield ("partitionBy",), "partitionBy needs a parallelism greater than 1"


class AzureProbe(msgspec.Struct, frozen=True, kw_only=True):
    """What a test tries."""

    container: Annotated[str, msgspec.Meta(pattern=f"^({CONTAINER.pattern})$")] | UnsetType = UNSET
