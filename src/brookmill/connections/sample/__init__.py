"""Sample: data that Brookmill makes up; its name is the name of the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from brookmill.connections import CONNECTIONS, Opening, Source
from brookmill.connections.sample.source import SampleSource, SampleSourceOptions
from brookmill.domain.connection import Connection
from brookmill.mql.ejson import parse_json

if TYPE_CHECKING:
    from brookmill.connections.ladder import Ladder

#: The sample that upstream documents: readings of solar panels.
SOLAR = "sample_stream_solar"


class SampleProbe(msgspec.Struct, frozen=True, kw_only=True):
    """There is nothing to name."""


@CONNECTIONS("Sample")
class Sample(Connection, frozen=True, kw_only=True, tag="Sample"):
    """Nothing beyond the part that all types share."""

    source_options: ClassVar[type[SampleSourceOptions]] = SampleSourceOptions
    probe_options: ClassVar[type[SampleProbe]] = SampleProbe

    def open_source(self, options: SampleSourceOptions, opening: Opening) -> Source:  # noqa: ARG002
        """Cannot fail."""
        return SampleSource(opening)

    def probe(self, options: SampleProbe, opening: Opening, ladder: Ladder) -> None:  # noqa: ARG002
        """Nobody is asked: cannot fail."""
        with ladder.step("read") as seen:
            (record,) = SampleSource(opening).read(1, 0.0).values
            seen["bytes"] = len(record)
        with ladder.step("decode") as seen:
            seen["fields"] = len(parse_json(record))
