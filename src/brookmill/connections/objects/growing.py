"""One object that still grows: compressed as documents come, sent in parts when it gets large."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

from brookmill.connections.objects import PART, Begin, Target, Upload
from brookmill.connections.objects.compression import KINDS, compressor
from brookmill.connections.objects.options import ObjectConfig


class GrowingObject:
    """``documents`` and ``size`` are what went in, ``begun`` when (monotonic seconds)."""

    def __init__(self, target: Target, config: ObjectConfig, begin: Begin, now: float, begun: float) -> None:
        """``now``: seconds since the epoch, for the name."""
        self._target = target
        self._begin = begin
        self._compressor = compressor(config)
        self._kind = KINDS[config.compression]
        self._delimiter = config.delimiter.encode()
        self._ready: list[bytes] = []
        self._ready_size = 0
        self._upload: Upload | None = None
        self._key = _key(target.path, now, self._kind.suffix)
        self.begun = begun
        self.documents = 0
        self.size = 0

    @property
    def held(self) -> int:
        """About how many bytes of memory it takes."""
        return self._ready_size + self._compressor.state

    def add(self, text: bytes) -> None:
        """Raises ConnectionFailed when a part has to be sent and cannot."""
        self._take(self._compressor.add(self._delimiter + text if self.documents else text))
        self.documents += 1
        self.size += len(text)
        if self._ready_size >= PART:
            self._begun().part(self._taken())

    def finish(self) -> None:
        """Make the object. Raises ConnectionFailed."""
        self._take(self._compressor.end())
        self._begun().finish(self._taken())

    def abandon(self) -> None:
        if self._upload is not None:
            self._upload.abandon()

    def _begun(self) -> Upload:
        if self._upload is None:
            self._upload = self._begin(self._target.bucket, self._key, self._kind.content_type)
        return self._upload

    def _take(self, data: bytes) -> None:
        if data:
            self._ready.append(data)
            self._ready_size += len(data)

    def _taken(self) -> bytes:
        data = b"".join(self._ready)
        self._ready, self._ready_size = [], 0
        return data


def _key(path: str, now: float, suffix: str) -> str:
    """``<path>/<time>-<uuid>.json``; objects of one path sort by the time of their first document."""
    time = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
    name = f"{time}Z-{uuid4()}{suffix}"
    return f"{path.removesuffix('/')}/{name}" if path else name
