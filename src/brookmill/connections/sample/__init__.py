"""Sample: data that Brookmill makes up; its name is the name of the sample."""

from __future__ import annotations

from typing import ClassVar

from brookmill.connections import CONNECTIONS, Opening, Source
from brookmill.connections.sample.source import SampleSource, SampleSourceOptions
from brookmill.domain.connection import Connection

#: The sample that upstream documents: readings of solar panels.
SOLAR = "sample_stream_solar"


@CONNECTIONS("Sample")
class Sample(Connection, frozen=True, kw_only=True, tag="Sample"):
    """Nothing beyond the part that all types share."""

    source_options: ClassVar[type[SampleSourceOptions]] = SampleSourceOptions

    def open_source(self, options: SampleSourceOptions, opening: Opening) -> Source:  # noqa: ARG002
        """Cannot fail."""
        return SampleSource(opening)
