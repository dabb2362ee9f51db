"""A span of time as pipelines write it: ``{size: 5, unit: "minute"}``."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

_MILLISECONDS = {"ms": 1, "second": 1000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


class Duration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``size`` units; one at least. Reference: engine reference, sections 1.2 and 1.8."""

    size: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    unit: Literal["ms", "second", "minute", "hour", "day"]

    @property
    def milliseconds(self) -> int:
        return self.size * _MILLISECONDS[self.unit]
