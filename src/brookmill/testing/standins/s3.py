"""S3 buckets in memory."""

from __future__ import annotations

from brookmill.connections import Opening, Sink
from brookmill.connections.objects.sink import ObjectSink
from brookmill.connections.s3 import S3
from brookmill.connections.s3.options import BUCKET, S3SinkOptions
from brookmill.testing.standins import STANDINS
from brookmill.testing.stored import Stored
from brookmill.testing.world import World


@STANDINS("S3")
class PlayedS3(S3, frozen=True, kw_only=True, tag="S3"):
    """``world``: of the test."""

    world: World

    def open_sink(self, options: S3SinkOptions, opening: Opening) -> Sink:
        return ObjectSink(
            operator=options.operator,
            config=options.config,
            parallelism=options.parallelism,
            bucket=BUCKET,
            begin=lambda bucket, key, kind: Stored(self.world.objects, bucket, key, kind),
            opening=opening,
        )
