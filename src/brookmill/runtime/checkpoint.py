"""A checkpoint as bytes: where the source goes on, what the stages know, what was counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import bson
import msgspec
from bson.codec_options import CodecOptions, DatetimeConversion

from brookmill.errors import BrookmillError
from brookmill.runtime.landmarks import Landmark

_VERSION = 1
#: Bytes of the largest one: databases take no gigabyte in one piece.
MOST = 900 * 1024**2
#: Dates come back as the query language holds them.
_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, tzinfo=dt.UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


class CheckpointUnreadableError(BrookmillError):
    """The kept checkpoint was written by another version of Brookmill, or is damaged."""


class CheckpointTooLargeError(BrookmillError):
    """What the stages know has become too much to be kept."""

    def __init__(self) -> None:
        super().__init__(
            f"the state of the stream processor is larger than the {MOST} bytes that a checkpoint can hold"
        )


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """``position``: of the source; ``state``: of the program; ``counts``: the statistics that survive
    restarts. ``landmarks``: where the source can go back to, in the order it passed them.
    """

    position: Any
    state: dict[str, Any]
    counts: dict[str, Any]
    landmarks: Sequence[Landmark] = ()

    def rewound(self) -> Checkpoint:
        """The same for another window: all that is open is forgotten, and will be read again.

        What has closed does not come out again. Raises CheckpointUnreadableError.
        """
        windows = self.state["windows"]
        if windows["open"]:
            oldest = int(windows.get("oldest") or 0)
            known = [one for one in self.landmarks if one.number <= oldest]
            if not known:
                raise CheckpointUnreadableError(
                    "the pipeline of the window was changed, and what its open windows hold cannot be read "
                    "again; modify or start the stream processor with resumeFromCheckpoint false"
                )
            position, time, number = known[-1].position, known[-1].time, known[-1].number
        else:
            known, position, time = list(self.landmarks), self.position, windows
            number = int(windows.get("landmark", 0))
        gone = str(max(int(windows["closed"]), int(windows.get("gone", windows["closed"]))))
        anew = {**time, "open": [], "landmark": number, "gone": gone}
        state = {name: value for name, value in self.state.items() if name != "digest"} | {"windows": anew}
        return msgspec.structs.replace(self, position=position, state=state, landmarks=known)

    def encode(self) -> bytes:
        """Versioned BSON. Raises CheckpointTooLargeError."""
        landmarks = [msgspec.structs.asdict(one) for one in self.landmarks]
        data = bson.encode({"v": _VERSION, **msgspec.structs.asdict(self), "landmarks": landmarks})
        if len(data) > MOST:
            raise CheckpointTooLargeError
        return data

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
            landmarks = tuple(
                Landmark(**one) for one in document.pop("landmarks", ())
            )  # older ones have none
            return cls(**document, landmarks=landmarks)
        except TypeError as e:
            raise CheckpointUnreadableError("the checkpoint has other members than expected") from e
