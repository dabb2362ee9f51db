"""AWSKinesisDataStreams: streams to read from and to write to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from msgspec import UNSET, UnsetType

from brookmill.connections import CONNECTIONS, Opening, Sink, Source
from brookmill.connections.aws import AWSConfig
from brookmill.connections.aws_kinesis_data_streams.options import (
    KinesisProbe,
    KinesisSinkOptions,
    KinesisSourceOptions,
)
from brookmill.connections.networking import IMMUTABLE, Networking, is_private, networking_problems
from brookmill.domain.connection import Connection

if TYPE_CHECKING:
    from brookmill.connections.ladder import Ladder


@CONNECTIONS("AWSKinesisDataStreams")
class AWSKinesisDataStreams(Connection, frozen=True, kw_only=True, tag="AWSKinesisDataStreams"):
    """Acts under the role of ``aws``."""

    immutable = IMMUTABLE
    source_options: ClassVar[type[KinesisSourceOptions]] = KinesisSourceOptions
    sink_options: ClassVar[Mapping[str, type[KinesisSinkOptions]]] = {"$emit": KinesisSinkOptions}
    probe_options: ClassVar[type[KinesisProbe]] = KinesisProbe

    aws: AWSConfig | UnsetType = UNSET
    networking: Networking | UnsetType = UNSET

    @property
    def private(self) -> bool:
        return is_private(self.networking)

    def problems(self) -> Iterator[str]:
        yield from networking_problems(self.networking)

    def open_source(self, options: KinesisSourceOptions, opening: Opening) -> Source:
        """Raises ConnectionFailed."""
        from brookmill.connections.aws_kinesis_data_streams.source import KinesisSource

        return KinesisSource(self, options, opening)

    def open_sink(self, options: KinesisSinkOptions, opening: Opening) -> Sink:
        """Raises ConnectionFailed."""
        from brookmill.connections.aws_kinesis_data_streams.sink import KinesisSink

        return KinesisSink(self, options, opening)

    def probe(self, options: KinesisProbe, opening: Opening, ladder: Ladder) -> None:
        """Raises ConnectionFailed and DocumentError."""
        from brookmill.connections.aws_kinesis_data_streams.probe import probe

        probe(self, options, opening, ladder)
