"""S3: buckets that ``$emit`` writes objects to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from msgspec import UNSET, UnsetType

from brookmill.connections import CONNECTIONS, Opening, Sink
from brookmill.connections.aws import AWSConfig
from brookmill.connections.networking import IMMUTABLE, Networking, is_private, networking_problems
from brookmill.connections.s3.options import S3Probe, S3SinkOptions
from brookmill.domain.connection import Connection

if TYPE_CHECKING:
    from brookmill.connections.ladder import Ladder


@CONNECTIONS("S3")
class S3(Connection, frozen=True, kw_only=True, tag="S3"):
    """Acts under the role of ``aws``."""

    immutable = IMMUTABLE
    probe_options: ClassVar[type[S3Probe]] = S3Probe
    sink_options: ClassVar[Mapping[str, type[S3SinkOptions]]] = {"$emit": S3SinkOptions}

    aws: AWSConfig | UnsetType = UNSET
    networking: Networking | UnsetType = UNSET

    @property
    def private(self) -> bool:
        return is_private(self.networking)

    def problems(self) -> Iterator[str]:
        yield from networking_problems(self.networking)

    def open_sink(self, options: S3SinkOptions, opening: Opening) -> Sink:
        """Raises ConnectionFailed."""
        from brookmill.connections.s3.sink import s3_sink

        return s3_sink(self, options, opening)

    def probe(self, options: S3Probe, opening: Opening, ladder: Ladder) -> None:
        """Raises ConnectionFailed."""
        from brookmill.connections.s3.probe import probe

        probe(self, options, opening, ladder)
