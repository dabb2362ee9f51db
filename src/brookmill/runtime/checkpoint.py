"""A checkpoint as bytes: where the source goes on, what the stages know, what was counted."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import msgspec
from bson.codec_options import CodecOptions, DatetimeConversion

from brookmill.errors import BrookmillError

_VERSION = 1
#: Dates come back as the query language holds them.
_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, tzinfo=dt.UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


class CheckpointUnreadableError(BrookmillError):
    """The kept checkpoint was written by another version of Brookmill, or is damaged."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """``position``: of the source; ``state``: of the program; ``counts``: the statistics that survive
    restarts.
    """

    position: Any
    state: dict[str, Any]
    counts: dict[str, Any]

    def encode(self) -> bytes:
        """Versioned BSON."""
        return bson.encode({"v": _VERSION, **msgspec.structs.asdict(self)})

    @classmethod
    def decode(cls, data: bytes) -> Checkpoint:
        """Raises CheckpointUnreadableError."""
        try:
            document = bson.decode(data, _CODEC)
        except bson.errors.InvalidBSON as e:
            raise CheckpointUnreadableError(f"the checkpoint is damaged: {e}") from e
        version = document.pop("v", None)
        if version != _VERSION:
            raise CheckpointUnreadableError(
                f"the checkpoint has format {version}, this Brookmill reads {_VERSION}"
            )
        try:
            return cls(**document)
        except TypeError as e:
            raise CheckpointUnreadableError("the checkpoint has other members than expected") from e
