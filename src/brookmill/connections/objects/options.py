"""The ``config`` of sinks that write objects, as pipelines write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.duration import Duration

Compression = Literal["none", "gzip", "snappy"]
_WEEK = 7 * 86_400_000


class WriteOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object is done when it has ``count`` documents (UNSET: any number) or ``bytes`` bytes of JSON text,
    or ``interval`` after its first document, whichever comes first; and with every checkpoint.

    Difference: upstream counts bytes of the documents as BSON.
    """

    count: Annotated[int, msgspec.Meta(ge=1)] | UnsetType = UNSET
    bytes: Annotated[int, msgspec.Meta(ge=1, le=64 * 1024**3)] = 32 * 1024**2
    interval: Duration = Duration(size=1, unit="minute")


class ObjectConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``delimiter`` stands between documents. ``compression_level`` is gzip's, 6 when UNSET."""

    write_options: WriteOptions = WriteOptions()
    delimiter: Annotated[str, msgspec.Meta(max_length=1024)] = "\n"
    output_format: Literal["relaxedJson", "canonicalJson", "basicJson"] = "relaxedJson"
    date_format: Literal["default", "ISO8601"] = "default"
    compression: Compression = "none"
    compression_level: Annotated[int, msgspec.Meta(ge=1, le=9)] | UnsetType = UNSET

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Path and text of what is wrong in itself."""
        if self.compression_level is not UNSET and self.compression != "gzip":
            yield ("config", "compressionLevel"), "compressionLevel needs the compression gzip"
        if self.write_options.interval.milliseconds > _WEEK:
            yield ("config", "writeOptions", "interval"), "interval must not be longer than 7 days"
