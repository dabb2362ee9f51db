"""Sample: data that Brookmill makes up; its name is the name of the sample."""

from __future__ import annotations

from brookmill.connections import CONNECTIONS
from brookmill.domain.connection import Connection

#: The sample that upstream documents: readings of solar panels.
SOLAR = "sample_stream_solar"


@CONNECTIONS("Sample")
class Sample(Connection, frozen=True, kw_only=True, tag="Sample"):
    """Nothing beyond the part that all types share."""
